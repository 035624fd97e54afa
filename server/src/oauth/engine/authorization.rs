//! An authorization request (RFC 6749 section 4.1.1): whose it is and where its answer goes, then
//! what it asks for.

use std::{borrow::Cow, sync::Arc};

use oxide_auth::{
    code_grant::{
        authorization::{Authorization, Input, Output, Request},
        extensions::Pkce,
    },
    primitives::{
        grant::{Extensions, GrantExtension, Value},
        registrar::{BoundClient, ExactUrl, PreGrant, RegisteredUrl},
        scope::Scope,
    },
};

use crate::{
    app::App,
    domain::client::{ApplicationType, Client},
    oauth::{
        OAuthError, OAuthResult, clients,
        params::Params,
        scope::{self, OPENID},
    },
};

/// What a code challenge of RFC 7636 section 4.2 is made of, and how long it is with S256.
const CHALLENGE: usize = 43;

/// A request whose client and redirect URI are known to be good: what is wrong with the rest may be
/// told there.
pub struct Bound<'p> {
    machine: Authorization,
    params: &'p Params,
    /// Who asks.
    pub client: Arc<Client>,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// Whether the request named it.
    pub names_redirect_uri: bool,
}

/// What a request asks for, and may have.
#[derive(Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Scopes, space-separated, in the order they were asked for.
    pub scope: String,
    /// What PKCE keeps with the code; `None`: no challenge came.
    pub pkce: Option<String>,
}

/// Finds the client of a request, and holds its redirect URI against those registered.
///
/// # Errors
/// Whatever may not be told by a redirect (rule 11): a client that is not known, a redirect URI that
/// is missing or none of its own, or either given twice.
pub async fn bind<'p>(app: &App, params: &'p Params) -> OAuthResult<Bound<'p>> {
    for name in ["client_id", "redirect_uri"] {
        if params.all(name).count() > 1 {
            return Err(OAuthError::request(format!("{name} is given twice")));
        }
    }
    if params.get("client_id").is_none() {
        return Err(OAuthError::request("client_id is missing"));
    }
    let mut machine = Authorization::new(&Asked(params));
    let client_id = match machine.advance(Input::None) {
        Output::Bind { client_id, .. } => client_id,
        Output::Err(_) => return Err(OAuthError::request("redirect_uri is no absolute URI")),
        _ => return Err(out_of_order()),
    };
    let unknown = || OAuthError::InvalidClient("there is no such client".into());
    let client = clients::find(app, &client_id).await?.ok_or_else(unknown)?;
    let named = params.get("redirect_uri");
    let redirect_uri = redirect_uri(&client, named, asks(params, OPENID))?.to_owned();
    Ok(Bound { machine, params, client, redirect_uri, names_redirect_uri: named.is_some() })
}

