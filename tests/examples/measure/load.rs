//! A caller that costs little: kept connections, requests written as bytes, answers read just far
//! enough.

use std::sync::Arc;

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// One kept connection.
pub struct Connection {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl Connection {
    pub async fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream), line: String::new(), body: Vec::new() }
    }

    /// GET / at a host, with a bearer; the status.
    pub async fn get(&mut self, host: &str, bearer: &str) -> u16 {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: measure\r\nAccept: */*\r\n\
             Authorization: Bearer {bearer}\r\n\r\n"
        );
        self.stream.get_mut().write_all(request.as_bytes()).await.unwrap();
        let mut status = 0;
        let mut length = 0;
        loop {
            self.line.clear();
            if self.stream.read_line(&mut self.line).await.unwrap() == 0 {
                panic!("the connection was closed");
            }
            let line = self.line.trim_end();
            if line.is_empty() {
                break;
            }
            if status == 0 {
                status = line[9..12].parse().unwrap();
            } else if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body).await.unwrap();
        status
    }
}

/// `count` requests with `tokens` in turn over `connections`; every answer must be 200.
pub async fn requests(
    port: u16,
    host: &'static str,
    tokens: Arc<Vec<String>>,
    count: usize,
    connections: usize,
) {
    let tasks: Vec<_> = (0..connections)
        .map(|number| {
            let tokens = tokens.clone();
            tokio::spawn(async move {
                let mut connection = Connection::open(port).await;
                for at in (number..count).step_by(connections) {
                    let status = connection.get(host, &tokens[at % tokens.len()]).await;
                    assert_eq!(status, 200, "request {at}");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// An upstream that answers six bytes to every request; its port.
pub async fn upstream() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            tokio::spawn(answer(stream));
        }
    });
    port
}

async fn answer(stream: TcpStream) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        match stream.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) if line == b"\r\n" => {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
                if stream.get_mut().write_all(answer).await.is_err() {
                    return;
                }
            }
            Ok(_) => {}
        }
    }
}
