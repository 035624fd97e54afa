use jwks::cutoff::CutOffKind;
use tokio::task::JoinHandle;

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
        Self { hub: hub(&store), store, edge, epoch, _ground: ground }
    }

    async fn open(&self, after: u64) -> Stream {
        self.open_at(&self.hub, after).await
    }

    async fn open_at(&self, hub: &Arc<Hub>, after: u64) -> Stream {
        hub.open(&self.edge, &self.epoch, after, "https://issuer.example").await.unwrap()
    }

    /// Sweeps as on that day.
    async fn sweep(&self, day: u64) {
        self.store.sweep(at(0).plus(secs(day * DAY)).plus(FEED_KEPT)).await.unwrap();
    }
}

/// The hub of a server over this store.
fn hub(store: &Arc<Embedded>) -> Arc<Hub> {
    Arc::new(Hub::new(store.clone(), store.clone(), Clock::system(), 100))
}

/// Another server over the same store, which notes the edges that come to it.
fn other_server(world: &World) -> (Arc<Hub>, JoinHandle<()>) {
    let hub = hub(&world.store);
    let noting = hub.clone();
    (hub, tokio::spawn(async move { noting.note_followers().await }))
}

/// Waits until an edge is noted where all servers look.
async fn noted(store: &Embedded) {
    while store.list_followers(Clock::system().now()).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}

/// Long enough for what is on its way.
const PATIENCE: Duration = Duration::from_secs(20);
/// Soon over, for what never comes.
const SHORT: Duration = Duration::from_millis(60);

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

#[tokio::test]
async fn an_edge_is_waited_for_whichever_server_it_follows() {
    let world = World::with(6).await;
    let (other, noting) = other_server(&world);
    assert!(world.hub.behind(6, SHORT).await.unwrap().is_empty());
    let stream = world.open_at(&other, 2).await;
    noted(&world.store).await;
    for hub in [&world.hub, &other] {
        assert_eq!(hub.behind(6, SHORT).await.unwrap(), ["north"]);
    }
    other.acknowledge("north", 5).await.unwrap();
    assert_eq!(world.hub.behind(6, SHORT).await.unwrap(), ["north"]);
    // Somebody waits already, and the edge says so where it is connected.
    let waits = world.hub.behind(6, PATIENCE);
    let (behind, ()) = tokio::join!(waits, async {
        other.acknowledge("north", 6).await.unwrap();
    });
    assert!(behind.unwrap().is_empty());
    drop(stream);
    noting.abort();
}

#[tokio::test]
async fn an_acknowledgement_counts_at_whichever_server_it_arrives() {
    let world = World::with(6).await;
    let (other, noting) = other_server(&world);
    let stream = world.open_at(&other, 2).await;
    // A proxy in front of both has sent it to the one that the edge does not follow.
    world.hub.acknowledge("north", 6).await.unwrap();
    for hub in [&world.hub, &other] {
        assert!(hub.behind(6, PATIENCE).await.unwrap().is_empty());
    }
    drop(stream);
    noting.abort();
}

#[tokio::test]
async fn an_edge_that_has_just_lost_its_server_is_waited_for() {
    let world = World::with(6).await;
    let (other, noting) = other_server(&world);
    let stream = world.open_at(&other, 2).await;
    noted(&world.store).await;
    noting.abort();
    drop(stream);
    assert_eq!(world.hub.behind(6, SHORT).await.unwrap(), ["north"]);
}

#[tokio::test]
async fn the_stream_of_an_edge_that_is_removed_ends_however_much_there_is_to_say() {
    let world = World::with(6).await;
    let mut stream = world.open(2).await;
    assert!(world.store.remove_edge("north", &event(Action::EdgeRemoved)).await.unwrap());
    tokio::time::pause();
    tokio::time::advance(HEARTBEAT).await;
    tokio::time::resume();
    assert!(stream.next().await.unwrap().is_none());
}