impl Bound<'_> {
    /// Judges response type, code challenge (rule 12) and scope.
    ///
    /// # Errors
    /// `invalid_request`, `unsupported_response_type`, `invalid_scope`.
    pub fn negotiate(mut self) -> OAuthResult<Negotiated> {
        let Some(response_type) = self.params.get("response_type") else {
            return Err(OAuthError::request("response_type is missing"));
        };
        let exact = ExactUrl::new(self.redirect_uri.clone()).map_err(|_| out_of_order())?;
        let bound_client = BoundClient {
            client_id: Cow::Owned(self.client.client_id.clone()),
            redirect_uri: Cow::Owned(RegisteredUrl::Exact(exact)),
        };
        let request = Asked(self.params);
        match self.machine.advance(Input::Bound { request: &request, bound_client }) {
            Output::Extend => {}
            Output::Err(_) if response_type != "code" => {
                let text = "the only response_type is code";
                return Err(OAuthError::UnsupportedResponseType(text.into()));
            }
            Output::Err(_) => {
                let text = "scope holds characters that no scope has";
                return Err(OAuthError::InvalidScope(text.into()));
            }
            _ => return Err(out_of_order()),
        }
        let (pkce, mut extensions) = (challenge(self.params, &self.client)?, Extensions::new());
        if let Some(pkce) = &pkce {
            let value = Value::private(Some(pkce.clone()));
            extensions.set_raw(Pkce::required().identifier().to_owned(), value);
        }
        let asked = match self.machine.advance(Input::Extended(extensions)) {
            Output::Negotiate { scope, .. } => scope,
            _ => return Err(out_of_order()),
        };
        let scope = scope::allowed(&self.client, self.params.get("scope").unwrap_or_default());
        if scope.is_empty() && asked.is_some_and(|asked| asked.iter().next().is_some()) {
            let text = "none of these scopes is one that this client may ask for";
            return Err(OAuthError::InvalidScope(text.into()));
        }
        let exact = ExactUrl::new(self.redirect_uri.clone()).map_err(|_| out_of_order())?;
        let pre_grant = PreGrant {
            client_id: self.client.client_id.clone(),
            redirect_uri: RegisteredUrl::Exact(exact),
            scope: scope.parse::<Scope>().map_err(|_| out_of_order())?,
        };
        let state = self.params.get("state").map(ToOwned::to_owned);
        match self.machine.advance(Input::Negotiated { pre_grant, state }) {
            Output::Ok { .. } => Ok(Negotiated { scope, pkce }),
            _ => Err(out_of_order()),
        }
    }
}

/// Our parameters, as the machine asks for them.
struct Asked<'p>(&'p Params);

impl Asked<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.get(name).map(Cow::Borrowed)
    }
}

impl Request for Asked<'_> {
    fn valid(&self) -> bool {
        true
    }

    fn client_id(&self) -> Option<Cow<'_, str>> {
        self.get("client_id")
    }

    fn scope(&self) -> Option<Cow<'_, str>> {
        self.get("scope")
    }

    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        self.get("redirect_uri")
    }

    fn state(&self) -> Option<Cow<'_, str>> {
        self.get("state")
    }

    fn response_type(&self) -> Option<Cow<'_, str>> {
        self.get("response_type")
    }

    fn extension(&self, key: &str) -> Option<Cow<'_, str>> {
        self.get(key)
    }
}

/// The redirect URI of a request: one of the client's, byte for byte, but for the port of a native
/// app's loopback address (RFC 8252 section 7.3). It may be left out where there is but one, and the
/// request is none of OpenID Connect (RFC 6749 section 3.1.2.3, OpenID Connect Core section 3.1.2.1).
fn redirect_uri<'r>(
    client: &'r Client,
    named: Option<&'r str>,
    is_openid: bool,
) -> OAuthResult<&'r str> {
    let registered = &client.metadata.redirect_uris;
    let is_native = client.metadata.application_type == ApplicationType::Native;
    match (named, registered.as_slice()) {
        (Some(named), _) => {
            let fits =
                |own: &String| own == named || (is_native && is_same_but_for_port(own, named));
            let text = "redirect_uri is none that this client registered";
            registered.iter().any(fits).then_some(named).ok_or_else(|| OAuthError::request(text))
        }
        (None, [only]) if !is_openid => Ok(only),
        (None, _) => Err(OAuthError::request("redirect_uri is missing")),
    }
}

/// Whether answers to this client may go there.
#[must_use]
pub fn is_registered(client: &Client, uri: &str) -> bool {
    redirect_uri(client, Some(uri), true).is_ok()
}

fn is_same_but_for_port(registered: &str, named: &str) -> bool {
    match (without_port(registered), without_port(named)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// What stands before and after the port of a loopback address; `None` for any other.
fn without_port(uri: &str) -> Option<(&str, &str)> {
    let host = ["http://127.0.0.1", "http://[::1]", "http://localhost"]
        .into_iter()
        .find(|host| uri.starts_with(host))?;
    let (host, rest) = uri.split_at(host.len());
    let rest = match rest.strip_prefix(':') {
        Some(rest) => {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (port, rest) = rest.split_at(digits);
            port.parse::<u16>().ok()?;
            rest
        }
        None => rest,
    };
    // Whatever else followed would belong to the host, or make a user name of it.
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest))
}

