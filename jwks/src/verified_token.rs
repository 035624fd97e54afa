//! An access token after verification, packed small: an edge holds a hundred thousand of them.

use std::{fmt, num::NonZeroI64, ops::Range, time::Duration};

use uuid::{Uuid, Version};

use crate::{
    Time,
    claims::{AccessClaims, Audience},
    grant::given_at,
    policy::Level,
    verify::TokenError,
};

/// How far the clocks of issuer and verifier may differ.
pub const LEEWAY: Duration = Duration::from_secs(10);

/// An access token whose signature and form were found good. What depends on the moment (expiry,
/// endings) or on the site (audience, level) is judged anew at every use.
///
/// It holds every claim but `iss`, which was compared when it was verified. Only the verifier
/// makes one. An optional claim that is an empty string, or zero, counts as absent.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    /// Every text claim end to end: those of [`Text`] in its order, then the audiences, the
    /// roles, the `amr` values, and the model of the passkey where it has one. One allocation
    /// instead of a dozen.
    texts: Box<str>,
    /// Where each of them ends.
    ends: Box<[u16]>,
    audiences: u16,
    roles: u16,
    level: Option<Level>,
    is_client: bool,
    has_model: bool,
    issued_at: Time,
    expires_at: Time,
    not_before: Time,
    auth_time: Option<NonZeroI64>,
    device_time: Option<NonZeroI64>,
}

/// The claims that are one text each, in the order they are packed.
#[derive(Clone, Copy)]
enum Text {
    Sub,
    ClientId,
    Jti,
    Scope,
    Sid,
    GrantId,
    TenantId,
    Email,
    Name,
    UserinfoClaims,
}

/// How many there are.
const SINGLES: usize = Text::UserinfoClaims as usize + 1;

impl VerifiedToken {
    /// Packs `claims`, whose signature the caller has verified.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] when `sub`, `client_id` or `jti` is empty, or the claims are
    /// larger than a token may be.
    pub(crate) fn from_claims(claims: &AccessClaims) -> Result<Self, TokenError> {
        if claims.sub.is_empty() || claims.client_id.is_empty() || claims.jti.is_empty() {
            return Err(TokenError::Malformed);
        }
        let audiences = match &claims.aud {
            Audience::One(one) => std::slice::from_ref(one),
            Audience::Many(many) => many.as_slice(),
        };
        // The order of `Text`.
        let singles: [&str; SINGLES] = [
            &claims.sub,
            &claims.client_id,
            &claims.jti,
            &claims.scope,
            claims.sid.as_deref().unwrap_or_default(),
            claims.grant_id.as_deref().unwrap_or_default(),
            claims.tenant_id.as_deref().unwrap_or_default(),
            claims.email.as_deref().unwrap_or_default(),
            claims.name.as_deref().unwrap_or_default(),
            &claims.userinfo_claims,
        ];
        let lists = audiences.iter().chain(&claims.roles).chain(&claims.amr).chain(&claims.model);
        let mut texts = String::new();
        let mut ends = Vec::new();
        for text in singles.into_iter().chain(lists.map(String::as_str)) {
            texts.push_str(text);
            ends.push(u16::try_from(texts.len()).map_err(|_| TokenError::Malformed)?);
        }
        let count = |list: &[String]| u16::try_from(list.len()).map_err(|_| TokenError::Malformed);
        let issued_at = issued_at(&claims.jti, claims.iat);
        let has_session = claims.sid.as_deref().is_some_and(|sid| !sid.is_empty());
        Ok(Self {
            texts: texts.into_boxed_str(),
            ends: ends.into_boxed_slice(),
            audiences: count(audiences)?,
            roles: count(&claims.roles)?,
            level: claims.level(),
            has_model: claims.model.is_some(),
            is_client: claims.sub == claims.client_id && claims.acr.is_none() && !has_session,
            issued_at,
            expires_at: Time::from_secs(claims.exp),
            not_before: claims.nbf.map_or(issued_at, |start| issued_at.max(Time::from_secs(start))),
            auth_time: claims.auth_time.and_then(NonZeroI64::new),
            device_time: claims.device_time.and_then(NonZeroI64::new),
        })
    }

