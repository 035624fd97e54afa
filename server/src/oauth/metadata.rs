//! What may be registered of a client: RFC 7591 section 2, OpenID Connect Dynamic Client
//! Registration section 2, the three logout specifications of OpenID Connect, RFC 9126 section 6.

use std::{cell::RefCell, collections::BTreeSet, fmt};

use jwks::{Algorithm, foreign::ForeignKeys, policy::is_scope};
use serde_json::{Map, Value};

use super::{
    OAuthError,
    grants::{self, authorization_code, client_credentials, refresh_token},
    registered_uri::{judge_audience, judge_redirect, judge_web},
    scope,
};
use crate::domain::{
    client::{ApplicationType, ClientAuthMethod, Metadata, Registrar},
    text::turns,
};

/// The longest text.
const TEXT_LIMIT: usize = 2048;
/// The longest name.
const NAME_LIMIT: usize = 256;
/// The most items of a list.
const LIST_LIMIT: usize = 50;
/// The longest life that can be said, seconds.
const YEAR: u64 = 366 * 24 * 3600;

/// What asks for something that would weaken the client if it were ignored.
const REFUSED: [(&str, &str); 12] = [
    ("sector_identifier_uri", "there are no pairwise subjects here; leave it out"),
    ("id_token_encrypted_response_alg", "ID tokens are not encrypted here"),
    ("id_token_encrypted_response_enc", "ID tokens are not encrypted here"),
    ("userinfo_encrypted_response_alg", "userinfo is not encrypted here"),
    ("userinfo_encrypted_response_enc", "userinfo is not encrypted here"),
    ("introspection_signed_response_alg", "introspection is not signed here"),
    ("introspection_encrypted_response_alg", "introspection is not encrypted here"),
    ("authorization_signed_response_alg", "authorization responses are not signed here"),
    ("authorization_encrypted_response_alg", "authorization responses are not encrypted here"),
    ("require_signed_request_object", "request objects are not read here"),
    ("dpop_bound_access_tokens", "access tokens are not bound to keys here"),
    ("tls_client_certificate_bound_access_tokens", "access tokens are not bound to keys here"),
];

/// What is wrong with a member of the metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataError {
    /// The member.
    pub member: &'static str,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.member, self.what)
    }
}

/// RFC 7591 section 3.2.2.
impl From<MetadataError> for OAuthError {
    fn from(error: MetadataError) -> Self {
        let text = error.to_string().into();
        match error.member {
            "redirect_uris" => Self::InvalidRedirectUri(text),
            "software_statement" => Self::UnapprovedSoftwareStatement(text),
            _ => Self::InvalidClientMetadata(text),
        }
    }
}

type Judged<T> = Result<T, MetadataError>;

fn wrong<T>(member: &'static str, what: impl Into<String>) -> Judged<T> {
    Err(MetadataError { member, what: what.into() })
}

/// PURE: the metadata that `members` describe, with the defaults of their documents. What is not
/// known is ignored (RFC 7591 section 2). A client that registers itself says nothing of what an
/// operator alone may say.
///
/// # Errors
/// The first member that cannot be registered.
pub fn judge(members: &Map<String, Value>, by: Registrar) -> Judged<Metadata> {
    read(&Members::new(members), by)
}

/// PURE: of `members` that can be registered, those that say nothing, since nobody here asks for them.
#[must_use]
pub fn ignored(members: &Map<String, Value>, by: Registrar) -> Vec<&str> {
    let asked = Members::new(members);
    if read(&asked, by).is_err() {
        return Vec::new();
    }
    let asked = asked.asked.into_inner();
    members.keys().map(String::as_str).filter(|member| !asked.contains(member)).collect()
}

