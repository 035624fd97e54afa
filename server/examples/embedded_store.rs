//! The embedded store by itself: what an fsync costs on this disk, what group commit makes of it,
//! and what many sessions cost in memory and on the disk. Figures for people, not assertions.
//!
//! ```text
//! cargo run --profile dist -p server --example embedded_store
//! ```

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people, which ends when something is not as it should be"
)]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use aws_lc_rs::rand;
use jwks::{Time, policy::Level};
use server::{
    domain::{
        secret::SecretHash,
        session::{NewFamily, Proof, Rotated, Rotation, Session},
    },
    store::{SessionStore, embedded::Embedded},
};
use uuid::Uuid;

const SESSIONS: usize = 100_000;
const CHAINS: usize = 32;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() {
    let folder = Folder::new();
    println!("the embedded store, {ROUNDS} rounds of {} s, alternating", ROUND.as_secs());
    let store = Embedded::open(&folder.0.join("chains")).unwrap();
    let (mut syncs, mut one, mut many) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        syncs.push(fsyncs(&folder.0));
        one.push(rotations(&store, 1).await);
        many.push(rotations(&store, CHAINS).await);
    }
    let ratio = spread(&mut many).0 / spread(&mut syncs).0;
    println!("  fsync of 4 KiB appended, a second          {}", shown(&mut syncs));
    println!("  durable rotations, 1 chain, a second       {}", shown(&mut one));
    println!("  durable rotations, {CHAINS} chains, a second     {}", shown(&mut many));
    println!("  {CHAINS} chains / fsync rate                     {ratio:.1}");

    let data = folder.0.join("sessions");
    let store = Embedded::open(&data).unwrap();
    drop(opened(&store, Uuid::now_v7()).await);
    let before = resident_mib();
    let begun = Instant::now();
    let callers: Vec<_> = (0..CHAINS)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..SESSIONS / CHAINS {
                    drop(opened(&store, Uuid::now_v7()).await);
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let opening = begun.elapsed().as_secs_f64();
    let grown = resident_mib() - before;
    let disk = size(&data);
    println!("  {SESSIONS} sessions opened in {opening:.1} s");
    println!("  memory of {SESSIONS} sessions, MiB            +{grown:.1}");
    println!("  on the disk, bytes each                  {}", disk / SESSIONS as u64);
}

/// The median, the least and the largest of `figures`.
fn spread(figures: &mut [f64]) -> (f64, f64, f64) {
    figures.sort_by(f64::total_cmp);
    (figures[figures.len() / 2], figures[0], figures[figures.len() - 1])
}

fn shown(figures: &mut [f64]) -> String {
    let (median, least, most) = spread(figures);
    format!("{median:.0} [{least:.0}-{most:.0}]")
}

/// Resident memory of this process, MiB.
fn resident_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// How often 4 KiB can be appended and made durable, a second.
fn fsyncs(folder: &Path) -> f64 {
    let mut file = fs::File::create(folder.join("fsync")).unwrap();
    let (begun, mut count) = (Instant::now(), 0.0);
    while begun.elapsed() < ROUND {
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        count += 1.0;
    }
    count / begun.elapsed().as_secs_f64()
}

/// How often `chains` callers, each with a chain of its own, rotate a refresh token, a second.
async fn rotations(store: &Arc<Embedded>, chains: usize) -> f64 {
    let begun = Instant::now();
    let chains: Vec<_> = (0..chains)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut rotation = opened(&store, Uuid::now_v7()).await;
                let mut count = 0.0;
                while begun.elapsed() < ROUND {
                    let rotated = store.rotate_refresh(&rotation, now()).await.unwrap();
                    assert!(matches!(rotated, Rotated::Fresh(_)));
                    rotation.presented = rotation.successor;
                    rotation.successor = secret();
                    count += 1.0;
                }
                count
            })
        })
        .collect();
    let mut all = 0.0;
    for chain in chains {
        all += chain.await.unwrap();
    }
    all / begun.elapsed().as_secs_f64()
}

/// A session as a browser's sign-in opens it, and its first rotation.
async fn opened(store: &Embedded, user_id: Uuid) -> Rotation {
    let (sid, family_id, first) = (Uuid::now_v7(), Uuid::new_v4(), secret());
    let expires_at = now().plus(Duration::from_secs(30 * 24 * 3600));
    let session = Session {
        sid,
        user_id,
        tenant_id: "default".into(),
        client_id: "rail".into(),
        site_key: None,
        proof: Proof {
            acr: Level::TwoFactor,
            amr: ["pwd", "otp", "mfa"].map(str::to_owned).to_vec(),
            auth_time: now(),
            device_at: None,
            model: None,
        },
        remember: true,
        created_at: now(),
        last_active_at: now(),
        expires_at,
        ip: "192.0.2.1".into(),
        user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into(),
        device: "Firefox on Linux".into(),
        browser: None,
        clients: Vec::new(),
    };
    let family = NewFamily {
        id: family_id,
        client_id: "rail".into(),
        scope: String::new(),
        hash: first,
        expires_at,
        granted: None,
    };
    store.open_session(&session, Some(&family), 100).await.unwrap();
    Rotation {
        user_id,
        sid,
        family_id,
        client_id: "rail".into(),
        presented: first,
        successor: secret(),
        ttl: Duration::from_secs(7 * 24 * 3600),
        retry_window: Duration::from_secs(60),
    }
}

fn now() -> Time {
    server::clock::Clock::default().now()
}

fn secret() -> SecretHash {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).unwrap();
    SecretHash::from_slice(&bytes).unwrap()
}

fn size(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

/// A folder for the time of the measurement, on the disk the tests use.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("signalbox-measure-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}
