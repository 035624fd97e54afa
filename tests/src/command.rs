//! Commands of the binary.

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::Value;

use crate::{
    process::{Process, inherited},
    world::World,
};

/// Names the binary.
pub const BINARY: &str = "SIGNALBOX_BIN";

/// The binary under test.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(binary) = std::env::var_os(BINARY) {
        return binary.into();
    }
    // This test runs from `<target>/<profile>/deps`.
    let here = std::env::current_exe().unwrap();
    here.ancestors().nth(2).unwrap().join("signalbox")
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// What it printed, as JSON.
    ///
    /// # Panics
    /// When it failed.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs the binary with these arguments, settings and input, to its end.
#[must_use]
pub fn run(args: &[&str], env: &[(String, String)], input: &str) -> Ran {
    let mut child = Command::new(binary())
        .args(args)
        .env_clear()
        .envs(inherited())
        .envs(env.iter().cloned())
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input closes it.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    let ended = child.wait_with_output().unwrap();
    Ran {
        code: ended.status.code().unwrap_or(-1),
        out: String::from_utf8(ended.stdout).unwrap(),
        err: String::from_utf8(ended.stderr).unwrap(),
    }
}

impl World {
    /// Runs a command on this world's data, with this world's settings.
    pub async fn signalbox(&self, args: &[&str]) -> Ran {
        self.signalbox_with_input(args, "").await
    }

    /// The same, with something on standard input.
    pub async fn signalbox_with_input(&self, args: &[&str], input: &str) -> Ran {
        let data = self.data_dir(0).display().to_string();
        let args: Vec<String> =
            args.iter().map(|arg| (*arg).to_owned()).chain(["--data".into(), data]).collect();
        let (env, input) = (self.settings(), input.to_owned());
        let running = tokio::task::spawn_blocking(move || {
            run(&args.iter().map(String::as_str).collect::<Vec<_>>(), &env, &input)
        });
        running.await.unwrap()
    }

    /// Starts a command on this world's data, and does not wait for it. What it says goes to a
    /// log called `name`.
    #[must_use]
    pub fn launch(&self, name: &str, args: &[&str]) -> Process {
        let data = self.data_dir(0).display().to_string();
        let args: Vec<String> =
            args.iter().map(|arg| (*arg).to_owned()).chain(["--data".into(), data]).collect();
        let log = self.dir().join(format!("{name}.log"));
        Process::start(&binary(), &args, &self.settings(), self.dir(), &log)
    }

    /// Registers a client from its metadata, and gives what was printed.
    pub async fn create_client(&self, metadata: &Value) -> Value {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let file = self.dir().join(format!("client-{number}.json"));
        std::fs::write(&file, metadata.to_string()).unwrap();
        self.signalbox(&["admin", "create-client", "--from-json", file.to_str().unwrap()])
            .await
            .json()
    }

    /// Makes a site from its whole description.
    pub async fn create_site(&self, site: &Value) -> Value {
        let file = self.dir().join(format!("{}.json", site["site_key"].as_str().unwrap()));
        std::fs::write(&file, site.to_string()).unwrap();
        self.signalbox(&["admin", "create-site", "--from-json", file.to_str().unwrap()])
            .await
            .json()
    }
}
