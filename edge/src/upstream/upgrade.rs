//! Connections to upstreams that become WebSockets.
//!
//! pingora 0.9.1 loses an upgrade whose `101` arrives before the end of the request's empty body
//! has been taken over from the downstream side (cloudflare/pingora issue 946): it reads the
//! answer and that end in one `select!`, in any order, and takes an end that comes after the `101`
//! for the end of the WebSocket. A fast upstream on the same machine answers in time to lose one
//! upgrade in twenty.
//!
//! The end is ready when the answer is first read: pingora sends it before it looks. So the
//! connection itself makes the order certain. After each write, its next read waits for one turn
//! of the task, in which nothing but that end can be taken. The upgrade then always comes second.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use async_trait::async_trait;
use pingora::{
    Error, ErrorType, OrErr,
    connectors::L4Connect,
    protocols::{
        ALPN,
        l4::{
            socket::SocketAddr,
            stream::Stream,
            virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream},
        },
    },
    upstreams::peer::HttpPeer,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};

/// Gives `peer` a new HTTP/1.1 connection that is used for one request alone; making it may take
/// `patience`.
pub fn own_connection(peer: &mut HttpPeer, patience: Duration) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    peer.options.alpn = ALPN::H1;
    peer.options.custom_l4 = Some(Arc::new(Connector { patience }));
    // Such a connection has no descriptor that pingora could tell it by, so it must not lie among
    // those that are kept: no other request has this number, and none is kept.
    peer.group_key = NEXT.fetch_add(1, Ordering::Relaxed);
    peer.options.idle_timeout = Some(Duration::ZERO);
}

#[derive(Debug)]
struct Connector {
    patience: Duration,
}

#[async_trait]
impl L4Connect for Connector {
    async fn connect(&self, address: &SocketAddr) -> pingora::Result<Stream> {
        let address = address
            .as_inet()
            .ok_or_else(|| Error::explain(ErrorType::ConnectError, "no internet address"))?;
        let connected = timeout(self.patience, TcpStream::connect(address))
            .await
            .or_err(ErrorType::ConnectTimedout, "connecting for an upgrade")?;
        let kind = match &connected {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                ErrorType::ConnectRefused
            }
            _ => ErrorType::ConnectError,
        };
        let tcp = connected.or_err(kind, "connecting for an upgrade")?;
        let socket = AnswerSecond { tcp, has_written: false };
        Ok(VirtualSocketStream::new(Box::new(socket)).into())
    }
}

/// A connection whose first read after a write waits for one turn of its task.
#[derive(Debug)]
struct AnswerSecond {
    tcp: TcpStream,
    has_written: bool,
}

impl VirtualSocket for AnswerSecond {
    fn set_socket_option(&self, option: VirtualSockOpt) -> io::Result<()> {
        match option {
            VirtualSockOpt::NoDelay => self.tcp.set_nodelay(true),
            _ => Ok(()),
        }
    }
}

impl AsyncRead for AnswerSecond {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if std::mem::take(&mut self.has_written) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.tcp).poll_read(context, buffer)
    }
}

impl AsyncWrite for AnswerSecond {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.has_written = true;
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    #[tokio::test]
    async fn the_first_read_after_a_write_waits_for_one_turn() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut upstream, _) = listener.accept().await.unwrap();
        upstream.write_all(b"101").await.unwrap();
        tcp.readable().await.unwrap();
        let mut socket = AnswerSecond { tcp, has_written: false };
        socket.write_all(b"GET").await.unwrap();
        let mut buffer = [0; 8];
        let mut reading = Box::pin(socket.read(&mut buffer));
        let is_put_off =
            poll_fn(|context| Poll::Ready(reading.as_mut().poll(context).is_pending())).await;
        assert!(is_put_off);
        assert_eq!(reading.await.unwrap(), 3);
        upstream.write_all(b"x").await.unwrap();
        assert_eq!(socket.read(&mut buffer).await.unwrap(), 1);
    }
}
