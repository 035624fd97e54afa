//! Where a client waits for its answer: a tiny server on this machine that says it has arrived.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What every request is answered with.
const PAGE: &str =
    "<!doctype html><html lang=\"en\"><title>Arrived</title><h1 id=\"arrived\">Arrived</h1>";
/// The largest request, bytes.
const LIMIT: usize = 64 * 1024;

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The body.
    pub body: String,
}

impl Arrival {
    /// A parameter of the query, or of a posted form.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        let address = format!("http://localhost/?{query}&{}", self.body);
        let address = reqwest::Url::parse(&address).unwrap();
        let mut pairs = address.query_pairs();
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

/// A client's address. Ends when it is dropped.
pub struct Landing {
    /// `http://127.0.0.1:port`.
    pub address: String,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    task: JoinHandle<()>,
}

impl Landing {
    /// Waits at a free port.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        Self::answering(None).await
    }

    /// The same, which sends every browser on to `address`.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn leading_to(address: &str) -> Self {
        Self::answering(Some(address)).await
    }

    async fn answering(onward: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let arrivals = Arc::new(Mutex::new(Vec::new()));
        let kept = arrivals.clone();
        let head = onward.map_or_else(
            || "200 OK".to_owned(),
            |onward| format!("303 See Other\r\nLocation: {onward}"),
        );
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, kept.clone(), head.clone()));
            }
        });
        Self { address, arrivals, task }
    }

    /// What has arrived, oldest first.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.lock().unwrap().clone()
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, arrivals: Arc<Mutex<Vec<Arrival>>>, head: String) {
    let Some(arrival) = read(&mut stream).await else { return };
    // Browsers ask for an icon of their own accord.
    if !arrival.path.starts_with("/favicon") {
        arrivals.lock().unwrap().push(arrival);
    }
    let head = format!("HTTP/1.1 {head}\r\nContent-Type: text/html\r\nConnection: close");
    let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{PAGE}", PAGE.len());
    // Whoever went away meanwhile needs no answer.
    drop(stream.write_all(answer.as_bytes()).await);
}

async fn read(stream: &mut TcpStream) -> Option<Arrival> {
    let mut read = Vec::new();
    loop {
        let mut some = [0; 4096];
        let count = stream.read(&mut some).await.ok().filter(|count| *count > 0)?;
        read.extend_from_slice(&some[..count]);
        assert!(read.len() < LIMIT);
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        if body.len() < length.unwrap_or(0) {
            continue;
        }
        let mut words = head.lines().next()?.split(' ');
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        return Some(Arrival { method, path, body: body.to_owned() });
    }
}