    /// The claims that it was made of, issued by `issuer`: those that decide anything, so without
    /// mail address and name.
    #[must_use]
    pub fn to_claims(&self, issuer: &str) -> AccessClaims {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let acr = self.level.map(|level| level.acr().to_owned());
        // A level that nobody knows still tells a person from a client.
        let acr = acr.or_else(|| (!self.is_client).then(String::new));
        AccessClaims {
            iss: issuer.to_owned(),
            sub: self.sub().to_owned(),
            aud: Audience::Many(self.audiences().map(str::to_owned).collect()),
            exp: self.expires_at.secs(),
            iat: self.issued_at.secs(),
            nbf: (self.not_before > self.issued_at).then(|| self.not_before.secs()),
            jti: self.jti().to_owned(),
            client_id: self.client_id().to_owned(),
            scope: self.scope().to_owned(),
            auth_time: self.auth_time.map(NonZeroI64::get),
            acr,
            amr: self.amr().map(str::to_owned).collect(),
            device_time: self.device_time.map(NonZeroI64::get),
            model: self.model().map(|model| model.to_string()),
            sid: owned(self.sid()),
            grant_id: owned(self.grant_id()),
            tenant_id: owned(self.tenant_id()),
            roles: self.roles().map(str::to_owned).collect(),
            email: None,
            name: None,
            userinfo_claims: self.single(Text::UserinfoClaims).to_owned(),
        }
    }

    /// The person, or the client where no person stands behind the token.
    #[must_use]
    pub fn sub(&self) -> &str {
        self.single(Text::Sub)
    }