fn read(members: &Members<'_>, by: Registrar) -> Judged<Metadata> {
    if members.value("software_statement").is_some() {
        return wrong("software_statement", "is not taken here; leave it out");
    }
    for (member, what) in REFUSED {
        if !matches!(members.value(member), None | Some(Value::Bool(false))) {
            return wrong(member, what);
        }
    }
    if members.text("subject_type")?.is_some_and(|kind| kind != "public") {
        return wrong("subject_type", "must be public: there are no pairwise subjects here");
    }
    let mut metadata = Metadata {
        application_type: application_type(members)?,
        token_endpoint_auth_method: auth_method(members)?,
        token_endpoint_auth_signing_alg: members.algorithm("token_endpoint_auth_signing_alg")?,
        client_name: members.name("client_name")?,
        client_uri: members.web("client_uri")?,
        logo_uri: members.web("logo_uri")?,
        policy_uri: members.web("policy_uri")?,
        tos_uri: members.web("tos_uri")?,
        contacts: members.list("contacts")?.unwrap_or_default(),
        jwks_uri: members.web("jwks_uri")?,
        jwks: keys(members)?,
        software_id: members.text("software_id")?,
        software_version: members.text("software_version")?,
        id_token_signed_response_alg: members.algorithm("id_token_signed_response_alg")?,
        userinfo_signed_response_alg: members.algorithm("userinfo_signed_response_alg")?,
        default_max_age: members.number("default_max_age")?,
        require_auth_time: members.flag("require_auth_time")?.unwrap_or_default(),
        default_acr_values: members.list("default_acr_values")?.unwrap_or_default(),
        initiate_login_uri: members.web("initiate_login_uri")?,
        backchannel_logout_uri: members.web("backchannel_logout_uri")?,
        backchannel_logout_session_required: members
            .flag("backchannel_logout_session_required")?
            .unwrap_or_default(),
        frontchannel_logout_uri: members.web("frontchannel_logout_uri")?,
        frontchannel_logout_session_required: members
            .flag("frontchannel_logout_session_required")?
            .unwrap_or_default(),
        require_pushed_authorization_requests: members
            .flag("require_pushed_authorization_requests")?
            .unwrap_or_default(),
        ..Metadata::default()
    };
    take_grants(members, &mut metadata)?;
    take_redirects(members, &mut metadata)?;
    take_scope(members, &mut metadata, by)?;
    judge_keys(&metadata)?;
    judge_logout(&metadata)?;
    if by == Registrar::Operator {
        take_what_operators_say(members, &mut metadata)?;
    }
    Ok(metadata)
}

fn application_type(members: &Members<'_>) -> Judged<ApplicationType> {
    match members.text("application_type")?.as_deref() {
        None | Some("web") => Ok(ApplicationType::Web),
        Some("native") => Ok(ApplicationType::Native),
        Some(_) => wrong("application_type", "must be web or native"),
    }
}

fn auth_method(members: &Members<'_>) -> Judged<ClientAuthMethod> {
    const MEMBER: &str = "token_endpoint_auth_method";
    let Some(named) = members.text(MEMBER)? else { return Ok(ClientAuthMethod::default()) };
    let known = ClientAuthMethod::ALL.into_iter().find(|method| method.as_str() == named);
    known.map_or_else(
        || {
            let names = ClientAuthMethod::ALL.map(ClientAuthMethod::as_str).join(", ");
            wrong(MEMBER, format!("must be one of {names}"))
        },
        Ok,
    )
}

/// `grant_types` and `response_types`, which say the same in two ways (RFC 7591 section 2.1).
fn take_grants(members: &Members<'_>, metadata: &mut Metadata) -> Judged<()> {
    const GRANTS: &str = "grant_types";
    const RESPONSES: &str = "response_types";
    let grants = match members.list(GRANTS)? {
        Some(grants) if !grants.is_empty() => grants,
        _ => vec![authorization_code::TYPE.to_owned()],
    };
    let has = |grant: &str| grants.iter().any(|named| named == grant);
    if !grants.iter().all(|grant| grants::names().any(|known| known == grant)) {
        let names = grants::names().collect::<Vec<_>>().join(", ");
        return wrong(GRANTS, format!("must be of {names}"));
    }
    if has(client_credentials::TYPE)
        && metadata.token_endpoint_auth_method == ClientAuthMethod::None
    {
        return wrong(GRANTS, "client_credentials is for clients that authenticate");
    }
    let has_code = has(authorization_code::TYPE);
    // A client that speaks for itself asks anew.
    let gives_none = [refresh_token::TYPE, client_credentials::TYPE];
    if has(refresh_token::TYPE) && grants.iter().all(|grant| gives_none.contains(&grant.as_str())) {
        return wrong(GRANTS, "refresh_token goes with a grant that gives refresh tokens");
    }
    metadata.response_types = match (members.list(RESPONSES)?, has_code) {
        (None, true) => vec!["code".to_owned()],
        (None, false) => Vec::new(),
        (Some(types), _) if types.iter().any(|named| named != "code") => {
            return wrong(RESPONSES, "must be code: there is no other here");
        }
        (Some(types), true) if types.is_empty() => {
            return wrong(RESPONSES, "must hold code, which goes with authorization_code");
        }
        // What is asked for beyond the grants is not registered (RFC 7591 section 2.1).
        (Some(_), false) => Vec::new(),
        (Some(types), true) => types,
    };
    metadata.grant_types = grants;
    Ok(())
}

