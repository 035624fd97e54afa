//! Child processes, which end with the test process however that ends.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{LazyLock, mpsc},
    thread,
    time::{Duration, Instant},
};

use tokio::time::sleep;

/// How many bytes of a log are shown when a test fails.
const TAIL: usize = 2 * 1024;
/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(10);

type Request = (Command, mpsc::Sender<io::Result<Child>>);

/// A running program.
pub struct Process {
    child: Child,
    log: PathBuf,
    log_start: usize,
}

impl Process {
    /// Starts `program`; what it says goes to `log`, behind what stands there.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(
        program: &Path,
        args: &[String],
        env: &[(String, String)],
        dir: &Path,
        log: &Path,
    ) -> Self {
        let out = File::options().create(true).append(true).open(log).unwrap();
        let log_start = usize::try_from(out.metadata().unwrap().len()).unwrap();
        // Killed by the system when the thread that started it is gone. Where a file may not grow
        // (a full disk is made so), that is an error to the program and not its end.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
        command.arg(program).args(args);
        command
            .env_clear()
            .env("NO_COLOR", "1")
            .envs(inherited())
            .envs(env.iter().cloned())
            .current_dir(dir);
        command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out);
        let child = start_on_lasting_thread(command)
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        Self { child, log: log.to_owned(), log_start }
    }

    /// Where in its log it begins, bytes.
    #[must_use]
    pub const fn log_start(&self) -> usize {
        self.log_start
    }

    /// Everything it has said.
    ///
    /// # Panics
    /// When that is no text.
    #[must_use]
    pub fn said(&self) -> String {
        let text = fs::read(&self.log).unwrap();
        String::from_utf8(text[self.log_start..].to_vec()).unwrap()
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&mut self) {
        // It may be gone already.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Sends it a signal, `TERM` for instance.
    ///
    /// # Panics
    /// When that is not possible.
    pub fn signal(&self, name: &str) {
        let args = [format!("-{name}"), self.id().to_string()];
        assert!(Command::new("kill").args(args).status().unwrap().success());
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When it has not within `patience`.
    pub async fn wait(&mut self, patience: Duration) -> ExitStatus {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(Instant::now() < deadline, "still running\n{}", tail(&self.log));
            sleep(LOOK).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a child keeps of this process's environment: nothing that could be a setting.
#[must_use]
pub fn inherited() -> Vec<(String, String)> {
    let kept = ["PATH", "HOME", "TMPDIR", "LANG"];
    kept.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect()
}

/// The end of a log.
#[must_use]
pub fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let end = &text[text.len().saturating_sub(TAIL)..];
    format!("---- {} ----\n{}", log.display(), String::from_utf8_lossy(end))
}

/// Looks until `found` gives something.
///
/// # Panics
/// When it has not within `patience`.
pub async fn until<T>(
    what: &str,
    patience: Duration,
    mut found: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = found().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        sleep(LOOK).await;
    }
}

/// Children are tied to the thread that started them, and a test's thread ends with its test.
fn start_on_lasting_thread(command: Command) -> io::Result<Child> {
    static STARTER: LazyLock<mpsc::Sender<Request>> = LazyLock::new(|| {
        let (requests, asked) = mpsc::channel::<Request>();
        thread::spawn(move || {
            for (mut command, answer) in asked {
                drop(answer.send(command.spawn()));
            }
        });
        requests
    });
    let (answer, started) = mpsc::channel();
    STARTER.send((command, answer)).unwrap();
    started.recv().unwrap()
}
