//! Consent: what a client asks for, in plain words.

use askama::Template;
use url::Url;

use super::{ClientCard, Form, Look, Person, Policy, View};
use crate::oauth::scope::{OFFLINE_ACCESS, OPENID};

/// `/consent`: `button[name=decision]`, values `allow` and `deny`.
#[derive(Template)]
#[template(path = "pages/consent.html")]
pub struct Consent<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Where it goes.
    pub form: Form<'v>,
    /// Who asks.
    pub client: ClientCard<'v>,
    /// Who is asked.
    pub who: Person<'v>,
    /// The scopes asked for. What is none of the standard ones is shown by its name.
    pub scopes: Vec<&'v str>,
    /// Claims asked for by name, beyond those of the scopes.
    pub claims: Vec<&'v str>,
    /// Where the client will act for the person (RFC 8707), beyond this server.
    pub audiences: Vec<&'v str>,
    /// Whether the answer will be remembered.
    pub is_remembered: bool,
}

impl Consent<'_> {
    fn asks(&self) -> Vec<String> {
        scopes(self.look, &self.scopes)
    }

    /// The claims by name, in plain words where they are standard (OpenID Connect Core
    /// section 5.1).
    fn claim(&self, claim: &str) -> String {
        let key = format!("claim-{}", claim.replace('_', "-"));
        let other = || self.look.with("claim-other", "claim", claim);
        self.look.find(&key, 0).unwrap_or_else(other)
    }

    fn is_offline(&self) -> bool {
        self.scopes.contains(&OFFLINE_ACCESS)
    }

    /// The machine that will hear the answer.
    fn answered_at(&self) -> Option<String> {
        let url = Url::parse(self.form.leads_to?).ok()?;
        url.host_str().map(str::to_owned)
    }
}

/// Scopes in plain words, each once; `offline_access`, of which more is said elsewhere, is left
/// out, and `openid` where another one says more.
pub fn scopes(look: &Look, scopes: &[&str]) -> Vec<String> {
    let more = scopes.iter().any(|scope| ![OPENID, OFFLINE_ACCESS].contains(scope));
    let shown = scopes.iter().filter(|scope| **scope != OFFLINE_ACCESS);
    let shown = shown.filter(|scope| **scope != OPENID || !more);
    let words = shown.map(|scope| match *scope {
        "openid" => look.text("scope-openid"),
        "profile" => look.text("scope-profile"),
        "email" => look.text("scope-email"),
        "address" => look.text("scope-address"),
        "phone" => look.text("scope-phone"),
        other => look.with("scope-other", "scope", other),
    });
    words.collect()
}

impl View for Consent<'_> {
    fn policy(&self) -> Policy {
        Policy::default().leading_to(self.form.leads_to)
    }
}
