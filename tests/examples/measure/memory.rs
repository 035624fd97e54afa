//! Memory of `signalbox up`: idle, and after a thousand sign-ins; and how soon it is ready.

use std::time::Instant;

use tests::world::World;

use crate::process::resident_mib;

const SIGN_INS: usize = 1_000;
const CALLERS: usize = 4;

pub async fn measure() {
    let begun = Instant::now();
    let mut world = World::start().await;
    let ready = begun.elapsed();
    let pid = world.server_node().process().id();
    let idle = resident_mib(pid);
    let person = world.person().await;
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (rail, body) = (world.rail(), person.credentials());
            tokio::spawn(async move {
                for _ in 0..SIGN_INS / CALLERS {
                    drop(rail.post("/login", body.clone()).await.data(200));
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    println!("memory of `up`, embedded store");
    println!("  ready after, s             {:.2}", ready.as_secs_f64());
    println!("  idle, MiB                  {idle:.1}");
    println!("  after {SIGN_INS} sign-ins, MiB   {:.1}", resident_mib(pid));
}