fn take_redirects(members: &Members<'_>, metadata: &mut Metadata) -> Judged<()> {
    let kind = metadata.application_type;
    let read = |member: &'static str| -> Judged<Vec<String>> {
        let uris = members.list(member)?.unwrap_or_default();
        for uri in &uris {
            if let Err(what) = judge_redirect(uri, kind) {
                return wrong(member, what);
            }
        }
        Ok(uris)
    };
    metadata.redirect_uris = read("redirect_uris")?;
    metadata.post_logout_redirect_uris = read("post_logout_redirect_uris")?;
    let needed = metadata.grant_types.iter().any(|g| g == authorization_code::TYPE);
    if needed && metadata.redirect_uris.is_empty() {
        return wrong("redirect_uris", "must hold at least one, for the grant authorization_code");
    }
    Ok(())
}

/// The scopes: of a client that registers itself those of OpenID Connect and no others, which stand
/// for what an operator's services allow.
fn take_scope(members: &Members<'_>, metadata: &mut Metadata, by: Registrar) -> Judged<()> {
    let Some(text) = members.text("scope")? else { return Ok(()) };
    let mut scopes: Vec<&str> = Vec::new();
    for name in text.split(' ').filter(|name| !name.is_empty()) {
        if !is_scope(name) {
            return wrong("scope", "must be scopes with a space between two");
        }
        let allowed = by == Registrar::Operator || scope::STANDARD.contains(&name);
        if allowed && !scopes.contains(&name) {
            scopes.push(name);
        }
    }
    metadata.scope = Some(scopes.join(" "));
    Ok(())
}

/// `jwks`: a JWK Set (RFC 7517 section 5) of public keys.
fn keys(members: &Members<'_>) -> Judged<Option<Value>> {
    /// What a private or a symmetric key has (RFC 7518 section 6).
    const SECRET: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    let Some(set) = members.value("jwks") else { return Ok(None) };
    let is_set = ForeignKeys::from_document(set).is_some();
    let keys = set.get("keys").and_then(Value::as_array).filter(|_| is_set);
    let Some(keys) = keys.filter(|keys| keys.iter().all(Value::is_object)) else {
        return wrong("jwks", "must be a JWK Set");
    };
    if keys.iter().any(|key| SECRET.iter().any(|member| key.get(member).is_some())) {
        return wrong("jwks", "holds a private key; register public ones, and make new ones");
    }
    Ok(Some(set.clone()))
}

fn judge_keys(metadata: &Metadata) -> Judged<()> {
    match (&metadata.jwks, &metadata.jwks_uri) {
        // RFC 7591 section 2: both must not be in one request.
        (Some(_), Some(_)) => wrong("jwks", "must not stand beside jwks_uri"),
        (None, None) if metadata.token_endpoint_auth_method == ClientAuthMethod::PrivateKeyJwt => {
            wrong("token_endpoint_auth_method", "private_key_jwt needs jwks or jwks_uri")
        }
        _ => Ok(()),
    }
}

fn judge_logout(metadata: &Metadata) -> Judged<()> {
    for (member, uri) in [
        ("backchannel_logout_uri", &metadata.backchannel_logout_uri),
        ("frontchannel_logout_uri", &metadata.frontchannel_logout_uri),
    ] {
        if uri.as_deref().is_some_and(|uri| uri.contains('#')) {
            return wrong(member, "must not have a fragment");
        }
    }
    let Some(uri) = &metadata.frontchannel_logout_uri else { return Ok(()) };
    // OpenID Connect Front-Channel Logout section 2: scheme, domain and port of a redirect URI.
    let origin = |uri: &str| judge_web(uri).map(|url| url.origin());
    let own = origin(uri);
    if metadata.redirect_uris.iter().any(|redirect| origin(redirect) == own) {
        Ok(())
    } else {
        wrong("frontchannel_logout_uri", "must have scheme, host and port of a redirect URI")
    }
}

