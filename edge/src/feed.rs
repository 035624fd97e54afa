//! Follows the server's feed: one stream in, one view held, acknowledgements out.
//!
//! It runs on a thread of its own, so that nothing a request does delays an ending. When the link
//! is down the edge goes on with what it holds; how long, the sites' policies say.

use std::{
    future::Future,
    io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use jwks::{
    Time,
    feed::{Entry, Message},
    view::View,
};
use reqwest::{Client, Response, StatusCode};
use serde::Serialize;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    config::{Clock, EdgeConfig},
    holding::Held,
    journal::{self, Journal, Kept},
    key_lookup::KeyLookup,
    key_uses::KeyUses,
    metrics::Figures,
    snapshot::{self, Saved},
};

/// Three heartbeats missed: the link is dead, whatever TCP thinks.
const SILENCE: Duration = Duration::from_secs(3);
const CONNECT: Duration = Duration::from_secs(2);
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LAST_BACKOFF: Duration = Duration::from_secs(1);
/// The longest line: a snapshot of a large installation.
const MAX_LINE: usize = 64 * 1024 * 1024;
/// What is buffered already is taken in before the view is swapped, but not without end.
const MAX_BATCH: usize = 4 * 1024 * 1024;
/// The room for lines that is kept between them.
const KEPT_ROOM: usize = 64 * 1024;
/// Changes reach the disk within this time.
const SAVE_AFTER_CHANGE: Duration = Duration::from_millis(500);
/// The use of API keys is told together, as often.
const TELL_USES: Duration = Duration::from_secs(2);
/// How long an edge that stops waits for the server to take the rest of it.
const LAST_USES: Duration = Duration::from_millis(500);
/// How many keys one such message names at most.
const MOST_USES: usize = 5000;
/// A view that does not change is saved anew as often, for the instant it was confirmed at.
const SAVE_UNCHANGED: Duration = Duration::from_secs(15);

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("{0}")]
    Http(#[from] reqwest::Error),
    #[error("the server answered {0}")]
    Status(StatusCode),
    #[error("the server refused the credential; see the setting `edge.credential`")]
    Credential,
    #[error("nothing came for {} s", SILENCE.as_secs())]
    Silent,
    #[error("the server closed the stream")]
    Closed,
    #[error("a line is longer than {MAX_LINE} bytes")]
    TooLong,
    #[error("a line is no feed message: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("change {found} came where {wanted} was due")]
    Gap { wanted: u64, found: u64 },
}

/// One edge's side of the feed.
pub struct Follower {
    client: Client,
    feed_url: String,
    ack_url: String,
    credential: String,
    data_dir: PathBuf,
    clock: Clock,
    held: Arc<Held>,
    figures: Arc<Figures>,
    uses_url: String,
    key_uses: Arc<KeyUses>,
    key_lookup: Arc<KeyLookup>,
    telling: Telling,
    /// What is being applied; a clone of what is held, or ahead of it within a batch.
    view: Option<View>,
    journal: Journal,
    saving: Saving,
}

/// What is known of the copy on disk.
struct Saving {
    changed: bool,
    /// A whole new view has come since.
    fresh: bool,
    last: Instant,
    /// Tells whether it went well.
    running: Option<tokio::task::JoinHandle<bool>>,
}

/// What is known of telling the server of API keys.
struct Telling {
    last: Instant,
    running: Option<tokio::task::JoinHandle<()>>,
}

