//! The log: structured, to standard error.

use std::io::{self, IsTerminal};

use clap::ValueEnum;
use tracing_subscriber::{
    EnvFilter, Layer, fmt, layer::SubscriberExt, registry, util::SubscriberInitExt,
};

use crate::config::Config;
#[cfg(feature = "otel")]
use crate::telemetry;

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
/// logged. Every line that belongs to a request carries its id. `traced`: the settings by which
/// requests are traced as well, where the build and the settings have it so.
///
/// # Errors
/// What is wrong with the variable, or that logging has been started before.
pub fn start(
    format: LogFormat,
    default_level: &str,
    traced: Option<&Config>,
) -> Result<(), String> {
    let filter = match std::env::var(FILTER_VARIABLE) {
        Ok(filter) => EnvFilter::try_new(&filter)
            .map_err(|error| format!("{FILTER_VARIABLE}: {error} (set a level, such as info)"))?,
        Err(_) => EnvFilter::new(default_level),
    };
    // A line that cannot be written is told to the same place that did not take it, which panics:
    // a full disk under the log would end requests.
    let lines = fmt::layer().with_writer(io::stderr).with_target(false).log_internal_errors(false);
    // Colours are for terminals: in a file they are noise.
    let lines = lines.with_ansi(io::stderr().is_terminal());
    let lines = match format {
        LogFormat::Pretty => lines.compact().boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    let lines = registry().with(filter).with(lines);
    #[cfg(feature = "otel")]
    let lines = lines.with(traced.map(telemetry::layer).transpose()?.flatten());
    #[cfg(not(feature = "otel"))]
    let _ = traced;
    lines.try_init().map_err(|error| error.to_string())?;
    // The message of a panic may show a value, and a value may be a secret: the place is enough.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
    Ok(())
}