fn take_what_operators_say(members: &Members<'_>, metadata: &mut Metadata) -> Judged<()> {
    let life = |member: &'static str| match members.number(member)? {
        Some(seconds) if !(1..=YEAR).contains(&seconds) => {
            wrong(member, format!("must be 1 to {YEAR} seconds"))
        }
        said => Ok(said),
    };
    metadata.access_token_ttl = life("access_token_ttl")?;
    metadata.id_token_ttl = life("id_token_ttl")?;
    metadata.refresh_token_ttl = life("refresh_token_ttl")?;
    metadata.first_party = members.flag("first_party")?.unwrap_or_default();
    // Public clients always must.
    metadata.require_pkce = members.flag("require_pkce")?.unwrap_or(true);
    metadata.require_issuer_audience = members.flag("require_issuer_audience")?.unwrap_or(true);
    metadata.audiences = members.list("audiences")?.unwrap_or_default();
    match metadata.audiences.iter().find_map(|audience| judge_audience(audience).err()) {
        Some(what) => wrong("audiences", what),
        None => Ok(()),
    }
}

/// Members as they came; null is as good as absent (RFC 7592 section 2.2).
struct Members<'m> {
    all: &'m Map<String, Value>,
    /// What was looked for.
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'m> Members<'m> {
    const fn new(all: &'m Map<String, Value>) -> Self {
        Self { all, asked: RefCell::new(BTreeSet::new()) }
    }

    fn value(&self, member: &'static str) -> Option<&'m Value> {
        self.asked.borrow_mut().insert(member);
        self.all.get(member).filter(|value| !value.is_null())
    }

    /// A text; an empty one is as good as none.
    fn text(&self, member: &'static str) -> Judged<Option<String>> {
        match self.value(member) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() > TEXT_LIMIT => {
                wrong(member, format!("is longer than {TEXT_LIMIT} characters"))
            }
            Some(Value::String(text)) if text.chars().any(char::is_control) => {
                wrong(member, "must not hold control characters")
            }
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(_) => wrong(member, "must be a string"),
        }
    }

    /// What people read: without what turns the text around it about.
    fn name(&self, member: &'static str) -> Judged<Option<String>> {
        match self.text(member)?.map(|text| text.trim().to_owned()) {
            Some(text) if text.chars().count() > NAME_LIMIT => {
                wrong(member, format!("is longer than {NAME_LIMIT} characters"))
            }
            Some(text) if text.chars().any(turns) => {
                wrong(member, "must not hold marks that turn the direction of text")
            }
            text => Ok(text.filter(|text| !text.is_empty())),
        }
    }

    fn web(&self, member: &'static str) -> Judged<Option<String>> {
        let text = self.text(member)?;
        match text.as_deref().map(judge_web) {
            Some(Err(what)) => wrong(member, what),
            _ => Ok(text),
        }
    }

    fn list(&self, member: &'static str) -> Judged<Option<Vec<String>>> {
        let Some(value) = self.value(member) else { return Ok(None) };
        let items = value.as_array().map(|items| items.iter().map(Value::as_str));
        let texts = items.and_then(Iterator::collect::<Option<Vec<&str>>>);
        match texts {
            None => wrong(member, "must be a list of strings"),
            Some(texts) if texts.len() > LIST_LIMIT => {
                wrong(member, format!("holds more than {LIST_LIMIT}"))
            }
            Some(texts) if texts.iter().any(|text| text.is_empty() || text.len() > TEXT_LIMIT) => {
                wrong(member, format!("each must have 1 to {TEXT_LIMIT} characters"))
            }
            Some(texts) if texts.iter().any(|text| text.chars().any(char::is_control)) => {
                wrong(member, "must not hold control characters")
            }
            Some(texts) => Ok(Some(texts.into_iter().map(str::to_owned).collect())),
        }
    }

    fn flag(&self, member: &'static str) -> Judged<Option<bool>> {
        match self.value(member) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => wrong(member, "must be true or false"),
        }
    }

    fn number(&self, member: &'static str) -> Judged<Option<u64>> {
        match self.value(member).map(Value::as_u64) {
            None => Ok(None),
            Some(Some(number)) => Ok(Some(number)),
            Some(None) => wrong(member, "must be a whole number"),
        }
    }

    fn algorithm(&self, member: &'static str) -> Judged<Option<Algorithm>> {
        let Some(named) = self.text(member)? else { return Ok(None) };
        match Algorithm::ALL.into_iter().find(|algorithm| algorithm.as_str() == named) {
            Some(algorithm) => Ok(Some(algorithm)),
            None => {
                let names = Algorithm::ALL.map(Algorithm::as_str).join(", ");
                wrong(member, format!("must be one of {names}"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
