//! The sessions of browsers at sites: the edge is an OpenID Connect client of the server, and keeps
//! what it is given in a cookie of that site. How they begin is in [`crate::sign_in`] and
//! [`crate::come_back`], how they end in [`crate::sign_out`].

use std::{net::IpAddr, sync::Arc};

use http::{HeaderValue, Method};
use jwks::{
    facts::Sender,
    site::Site,
    site_session::{self, SESSION_COOKIE},
};
use pingora::proxy::Session;
use tokio::sync::Semaphore;

use crate::{
    backchannel::Backchannel,
    brand::Brand,
    cookies,
    exchange::Exchange,
    holding::{Holding, Served},
    own::Own,
    proxy::Edge,
    reason::Reason,
    renewal::Renewals,
};

/// The largest cookie that browsers keep, with its name.
const MAX_COOKIE: usize = 4096 - 64;

/// The sessions of browsers at the sites of one edge.
pub struct Sessions {
    /// The way to the server.
    pub backchannel: Arc<Backchannel>,
    /// Tokens that are being renewed.
    pub renewals: Arc<Renewals>,
    /// Room for forms that are read to be kept.
    pub forms: Semaphore,
}

/// A browser at a site.
pub struct Visit {
    /// What was known when it came.
    pub holding: Arc<Holding>,
    /// The site.
    pub served: Arc<Served>,
    /// The host that it is called by.
    pub host: String,
    /// The caller's address.
    pub peer: IpAddr,
}

impl Visit {
    /// Whether the site is reached over https: cookies say so.
    #[must_use]
    pub fn secure(&self) -> bool {
        is_secure(self.site())
    }

    /// The address of this path and query there.
    #[must_use]
    pub fn at(&self, target: &str) -> String {
        format!("{}{target}", site_session::origin(self.site(), &self.host))
    }

    /// The site.
    #[must_use]
    pub fn site(&self) -> &Site {
        self.served.site()
    }

    /// How its pages look.
    #[must_use]
    pub fn brand(&self) -> Option<&Brand> {
        Some(&self.served.brand)
    }

    /// Who gives the tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.holding.view.issuer
    }

    /// Whether a browser says that a page of this very site sends a request, or nobody says anything.
    #[must_use]
    pub fn is_own_sender(&self, sender: &Sender<'_>) -> bool {
        site_session::is_own_sender(self.site(), sender)
    }
}

/// Whether a site is reached over https.
#[must_use]
pub fn is_secure(site: &Site) -> bool {
    site.base_url.starts_with("https://")
}

/// The cookie for a token. `None`: no browser would keep it.
#[must_use]
pub fn cookie(token: &str, secure: bool) -> Option<HeaderValue> {
    let fits = token.len() <= MAX_COOKIE;
    fits.then(|| cookies::set(SESSION_COOKIE, token, None, secure)).flatten()
}

impl Edge {
    /// Answers a request for what is the edge's own and open to anybody.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn answer_own(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
        own: Own,
        visit: &Visit,
    ) -> pingora::Result<()> {
        match own {
            Own::SignIn => self.begin_sign_in(session, visit).await,
            Own::Callback => self.end_sign_in(session, exchange, visit).await,
            Own::SignOut if session.req_header().method == Method::POST => {
                self.sign_out(session, exchange, visit).await
            }
            Own::SignOut => self.ask_to_sign_out(session, visit).await,
            Own::SignedOut => self.say_signed_out(session, visit).await,
            Own::Keys => self.replies.json(session, self.assertions.published(), &[]).await,
            // Neither is open to anybody.
            Own::Me | Own::Auth => {
                let served = Some(&*visit.served);
                self.refuse(session, exchange, Reason::NoSuchPage, served, None).await
            }
        }
    }
}

#[cfg(test)]
pub mod tests {
    use jwks::{feed::Snapshot, view::View};
    use serde_json::json;

    use super::*;

    /// A browser at a site that is reached at this address, as `wiki.example`.
    pub fn visit(base_url: &str) -> Visit {
        let site = json!({
            "site_key": "wiki", "base_url": base_url, "hosts": ["wiki.example"], "upstreams": [],
        });
        let snapshot: Snapshot = serde_json::from_value(json!({
            "seq": 1, "epoch": "e", "issuer": "https://id.example", "keys": { "keys": [] },
            "sites": [site], "cut_offs": [], "key_holders": [], "more_keys": false,
        }))
        .unwrap();
        let holding = Arc::new(Holding::new(View::from_snapshot(snapshot), None));
        Visit {
            served: holding.site("wiki").unwrap().clone(),
            holding,
            host: "wiki.example".into(),
            peer: [192, 0, 2, 7].into(),
        }
    }

    #[test]
    fn a_token_that_no_browser_keeps_is_no_session() {
        assert!(cookie(&"x".repeat(4000), true).is_some());
        assert!(cookie(&"x".repeat(4033), true).is_none());
    }
}
