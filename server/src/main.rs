//! The composition root of the one binary: it alone picks the stores, and it alone knows that
//! there is an edge.

mod cli;
mod run;

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use server::{
    admin::AdminCommand,
    config::{
        Config, Problem,
        check::{self, Part},
        load::load,
        reference,
    },
    data_dir::DataDir,
    logs,
};
use tokio::runtime::Runtime;

use crate::{
    cli::{Cli, Command, Global, Settings, Tls},
    run::{
        Outcome, data, demo, doctor, edge, failure::Failure, routes, say, server as token_server,
        up,
    },
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long tasks that are still running at the end may take to let go.
const LAST_GRACE: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    // One TLS provider in the whole process. It can only be there already, and be the same.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let cli = Cli::parse();
    let outcome = carry_out(cli);
    #[cfg(feature = "otel")]
    server::telemetry::end();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            drop(writeln!(io::stderr(), "{failure}"));
            failure.exit_code()
        }
    }
}

fn carry_out(cli: Cli) -> Outcome {
    let Cli { global, command } = cli;
    let log = |level, traced: Option<&Config>| {
        logs::start(global.log, level, traced).map_err(Failure::usage)
    };
    match &command {
        // They read their settings first, which say whether requests are traced.
        Command::Up(_) | Command::Serve(_) => {}
        Command::Edge(_) | Command::Demo { .. } => log("info", None)?,
        _ => log("warn", None)?,
    }
    match command {
        Command::Up(addresses) => {
            let config = settings(&global, Part::Server, |config| {
                addresses.server.apply(config);
                addresses.edge.apply(config);
            })?;
            log("info", Some(&config))?;
            block_on(up::up(config, &global.data))
        }
        Command::Serve(addresses) => {
            let config = settings(&global, Part::Server, |config| addresses.apply(config))?;
            log("info", Some(&config))?;
            block_on(token_server::serve(config, &global.data))
        }
        Command::Edge(address) => {
            let config = settings(&global, Part::Edge, |config| address.apply(config))?;
            block_on(edge::edge_alone(config, &global.data))
        }
        Command::Migrate => {
            let config = settings(&global, Part::Server, |_| {})?;
            block_on(data::migrate(&config, &global.data))
        }
        Command::CheckConfig => {
            let config = settings(&global, Part::Server, |_| {})?;
            let problems = DataDir::inspect(&global.data, config.server.sealing_key.as_deref());
            if problems.is_empty() { say("ok") } else { Err(problems.into()) }
        }
        Command::Doctor => match read_settings(&global, |_| {}) {
            Ok(config) => {
                let wrong = check::judge(&config, Part::Server);
                block_on(doctor::examine(&config, &global.data, wrong))
            }
            Err(problems) => doctor::report(&problems),
        },
        Command::Settings(Settings::Reference) => say(reference::markdown().trim_end()),
        Command::Admin(admin) => {
            let config = settings(&global, Part::Server, |_| {})?;
            block_on(data::administer(config, &global.data, admin.into_command()?))
        }
        Command::Protect(protect) => {
            let config = settings(&global, Part::Server, |_| {})?;
            block_on(data::administer(config, &global.data, protect.into_command()))
        }
        Command::Explain { id } => {
            let config = settings(&global, Part::Server, |_| {})?;
            block_on(data::administer(config, &global.data, AdminCommand::Explain { id }))
        }
        Command::Keys(keys) => {
            let config = settings(&global, Part::Server, |_| {})?;
            block_on(data::administer(config, &global.data, keys.into_command()))
        }
        Command::Tls(Tls::Local { hosts }) => {
            let config = read_settings(&global, |_| {})?;
            block_on(edge::issue_locally(config, &global.data, hosts))
        }
        Command::Routes => routes::list_routes(),
        Command::Demo { listen } => block_on(demo::demo_alone(listen)),
        Command::Totp { secret, at, next } => data::show_code(&secret, at.as_deref(), next),
    }
}

fn settings(
    global: &Global,
    part: Part,
    flags: impl FnOnce(&mut Config),
) -> Result<Config, Failure> {
    let config = read_settings(global, flags)?;
    let problems = check::judge(&config, part);
    if problems.is_empty() { Ok(config) } else { Err(problems.into()) }
}

fn read_settings(global: &Global, flags: impl FnOnce(&mut Config)) -> Result<Config, Vec<Problem>> {
    let mut config = load(global.config.as_deref(), std::env::vars_os().filter_map(as_text))?;
    flags(&mut config);
    Ok(config)
}

/// No setting has a name or a value that is not UTF-8.
fn as_text((name, value): (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
}

fn block_on(work: impl Future<Output = Outcome>) -> Outcome {
    let runtime = Runtime::new().map_err(Failure::failed)?;
    let outcome = runtime.block_on(work);
    // Tasks hold the stores; the embedded one folds its log into its file when it is let go.
    runtime.shutdown_timeout(LAST_GRACE);
    outcome
}