impl Follower {
    /// A follower that fills `held`, beginning with what is on disk.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub fn new(
        config: &EdgeConfig,
        held: Arc<Held>,
        figures: Arc<Figures>,
        key_uses: Arc<KeyUses>,
        key_lookup: Arc<KeyLookup>,
    ) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .http1_only()
            .build()?;
        let server = config.server_url.as_str().trim_end_matches('/');
        let mut follower = Self {
            client,
            feed_url: format!("{server}/feed"),
            ack_url: format!("{server}/feed/ack"),
            uses_url: format!("{server}/feed/key-uses"),
            key_uses,
            key_lookup,
            telling: Telling { last: Instant::now(), running: None },
            credential: config.credential.clone(),
            data_dir: config.data_dir.clone(),
            clock: config.clock.clone(),
            held,
            figures,
            view: None,
            journal: Journal::new(config.data_dir.clone()),
            saving: Saving { changed: false, fresh: false, last: Instant::now(), running: None },
        };
        follower.begin_from_disk();
        Ok(follower)
    }

    /// Follows until `stop` turns true, then saves what is held.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let following = async {
            let mut backoff = FIRST_BACKOFF;
            loop {
                let started = Instant::now();
                let broken = match self.follow().await {
                    Ok(never) => match never {},
                    Err(broken) => broken,
                };
                if matches!(broken, Broken::Credential) {
                    tracing::error!(url = self.feed_url, "{broken}");
                } else {
                    tracing::warn!(url = self.feed_url, "the feed broke: {broken}");
                }
                if started.elapsed() > LAST_BACKOFF {
                    backoff = FIRST_BACKOFF;
                }
                self.note_age();
                self.save_if_due();
                tokio::time::sleep(jittered(backoff)).await;
                backoff = (backoff * 2).min(LAST_BACKOFF);
            }
        };
        tokio::select! {
            () = following => {}
            // A sender that is gone means the same as one that says stop.
            _ = stop.wait_for(|stop| *stop) => {}
        }
        self.save_now().await;
        self.tell_last_uses().await;
    }

    fn begin_from_disk(&mut self) {
        match snapshot::load(&self.data_dir) {
            Ok(Some(saved)) => {
                let mut view = View::from_snapshot(saved.snapshot);
                let read = journal::read(&self.data_dir, &view.epoch, view.seq);
                let kept = read.unwrap_or_else(|error| {
                    tracing::warn!(%error, "the journal on disk cannot be read");
                    Kept::default()
                });
                view.apply(&kept.entries, (self.clock)());
                tracing::info!(seq = view.seq, "begun with the view on disk");
                // A clock that was put back must not make an old view look new for long.
                let confirmed_at = if kept.whole {
                    saved.confirmed_at.min((self.clock)())
                } else {
                    // Somebody was perhaps refused by an ending that is lost: nobody is let in by
                    // this view where a site asks for a fresh one.
                    tracing::warn!("the journal on disk is not whole: the view counts as stale");
                    Time::from_millis(0)
                };
                self.view = Some(view.clone());
                self.held.replace(view, confirmed_at);
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "the view on disk cannot be used"),
        }
    }

    /// One connection, until it breaks.
    async fn follow(&mut self) -> Result<std::convert::Infallible, Broken> {
        let mut stream = self.open().await?;
        let mut lines = Lines::default();
        let mut acks = Acks::default();
        let mut behind = false;
        loop {
            let chunk = tokio::select! {
                chunk = tokio::time::timeout(SILENCE, stream.chunk()) => chunk,
                () = acks.sent() => {
                    acks.send_if_needed(|seq| self.ack(seq));
                    continue;
                }
            };
            lines.push(&chunk.map_err(|_| Broken::Silent)??.ok_or(Broken::Closed)?)?;
            while lines.buffered() < MAX_BATCH {
                match stream.chunk().now_or_never() {
                    Some(chunk) => lines.push(&chunk?.ok_or(Broken::Closed)?)?,
                    None => break,
                }
            }
            self.take_in(&mut lines, &mut behind)?;
            if self.saving.fresh {
                // No journal leads there from what is on disk.
                self.save_now().await;
            }
            if let Some(view) = &self.view {
                acks.wanted = Some(view.seq);
                acks.send_if_needed(|seq| self.ack(seq));
            }
            self.note_age();
            self.save_if_due();
            self.tell_uses_if_due();
        }
    }

    async fn open(&self) -> Result<Response, Broken> {
        let (after, epoch) = self
            .view
            .as_ref()
            .map_or((0, String::new()), |view| (view.seq, view.epoch.to_string()));
        let url = url::Url::parse_with_params(
            &self.feed_url,
            &[("after", after.to_string()), ("epoch", epoch)],
        );
        let request = match url {
            Ok(url) => self.client.get(url),
            // Cannot happen: the address came out of a `Url`. reqwest reports it better than we.
            Err(_) => self.client.get(&self.feed_url),
        };
        let sending = request.bearer_auth(&self.credential).send();
        let response =
            tokio::time::timeout(SILENCE, sending).await.map_err(|_| Broken::Silent)??;
        match response.status() {
            StatusCode::OK => Ok(response),
            StatusCode::UNAUTHORIZED => Err(Broken::Credential),
            other => Err(Broken::Status(other)),
        }
    }

    /// Applies every complete line, then swaps the view once.
    fn take_in(&mut self, lines: &mut Lines, behind: &mut bool) -> Result<(), Broken> {
        let mut pending = Vec::new();
        let mut confirmed = false;
        let mut swap = false;
        let mut outcome = Ok(());
        while let Some(line) = lines.next() {
            match serde_json::from_slice(line) {
                Ok(Message::Snapshot(fresh)) => {
                    pending.clear();
                    let view = View::from_snapshot(*fresh);
                    tracing::info!(seq = view.seq, epoch = %view.epoch, "a new view has come");
                    self.view = Some(view);
                    self.key_lookup.forget();
                    self.saving.fresh = true;
                    (confirmed, swap, *behind) = (true, true, false);
                }
                Ok(Message::Entry(entry)) => match self.place(&pending, &entry) {
                    Place::Next => {
                        pending.push(entry);
                        (confirmed, *behind) = (true, false);
                    }
                    Place::Known => {}
                    Place::Beyond(wanted) => {
                        outcome = Err(Broken::Gap { wanted, found: entry.seq });
                        break;
                    }
                },
                Ok(Message::Heartbeat { seq, .. }) => {
                    let held = self.newest(&pending);
                    if held == Some(seq) {
                        (confirmed, *behind) = (true, false);
                    } else if held.is_none_or(|held| seq > held) {
                        // The change may be on its way; if it has not come by the next
                        // heartbeat, it was lost.
                        if *behind {
                            outcome =
                                Err(Broken::Gap { wanted: held.unwrap_or(0) + 1, found: seq });
                            break;
                        }
                        *behind = true;
                    }
                }
                Err(error) => {
                    outcome = Err(error.into());
                    break;
                }
            }
        }
        // What came before the break counts: an ending in it must not wait for a new connection.
        let now = (self.clock)();
        if let Some(view) = &mut self.view {
            if !pending.is_empty() {
                // Nobody is refused by what a kill could make this edge forget.
                if let Err(error) = self.journal.append(&view.epoch, &pending) {
                    tracing::error!(%error, "changes of the view could not be kept");
                }
                view.apply(&pending, now);
                swap = true;
            }
            if swap {
                self.held.replace(view.clone(), now);
                self.saving.changed = true;
            } else if confirmed {
                self.held.confirm(now);
            }
            if swap || confirmed {
                self.held.note_heard();
            }
        }
        outcome
    }

    fn newest(&self, pending: &[Entry]) -> Option<u64> {
        pending.last().map(|entry| entry.seq).or_else(|| self.view.as_ref().map(|view| view.seq))
    }

    fn place(&self, pending: &[Entry], entry: &Entry) -> Place {
        let wanted = self.newest(pending).map_or(0, |seq| seq + 1);
        match self.view {
            Some(_) if entry.seq == wanted => Place::Next,
            Some(_) if entry.seq < wanted => Place::Known,
            _ => Place::Beyond(wanted),
        }
    }

    fn ack(&self, seq: u64) -> Ack {
        let sending = self
            .client
            .post(&self.ack_url)
            .bearer_auth(&self.credential)
            .timeout(SILENCE)
            .json(&serde_json::json!({ "seq": seq }))
            .send();
        Box::pin(async move {
            match sending.await.and_then(Response::error_for_status) {
                Ok(_) => Some(seq),
                Err(error) => {
                    tracing::debug!(%error, seq, "the acknowledgement did not arrive");
                    None
                }
            }
        })
    }

    /// Called with every message of a link that is up, and so at least once a second.
    fn tell_uses_if_due(&mut self) {
        self.telling.running.take_if(|task| task.is_finished());
        if self.telling.running.is_none() && self.telling.last.elapsed() >= TELL_USES {
            self.telling.last = Instant::now();
            self.telling.running = self.tell_uses().map(tokio::spawn);
        }
    }

    /// What was noted since, where the server can be reached in time.
    async fn tell_last_uses(&mut self) {
        let running = self.telling.running.take();
        let last = async {
            if let Some(running) = running {
                let _ = running.await;
            }
            if let Some(telling) = self.tell_uses() {
                telling.await;
            }
        };
        let _ = tokio::time::timeout(LAST_USES, last).await;
    }

    /// Tells the server what was noted, or notes it again; `None`: there is nothing.
    fn tell_uses(&self) -> Option<impl Future<Output = ()> + Send + use<>> {
        let uses = self.key_uses.take(MOST_USES);
        if uses.is_empty() {
            return None;
        }
        let sending = self
            .client
            .post(&self.uses_url)
            .bearer_auth(&self.credential)
            .timeout(SILENCE)
            .json(&serde_json::json!({ "uses": uses }))
            .send();
        let noted = self.key_uses.clone();
        Some(async move {
            if let Err(error) = sending.await.and_then(Response::error_for_status) {
                tracing::debug!(%error, "the use of API keys could not be told");
                noted.put_back(&uses);
            }
        })
    }

    fn note_age(&self) {
        if let Some(view) = &self.view {
            self.figures.view(view.seq, self.held.confirmed_at(), (self.clock)());
        }
    }

    fn save_if_due(&mut self) {
        if let Some(done) = self.saving.running.take_if(|task| task.is_finished()) {
            self.saving.changed |= !matches!(done.now_or_never(), Some(Ok(true)));
        }
        let running = self.saving.running.is_some();
        let wait = if self.saving.changed { SAVE_AFTER_CHANGE } else { SAVE_UNCHANGED };
        if !running && self.saving.last.elapsed() >= wait {
            self.start_saving();
        }
    }

    /// Serialising and syncing take long; meanwhile the next ending may come.
    fn start_saving(&mut self) {
        let Some(view) = self.view.clone() else {
            return;
        };
        let (data_dir, confirmed_at) = (self.data_dir.clone(), self.held.confirmed_at());
        self.saving.changed = false;
        self.saving.fresh = false;
        self.saving.last = Instant::now();
        let aside = self.journal.set_aside();
        self.saving.running = Some(tokio::task::spawn_blocking(move || {
            let saved = Saved { confirmed_at, snapshot: view };
            let saved = keep(&data_dir, &saved, aside);
            if let Err(error) = &saved {
                tracing::error!(%error, "the view could not be saved");
            }
            saved.is_ok()
        }));
    }

    async fn save_now(&mut self) {
        self.saved().await;
        self.start_saving();
        self.saved().await;
    }

    /// Waits for the save that is running. One that failed has logged why, and is due again soon.
    async fn saved(&mut self) {
        if let Some(running) = self.saving.running.take() {
            self.saving.changed |= !matches!(running.await, Ok(true));
        }
    }
}

