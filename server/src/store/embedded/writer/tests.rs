use std::sync::mpsc as blocking;

use tokio::task::JoinHandle;

use super::*;

/// A writer on a database of its own, with a table for the acts and one whose rows must name a
/// row of it.
fn writer() -> Arc<Writer> {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(
            "PRAGMA foreign_keys = ON;
             CREATE TABLE written (number INTEGER PRIMARY KEY);
             CREATE TABLE naming (number INTEGER REFERENCES written (number));",
        )
        .unwrap();
    Arc::new(Writer::start(connection).unwrap())
}

fn write(tx: &Tx<'_>, number: i64) -> Result<i64, Fault> {
    tx.run("INSERT INTO written (number) VALUES (?1)", [number])?;
    Ok(number)
}

async fn written(writer: &Writer) -> Vec<i64> {
    let all = |tx: &Tx<'_>| {
        Ok(tx.all("SELECT number FROM written ORDER BY number", [], |row| row.get(0))?)
    };
    writer.act(all).await.unwrap()
}

/// Holds the writer in an act until it is let go; what is asked for meanwhile waits together.
struct Gate {
    open: blocking::Sender<()>,
    held: JoinHandle<Result<(), Fault>>,
}

impl Gate {
    async fn close(writer: &Arc<Writer>) -> Self {
        let (open, opened) = blocking::channel();
        let (reached, reaching) = oneshot::channel();
        let writer = Arc::clone(writer);
        let held = tokio::spawn(async move {
            let hold = move |_: &Tx<'_>| {
                let _gone = reached.send(());
                let _gone = opened.recv();
                Ok(())
            };
            writer.act(hold).await
        });
        reaching.await.unwrap();
        Self { open, held }
    }

    /// Lets the writer go once so many acts wait.
    async fn open_when(self, writer: &Writer, waiting: usize) {
        let queue = writer.queue.as_ref().unwrap();
        while queue.max_capacity() - queue.capacity() < waiting {
            tokio::task::yield_now().await;
        }
        self.open.send(()).unwrap();
        self.held.await.unwrap().unwrap();
    }
}

fn ask<T: Send + 'static>(
    writer: &Arc<Writer>,
    act: impl FnOnce(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
) -> JoinHandle<Result<T, Fault>> {
    let writer = Arc::clone(writer);
    tokio::spawn(async move { writer.act(act).await })
}

