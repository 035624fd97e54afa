//! Who a request comes from, once it was judged, and what is said of them.

use std::{borrow::Cow, sync::Arc};

use crate::{
    Time,
    api_key::{HeldKey, KeyHolder},
    policy::Level,
    verify::VerifiedToken,
};

/// A caller whose credential counts.
#[derive(Clone, Debug)]
pub enum Who {
    /// It showed an access token.
    Bearer(Arc<VerifiedToken>),
    /// It is a browser with a session at the site.
    Session(Arc<VerifiedToken>),
    /// It showed an API key, which knows no session and proves no level.
    ApiKey(HeldKey),
}

impl Who {
    /// The token, where it showed one.
    #[must_use]
    pub const fn token(&self) -> Option<&Arc<VerifiedToken>> {
        match self {
            Self::Bearer(token) | Self::Session(token) => Some(token),
            Self::ApiKey(_) => None,
        }
    }

    fn holder(&self) -> Option<&KeyHolder> {
        match self {
            Self::ApiKey(key) => Some(key.holder()),
            Self::Bearer(_) | Self::Session(_) => None,
        }
    }

    /// How it showed who it is, as apps are told.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Bearer(_) => "bearer",
            Self::Session(_) => "session",
            Self::ApiKey(_) => "api_key",
        }
    }

    /// Its subject.
    #[must_use]
    pub fn sub(&self) -> Cow<'_, str> {
        match self {
            Self::Bearer(token) | Self::Session(token) => Cow::Borrowed(token.sub()),
            Self::ApiKey(key) => Cow::Owned(key.holder().user_id.to_string()),
        }
    }

    /// Its mail address.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        let of_token = self.token().and_then(|token| token.email());
        of_token.or_else(|| self.holder().map(|holder| holder.email.as_str()))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        let of_token = self.token().and_then(|token| token.name());
        of_token.or_else(|| self.holder().map(|holder| holder.name.as_str()))
    }

    /// Its roles.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        let of_token = self.token().into_iter().flat_map(|token| token.roles());
        let of_holder = self.holder().into_iter().flat_map(|holder| &holder.roles);
        of_token.chain(of_holder.map(String::as_str))
    }

    /// The tenant it acts in.
    #[must_use]
    pub fn tenant_id(&self) -> Option<&str> {
        let of_token = self.token().and_then(|token| token.tenant_id());
        of_token.or_else(|| self.holder().map(|holder| holder.tenant_id.as_str()))
    }

    /// Its session at the server.
    #[must_use]
    pub fn sid(&self) -> Option<&str> {
        self.token().and_then(|token| token.sid())
    }

    /// The level that it has proved.
    #[must_use]
    pub fn level(&self) -> Option<Level> {
        self.token().and_then(|token| token.level())
    }

    /// How it proved that (RFC 8176).
    pub fn amr(&self) -> impl Iterator<Item = &str> {
        self.token().into_iter().flat_map(|token| token.amr())
    }

    /// When it did.
    #[must_use]
    pub fn auth_time(&self) -> Option<Time> {
        self.token().and_then(|token| token.auth_time())
    }
}