/// Saves a view, and then removes what was set aside of the journal, if that went well. If not,
/// the journal holds more than follows on the view, and that is read past.
fn keep(data_dir: &Path, saved: &Saved<impl Serialize>, aside: io::Result<()>) -> io::Result<()> {
    snapshot::save(data_dir, saved)?;
    aside?;
    journal::forget_aside(data_dir)
}

/// Where an entry belongs.
enum Place {
    Next,
    Known,
    /// It is not the next one, which would be this.
    Beyond(u64),
}

type Ack = Pin<Box<dyn Future<Output = Option<u64>> + Send>>;

/// At most one acknowledgement on its way, always of the newest change.
#[derive(Default)]
struct Acks {
    wanted: Option<u64>,
    done: Option<u64>,
    under_way: Option<Ack>,
}

impl Acks {
    /// Waits until the one on its way has arrived or failed; for ever where there is none.
    async fn sent(&mut self) {
        match &mut self.under_way {
            Some(ack) => {
                let arrived = ack.await;
                self.under_way = None;
                // One that failed is tried again with the next message, not at once.
                if arrived.is_some() {
                    self.done = arrived;
                } else {
                    self.wanted = self.done;
                }
            }
            None => std::future::pending().await,
        }
    }

    fn send_if_needed(&mut self, send: impl FnOnce(u64) -> Ack) {
        if self.under_way.is_none() && self.wanted != self.done {
            self.under_way = self.wanted.map(send);
        }
    }
}

