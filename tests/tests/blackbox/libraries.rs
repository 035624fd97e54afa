//! Clients that others wrote, each in its own language, against the running binary: discovery, code
//! flow with PKCE, ID token, userinfo, refresh and sign-out. Their programs are in `tests/clients`;
//! `tests/run` prepares them, and says which it leaves out.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use tests::{
    Person, World,
    relying_party::{GOODBYE, REDIRECT, RelyingParty, SECRET},
};

/// Names the folder in which the programs are prepared.
const PREPARED: &str = "SIGNALBOX_TEST_CLIENTS";

fn prepared(language: &str) -> PathBuf {
    let folder = std::env::var_os(PREPARED);
    let folder = folder.unwrap_or_else(|| panic!("set {PREPARED}, as tests/run does"));
    Path::new(&folder).join(language)
}

/// A program, ready to be started.
fn program(language: &str) -> Command {
    let here = prepared(language);
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(language);
    match language {
        "rust" => Command::new(here.join("debug/signalbox-client-openidconnect")),
        "go" => Command::new(here.join("client")),
        "node" => {
            let mut node = Command::new("node");
            node.arg(here.join("client.js"));
            node
        }
        "python" => {
            let mut python = Command::new(here.join("bin/python"));
            python.arg("-B").arg(sources.join("client.py"));
            python
        }
        "java" => {
            let mut java = Command::new("java");
            java.args(["-XX:TieredStopAtLevel=1", "-cp"]);
            java.arg(format!("{0}/classes:{0}/lib/*", here.display())).arg("client.Client");
            java
        }
        other => panic!("{other}"),
    }
}

/// Has the program sign somebody in and out again: what it saw.
async fn walk(
    world: &World,
    language: &'static str,
    client: &RelyingParty,
    person: &Person,
    settings: &[(&str, &str)],
) -> Value {
    let mut command = program(language);
    command
        .env("ISSUER", world.issuer())
        .env("CLIENT_ID", &client.id)
        .env("REDIRECT_URI", REDIRECT)
        .env("POST_LOGOUT_REDIRECT_URI", GOODBYE)
        .env("USERNAME", &person.email)
        .env("PASSWORD", &person.password)
        .env("SCOPE", "openid profile email")
        .env("ALGORITHM", "RS256")
        .env_remove("CLIENT_SECRET")
        .env_remove("CODE")
        // Nobody stands between the program and a server on loopback.
        .env("NO_PROXY", "*")
        .envs(settings.iter().copied());
    if let Some(secret) = &client.secret {
        command.env("CLIENT_SECRET", secret);
    }
    let running = tokio::task::spawn_blocking(move || command.output());
    let ended = running.await.unwrap().unwrap_or_else(|error| panic!("{language}: {error}"));
    let (out, err) =
        (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{language}: {}\n{out}{err}", ended.status);
    serde_json::from_str(out.trim()).unwrap_or_else(|error| panic!("{error}: {out}{err}"))
}

/// What every one of them must have seen.
#[track_caller]
fn good(world: &World, client: &RelyingParty, person: &Person, seen: &Value) {
    let (id, userinfo) = (&seen["id_token"], &seen["userinfo"]);
    assert_eq!(id["iss"], world.issuer().as_str(), "{seen}");
    assert!(id["aud"] == client.id.as_str() || id["aud"] == json!([client.id]), "{seen}");
    assert!(id["sub"].is_string() && id["sub"] == userinfo["sub"], "{seen}");
    assert_eq!(userinfo["email"], person.email.as_str(), "{seen}");
    assert_eq!(userinfo["email_verified"], true, "{seen}");
    assert_eq!(userinfo["name"], person.name.as_str(), "{seen}");
    assert_eq!(
        (&seen["refreshed"], &seen["after_logout"]),
        (&json!(true), &json!("invalid_grant"))
    );
}

/// A confidential client of the operator's own, and somebody without a second factor.
async fn confidential(language: &'static str) {
    let world = World::shared().await;
    // Authlib encodes nothing in HTTP Basic (RFC 6749 section 2.3.1 asks for it).
    let secret = if language == "python" { "a-secret-of-its-own" } else { SECRET };
    let metadata = json!({ "require_pkce": true, "client_secret": secret });
    let client = world.confidential(metadata).await;
    let person = world.person().await;
    let seen = walk(&world, language, &client, &person, &[]).await;
    good(&world, &client, &person, &seen);
    assert_eq!(seen["algorithm"], "RS256", "{seen}");
}

/// A public client that asks for consent, another algorithm, and somebody with a second factor.
async fn public(language: &'static str, algorithm: &str) {
    let world = World::shared().await;
    let metadata = json!({ "first_party": false, "id_token_signed_response_alg": algorithm });
    let client = world.relying_party(metadata).await;
    let person = world.enrolled().await;
    let code = person.code(&world);
    let settings = [("ALGORITHM", algorithm), ("CODE", &*code), ("SCOPE", "openid profile email")];
    let seen = walk(&world, language, &client, &person, &settings).await;
    good(&world, &client, &person, &seen);
    assert_eq!(seen["algorithm"], algorithm, "{seen}");
}

macro_rules! library {
    ($language:ident, $algorithm:literal) => {
        mod $language {
            #[tokio::test]
            #[ignore = "needs the program that tests/run prepares"]
            async fn a_confidential_client_signs_somebody_in_and_out() {
                super::confidential(stringify!($language)).await;
            }

            #[tokio::test]
            #[ignore = "needs the program that tests/run prepares"]
            async fn a_public_client_signs_somebody_with_two_factors_in_and_out() {
                super::public(stringify!($language), $algorithm).await;
            }
        }
    };
}

library!(rust, "PS256");
library!(node, "ES256");
library!(python, "EdDSA");
library!(go, "ES256");
library!(java, "PS256");
