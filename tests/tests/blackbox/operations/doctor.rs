//! What `signalbox doctor` says.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use tests::{
    World,
    command::{Ran, run},
    world::{Kind, variable},
};

/// Settings with which nothing is missing, whatever a world has set: the later ones count.
fn sound(world: &World) -> Vec<(String, String)> {
    let key = world.dir().join("sealing.key");
    fs::write(&key, "pKxnTf0xAvhQcNc1lMsiMg3nyAvcYm1-eHNQcTLgRsk\n").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let sealing_key = variable("server.sealing_key");
    let mut settings = world.settings();
    settings.retain(|(name, _)| *name != sealing_key);
    settings.push((format!("{sealing_key}_FILE"), key.display().to_string()));
    for (setting, value) in [
        ("server.public_url", "https://id.example.com"),
        ("server.trusted_proxies", "[\"10.1.2.0/24\"]"),
        ("mail.url", "smtps://mail.example.com"),
        ("mail.from", "Sign-in <no-reply@example.com>"),
        ("sms.url", "off"),
    ] {
        settings.push((variable(setting), value.to_owned()));
    }
    settings
}

async fn doctor(world: &World, settings: Vec<(String, String)>) -> Ran {
    let data = world.data_dir(0).display().to_string();
    let running =
        tokio::task::spawn_blocking(move || run(&["doctor", "--data", &data], &settings, ""));
    running.await.unwrap()
}

#[track_caller]
fn names(ran: &Ran, settings: &[&str]) {
    let named: Vec<_> = ran.out.lines().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!((ran.code, named.as_slice()), (1, settings), "{ran:?}");
    // Every line ends with the remedy.
    assert!(ran.out.lines().all(|line| line.ends_with(')') && line.contains(" (")), "{ran:?}");
}

/// Makes an account with the admin role, which has no second factor.
async fn bare_admin(world: &World) {
    let args = ["admin", "create-user", "--email", "root@example.com", "--role", "admin"];
    drop(
        world
            .signalbox_with_input(
                &[&args[..], &["--password-stdin", "--active"]].concat(),
                "gravel 1f lantern",
            )
            .await
            .json(),
    );
}

#[tokio::test]
async fn a_fresh_system_is_told_what_production_needs() {
    let world = World::start().await;
    let ran = doctor(&world, world.settings()).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    for setting in ["server.public_url:", "mail.url:", "admin:"] {
        assert!(ran.out.lines().any(|line| line.starts_with(setting)), "{setting}: {ran:?}");
    }
    assert!(ran.out.contains("signalbox admin setup-link"), "{ran:?}");
}

#[tokio::test]
async fn a_system_that_lacks_nothing_is_called_so_running_or_not() {
    let mut world = World::plan().apart().start().await;
    if world.kind() == Kind::Deployed {
        names(&doctor(&world, sound(&world)).await, &["sessions.url", "admin"]);
        world.stores().redis_does("CONFIG SET appendonly yes").await;
    }
    names(&doctor(&world, sound(&world)).await, &["admin"]);

    bare_admin(&world).await;
    let ran = doctor(&world, sound(&world)).await;
    names(&ran, &["admin"]);
    assert!(ran.out.contains("no second factor"), "{ran:?}");

    let mut admin = tests::Person::new().at("root@example.com");
    admin.password = "gravel 1f lantern".into();
    let session = world.sign_in(&admin).await;
    world.enrol(&mut admin, &session).await;
    let ran = doctor(&world, sound(&world)).await;
    assert_eq!((ran.code, ran.out.trim()), (0, "ok"), "{ran:?}");

    world.server_node().end().await;
    let ran = doctor(&world, sound(&world)).await;
    assert_eq!((ran.code, ran.out.trim()), (0, "ok"), "{ran:?}");
    world.server_node().start().await;
    world.sign_in(&admin).await;
}

#[tokio::test]
async fn an_old_key_and_clocks_that_differ_are_found() {
    let mut world = World::plan().apart().start().await;
    world.advance(Duration::from_secs(200 * 24 * 3600));
    let ran = doctor(&world, sound(&world)).await;
    assert!(ran.out.contains("200 days old (signalbox keys rotate --algorithm ES256)"), "{ran:?}");
    if world.kind() == Kind::Deployed {
        for name in ["the clock of Redis", "the clock of Postgres"] {
            assert!(ran.out.contains(name), "{ran:?}");
        }
    }
}

#[tokio::test]
async fn stores_that_are_away_or_unsafe_are_named() {
    if Kind::asked_for() == Kind::Embedded {
        return;
    }
    let mut world = World::start().await;
    world.stores().redis_does("CONFIG SET maxmemory-policy allkeys-lru").await;
    let ran = doctor(&world, sound(&world)).await;
    assert!(ran.out.contains("maxmemory-policy noeviction"), "{ran:?}");
    world.stores_mut().stop_redis();
    world.stores().postgres.cut();
    names(&doctor(&world, sound(&world)).await, &["sessions.url", "identity.url"]);
    let mut remote = sound(&world);
    for (setting, value) in [
        ("identity.url", "postgres://db.invalid/signalbox"),
        ("sessions.url", "redis://redis.invalid"),
    ] {
        remote.push((variable(setting), value.to_owned()));
    }
    let ran = doctor(&world, remote).await;
    assert!(ran.out.contains("Postgres over a network without TLS"), "{ran:?}");
    assert!(ran.out.contains("Redis over a network without TLS"), "{ran:?}");
}

#[test]
fn looking_makes_nothing() {
    let data = std::env::temp_dir().join(format!("signalbox-doctor-{}", std::process::id()));
    let ran = run(&["doctor", "--data", data.to_str().unwrap()], &[], "");
    names(&ran, &["server.public_url", "server.sealing_key", "mail.url", "admin"]);
    assert!(!data.exists());
    let wrong = [(variable("limits.code_lock"), "101".to_owned())];
    let ran = run(&["doctor", "--data", data.to_str().unwrap()], &wrong, "");
    assert!(ran.code == 1 && ran.out.starts_with("limits.code_lock:"), "{ran:?}");
}
