//! A client, or nobody, asks that somebody be signed out (OpenID Connect RP-Initiated Logout 1.0);
//! what else is to be told then (OpenID Connect Front-Channel Logout 1.0).

use std::sync::Arc;

use url::{Url, form_urlencoded};
use uuid::Uuid;

use super::{
    OAuthError, OAuthResult, clients,
    id_token_hint::{self, NoHint},
    params::Params,
};
use crate::{
    app::App,
    auth::{
        browser::{self, Browser},
        origin::Origin,
    },
    domain::client::Client,
};

/// The parameters that are ours (RP-Initiated Logout section 2).
pub const PARAMETERS: [&str; 6] = [
    "id_token_hint",
    "logout_hint",
    "client_id",
    "post_logout_redirect_uri",
    "state",
    "ui_locales",
];

/// What an ID token that came as a hint says. Nobody is signed in by it, and it may have expired.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hint {
    client_id: String,
    sid: Option<Uuid>,
}

/// What is to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// This session, at once: its client shows an ID token of it.
    Session(Uuid),
    /// Nothing: the browser holds nothing, and the hint is good.
    Nothing,
    /// Whatever the browser holds, once whoever sits there has said so.
    OnceConfirmed,
}

/// What is to be done about a request.
pub struct Judged {
    /// The client that asks, where that is known.
    pub client: Option<Arc<Client>>,
    /// What is to be ended.
    pub ends: Ends,
    /// Where the browser goes afterwards, `state` included.
    pub onward: Option<String>,
}

/// Judges a request of a browser.
///
/// # Errors
/// [`OAuthError::InvalidRequest`] for a hint that is forged or another client's, and for a
/// `post_logout_redirect_uri` that its client has not registered: the browser goes nowhere.
pub async fn judge(app: &App, params: &Params, browser: &Browser) -> OAuthResult<Judged> {
    if let Some(name) = params.repeated() {
        // Its name is the caller's words, and stands on no page of ours unless we know it.
        return Err(match PARAMETERS.iter().find(|known| **known == name) {
            Some(known) => OAuthError::request(format!("{known} is given twice")),
            None => OAuthError::request("a parameter is given twice"),
        });
    }
    let mut hint = read_hint(app, params.get("id_token_hint"))?;
    let named = params.get("client_id");
    if let (Some(hint), Some(named)) = (&hint, named)
        && hint.client_id != named
    {
        return Err(OAuthError::request("client_id is not the audience of id_token_hint"));
    }
    let client = match hint.as_ref().map(|hint| hint.client_id.as_str()).or(named) {
        Some(id) => clients::find(app, id).await?,
        None => None,
    };
    if client.is_none() {
        if named.is_some() {
            return Err(OAuthError::request("client_id names no client"));
        }
        // The token of a surface of ours, or of a client that is gone: nobody vouches for it.
        hint = None;
    }
    let live: Vec<Uuid> = browser.sessions.iter().map(|held| held.session.sid).collect();
    let ends = what_ends(hint.as_ref(), &live);
    let onward = onward(params, client.as_deref(), hint.is_some())?;
    Ok(Judged { client, ends, onward })
}

/// PURE: what is ended for this hint in a browser that holds these sessions.
fn what_ends(hint: Option<&Hint>, live: &[Uuid]) -> Ends {
    match hint {
        Some(Hint { sid: Some(sid), .. }) if live.contains(sid) => Ends::Session(*sid),
        Some(_) if live.is_empty() => Ends::Nothing,
        _ => Ends::OnceConfirmed,
    }
}

/// PURE: where the browser goes afterwards: only to an address that is registered byte for byte, and
/// only for a client that showed a token of its own (section 3).
fn onward(
    params: &Params,
    client: Option<&Client>,
    is_hinted: bool,
) -> OAuthResult<Option<String>> {
    let Some(uri) = params.get("post_logout_redirect_uri") else { return Ok(None) };
    let Some(client) = client else { return Ok(None) };
    if !client.metadata.post_logout_redirect_uris.iter().any(|registered| registered == uri) {
        return Err(OAuthError::request("post_logout_redirect_uri is not registered"));
    }
    let onward = match params.get("state") {
        Some(state) => with_query(uri, &[("state", state)]),
        None => uri.to_owned(),
    };
    Ok(is_hinted.then_some(onward))
}

/// `uri`, as it is registered, with more in its query.
fn with_query(uri: &str, pairs: &[(&str, &str)]) -> String {
    let more = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let (before, fragment) = uri.split_at(uri.find('#').unwrap_or(uri.len()));
    let joint = match before.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{before}{joint}{more}{fragment}")
}

/// The hint, if it is an ID token of ours. One whose key is gone says nothing: it is older than any
/// token that is alive, and can be asked about but not believed.
fn read_hint(app: &App, token: Option<&str>) -> OAuthResult<Option<Hint>> {
    let Some(token) = token else { return Ok(None) };
    match id_token_hint::read(app, token) {
        Ok(claims) => {
            Ok(Some(Hint { client_id: claims.aud, sid: Uuid::parse_str(&claims.sid).ok() }))
        }
        Err(NoHint::Outlived) => Ok(None),
        Err(NoHint::Foreign) => {
            Err(OAuthError::request("id_token_hint is no ID token of this issuer"))
        }
    }
}

