//! The way of one request: which upstreams it has been to, and whether it may go to another.

use http::StatusCode;
use pingora::{Error, ErrorType, proxy::Session, upstreams::peer::HttpPeer};

use super::{Need, Pool};

/// How often one request is sent at most.
const MAX_ATTEMPTS: u8 = 3;

/// The way of one request.
#[derive(Debug, Default)]
pub struct Route {
    /// The upstreams that are not asked (again), a bit for each.
    tried: u128,
    at: usize,
    attempts: u8,
    /// Whether it is a WebSocket.
    upgrade: bool,
}

impl Route {
    /// The upstream for the next attempt.
    ///
    /// # Errors
    /// 503 where none is left; or the one that is next cannot be used.
    pub async fn next(&mut self, pool: &Pool, need: Need) -> pingora::Result<Box<HttpPeer>> {
        self.upgrade = need == Need::Upgrade;
        while let Some(at) = pool.next(self.tried) {
            let found = pool.members()[at].upstream.peer(need, &pool.forwarding).await;
            if found.as_ref().is_err_and(|error| *error.etype() == ErrorType::ConnectError) {
                // It has no address at the moment.
                pool.note(at, false);
                self.tried |= 1 << at;
                continue;
            }
            self.at = at;
            self.attempts += 1;
            return found;
        }
        Error::e_explain(
            ErrorType::HTTPStatus(StatusCode::SERVICE_UNAVAILABLE.as_u16()),
            "no upstream of the site is well",
        )
    }

    /// The upstream of the last attempt could not be connected to: nothing was sent, so that any
    /// request may go to another.
    pub fn unreachable(&mut self, pool: &Pool, error: &mut Error) {
        pool.note(self.at, false);
        self.tried |= 1 << self.at;
        error.set_retry(self.attempts < MAX_ATTEMPTS && pool.next(self.tried).is_some());
    }

    /// The exchange with the last upstream broke. The request may be sent again where that changes
    /// nothing (RFC 9110 section 9.2.2), no body went with it, and nobody has seen a part of an answer:
    /// over another connection where this one was kept from before and may just have been closed,
    /// else to another upstream.
    pub fn broken(&mut self, pool: &Pool, session: &mut Session, error: &mut Error, reused: bool) {
        let is_close = matches!(
            error.etype(),
            ErrorType::ConnectionClosed
                | ErrorType::ReadError
                | ErrorType::WriteError
                | ErrorType::H2Error
                | ErrorType::H2Downgrade
                | ErrorType::InvalidH2
        );
        let is_safe = is_close
            && !self.upgrade
            && *error.esource() == pingora::ErrorSource::Upstream
            && session.req_header().method.is_idempotent()
            && session.is_body_empty()
            && session.response_written().is_none();
        if !reused {
            self.tried |= 1 << self.at;
        }
        let again = is_safe && self.attempts < MAX_ATTEMPTS && pool.next(self.tried).is_some();
        error.set_retry(again);
    }
}
