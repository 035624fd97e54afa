//! Callers without TLS are sent to the same address with it.

use jwks::{decide::RefusalReason, site::Site, site_session};
use pingora::{http::RequestHeader, proxy::Session};

use crate::{
    exchange::Exchange,
    facts::{self, Parsed},
    path,
    proxy::Edge,
    reason::Reason,
    session,
};

impl Edge {
    /// Sends a caller who came without TLS to the same address with it. Only hosts of sites are
    /// named in the answer.
    ///
    /// # Errors
    /// The caller is gone.
    pub async fn send_to_https(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
    ) -> pingora::Result<()> {
        let head = session.to_h1_raw();
        let request = session.req_header();
        let target = match facts::parse(request, &head) {
            Err(too_large) => Err(Reason::TooLarge(too_large)),
            Ok(parsed) => {
                exchange.navigation = parsed.navigation;
                self.https_target(&parsed, request)
            }
        };
        match target {
            Ok(location) => self.replies.redirect_for_good(session, &location).await,
            Err(reason) => self.refuse(session, exchange, reason, None, None).await,
        }
    }

    fn https_target(&self, parsed: &Parsed<'_>, request: &RequestHeader) -> Result<String, Reason> {
        let path = match &parsed.path {
            Ok(path) => path,
            Err(malformed) => {
                return Err(Reason::Refusal(RefusalReason::Malformed(*malformed)));
            }
        };
        let holding = self.held.load();
        let holding = holding.as_ref().ok_or(Reason::NoView)?;
        let host = parsed.host.as_deref().unwrap_or_default();
        let site = holding.view.site_by_host(host);
        let site = site.ok_or(Reason::Refusal(RefusalReason::UnknownHost))?;
        Ok(https_address(site, host, path, request))
    }
}

/// Where `request` would have gone by https: the host it names, at the port of the site's address.
fn https_address(site: &Site, host: &str, path: &str, request: &RequestHeader) -> String {
    let origin = match session::is_secure(site) {
        true => site_session::origin(site, host),
        false => format!("https://{host}"),
    };
    let target = facts::origin_form(request.raw_path());
    let query = &target[path::split(target).0.len()..];
    format!("{origin}{path}{}", String::from_utf8_lossy(query))
}