    /// Who asked for it: an OAuth client, or the surface (`rail`, `rual`, `auth2:<site_key>`).
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.single(Text::ClientId)
    }

    /// The token's own name.
    #[must_use]
    pub fn jti(&self) -> &str {
        self.single(Text::Jti)
    }

    /// Space-separated scopes (RFC 6749 section 3.3); empty when it has none.
    #[must_use]
    pub fn scope(&self) -> &str {
        self.single(Text::Scope)
    }

    /// Whether `wanted` is one of its scopes.
    #[must_use]
    pub fn has_scope(&self, wanted: &str) -> bool {
        self.scope().split(' ').any(|scope| scope == wanted)
    }

    /// The session it belongs to.
    #[must_use]
    pub fn sid(&self) -> Option<&str> {
        self.optional(Text::Sid)
    }

    /// The grant to a client that it came of.
    #[must_use]
    pub fn grant_id(&self) -> Option<&str> {
        self.optional(Text::GrantId)
    }

    /// When that grant was given; `None` where it came of none.
    #[must_use]
    pub fn granted_at(&self) -> Option<Time> {
        let id = self.grant_id()?;
        Some(Uuid::parse_str(id).map_or(Time::from_millis(i64::MIN), given_at))
    }

    /// What an ending of everything that its person granted its client is called
    /// ([`crate::grant::consent_id`]): both lie here one behind the other.
    #[must_use]
    pub fn consent_id(&self) -> &str {
        let end = self.ends.get(Text::ClientId as usize).copied().unwrap_or_default();
        self.texts.get(..usize::from(end)).unwrap_or_default()
    }

    /// The person's tenant.
    #[must_use]
    pub fn tenant_id(&self) -> Option<&str> {
        self.optional(Text::TenantId)
    }

    /// The person's mail address.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.optional(Text::Email)
    }

    /// The person's name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.optional(Text::Name)
    }

    /// The names of the claims that userinfo is to say beyond what the scopes ask for.
    pub fn userinfo_claims(&self) -> impl Iterator<Item = &str> {
        self.single(Text::UserinfoClaims).split(' ').filter(|name| !name.is_empty())
    }

    /// Where it is good (`aud`).
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        let end = SINGLES + usize::from(self.audiences);
        self.list(SINGLES..end)
    }

    /// Whether it is good at `wanted`, compared byte for byte.
    #[must_use]
    pub fn has_audience(&self, wanted: &str) -> bool {
        self.audiences().any(|audience| audience == wanted)
    }

    /// The person's roles.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        let start = SINGLES + usize::from(self.audiences);
        self.list(start..start + usize::from(self.roles))
    }

    /// How the person proved who they are (RFC 8176).
    pub fn amr(&self) -> impl Iterator<Item = &str> {
        let start = SINGLES + usize::from(self.audiences) + usize::from(self.roles);
        self.list(start..self.ends.len() - usize::from(self.has_model))
    }

    /// The level it proves; `None` for a token that speaks of no sign-in.
    #[must_use]
    pub fn level(&self) -> Option<Level> {
        self.level
    }

    /// Whether a client speaks for itself (client_credentials): its `sub` is the client and it
    /// knows neither a session nor a level.
    #[must_use]
    pub fn is_client(&self) -> bool {
        self.is_client
    }

    /// When the person last proved who they are.
    #[must_use]
    pub fn auth_time(&self) -> Option<Time> {
        self.auth_time.map(|secs| Time::from_secs(secs.get()))
    }

    /// The model (AAGUID) of the passkey that was proved; `None`: the token says none.
    #[must_use]
    pub fn model(&self) -> Option<Uuid> {
        let last = self.ends.len().checked_sub(1).filter(|_| self.has_model)?;
        Uuid::parse_str(self.at(last)).ok()
    }

    /// When a second factor was proved on the trusted device that stood in for one at this
    /// sign-in.
    #[must_use]
    pub fn device_time(&self) -> Option<Time> {
        self.device_time.map(|secs| Time::from_secs(secs.get()))
    }

    /// When it was issued, to the millisecond where `jti` is a UUID of version 7 that agrees with
    /// `iat`; else the start of the second of `iat`.
    #[must_use]
    pub fn issued_at(&self) -> Time {
        self.issued_at
    }

    /// End of life (`exp`).
    #[must_use]
    pub fn expires_at(&self) -> Time {
        self.expires_at
    }

    /// Beginning of life: `nbf` where set, and never before it was issued.
    #[must_use]
    pub fn not_before(&self) -> Time {
        self.not_before
    }

    /// Judges `exp`, `nbf` and `iat` at `now`, with [`LEEWAY`] (RFC 7519 section 4.1).
    ///
    /// # Errors
    /// [`TokenError::Expired`] or [`TokenError::NotYetValid`].
    pub fn check_times(&self, now: Time) -> Result<(), TokenError> {
        if now >= self.expires_at.plus(LEEWAY) {
            return Err(TokenError::Expired);
        }
        if now.plus(LEEWAY) < self.not_before {
            return Err(TokenError::NotYetValid);
        }
        Ok(())
    }

    fn single(&self, text: Text) -> &str {
        self.at(text as usize)
    }

    fn optional(&self, text: Text) -> Option<&str> {
        Some(self.single(text)).filter(|text| !text.is_empty())
    }

    fn list(&self, places: Range<usize>) -> impl Iterator<Item = &str> {
        places.map(|place| self.at(place))
    }

    fn at(&self, place: usize) -> &str {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.texts[usize::from(start)..usize::from(self.ends[place])]
    }
}

