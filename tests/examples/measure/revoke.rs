//! From a revocation to the last request that the edge lets pass, under 500 requests a second.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tests::{
    edge::DEMO,
    world::{Kind, World},
};
use tokio::{sync::Mutex, time};

use crate::{load::Connection, shown, spread};

const TRIALS: usize = 50;
const CALLERS: usize = 5;
/// Five callers, one request each 10 ms: 500 a second.
const PACE: Duration = Duration::from_millis(10);

pub async fn measure() {
    // Deployed: revoked at one server, and asked at the edge of the other.
    let replicas = Kind::asked_for() == Kind::Deployed;
    let plan = if replicas { World::plan().replicas() } else { World::plan() };
    let mut world = plan.start().await;
    let person = world.enrolled().await;
    let mut answered = Vec::new();
    let mut last = Vec::new();
    let mut passed_late = 0;
    let mut sent = 0;
    for _ in 0..TRIALS {
        world.advance(Duration::from_secs(30));
        let session = world.sign_in(&person).await;
        let sid = tests::forge::claims(&session.access)["sid"].as_str().unwrap().to_owned();
        let accepted = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..CALLERS)
            .map(|number| {
                let (accepted, stop) = (accepted.clone(), stop.clone());
                let token = session.access.clone();
                let port = world.edge_of(usize::from(replicas)).port();
                tokio::spawn(async move {
                    let mut connection = Connection::open(port).await;
                    time::sleep(PACE / 5 * u32::try_from(number).unwrap()).await;
                    let mut pace = time::interval(PACE);
                    let mut count = 0;
                    while !stop.load(Ordering::Relaxed) {
                        pace.tick().await;
                        let begun = Instant::now();
                        let status = connection.get(DEMO, &token).await;
                        count += 1;
                        match status {
                            200 => accepted.lock().await.push(begun),
                            401 => {}
                            other => panic!("{other}"),
                        }
                    }
                    count
                })
            })
            .collect();
        time::sleep(Duration::from_millis(100)).await;
        let asked = Instant::now();
        let path = format!("/sessions/{sid}");
        drop(world.rail().call_as(&session.access, "DELETE", &path).await.data(200));
        let done = Instant::now();
        time::sleep(Duration::from_millis(300)).await;
        stop.store(true, Ordering::Relaxed);
        for caller in callers {
            sent += caller.await.unwrap();
        }
        let accepted = accepted.lock().await;
        let newest = accepted.iter().max().copied().unwrap();
        last.push(newest.saturating_duration_since(asked).as_secs_f64() * 1000.0);
        answered.push((done - asked).as_secs_f64() * 1000.0);
        passed_late += accepted.iter().filter(|begun| **begun > done).count();
    }
    let where_to = if replicas { "the edge of the other server" } else { "the edge" };
    println!("revoke, {TRIALS} trials, {sent} requests at 500 a second to {where_to}");
    println!("  from asking to the last accepted request, ms   {}", shown(&mut last));
    println!("  from asking to the answer of the revoke, ms    {}", shown(&mut answered));
    println!("  requests begun after that answer and accepted  {passed_late}");
    let (_, _, most) = spread(&mut last);
    println!("  accepted later than 250 ms                     {}", u8::from(most > 250.0));
}
