//! The verifiers of the guide, each in its own language. Those that need a program are run by
//! `tests/run`, which names the ones it leaves out.

#![allow(clippy::unwrap_used)]

mod world;

#[path = "../../docs/guides/assertions/verify.rs"]
#[rustfmt::skip]
mod verify;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use world::{BASE_URL, ISSUER, World, status, values};

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guides/assertions");

/// What tokens a verifier is given, and whether each is good.
struct Cases {
    keys: String,
    good: String,
    bad: Vec<(&'static str, String)>,
}

async fn assertion(world: &World) -> String {
    assert_eq!(status(&world.get_as("/", &world.issuer.good()).await), 200);
    values(&world.upstream.newest(), "x-auth-assertion")[0].to_owned()
}

async fn cases() -> Cases {
    let world = World::start().await;
    let keys = world.get("/.signalbox/jwks.json", &[]).await;
    let keys = keys.split_once("\r\n\r\n").unwrap().1.to_owned();
    let good = assertion(&world).await;
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let forged = World::start().await;
    let strange = assertion(&forged).await;
    let (_, foreign_signature) = strange.rsplit_once('.').unwrap();
    let mut other = claims.to_owned().into_bytes();
    let middle = other.len() / 2;
    other[middle] = if other[middle] == b'A' { b'B' } else { b'A' };
    let other = String::from_utf8(other).unwrap();
    // Of a minute and more ago.
    world.clock.go_back(Duration::from_secs(90));
    let old = assertion(&world).await;
    let bad = vec![
        ("other claims", format!("{header}.{other}.{signature}")),
        ("the signature of another edge", format!("{message}.{foreign_signature}")),
        ("another edge", strange.clone()),
        ("no signature", format!("{message}.")),
        ("an access token", world.issuer.good()),
        ("an old one", old),
        ("nothing", String::new()),
        ("no token", "a.b.c".to_owned()),
    ];
    Cases { keys, good, bad }
}

/// Runs a verifier; what it printed where it found the token good.
fn run(program: &Path, args: &[&str], keys: &Path, token: &str, aims: [&str; 2]) -> Option<Value> {
    let mut child = Command::new(program)
        .args(args)
        .arg(keys)
        .args(aims)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(token.as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    ended.status.success().then(|| serde_json::from_slice(&ended.stdout).unwrap())
}

async fn is_right(program: &Path, args: &[&str]) {
    let cases = cases().await;
    let dir = std::env::temp_dir().join(format!("verifier-{}", uuid::Uuid::new_v4()));
    fs::create_dir(&dir).unwrap();
    let keys = dir.join("keys.json");
    fs::write(&keys, &cases.keys).unwrap();
    let said = |token: &str, aims| run(program, args, &keys, token, aims);
    let claims = said(&cases.good, [ISSUER, BASE_URL]).expect("a good one is taken");
    assert_eq!(claims["sub"], "user-1");
    for aims in [["https://other.test", BASE_URL], [ISSUER, "https://other.test"]] {
        assert!(said(&cases.good, aims).is_none(), "{aims:?}");
    }
    for (what, token) in &cases.bad {
        assert!(said(token, [ISSUER, BASE_URL]).is_none(), "{what}");
    }
    fs::remove_dir_all(&dir).unwrap();
}

fn file(name: &str) -> String {
    format!("{GUIDE}/{name}")
}

#[tokio::test]
async fn the_verifier_in_rust_takes_what_is_good_and_nothing_else() {
    let cases = cases().await;
    let keys: Value = serde_json::from_str(&cases.keys).unwrap();
    let now = world::Clock::default().now().secs();
    let said = |token: &str, issuer, audience| verify::verify(token, &keys, issuer, audience, now);
    assert_eq!(said(&cases.good, ISSUER, BASE_URL).unwrap()["sub"], "user-1");
    assert!(said(&cases.good, "https://other.test", BASE_URL).is_none());
    assert!(said(&cases.good, ISSUER, "https://other.test").is_none());
    for (what, token) in &cases.bad {
        assert!(said(token, ISSUER, BASE_URL).is_none(), "{what}");
    }
}

#[tokio::test]
#[ignore = "needs node"]
async fn the_verifier_in_node_takes_what_is_good_and_nothing_else() {
    is_right(Path::new("node"), &[&file("verify.mjs")]).await;
}

#[tokio::test]
#[ignore = "needs python3 with cryptography, as tests/run prepares it"]
async fn the_verifier_in_python_takes_what_is_good_and_nothing_else() {
    let prepared = std::env::var_os("SIGNALBOX_TEST_CLIENTS")
        .map(|clients| Path::new(&clients).join("python/bin/python"))
        .filter(|python| python.is_file());
    let python = prepared.unwrap_or_else(|| PathBuf::from("python3"));
    is_right(&python, &[&file("verify.py")]).await;
}

#[tokio::test]
#[ignore = "needs php"]
async fn the_verifier_in_php_takes_what_is_good_and_nothing_else() {
    is_right(Path::new("php"), &[&file("verify.php")]).await;
}

#[tokio::test]
#[ignore = "needs go"]
async fn the_verifier_in_go_takes_what_is_good_and_nothing_else() {
    let program = std::env::temp_dir().join(format!("verifier-{}", uuid::Uuid::new_v4()));
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg(file("verify.go"))
        .env("GO111MODULE", "off")
        .status()
        .unwrap();
    assert!(built.success());
    is_right(&program, &[]).await;
    fs::remove_file(&program).unwrap();
}

#[test]
fn each_verifier_has_at_most_fifty_lines() {
    for name in ["verify.rs", "verify.mjs", "verify.py", "verify.php", "verify.go"] {
        let lines = fs::read_to_string(file(name)).unwrap().lines().count();
        assert!(lines <= 50, "{name}: {lines}");
    }
}
