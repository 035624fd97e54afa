//! The log: structured, to standard error.

use std::io::{self, IsTerminal};

use clap::ValueEnum;
use tracing_subscriber::{EnvFilter, fmt, util::SubscriberInitExt};

/// Sets what is logged, as `level` or `module=level,…`; `info` where it is not set.
pub const FILTER_VARIABLE: &str = "SIGNALBOX_LOG";

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Starts logging at `default_level` unless [`FILTER_VARIABLE`] says otherwise, and has panics
/// logged.
///
/// # Errors
/// What is wrong with the variable, or that logging has been started before.
pub fn start(format: LogFormat, default_level: &str) -> Result<(), String> {
    let filter = match std::env::var(FILTER_VARIABLE) {
        Ok(filter) => EnvFilter::try_new(&filter)
            .map_err(|error| format!("{FILTER_VARIABLE}: {error} (set a level, such as info)"))?,
        Err(_) => EnvFilter::new(default_level),
    };
    let lines = fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
    // Told to the same place that did not take the line, which panics: a full disk under the log
    // would end requests.
    let lines = lines.log_internal_errors(false);
    // Colours are for terminals: in a file they are noise.
    let lines = lines.with_ansi(io::stderr().is_terminal());
    let started = match format {
        LogFormat::Pretty => lines.compact().finish().try_init(),
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init(),
    };
    started.map_err(|error| error.to_string())?;
    // The message of a panic may show a value, and a value may be a secret: the place is enough.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
    Ok(())
}
