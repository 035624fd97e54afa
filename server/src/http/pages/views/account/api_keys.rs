//! `/account/api-keys`: personal API keys.

use askama::Template;

use super::{Section, Shell, When};
use crate::http::pages::views::{Look, Policy, View};

/// `button[name=revoke]`: a key's id.
#[derive(Template)]
#[template(path = "pages/account/api_keys.html")]
pub struct ApiKeys<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Its frame.
    pub shell: Shell<'v>,
    /// They, newest first.
    pub keys: Vec<ApiKeyRow>,
}

/// A key.
#[derive(Clone, Debug)]
pub struct ApiKeyRow {
    /// Its name for programs.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What the sites are called that it is good at.
    pub sites: Vec<String>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Where it is good from; empty: anywhere.
    pub networks: Vec<String>,
    /// When it was made.
    pub since: When,
    /// When it was last used.
    pub used: Option<When>,
    /// When it is over, or was.
    pub until: When,
    /// Whether it is over.
    pub is_expired: bool,
}

impl ApiKeyRow {
    fn sites(&self) -> String {
        self.sites.join(", ")
    }

    fn scopes(&self) -> String {
        self.scopes.join(", ")
    }

    fn networks(&self) -> String {
        self.networks.join(", ")
    }
}

impl View for ApiKeys<'_> {}

/// `input[name=name]`, `input[name=site]` once for each site, `input[name=scopes]`,
/// `input[name=networks]`, `select[name=days]`.
#[derive(Template)]
#[template(path = "pages/account/new_api_key.html")]
pub struct NewApiKey<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Its frame.
    pub shell: Shell<'v>,
    /// What was filled in as its name.
    pub name: &'v str,
    /// What was filled in as its scopes.
    pub scopes: &'v str,
    /// What was filled in as its networks.
    pub networks: &'v str,
    /// The first of them that is none.
    pub no_network: Option<&'v str>,
    /// The sites it can be made for.
    pub sites: Vec<SiteChoice>,
    /// The lives it can have.
    pub lives: Vec<Life>,
    /// What was wrong with what was filled in.
    pub problems: &'v [ApiKeyProblem],
}

/// A site that a key can be made for.
#[derive(Clone, Debug)]
pub struct SiteChoice {
    /// Its name for programs.
    pub key: String,
    /// Its name for people.
    pub name: String,
    /// What it asks of keys.
    pub scopes: Vec<String>,
    /// Whether it was chosen.
    pub is_chosen: bool,
}

impl SiteChoice {
    fn scopes(&self) -> String {
        self.scopes.join(" ")
    }
}

/// How long a key may live.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    /// Days.
    pub days: u64,
    /// Whether it is chosen.
    pub is_chosen: bool,
}

/// What was wrong with a key that was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKeyProblem {
    /// Its name.
    Name,
    /// Its scopes.
    Scopes,
    /// Its sites.
    Sites,
    /// Its networks.
    Networks,
    /// Its end.
    Life,
    /// There are as many as may be.
    TooMany,
}

impl ApiKeyProblem {
    /// That of a field, as use cases name it.
    #[must_use]
    pub fn of(field: &str) -> Self {
        match field {
            "name" => Self::Name,
            "scopes" => Self::Scopes,
            "sites" => Self::Sites,
            "networks" => Self::Networks,
            _ => Self::Life,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Name => "key-name-problem",
            Self::Scopes => "key-scopes-problem",
            Self::Sites => "key-sites-problem",
            Self::Networks => "key-networks-problem",
            Self::Life => "key-life-problem",
            Self::TooMany => "key-too-many",
        }
    }
}

impl NewApiKey<'_> {
    fn problem(&self, problem: ApiKeyProblem) -> Option<String> {
        self.problems.contains(&problem).then(|| match (problem, self.no_network) {
            (ApiKeyProblem::Networks, Some(named)) => {
                self.look.with("key-no-network", "network", named)
            }
            _ => self.look.text(problem.text()),
        })
    }

    fn life(&self, life: &Life) -> String {
        self.look.count("key-days", "n", life.days)
    }
}

impl View for NewApiKey<'_> {}

/// A key, shown once.
#[derive(Template)]
#[template(path = "pages/account/made_api_key.html")]
pub struct MadeApiKey<'v> {
    /// How it looks.
    pub look: &'v Look,
    /// Its frame.
    pub shell: Shell<'v>,
    /// What it is called.
    pub name: &'v str,
    /// The key.
    pub key: &'v str,
    /// When it is over.
    pub until: When,
}

impl View for MadeApiKey<'_> {
    fn policy(&self) -> Policy {
        Policy::default().with_scripts()
    }
}
