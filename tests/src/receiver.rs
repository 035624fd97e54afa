//! What a client has where it hears of the end of sessions (OpenID Connect Back-Channel Logout
//! 1.0), and what a gateway is: a listener that keeps what it is told, and answers as it is bid.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use reqwest::Url;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::{JoinHandle, JoinSet},
};

use crate::{forge::claims, process::until, world::free_port};

/// How long a notice may take: one that has not come by then never will.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request that came.
#[derive(Clone, Debug)]
pub struct Received {
    /// Request line and header fields, as they came.
    pub head: String,
    /// The fields of the form.
    pub fields: Vec<(String, String)>,
    /// The body, as it came.
    pub body: String,
}

impl Received {
    /// The logout token.
    ///
    /// # Panics
    /// When there is anything else in the form.
    #[must_use]
    #[track_caller]
    pub fn token(&self) -> &str {
        match self.fields.as_slice() {
            [(name, token)] if name == "logout_token" => token,
            other => panic!("{other:?}"),
        }
    }
}

/// A listener on loopback.
pub struct Receiver {
    port: u16,
    status: Arc<AtomicU16>,
    says: Arc<Mutex<String>>,
    received: Arc<Mutex<Vec<Received>>>,
    listening: Option<JoinHandle<()>>,
}

impl Receiver {
    /// One that takes everything.
    pub async fn start() -> Self {
        let mut receiver = Self {
            port: free_port(),
            status: Arc::new(AtomicU16::new(200)),
            says: Arc::default(),
            received: Arc::default(),
            listening: None,
        };
        receiver.listen().await;
        receiver
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/backchannel?of=test", self.port)
    }

    /// Answers with this status from now on.
    pub fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Answers with this body from now on.
    ///
    /// # Panics
    /// When another thread has.
    pub fn say(&self, body: &str) {
        body.clone_into(&mut self.says.lock().unwrap());
    }

    /// Ends it: nobody listens there any more. What it has kept stays.
    pub async fn stop(&mut self) {
        if let Some(listening) = self.listening.take() {
            listening.abort();
            drop(listening.await);
        }
    }

    /// Listens (again).
    pub async fn listen(&mut self) {
        let (port, status, received) = (self.port, self.status.clone(), self.received.clone());
        let says = self.says.clone();
        let socket = TcpSocket::new_v4().unwrap();
        // What was connected to the one before may linger.
        socket.set_reuseaddr(true).unwrap();
        socket.bind(([127, 0, 0, 1], port).into()).unwrap();
        let listener: TcpListener = socket.listen(64).unwrap();
        self.listening = Some(tokio::spawn(async move {
            let mut calls = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (status, received) = (status.clone(), received.clone());
                let says = says.clone();
                calls.spawn(async move {
                    drop(serve(stream, &status, &says, &received).await);
                });
            }
        }));
    }

    /// Everything that came so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The claims of every token that came so far.
    #[must_use]
    pub fn told(&self) -> Vec<Value> {
        self.received().iter().map(|received| claims(received.token())).collect()
    }

    /// Whether it was told of the end of this session.
    #[must_use]
    pub fn knows(&self, sid: &str) -> bool {
        self.told().iter().any(|claims| claims["sid"] == sid)
    }

    /// Waits until it was told of the end of this session: the claims of the first token that
    /// said so.
    pub async fn told_of(&self, sid: &str) -> Value {
        until(&format!("a notice of the end of {sid}"), PATIENCE, async || {
            self.told().into_iter().find(|claims| claims["sid"] == sid)
        })
        .await
    }

    /// Waits until so many requests came.
    pub async fn count(&self, wanted: usize) {
        until(&format!("{wanted} requests"), PATIENCE, async || {
            (self.received().len() >= wanted).then_some(())
        })
        .await;
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(listening) = self.listening.take() {
            listening.abort();
        }
    }
}

/// Reads one request to the end of its body, keeps it, and answers.
async fn serve(
    mut stream: TcpStream,
    status: &AtomicU16,
    says: &Mutex<String>,
    received: &Mutex<Vec<Received>>,
) -> std::io::Result<()> {
    let mut text = Vec::new();
    let (head, body) = loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await?;
        if read == 0 {
            return Ok(());
        }
        text.extend_from_slice(&part[..read]);
        let all = String::from_utf8_lossy(&text);
        if let Some((head, body)) = all.split_once("\r\n\r\n")
            && body.len() >= length(head)
        {
            break (head.to_owned(), body.to_owned());
        }
    };
    let mut url: Url = "http://localhost/".parse().unwrap();
    url.set_query(Some(&body));
    let fields = url.query_pairs().into_owned().collect();
    received.lock().unwrap().push(Received { head, fields, body });
    let status = status.load(Ordering::SeqCst);
    let says = says.lock().unwrap().clone();
    let length = says.len();
    let answer = format!(
        "HTTP/1.1 {status} It is so\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{says}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

fn length(head: &str) -> usize {
    let lengths = head.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
    });
    lengths.max().unwrap_or(0)
}
