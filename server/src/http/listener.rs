//! Accepting connections: bounded headers, bounded waiting, and an orderly end.

use std::{future::Future, net::SocketAddr, pin::pin, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Request line and headers together, bytes (rule 34).
const HEADER_BYTES: usize = 16 * 1024;
/// Header fields of a request (rule 34).
const HEADER_FIELDS: usize = 64;
/// How long the header of a request may take (rule 34).
const HEADER_TIME: Duration = Duration::from_secs(10);

/// How long a TLS handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// Serves `router` on `listener`, by TLS where `tls` is given, until `shutdown` is ready; then answers what has been asked
/// already, for at most `grace`. Handlers find the caller's address as `ConnectInfo<SocketAddr>`.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    shutdown: impl Future<Output = ()>,
    grace: Duration,
) {
    let mut shutdown = pin!(shutdown);
    let (ending, ended) = watch::channel(false);
    let mut connections = JoinSet::new();
    let acts = TaskTracker::new();
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(welcome(
                        stream,
                        tls.clone(),
                        peer,
                        router.clone(),
                        acts.clone(),
                        ended.clone(),
                    ));
                }
                // Out of descriptors, mostly: some will be free soon.
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    ending.send_replace(true);
    acts.close();
    let all = async {
        while connections.join_next().await.is_some() {}
        acts.wait().await;
    };
    if timeout(grace, all).await.is_err() {
        tracing::info!("connections that did not end in time are closed");
    }
}

async fn welcome(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    peer: SocketAddr,
    router: Router,
    acts: TaskTracker,
    ended: watch::Receiver<bool>,
) {
    // Small answers leave at once. A socket that refuses the option still works.
    drop(stream.set_nodelay(true));
    let Some(tls) = tls else { return converse(stream, peer, router, acts, ended).await };
    match timeout(HANDSHAKE_TIME, tls.accept(stream)).await {
        Ok(Ok(stream)) => converse(stream, peer, router, acts, ended).await,
        Ok(Err(error)) => tracing::debug!(%error, "no TLS connection came about"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    router: Router,
    acts: TaskTracker,
    mut ended: watch::Receiver<bool>,
) {
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = router.clone().oneshot(request.map(Body::new));
        // A task of its own: whoever hangs up ends no act halfway, with the change made and its
        // owner not told.
        let answer = acts.spawn(answer);
        async move { answer.await.map(|answer| answer.unwrap_or_else(|never| match never {})) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_headers(HEADER_FIELDS)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = &mut connection => result,
        () = async { drop(ended.wait_for(|ended| *ended).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::oneshot,
    };

    use super::*;

    struct Running {
        address: SocketAddr,
        stop: oneshot::Sender<()>,
        ended: tokio::task::JoinHandle<()>,
    }

    async fn start(router: Router) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(serve(
            listener,
            None,
            router,
            async move { drop(stopped.await) },
            Duration::from_secs(20),
        ));
        Running { address, stop, ended }
    }

    async fn exchange(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn what_was_asked_is_done_though_the_caller_hangs_up() {
        let (begun, begins) = oneshot::channel();
        let (go_on, goes_on) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let once = Arc::new(Mutex::new(Some((begun, goes_on, done))));
        let router = Router::new().route(
            "/",
            get(async move || {
                let (begun, goes_on, done) = once.lock().unwrap().take().unwrap();
                begun.send(()).unwrap();
                goes_on.await.unwrap();
                done.send(()).unwrap();
            }),
        );
        let running = start(router).await;
        let mut caller = TcpStream::connect(running.address).await.unwrap();
        caller.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        begins.await.unwrap();
        drop(caller);
        // Until the server has seen it, and closed its end too: it listens to nobody else.
        running.stop.send(()).unwrap();
        go_on.send(()).unwrap();
        is_done.await.unwrap();
        running.ended.await.unwrap();
    }

    fn who() -> Router {
        Router::new().route(
            "/",
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }),
        )
    }

    #[tokio::test]
    async fn a_handler_knows_who_is_calling() {
        let running = start(who()).await;
        let answer =
            exchange(running.address, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                .await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"), "{answer}");
    }

    #[tokio::test]
    async fn headers_beyond_the_limits_are_refused() {
        let running = start(who()).await;
        let many: String = (0..65).map(|n| format!("X-{n}: 1\r\n")).collect();
        for headers in [many, format!("X-Long: {}\r\n", "a".repeat(HEADER_BYTES))] {
            let request =
                format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n");
            let answer = exchange(running.address, &request).await;
            assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        }
    }

    #[tokio::test]
    async fn what_was_asked_before_the_end_is_answered() {
        let (asked, was_asked) = watch::channel(false);
        let (go, gone) = watch::channel(false);
        let router = Router::new().route(
            "/",
            get(move || {
                let mut gone = gone.clone();
                asked.send_replace(true);
                async move {
                    drop(gone.wait_for(|gone| *gone).await);
                    "done"
                }
            }),
        );
        let running = start(router).await;
        let asking = tokio::spawn(async move {
            exchange(running.address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await
        });
        drop(was_asked.clone().wait_for(|asked| *asked).await);
        running.stop.send(()).unwrap();
        go.send_replace(true);
        assert!(asking.await.unwrap().ends_with("done"));
        running.ended.await.unwrap();
        assert!(TcpStream::connect(running.address).await.is_err());
    }
}