/// Signs a browser out of what is to be ended (where that had to be confirmed, it was): what it still
/// holds, and the addresses that its page frames, so that clients end their own sessions too.
///
/// # Errors
/// When a store fails.
pub async fn sign_out(
    app: &App,
    origin: &Origin,
    mut browser: Browser,
    ends: Ends,
) -> OAuthResult<(Browser, Vec<String>)> {
    let mut frames = Vec::new();
    let held = std::mem::take(&mut browser.sessions);
    let ends = |sid| match ends {
        Ends::Session(one) => sid == one,
        Ends::OnceConfirmed => true,
        Ends::Nothing => false,
    };
    for held in held {
        let sid = held.session.sid;
        if !ends(sid) {
            browser.sessions.push(held);
            continue;
        }
        browser::end(app, origin, &held).await?;
        for client_id in &held.session.clients {
            let client = clients::find(app, client_id).await?;
            frames.extend(client.and_then(|client| frame(&client, &app.issuer, sid)));
        }
    }
    Ok((browser, frames))
}

/// PURE: what is framed for a client that took part in a session (Front-Channel Logout section 2).
fn frame(client: &Client, issuer: &str, sid: Uuid) -> Option<String> {
    let uri = client.metadata.frontchannel_logout_uri.as_deref()?;
    // Nothing but a web page may be framed, whatever was registered.
    Url::parse(uri).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    if client.metadata.frontchannel_logout_session_required {
        Some(with_query(uri, &[("iss", issuer), ("sid", &sid.to_string())]))
    } else {
        Some(uri.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client::{Metadata, Registrar};

    fn client() -> Client {
        let at = jwks::Time::from_secs(1);
        Client {
            client_id: "app".into(),
            secret: None,
            registration_token: None,
            registrar: Registrar::Operator,
            metadata: Metadata {
                post_logout_redirect_uris: vec!["https://app.example/out?a=b".into()],
                frontchannel_logout_uri: Some("https://app.example/front?x=1".into()),
                ..Metadata::default()
            },
            created_at: at,
            updated_at: at,
        }
    }

    fn params(pairs: &[(&str, &str)]) -> Params {
        Params::new(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn only_a_token_of_a_session_of_this_browser_spares_the_question() {
        let [here, gone] = [1, 2].map(Uuid::from_u128);
        let hint = |sid| Hint { client_id: "app".into(), sid: Some(sid) };
        assert_eq!(what_ends(Some(&hint(here)), &[gone, here]), Ends::Session(here));
        assert_eq!(what_ends(Some(&hint(gone)), &[here]), Ends::OnceConfirmed);
        assert_eq!(what_ends(None, &[here]), Ends::OnceConfirmed);
        assert_eq!(what_ends(None, &[]), Ends::OnceConfirmed);
        assert_eq!(what_ends(Some(&hint(gone)), &[]), Ends::Nothing);
    }

    #[test]
    fn a_browser_goes_on_only_to_what_is_registered_and_only_for_a_hint() {
        let client = client();
        let asked = |uri, is_hinted| {
            let params = params(&[("post_logout_redirect_uri", uri), ("state", "a b&c")]);
            onward(&params, Some(&client), is_hinted)
        };
        let good = "https://app.example/out?a=b";
        let there = asked(good, true).unwrap();
        assert_eq!(there.as_deref(), Some("https://app.example/out?a=b&state=a+b%26c"));
        assert_eq!(asked(good, false).unwrap(), None);
        for bad in
            ["https://app.example/out", "https://app.example/out?a=b&", "https://evil.example/"]
        {
            for is_hinted in [true, false] {
                assert!(asked(bad, is_hinted).is_err(), "{bad}");
            }
        }
        let unknown = params(&[("post_logout_redirect_uri", good)]);
        assert_eq!(onward(&unknown, None, false).unwrap(), None);
        assert_eq!(onward(&params(&[("state", "x")]), Some(&client), true).unwrap(), None);
    }

    #[test]
    fn a_frame_names_issuer_and_session_where_its_client_asked_for_them() {
        let mut client = client();
        let sid = Uuid::from_u128(7);
        let framed = |client: &Client| frame(client, "https://id.example", sid);
        assert_eq!(framed(&client).unwrap(), "https://app.example/front?x=1");
        client.metadata.frontchannel_logout_session_required = true;
        assert_eq!(
            framed(&client).unwrap(),
            format!("https://app.example/front?x=1&iss=https%3A%2F%2Fid.example&sid={sid}")
        );
        client.metadata.frontchannel_logout_uri = Some("javascript:alert(1)".into());
        assert_eq!(framed(&client), None);
        client.metadata.frontchannel_logout_uri = None;
        assert_eq!(framed(&client), None);
    }

    #[test]
    fn what_is_added_to_a_query_leaves_the_rest_as_it_was() {
        let added = |uri| with_query(uri, &[("state", "s")]);
        assert_eq!(added("https://a.example"), "https://a.example?state=s");
        assert_eq!(added("https://a.example/?"), "https://a.example/?state=s");
        assert_eq!(added("app.example:/out?a=%2F"), "app.example:/out?a=%2F&state=s");
        assert_eq!(added("https://a.example/#f"), "https://a.example/?state=s#f");
    }
}
