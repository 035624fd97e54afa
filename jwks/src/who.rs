//! Who a request comes from, once it was judged, and what is said of them.

use std::{borrow::Cow, sync::Arc};

use crate::{Time, policy::Level, verify::VerifiedToken};

/// A caller whose credential counts.
#[derive(Clone, Debug)]
pub enum Who {
    /// It showed an access token.
    Bearer(Arc<VerifiedToken>),
    /// It is a browser with a session at the site.
    Session(Arc<VerifiedToken>),
}

impl Who {
    /// The token, where it showed one.
    #[must_use]
    pub const fn token(&self) -> Option<&Arc<VerifiedToken>> {
        match self {
            Self::Bearer(token) | Self::Session(token) => Some(token),
        }
    }

    /// How it showed who it is, as apps are told.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Bearer(_) => "bearer",
            Self::Session(_) => "session",
        }
    }

    /// Its subject.
    #[must_use]
    pub fn sub(&self) -> Cow<'_, str> {
        match self {
            Self::Bearer(token) | Self::Session(token) => Cow::Borrowed(token.sub()),
        }
    }

    /// Its mail address.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.token().and_then(|token| token.email())
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.token().and_then(|token| token.name())
    }

    /// Its roles.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.token().into_iter().flat_map(|token| token.roles())
    }

    /// The tenant it acts in.
    #[must_use]
    pub fn tenant_id(&self) -> Option<&str> {
        self.token().and_then(|token| token.tenant_id())
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
