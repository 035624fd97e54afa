//! 100,000 guesses at two accounts by every way there is, while their owners sign in: what came of
//! them, for people.
//!
//! ```text
//! SIGNALBOX_BIN=target/quick/signalbox cargo run --profile quick -p tests --example siege -- 100000
//! ```
//!
//! Traffic goes to loopback alone; the networks are pretended.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people, which ends when something is not as it should be"
)]

use std::time::Instant;

use tests::siege;

#[tokio::main]
async fn main() {
    let guesses = std::env::args().nth(1).map_or(100_000, |text| text.parse().unwrap());
    let mut world = siege::world().await;
    let began = Instant::now();
    let outcome = siege::lay(&mut world, guesses).await;
    println!(
        "{guesses} guesses in {:.0} s, {} s by the world's clock",
        began.elapsed().as_secs_f64(),
        outcome.lasted.as_secs()
    );
    println!(
        "{:<16} {:>8} {:>8} {:>8} {:>6} {:>6}",
        "way", "guesses", "judged", "away", "busy", "other"
    );
    for (way, toll) in &outcome.tolls {
        println!(
            "{:<16} {:>8} {:>8} {:>8} {:>6} {:>6}",
            format!("{way:?}"),
            toll.guesses,
            toll.evaluated,
            toll.limited,
            toll.busy,
            toll.other
        );
    }
    println!("owners: {} of {} were in at the first try", outcome.admitted, outcome.visits);
}
