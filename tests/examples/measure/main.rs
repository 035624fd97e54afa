//! What this machine needs for what Signalbox does: figures for people, not assertions.
//!
//! ```text
//! SIGNALBOX_BIN=target/dist/signalbox PLAIN_PROXY=target/dist/examples/plain_proxy \
//!     cargo run --profile dist -p tests --example measure -- revoke edge latency login memory
//! ```
//!
//! Every comparison alternates within one run, so that a machine whose speed drifts tells the
//! same ratio. Traffic goes to loopback only, and each run is bounded.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people, which ends when something is not as it should be"
)]

mod edge;
mod latency;
mod load;
mod login;
mod memory;
mod process;
mod revoke;

#[tokio::main]
async fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let all = ["revoke", "edge", "latency", "login", "memory"];
    if wanted.is_empty() || wanted.iter().any(|one| !all.contains(&one.as_str())) {
        println!("usage: measure {}", all.map(|one| format!("[{one}]")).join(" "));
        return;
    }
    for one in wanted {
        match one.as_str() {
            "revoke" => revoke::measure().await,
            "edge" => edge::measure().await,
            "latency" => latency::measure().await,
            "login" => login::measure().await,
            _ => memory::measure().await,
        }
    }
}

/// The median, the least and the largest of `figures`.
fn spread(figures: &mut [f64]) -> (f64, f64, f64) {
    figures.sort_by(f64::total_cmp);
    (figures[figures.len() / 2], figures[0], figures[figures.len() - 1])
}

fn shown(figures: &mut [f64]) -> String {
    let (median, least, most) = spread(figures);
    format!("{median:.1} [{least:.1}-{most:.1}]")
}
