use jwks::cutoff::CutOffKind;

use super::*;
use crate::{
    data_dir::tests::Scratch,
    domain::audit::{Action, Event},
    store::{
        conformance::samples::{at, cut_off, edge, event, secs},
        embedded::Embedded,
        identity::FEED_KEPT,
    },
};

/// An edge, and a feed whose entries are so many, each a day after the one before it.
struct World {
    hub: Arc<Hub>,
    store: Arc<Embedded>,
    edge: EdgeRow,
    epoch: String,
    _ground: Scratch,
}

const DAY: u64 = 24 * 3600;

impl World {
    async fn with(entries: u64) -> Self {
        let ground = Scratch::new();
        let store = Embedded::open(&ground.0).unwrap();
        let edge = edge("north", "credential");
        store.create_edge(&edge, &event(Action::EdgeCreated)).await.unwrap();
        for day in 0..entries {
            let event = Event { at: at(0).plus(secs(day * DAY)), ..event(Action::Logout) };
            let cut = cut_off(
                CutOffKind::Client,
                &format!("client {day}"),
                event.at,
                at(400 * DAY * 1000),
            );
            store.cut_off(&[cut], &event).await.unwrap();
        }
        let (epoch, _) = store.feed_head().await.unwrap();
        Self { hub: Arc::new(Hub::new(store.clone(), 100)), store, edge, epoch, _ground: ground }
    }

    async fn open(&self, after: u64) -> Stream {
        let (issuer, clock) = ("https://issuer.example", Clock::system());
        self.hub.open(&self.edge, &self.epoch, after, issuer, clock).await.unwrap()
    }

    /// Sweeps as on that day.
    async fn sweep(&self, day: u64) {
        self.store.sweep(at(0).plus(secs(day * DAY)).plus(FEED_KEPT)).await.unwrap();
    }
}

/// The numbers of entries, or of a snapshot that holds so many endings.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Entries(Vec<u64>),
    Snapshot { seq: u64, endings: usize },
}

async fn next(stream: &mut Stream) -> Said {
    let messages = stream.next().await.unwrap().unwrap();
    if let [Message::Snapshot(snapshot)] = &messages[..] {
        return Said::Snapshot { seq: snapshot.seq, endings: snapshot.cut_offs.len() };
    }
    let numbers = messages.iter().map(|message| match message {
        Message::Entry(entry) => entry.seq,
        other => panic!("{other:?} is no entry"),
    });
    Said::Entries(numbers.collect())
}

#[tokio::test]
async fn an_edge_goes_on_where_it_was() {
    let world = World::with(6).await;
    assert_eq!(next(&mut world.open(2).await).await, Said::Entries(vec![3, 4, 5, 6]));
    world.sweep(1).await;
    assert_eq!(next(&mut world.open(2).await).await, Said::Entries(vec![3, 4, 5, 6]));
    assert_eq!(next(&mut world.open(5).await).await, Said::Entries(vec![6]));
}

#[tokio::test]
async fn an_edge_that_was_away_for_longer_than_the_feed_reaches_takes_a_snapshot() {
    let world = World::with(6).await;
    world.sweep(2).await;
    let whole = Said::Snapshot { seq: 6, endings: 6 };
    for after in [1, 2] {
        assert_eq!(next(&mut world.open(after).await).await, whole, "after {after}");
    }
    assert_eq!(next(&mut world.open(3).await).await, Said::Entries(vec![4, 5, 6]));
    world.sweep(100).await;
    assert_eq!(next(&mut world.open(4).await).await, whole);
    assert_eq!(next(&mut world.open(5).await).await, Said::Entries(vec![6]));
}

#[tokio::test]
async fn a_stream_that_nobody_read_for_longer_than_the_feed_reaches_begins_anew() {
    let world = World::with(6).await;
    let mut stream = world.open(1).await;
    world.sweep(4).await;
    assert_eq!(next(&mut stream).await, Said::Snapshot { seq: 6, endings: 6 });
    let event = event(Action::Logout);
    let cut = cut_off(CutOffKind::Client, "another", at(0), at(1));
    world.store.cut_off(&[cut], &event).await.unwrap();
    assert_eq!(next(&mut stream).await, Said::Entries(vec![7]));
}