/// What PKCE keeps of a code challenge (RFC 7636): S256 and nothing else, from whoever must use it,
/// and whole from everybody.
fn challenge(params: &Params, client: &Client) -> OAuthResult<Option<String>> {
    let (method, challenge) = (params.get("code_challenge_method"), params.get("code_challenge"));
    let is_whole = |challenge: &str| {
        let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        challenge.len() == CHALLENGE && challenge.bytes().all(is_base64url)
    };
    let text = match (method, challenge) {
        (Some(_), None) => "code_challenge_method without code_challenge",
        (None, None) => "code_challenge is missing",
        (Some("S256"), Some(challenge)) if !is_whole(challenge) => {
            "code_challenge is not the base64url of a SHA-256"
        }
        _ => "code_challenge_method must be S256",
    };
    let is_half = method.is_some() && challenge.is_none();
    if is_half || challenge.is_some_and(|challenge| !is_whole(challenge)) {
        return Err(OAuthError::request(text));
    }
    let pkce = if client.must_use_pkce() { Pkce::required() } else { Pkce::optional() };
    let kept = pkce
        .challenge(method.map(Cow::Borrowed), challenge.map(Cow::Borrowed))
        .map_err(|()| OAuthError::request(text))?;
    match kept.map(Value::into_private_value) {
        None => Ok(None),
        Some(Ok(Some(kept))) => Ok(Some(kept)),
        Some(_) => Err(out_of_order()),
    }
}

fn asks(params: &Params, scope: &str) -> bool {
    params.get("scope").is_some_and(|scopes| scopes.split(' ').any(|asked| asked == scope))
}

/// The machine asked for something else than was to come next.
fn out_of_order() -> OAuthError {
    OAuthError::Internal("the engine left its order".to_owned())
}

#[cfg(test)]
mod tests {
    use jwks::Time;

    use super::*;
    use crate::domain::client::{ClientAuthMethod, Metadata, Registrar};

    fn client(metadata: Metadata) -> Client {
        Client {
            client_id: "app".into(),
            secret: None,
            registration_token: None,
            registrar: Registrar::Operator,
            metadata,
            created_at: Time::from_secs(1),
            updated_at: Time::from_secs(1),
        }
    }

    fn at(uris: &[&str], application_type: ApplicationType) -> Client {
        let redirect_uris = uris.iter().map(|uri| (*uri).to_owned()).collect();
        client(Metadata { redirect_uris, application_type, ..Metadata::default() })
    }

    #[test]
    fn a_redirect_uri_is_compared_byte_for_byte() {
        let client = at(&["https://app.example/cb?a=1"], ApplicationType::Web);
        assert!(redirect_uri(&client, Some("https://app.example/cb?a=1"), true).is_ok());
        for other in [
            "https://app.example/cb",
            "https://app.example/cb?a=1&b=2",
            "https://app.example/cb?a=1#",
            "https://app.example/cb?a=%31",
            "https://APP.example/cb?a=1",
            "https://app.example:443/cb?a=1",
            "https://app.example/x/../cb?a=1",
            "https://app.example.evil/cb?a=1",
            "https://app.example@evil.example/cb?a=1",
            "http://app.example/cb?a=1",
        ] {
            assert!(redirect_uri(&client, Some(other), true).is_err(), "{other}");
        }
    }