/// Bytes as they come, lines as they are complete.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// Up to here there is no line end.
    searched: usize,
}

impl Lines {
    fn push(&mut self, chunk: &[u8]) -> Result<(), Broken> {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
            // A snapshot comes once and may be large.
            self.bytes.shrink_to(KEPT_ROOM);
        }
        if self.bytes.len() + chunk.len() > MAX_LINE + MAX_BATCH {
            return Err(Broken::TooLong);
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    fn buffered(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// The next complete line that is not blank.
    fn next(&mut self) -> Option<&[u8]> {
        loop {
            let end = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n');
            let Some(end) = end.map(|at| self.searched + at) else {
                self.searched = self.bytes.len();
                return None;
            };
            let start = std::mem::replace(&mut self.start, end + 1);
            self.searched = self.start;
            if !self.bytes[start..end].trim_ascii().is_empty() {
                return Some(&self.bytes[start..end]);
            }
        }
    }
}

/// Between half of `span` and all of it, so that edges that lost one server do not come back as
/// one.
fn jittered(span: Duration) -> Duration {
    let share = u32::from(Uuid::new_v4().as_bytes()[0]);
    span / 2 + span / 2 * share / 255
}

#[cfg(test)]
mod tests {
    use jwks::feed::Snapshot;

    use super::*;

    fn snapshot(seq: u64) -> Snapshot {
        let keys = serde_json::from_str(r#"{"keys":[]}"#).unwrap();
        let (epoch, issuer) = ("e".to_owned(), "https://id.example".to_owned());
        Snapshot {
            seq,
            epoch,
            issuer,
            keys,
            sites: Vec::new(),
            cut_offs: Vec::new(),
            key_holders: Vec::new(),
            more_keys: false,
        }
    }

    #[test]
    fn a_view_is_saved_though_the_journal_cannot_be_set_aside() {
        let dir = std::env::temp_dir().join(crate::ids::decision_id());
        std::fs::create_dir(&dir).unwrap();
        let saved = Saved { confirmed_at: Time::from_millis(5), snapshot: snapshot(7) };
        keep(&dir, &saved, Err(io::ErrorKind::StorageFull.into())).unwrap_err();
        assert_eq!(snapshot::load(&dir).unwrap().unwrap().snapshot.seq, 7);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn lines_come_whole_however_the_bytes_are_cut() {
        let text = b"{\"a\":1}\n\n{\"b\":2}\r\n{\"c\":3}\n{\"half";
        for size in 1..text.len() {
            let mut lines = Lines::default();
            let mut found = Vec::new();
            for chunk in text.chunks(size) {
                lines.push(chunk).unwrap();
                while let Some(line) = lines.next() {
                    found.push(String::from_utf8(line.to_vec()).unwrap().trim().to_owned());
                }
            }
            assert_eq!(found, ["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"], "chunks of {size}");
        }
    }

    #[test]
    fn the_pause_grows_with_its_span_and_never_vanishes() {
        for _ in 0..100 {
            let pause = jittered(LAST_BACKOFF);
            assert!(pause >= LAST_BACKOFF / 2 && pause <= LAST_BACKOFF);
        }
    }
}
