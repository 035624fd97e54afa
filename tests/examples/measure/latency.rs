//! What the edge adds to an answer's time at half of what it can carry: requests at a fixed rate
//! through the same proxy with the check taken out, and through the edge, in turn.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio::task;

use crate::{
    edge::{HOST, PlainProxy, tokens, world},
    load::{requests, upstream},
    shown,
};

const ROUNDS: usize = 5;
const SPAN: Duration = Duration::from_secs(5);
const CALLERS: u32 = 16;
/// Requests to find out how many a second the edge carries.
const TRIED: usize = 40_000;

pub async fn measure() {
    let upstream = upstream().await;
    let world = world(100_000, upstream).await;
    let tokens = tokens(&world).await;
    let plain = PlainProxy::start(upstream).await;
    let edge = world.edge().port();

    // The first run warms up.
    requests(edge, HOST, tokens.clone(), TRIED, CALLERS as usize).await;
    let begun = Instant::now();
    requests(edge, HOST, tokens.clone(), TRIED, CALLERS as usize).await;
    let rate = TRIED as f64 / begun.elapsed().as_secs_f64() / 2.0;

    let mut rounds: [Vec<(f64, f64)>; 2] = Default::default();
    for _ in 0..ROUNDS {
        for (port, kept) in [plain.port, edge].into_iter().zip(&mut rounds) {
            let tokens = tokens.clone();
            let mut times = task::spawn_blocking(move || paced(port, &tokens, rate)).await.unwrap();
            times.sort_unstable();
            let part = |share: f64| {
                let at = (times.len() as f64 * share) as usize;
                times[at].as_secs_f64() * 1000.0
            };
            kept.push((part(0.5), part(0.99)));
        }
    }
    println!(
        "latency, {rate:.0} requests a second (half of what the edge carries), {ROUNDS} rounds"
    );
    for (name, kept) in ["the check taken out", "bearer seen before"].into_iter().zip(&rounds) {
        let (mut half, mut most): (Vec<f64>, Vec<f64>) = kept.iter().copied().unzip();
        println!("  {name:22} p50 {:>20} ms   p99 {:>20} ms", shown(&mut half), shown(&mut most));
    }
    let pairs = || rounds[0].iter().zip(&rounds[1]);
    let mut added: Vec<f64> = pairs().map(|(plain, edge)| edge.0 - plain.0).collect();
    let mut ratio: Vec<f64> = pairs().map(|(plain, edge)| edge.1 / plain.1).collect();
    println!("  added at p50 {} ms   p99 {} of the first", shown(&mut added), shown(&mut ratio));
}

/// The times of answers, from the instant at which each request was due: one that had to wait for
/// the one before it has that wait in its time.
fn paced(port: u16, tokens: &Arc<Vec<String>>, rate: f64) -> Vec<Duration> {
    let gap = Duration::from_secs_f64(f64::from(CALLERS) / rate);
    let start = Instant::now() + Duration::from_millis(20);
    let callers: Vec<_> = (0..CALLERS)
        .map(|number| {
            let tokens = tokens.clone();
            let first = start + gap * number / CALLERS;
            thread::spawn(move || {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
                stream.set_nodelay(true).unwrap();
                let mut times = Vec::new();
                let mut answer = vec![0; 4096];
                let mut due = first;
                let mut at = number as usize;
                while due < first + SPAN {
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    let request = format!(
                        "GET / HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: measure\r\nAccept: */*\r\n\
                         Authorization: Bearer {}\r\n\r\n",
                        tokens[at % tokens.len()]
                    );
                    stream.write_all(request.as_bytes()).unwrap();
                    let mut read = 0;
                    while !answer[..read].ends_with(b"\r\n\r\nhello\n") {
                        let more = stream.read(&mut answer[read..]).unwrap();
                        assert!(more > 0, "the connection was closed");
                        read += more;
                    }
                    assert!(answer.starts_with(b"HTTP/1.1 200"), "not let through");
                    times.push(due.elapsed());
                    due += gap;
                    at += CALLERS as usize;
                }
                times
            })
        })
        .collect();
    callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
}