    #[test]
    fn the_port_of_a_loopback_address_is_free_for_native_apps_alone() {
        for host in ["127.0.0.1", "[::1]", "localhost"] {
            let own = format!("http://{host}/cb?x=1");
            let native = at(&[&own], ApplicationType::Native);
            let web = at(&[&own], ApplicationType::Web);
            for port in ["", ":1", ":49152", ":65535"] {
                let named = format!("http://{host}{port}/cb?x=1");
                assert!(redirect_uri(&native, Some(&named), true).is_ok(), "{named}");
                assert_eq!(redirect_uri(&web, Some(&named), true).is_ok(), port.is_empty());
            }
            for named in [
                format!("http://{host}:65536/cb?x=1"),
                format!("http://{host}:/cb?x=1"),
                format!("http://{host}:80@evil.example/cb?x=1"),
                format!("http://{host}.evil.example/cb?x=1"),
                format!("http://{host}:80.evil.example/cb?x=1"),
                format!("https://{host}:80/cb?x=1"),
                format!("http://{host}:80/other"),
                format!("http://{host}:80\\@evil.example/cb?x=1"),
            ] {
                assert!(redirect_uri(&native, Some(&named), true).is_err(), "{named}");
            }
        }
        let native = at(&["http://127.0.0.1:8000/cb"], ApplicationType::Native);
        assert!(redirect_uri(&native, Some("http://127.0.0.1:9000/cb"), true).is_ok());
        assert!(redirect_uri(&native, Some("http://localhost:8000/cb"), true).is_err());
        let app = at(&["com.example.app:/cb"], ApplicationType::Native);
        assert!(redirect_uri(&app, Some("com.example.app:/cb"), true).is_ok());
        assert!(redirect_uri(&app, Some("com.example.app:/cb2"), true).is_err());
    }

    #[test]
    fn a_redirect_uri_may_be_left_out_where_there_is_one_and_no_openid() {
        let one = at(&["https://app.example/cb"], ApplicationType::Web);
        assert_eq!(redirect_uri(&one, None, false).unwrap(), "https://app.example/cb");
        assert!(redirect_uri(&one, None, true).is_err());
        let two = at(&["https://app.example/cb", "https://app.example/2"], ApplicationType::Web);
        assert!(redirect_uri(&two, None, false).is_err());
        assert!(redirect_uri(&at(&[], ApplicationType::Web), None, false).is_err());
    }

    #[test]
    fn a_challenge_is_s256_and_whole_and_public_clients_must_have_one() {
        let public = client(Metadata {
            token_endpoint_auth_method: ClientAuthMethod::None,
            ..Metadata::default()
        });
        let confidential = client(Metadata::default());
        let good = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let of = |method: &str, challenge: &str| {
            Params::new(vec![
                ("code_challenge_method".into(), method.into()),
                ("code_challenge".into(), challenge.into()),
            ])
        };
        assert_eq!(challenge(&of("", ""), &confidential).unwrap(), None);
        assert!(challenge(&of("", ""), &public).is_err());
        for client in [&public, &confidential] {
            assert_eq!(challenge(&of("S256", good), client).unwrap(), Some(format!("{good}S")));
            for (method, value) in [
                ("plain", good),
                ("", good),
                ("s256", good),
                ("S256", ""),
                ("S256", "short"),
                ("S256", &format!("{good}A")),
                ("S256", &good.replace('-', "+")),
            ] {
                assert!(challenge(&of(method, value), client).is_err(), "{method} {value}");
            }
        }
    }

    #[test]
    fn scopes_are_those_that_the_client_may_ask_for_in_the_order_asked() {
        let open = client(Metadata::default());
        assert_eq!(scope::allowed(&open, "email openid  other email"), "email openid");
        let bounded =
            client(Metadata { scope: Some("openid orders".into()), ..Metadata::default() });
        assert_eq!(scope::allowed(&bounded, "orders email openid"), "orders openid");
    }

    #[test]
    fn offline_access_is_for_clients_that_may_refresh_and_speak_openid() {
        let grant_types = vec!["authorization_code".to_owned(), "refresh_token".to_owned()];
        let refreshing = client(Metadata { grant_types, ..Metadata::default() });
        assert_eq!(scope::allowed(&refreshing, "openid offline_access"), "openid offline_access");
        assert_eq!(scope::allowed(&refreshing, "email offline_access"), "email");
        let other = client(Metadata::default());
        assert_eq!(scope::allowed(&other, "openid offline_access"), "openid");
    }
}