#[tokio::test]
async fn acts_that_wait_together_share_one_commit() {
    let writer = writer();
    let gate = Gate::close(&writer).await;
    let acts: Vec<_> = (0..32).map(|number| ask(&writer, move |tx| write(tx, number))).collect();
    gate.open_when(&writer, 32).await;
    for (number, act) in (0..).zip(acts) {
        assert_eq!(act.await.unwrap().unwrap(), number);
    }
    assert_eq!(writer.commits(), 2, "one of the gate, one of all that waited");
    assert_eq!(written(&writer).await, (0..32).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_act_that_fails_or_panics_takes_back_its_own_work_alone() {
    let writer = writer();
    let gate = Gate::close(&writer).await;
    let before = ask(&writer, |tx| write(tx, 1));
    tokio::task::yield_now().await;
    let failing = ask(&writer, |tx| {
        write(tx, 2)?;
        write(tx, 2)
    });
    let panicking = ask(&writer, |tx| -> Result<(), Fault> {
        write(tx, 3)?;
        panic!("an act of the test panics")
    });
    let after = ask(&writer, |tx| write(tx, 4));
    gate.open_when(&writer, 4).await;
    assert!(matches!(failing.await.unwrap(), Err(Fault::Sqlite(_))));
    assert!(matches!(panicking.await.unwrap(), Err(Fault::Unreadable(_))));
    assert_eq!(before.await.unwrap().unwrap(), 1);
    assert_eq!(after.await.unwrap().unwrap(), 4);
    assert_eq!(writer.commits(), 2);
    assert_eq!(written(&writer).await, [1, 4]);
}

#[tokio::test]
async fn a_commit_that_fails_fails_every_act_of_its_group_and_none_after_it() {
    let writer = writer();
    let mut feed = writer.feed_changes();
    let gate = Gate::close(&writer).await;
    let innocent = ask(&writer, |tx| {
        tx.feed_grew();
        write(tx, 1)
    });
    // A broken reference that is looked at only when the transaction ends.
    let spoiling = ask(&writer, |tx| {
        tx.execute_batch("PRAGMA defer_foreign_keys = ON")?;
        Ok(tx.run("INSERT INTO naming (number) VALUES (99)", [])?)
    });
    gate.open_when(&writer, 2).await;
    assert!(matches!(innocent.await.unwrap(), Err(Fault::Lost(_))));
    assert!(matches!(spoiling.await.unwrap(), Err(Fault::Lost(_))));
    assert!(!feed.has_changed().unwrap());
    assert_eq!(writer.commits(), 1);
    assert_eq!(written(&writer).await, Vec::<i64>::new());
    assert_eq!(ask(&writer, |tx| write(tx, 2)).await.unwrap().unwrap(), 2);
    assert_eq!(written(&writer).await, [2]);
    feed.mark_unchanged();
}

#[tokio::test]
async fn an_error_that_ends_the_transaction_fails_the_whole_group() {
    let writer = writer();
    let gate = Gate::close(&writer).await;
    let innocent = ask(&writer, |tx| write(tx, 1));
    tokio::task::yield_now().await;
    // What SQLite does by itself when the disk is full.
    let ending = ask(&writer, |tx| -> Result<(), Fault> {
        tx.execute_batch("ROLLBACK")?;
        Err(Fault::Lost("the disk is full".to_owned()))
    });
    let late = ask(&writer, |tx| write(tx, 2));
    gate.open_when(&writer, 3).await;
    assert!(innocent.await.unwrap().is_err());
    assert!(ending.await.unwrap().is_err());
    assert!(late.await.unwrap().is_err());
    assert_eq!(written(&writer).await, Vec::<i64>::new());
    assert_eq!(ask(&writer, |tx| write(tx, 3)).await.unwrap().unwrap(), 3);
}

#[tokio::test]
async fn an_act_is_carried_out_even_if_whoever_asked_has_gone() {
    let writer = writer();
    let gate = Gate::close(&writer).await;
    let gone = ask(&writer, |tx| write(tx, 1));
    let stays = ask(&writer, |tx| write(tx, 2));
    while writer.queue.as_ref().unwrap().capacity() > QUEUE - 2 {
        tokio::task::yield_now().await;
    }
    gone.abort();
    gate.open_when(&writer, 2).await;
    stays.await.unwrap().unwrap();
    assert_eq!(written(&writer).await, [1, 2]);
}

#[tokio::test]
async fn followers_of_the_feed_are_told_after_the_commit() {
    let writer = writer();
    let mut feed = writer.feed_changes();
    ask(&writer, |tx| write(tx, 1)).await.unwrap().unwrap();
    assert!(!feed.has_changed().unwrap());
    let growing = ask(&writer, |tx| {
        tx.feed_grew();
        write(tx, 2)
    });
    growing.await.unwrap().unwrap();
    assert!(feed.has_changed().unwrap());
    feed.mark_unchanged();
}

#[tokio::test]
async fn what_waits_is_written_before_the_writer_ends() {
    let folder = std::env::temp_dir().join(format!("signalbox-{}", uuid::Uuid::new_v4()));
    let connection = Connection::open(&folder).unwrap();
    connection.execute_batch("CREATE TABLE written (number INTEGER PRIMARY KEY)").unwrap();
    let writer = Arc::new(Writer::start(connection).unwrap());
    let acts: Vec<_> = (0..8).map(|number| ask(&writer, move |tx| write(tx, number))).collect();
    for act in acts {
        act.await.unwrap().unwrap();
    }
    drop(Arc::into_inner(writer).unwrap());
    let connection = Connection::open(&folder).unwrap();
    let count: i64 =
        connection.query_row("SELECT count(*) FROM written", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 8);
    std::fs::remove_file(&folder).unwrap();
}
