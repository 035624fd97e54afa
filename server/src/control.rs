//! The control socket: how a command changes the data of a server that runs on the embedded
//! store, which has one writer. One line of JSON asks, one line answers.

use std::{
    fs::{self, File, Permissions},
    future::Future,
    io,
    os::{
        fd::AsRawFd,
        unix::{ffi::OsStrExt, fs::PermissionsExt},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    time::timeout,
};

use crate::admin::{AdminCommand, AdminResult};

const SOCKET: &str = "control.sock";
/// What `sun_path` holds, without its NUL.
const PATH_LIMIT: usize = 107;
/// Longest line, bytes.
const LINE_LIMIT: u64 = 1 << 20;
/// How long a command may take; an RSA key takes its time.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of a command.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was carried out; this is to be printed.
    Done(Value),
    /// It was not.
    Refused {
        /// Whether the command itself was wrong.
        usage: bool,
        /// Why, for the operator.
        message: String,
    },
}

impl From<AdminResult<Value>> for Answer {
    fn from(result: AdminResult<Value>) -> Self {
        match result {
            Ok(value) => Self::Done(value),
            Err(error) => Self::Refused { usage: error.is_usage(), message: error.to_string() },
        }
    }
}

/// A socket path as the system takes it. The folder stays open for as long as the path is used.
struct SocketPath {
    path: PathBuf,
    _folder: Option<File>,
}

/// The socket of a data folder. Addresses of sockets are short: where the path is not, the
/// system's own short name for the open folder stands in for it.
fn socket_path(data: &Path) -> io::Result<SocketPath> {
    let path = data.join(SOCKET);
    if path.as_os_str().as_bytes().len() <= PATH_LIMIT {
        return Ok(SocketPath { path, _folder: None });
    }
    let folder = File::open(data)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    if !short.exists() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidFilename,
            format!(
                "--data: {} is too long a path for a socket; name a shorter one",
                data.display()
            ),
        ));
    }
    Ok(SocketPath { path: short.join(SOCKET), _folder: Some(folder) })
}

/// Listens on the control socket of `data`, whose lock the caller holds.
///
/// # Errors
/// When the socket cannot be made.
pub fn listen(data: &Path) -> io::Result<UnixListener> {
    let socket = socket_path(data)?;
    // Whoever holds the lock owns the socket: what is there was left behind.
    match fs::remove_file(&socket.path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&socket.path)?;
    fs::set_permissions(&socket.path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers commands for as long as it is polled.
pub async fn serve<F, Answering>(listener: UnixListener, answer: F)
where
    F: Fn(AdminCommand) -> Answering + Send + Sync + 'static,
    Answering: Future<Output = Answer> + Send + 'static,
{
    let answer = Arc::new(answer);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let answer = answer.clone();
                tokio::spawn(async move {
                    if let Err(error) = converse(stream, &*answer).await {
                        tracing::debug!(%error, "a command was not heard out");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the control socket does not accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse<F, Answering>(mut stream: UnixStream, answer: &F) -> io::Result<()>
where
    F: Fn(AdminCommand) -> Answering,
    Answering: Future<Output = Answer>,
{
    let (reading, mut writing) = stream.split();
    let answer = match serde_json::from_str(&read_line(reading).await?) {
        Ok(command) => answer(command).await,
        Err(error) => Answer::Refused {
            usage: true,
            message: format!("the running server does not know this command: {error}"),
        },
    };
    writing.write_all(line(&answer)?.as_bytes()).await
}

/// Has the process that serves `data` carry out a command; `None` when none listens there.
///
/// # Errors
/// When the socket cannot be used, or the process ends before it has answered.
pub async fn ask(data: &Path, command: &AdminCommand) -> io::Result<Option<Answer>> {
    let socket = socket_path(data)?;
    let mut stream = match UnixStream::connect(&socket.path).await {
        Ok(stream) => stream,
        Err(error)
            if [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused]
                .contains(&error.kind()) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    stream.write_all(line(command)?.as_bytes()).await?;
    let answer = read_line(&mut stream).await?;
    Ok(Some(serde_json::from_str(&answer)?))
}

/// Whether a process serves `data`.
pub async fn is_served(data: &Path) -> bool {
    match socket_path(data) {
        Ok(socket) => UnixStream::connect(&socket.path).await.is_ok(),
        Err(_) => false,
    }
}

fn line(value: &impl Serialize) -> io::Result<String> {
    Ok(serde_json::to_string(value)? + "\n")
}

async fn read_line(stream: impl tokio::io::AsyncRead + Unpin) -> io::Result<String> {
    let mut line = String::new();
    timeout(PATIENCE, BufReader::new(stream.take(LINE_LIMIT)).read_line(&mut line))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    if line.ends_with('\n') { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::data_dir::{DataDir, tests::Scratch};

    async fn echo(command: AdminCommand) -> Answer {
        match command {
            AdminCommand::CreateEdge { name } if name.is_empty() => {
                Answer::Refused { usage: true, message: "--name: empty".into() }
            }
            AdminCommand::CreateEdge { name } => Answer::Done(json!({ "name": name })),
            _ => Answer::Refused { usage: false, message: "no".into() },
        }
    }

    fn edge(name: &str) -> AdminCommand {
        AdminCommand::CreateEdge { name: name.into() }
    }

    async fn round_trip(data: &Path) {
        assert!(ask(data, &edge("a")).await.unwrap().is_none());
        let listener = listen(data).unwrap();
        let mode = fs::metadata(data.join(SOCKET)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let serving = tokio::spawn(serve(listener, echo));
        assert!(is_served(data).await);
        let Some(Answer::Done(value)) = ask(data, &edge("north \n \"gate\"")).await.unwrap() else {
            panic!("the command was refused")
        };
        assert_eq!(value, json!({ "name": "north \n \"gate\"" }));
        let refused = ask(data, &edge("")).await.unwrap();
        assert!(matches!(refused, Some(Answer::Refused { usage: true, .. })), "{refused:?}");
        serving.abort();
        assert!(serving.await.unwrap_err().is_cancelled());
        assert!(ask(data, &edge("a")).await.unwrap().is_none());
        // What was left behind is in nobody's way.
        drop(listen(data).unwrap());
    }

    #[tokio::test]
    async fn a_command_and_its_answer_go_through_the_socket() {
        let scratch = Scratch::new();
        round_trip(DataDir::open(&scratch.0).unwrap().path()).await;
    }

    #[tokio::test]
    async fn a_long_path_is_no_hindrance() {
        let scratch = Scratch::new();
        let deep = scratch.0.join("d".repeat(120));
        round_trip(DataDir::open(&deep).unwrap().path()).await;
    }

    #[tokio::test]
    async fn what_is_no_command_is_refused_and_the_next_one_heard() {
        let scratch = Scratch::new();
        let data = DataDir::open(&scratch.0).unwrap();
        let serving = tokio::spawn(serve(listen(data.path()).unwrap(), echo));
        let socket = socket_path(data.path()).unwrap();
        let mut stream = UnixStream::connect(&socket.path).await.unwrap();
        stream.write_all(b"{\"drop\":\"everything\"}\n").await.unwrap();
        let answer: Answer = serde_json::from_str(&read_line(&mut stream).await.unwrap()).unwrap();
        assert!(matches!(answer, Answer::Refused { usage: true, .. }), "{answer:?}");
        assert!(matches!(ask(data.path(), &edge("a")).await.unwrap(), Some(Answer::Done(_))));
        serving.abort();
    }
}
