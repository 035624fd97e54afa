//! Commands on data, here or by the running server, and the code of a secret.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use jwks::Time;
use server::{
    admin::{self, AdminCommand},
    auth::mfa::totp,
    clock::Clock,
    config::Config,
    control::{self, Answer},
    data_dir::DataDir,
    domain::instant::from_rfc3339,
};
use tokio::time::sleep;

use super::{
    Outcome,
    failure::Failure,
    say,
    stores::{LOCK_PATIENCE, Stores, assemble, is_embedded, keep, take},
};

pub async fn migrate(config: &Config, data: &Path) -> Outcome {
    let data = DataDir::open(data)?;
    take(&data, config).await?;
    Stores::open(config, &data)?.migrate().await.map_err(Failure::failed)?;
    say("ok")
}

pub async fn administer(config: Config, data: &Path, command: AdminCommand) -> Outcome {
    let data = DataDir::open(data)?;
    match carry_out(config, &data, command).await? {
        Answer::Done(value) => say(format!("{value:#}")),
        Answer::Refused { usage: true, message } => Err(Failure::usage(message)),
        Answer::Refused { usage: false, message } => Err(Failure::Failed(message)),
    }
}

/// Has the running server that holds the embedded store carry a command out. `None`: there is
/// none, and the data is this process's to use.
pub async fn reach(
    config: &Config,
    data: &DataDir,
    command: &AdminCommand,
) -> Result<Option<Answer>, Failure> {
    let deadline = Instant::now() + LOCK_PATIENCE;
    while is_embedded(config) {
        if let Some(lock) = data.lock(Duration::ZERO)? {
            keep(lock);
            break;
        }
        let asked = control::ask(data.path(), command).await;
        if let Some(answer) = asked.map_err(|error| Failure::failed(format!("--data: {error}")))? {
            return Ok(Some(answer));
        }
        if Instant::now() > deadline {
            return Err(Failure::failed(format!(
                "--data: {} is held by a process that does not answer (end it, or try again)",
                data.path().display()
            )));
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(None)
}

/// Carries a command out here, or has the running server do it that holds the embedded store.
pub async fn carry_out(
    config: Config,
    data: &DataDir,
    command: AdminCommand,
) -> Result<Answer, Failure> {
    if let Some(answer) = reach(&config, data, &command).await? {
        return Ok(answer);
    }
    let stores = Stores::open(&config, data)?;
    stores.migrate().await.map_err(Failure::failed)?;
    let app = assemble(config, data, &stores)?;
    Ok(admin::execute(&app, command).await.into())
}

pub fn show_code(secret: &str, at: Option<&str>, next: bool) -> Outcome {
    let at = match at {
        None => Clock::system().now(),
        Some(text) => instant(text).ok_or_else(|| {
            Failure::usage(
                "--at: neither seconds since 1970 nor RFC 3339 (such as 2026-01-01T00:00:00Z)",
            )
        })?,
    };
    let at = if next { at.plus(Duration::from_secs(totp::STEP)) } else { at };
    let secret: String = secret.chars().filter(|c| !c.is_whitespace() && *c != '=').collect();
    let code = totp::code_at(&secret.to_uppercase(), at).ok_or_else(|| {
        Failure::usage("SECRET: not a TOTP secret (base32, as shown when the factor was set up)")
    })?;
    say(code)
}

pub fn instant(text: &str) -> Option<Time> {
    match text.parse() {
        Ok(secs) => Some(Time::from_secs(secs)),
        Err(_) => from_rfc3339(text),
    }
}
