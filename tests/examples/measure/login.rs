//! CPU time of a sign-in with a password, beside the bare argon2 of the same run.

use std::time::Instant;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use tests::world::World;

use crate::{process::cpu_micros, shown};

const ROUNDS: usize = 7;
const LOGINS: usize = 100;
const CALLERS: usize = 4;

pub async fn measure() {
    let mut world = World::plan().apart().start().await;
    let person = world.person().await;
    let pid = world.server_node().process().id();
    let mut bare = Vec::new();
    let mut login = Vec::new();
    let mut ratio = Vec::new();
    for round in 0..=ROUNDS {
        let raw = tokio::task::spawn_blocking(bare_hashes).await.unwrap();
        let before = cpu_micros(pid);
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let (rail, body) = (world.rail(), person.credentials());
                tokio::spawn(async move {
                    for _ in 0..LOGINS / CALLERS {
                        drop(rail.post("/login", body.clone()).await.data(200));
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        let spent = (cpu_micros(pid) - before) / 1000.0 / f64::from(u32::try_from(LOGINS).unwrap());
        if round > 0 {
            bare.push(raw);
            login.push(spent);
            ratio.push(spent / raw * 100.0);
        }
    }
    println!("login, {ROUNDS} rounds of {LOGINS} sign-ins, {CALLERS} at a time, embedded store");
    println!("  bare argon2id m=19456 t=2 p=1, ms    {}", shown(&mut bare));
    println!("  sign-in, ms CPU of the server        {}", shown(&mut login));
    println!("  ratio, %                             {}", shown(&mut ratio));
}

/// One hash at a time, on two threads like the server's; milliseconds a hash.
fn bare_hashes() -> f64 {
    const HASHES: u32 = 25;
    let threads: Vec<_> = (0..2)
        .map(|_| {
            std::thread::spawn(|| {
                let params = Params::new(19_456, 2, 1, Some(32)).unwrap();
                let mut memory = vec![Block::new(); params.block_count()];
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                let begun = Instant::now();
                for _ in 0..HASHES {
                    let mut out = [0; 32];
                    argon2
                        .hash_password_into_with_memory(
                            b"three uncommon words",
                            b"0123456789abcdef",
                            &mut out,
                            &mut memory,
                        )
                        .unwrap();
                }
                begun.elapsed().as_secs_f64() * 1000.0 / f64::from(HASHES)
            })
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).sum::<f64>() / 2.0
}
