//! What is the edge's own at every site, below `/.signalbox/`: nothing of it reaches an app.

use http::Method;
use jwks::site_session::{CALLBACK, RESERVED, SIGNED_OUT};

use crate::reason::Reason;

/// Where somebody who was told to sign in begins: for callers that are not redirected.
pub const SIGN_IN: &str = "/.signalbox/sign-in";
/// Where somebody signs out.
pub const SIGN_OUT: &str = "/.signalbox/sign-out";
/// Where the keys of assertions are published.
const KEYS: &str = "/.signalbox/jwks.json";
/// Where an app asks who its caller is.
const ME: &str = "/.signalbox/me";
/// Where proxies ask.
pub const AUTH: &str = "/.signalbox/auth";

/// One path, and what is there.
#[derive(Clone, Copy, Debug)]
pub struct OwnPath {
    /// The canonical path.
    pub path: &'static str,
    /// What is there.
    pub own: Own,
    /// Who may ask for it.
    pub access: Access,
    /// How it can be asked for.
    pub methods: &'static [&'static str],
}

/// What is the edge's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// Begins a sign-in.
    SignIn,
    /// Ends one.
    Callback,
    /// Asks, and signs out.
    SignOut,
    /// Says that somebody was signed out.
    SignedOut,
    /// Shows the keys that assertions are signed with.
    Keys,
    /// Says who the caller is.
    Me,
    /// Says what would be said to a request that a proxy holds.
    Auth,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody, where the site is served.
    Anybody,
    /// Whoever may enter the site.
    Caller,
    /// Proxies that are trusted.
    Proxy,
}

const READ: &[&str] = &["GET", "HEAD"];

/// All of it. Whatever else is asked for below `/.signalbox/` is nothing.
pub const OWN: [OwnPath; 7] = [
    OwnPath { path: SIGN_IN, own: Own::SignIn, access: Access::Anybody, methods: READ },
    // HEAD would use the code up.
    OwnPath { path: CALLBACK, own: Own::Callback, access: Access::Anybody, methods: &["GET"] },
    OwnPath {
        path: SIGN_OUT,
        own: Own::SignOut,
        access: Access::Anybody,
        methods: &["GET", "HEAD", "POST"],
    },
    OwnPath { path: SIGNED_OUT, own: Own::SignedOut, access: Access::Anybody, methods: READ },
    OwnPath { path: KEYS, own: Own::Keys, access: Access::Anybody, methods: READ },
    OwnPath { path: ME, own: Own::Me, access: Access::Caller, methods: READ },
    OwnPath { path: AUTH, own: Own::Auth, access: Access::Proxy, methods: READ },
];

/// Whether this path is the edge's, whether or not there is anything.
#[must_use]
pub fn is_reserved(path: &str) -> bool {
    path.strip_prefix(&RESERVED[..RESERVED.len() - 1])
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl OwnPath {
    /// What is at this path.
    #[must_use]
    pub fn at(path: &str) -> Option<&'static Self> {
        OWN.iter().find(|own| is_reserved(path) && own.path == path)
    }

    /// What a request of `method` is told that it does not take.
    ///
    /// # Errors
    /// 405.
    pub fn takes(&self, method: &Method) -> Result<(), Reason> {
        let takes = self.methods.contains(&method.as_str());
        if takes { Ok(()) } else { Err(Reason::Method(self.methods)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_below_the_reserved_path_is_the_edges() {
        for path in ["/.signalbox", "/.signalbox/", "/.signalbox/x", "/.signalbox/me/x"] {
            assert!(is_reserved(path) && OwnPath::at(path).is_none(), "{path}");
        }
        for path in ["/", "/.signalboxes", "/.signalbox-x/me", "/x/.signalbox/me"] {
            assert!(!is_reserved(path), "{path}");
        }
        for own in &OWN {
            assert!(is_reserved(own.path));
            assert_eq!(OwnPath::at(own.path).map(|found| found.own), Some(own.own));
        }
    }
}