impl fmt::Debug for VerifiedToken {
    /// Names the token without what it says of the person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken")
            .field("jti", &self.jti())
            .field("sub", &self.sub())
            .field("client_id", &self.client_id())
            .field("level", &self.level)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// An ending must be able to fall between two tokens of the same second, and `iat` has no
/// fraction; our `jti` has one. Anything else counts as issued when its second began, so that an
/// ending within that second kills it.
fn issued_at(jti: &str, iat: i64) -> Time {
    Uuid::try_parse(jti)
        .ok()
        .filter(|id| id.get_version() == Some(Version::SortRand))
        .and_then(|id| i64::try_from(id.as_u128() >> 80).ok())
        .map(Time::from_millis)
        .filter(|at| at.secs() == iat)
        .unwrap_or(Time::from_secs(iat))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_in_the_cache_takes_half_a_kilobyte() {
        let claims: AccessClaims = serde_json::from_value(json!({
            "iss": "https://id.example.org",
            "sub": "01890000-0000-7000-8000-000000000001",
            "aud": "https://documentation.intranet.example.org",
            "exp": 1_800_003_600, "iat": 1_800_000_000,
            "jti": "01890000-0000-7000-8000-000000000002",
            "client_id": "auth2:documentation",
            "scope": "openid profile email offline_access",
            "auth_time": 1_800_000_000, "acr": "urn:signalbox:2fa", "amr": ["pwd", "otp", "mfa"],
            "sid": "01890000-0000-7000-8000-000000000003",
            "tenant_id": "default", "roles": ["reader", "editor", "operator"],
            "email": "christina.longname@example.org", "name": "Christina Longname",
        }))
        .unwrap();
        let token = VerifiedToken::from_claims(&claims).unwrap();
        let counts_of_arc = 2 * size_of::<usize>();
        // The hash and the pointer, in a table that has just doubled.
        let slot = (32 + size_of::<usize>() + 1) * 16 / 7;
        let bytes = counts_of_arc
            + size_of::<VerifiedToken>()
            + token.texts.len()
            + size_of_val(&*token.ends)
            + slot;
        assert!(bytes <= 512, "{bytes}");
    }

    #[test]
    fn the_claims_of_a_token_make_the_same_token() {
        for claims in [
            json!({ "acr": "urn:signalbox:2fa", "amr": ["pwd", "otp"], "sid": "s",
                "auth_time": 5, "device_time": 4, "roles": ["a", "b"], "tenant_id": "t",
                "model": "00000000-0000-0000-0000-000000000001", "grant_id": "g" }),
            json!({ "nbf": 1_800_000_100 }),
            json!({ "acr": "of another world", "client_id": "s" }),
            json!({ "aud": ["one", "two"], "scope": "a b", "client_id": "s" }),
        ] {
            let mut whole = json!({ "iss": "i", "sub": "s", "aud": "a", "exp": 1_800_003_600,
                "iat": 1_800_000_000, "jti": "j", "client_id": "c" });
            for (name, value) in claims.as_object().unwrap() {
                whole[name] = value.clone();
            }
            let claims: AccessClaims = serde_json::from_value(whole).unwrap();
            let token = VerifiedToken::from_claims(&claims).unwrap();
            let again = VerifiedToken::from_claims(&token.to_claims("i")).unwrap();
            assert!(token == again, "{token:?}");
        }
    }

    #[test]
    fn claims_too_large_to_pack_are_refused() {
        let claims = |name: String| AccessClaims {
            iss: "i".into(),
            sub: "s".into(),
            aud: Audience::One("a".into()),
            exp: 1,
            iat: 1,
            nbf: None,
            jti: "j".into(),
            client_id: "c".into(),
            scope: String::new(),
            auth_time: None,
            acr: None,
            amr: Vec::new(),
            device_time: None,
            model: None,
            sid: None,
            grant_id: None,
            tenant_id: None,
            roles: Vec::new(),
            email: None,
            name: Some(name),
            userinfo_claims: String::new(),
        };
        assert!(VerifiedToken::from_claims(&claims("x".repeat(65_000))).is_ok());
        let large = VerifiedToken::from_claims(&claims("x".repeat(66_000)));
        assert_eq!(large, Err(TokenError::Malformed));
    }
}
