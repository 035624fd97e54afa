//! `signalbox doctor`: what is missing for production. It changes nothing, whether or not the
//! system runs.

use std::path::Path;

use nix::sys::statvfs::statvfs;
use server::{
    admin::AdminCommand,
    clock::Clock,
    config::{Config, Problem},
    control::Answer,
    data_dir::DataDir,
    doctor,
    store::embedded::Embedded,
};

use super::{
    Outcome,
    data::reach,
    failure::Failure,
    say,
    stores::{Stores, is_embedded},
};

/// Prints a line for everything that is missing. `Err` with their number where there is any.
///
/// `wrong`: what was found wrong with the settings themselves; with such settings no store is
/// looked at.
pub async fn examine(config: &Config, data: &Path, wrong: Vec<Problem>) -> Outcome {
    let is_sound = wrong.is_empty();
    let mut found = wrong;
    found.extend(doctor::settings(config));
    found.extend(DataDir::inspect(data, config.server.sealing_key.as_deref()));
    if let Ok(disk) = statvfs(data) {
        found.extend(doctor::disk(disk.blocks_available().saturating_mul(disk.fragment_size())));
    }
    if is_sound {
        found.extend(of_stores(config, data).await.unwrap_or_else(|failure| {
            vec![Problem::new("--data", failure.to_string(), "see what is said of it")]
        }));
    }
    report(&found)
}

/// Says what was found.
pub fn report(found: &[Problem]) -> Outcome {
    for problem in found {
        say(problem)?;
    }
    match found.len() {
        0 => say("ok"),
        1 => Err(Failure::failed("1 thing is missing for production")),
        count => Err(Failure::failed(format!("{count} things are missing for production"))),
    }
}

async fn of_stores(config: &Config, data: &Path) -> Result<Vec<Problem>, Failure> {
    // Neither a folder nor a database is made to look into it.
    if is_embedded(config) && !Embedded::is_in(data) {
        return Ok(vec![doctor::nobody_is_admin()]);
    }
    let folder = DataDir::open(data)?;
    let ends_tls = doctor::ends_tls(config);
    match reach(config, &folder, &AdminCommand::Examine { ends_tls }).await? {
        Some(Answer::Done(found)) => serde_json::from_value(found).map_err(Failure::failed),
        Some(Answer::Refused { message, .. }) => Err(Failure::Failed(message)),
        None => {
            let stores = Stores::open(config, &folder)?;
            Ok(stores.examine(ends_tls, Clock::system().now()).await)
        }
    }
}
