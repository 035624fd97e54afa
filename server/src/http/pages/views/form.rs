//! What several pages have in common: where a form goes, who asks, and who is asked.

use url::Url;

use crate::{domain::client::Client, http::logo_path};

/// Where a page's form goes, and what it carries.
#[derive(Clone, Debug, Default)]
pub struct Form<'v> {
    /// The path it is posted to.
    pub action: &'v str,
    /// What it carries unseen: name and value.
    pub hidden: Vec<(&'v str, &'v str)>,
    /// Where its answer may redirect to beyond this server: the client's redirect URI.
    pub leads_to: Option<&'v str>,
}

/// The client that asks, as people see it. It registered these words itself, perhaps.
#[derive(Clone, Debug, Default)]
pub struct ClientCard<'v> {
    /// Its name.
    pub name: &'v str,
    /// Where this server serves its picture.
    pub logo: Option<String>,
    /// Its home page.
    pub uri: Option<&'v str>,
    /// Its privacy policy.
    pub policy_uri: Option<&'v str>,
    /// Its terms of service.
    pub tos_uri: Option<&'v str>,
}

impl<'v> ClientCard<'v> {
    /// What is registered of a client.
    #[must_use]
    pub fn of(client: &'v Client) -> Self {
        let metadata = &client.metadata;
        Self {
            name: client.name(),
            logo: logo_path(client),
            uri: link(metadata.client_uri.as_deref()),
            policy_uri: link(metadata.policy_uri.as_deref()),
            tos_uri: link(metadata.tos_uri.as_deref()),
        }
    }

    /// What stands in the place of its picture.
    #[must_use]
    pub fn initial(&self) -> String {
        initial(self.name)
    }
}

/// An address that may stand in a link: no scheme that runs anything.
fn link(address: Option<&str>) -> Option<&str> {
    let scheme = |url: &Url| matches!(url.scheme(), "http" | "https");
    address.filter(|address| Url::parse(address).as_ref().is_ok_and(scheme))
}

/// Somebody who is signed in, or about to be.
#[derive(Clone, Debug, Default)]
pub struct Person<'v> {
    /// Their name.
    pub name: &'v str,
    /// Their mail address.
    pub address: &'v str,
    /// Where "not you?" leads; `None`: there is no other way.
    pub not_you: Option<&'v str>,
}

impl Person<'_> {
    /// What stands in the place of their picture.
    #[must_use]
    pub fn initial(&self) -> String {
        let name = initial(self.name);
        if name.is_empty() { initial(self.address) } else { name }
    }
}

fn initial(words: &str) -> String {
    let first = words.chars().find(|c| c.is_alphanumeric());
    first.map(|c| c.to_uppercase().to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_runs_something_is_no_link() {
        assert_eq!(link(Some("https://a.example/privacy")), Some("https://a.example/privacy"));
        for address in ["javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "/here"] {
            assert_eq!(link(Some(address)), None, "{address}");
        }
    }

    #[test]
    fn the_initial_is_a_letter_of_the_name_or_of_the_address() {
        let initial = |name, address| Person { name, address, not_you: None }.initial();
        assert_eq!(initial("ada", "x@a.example"), "A");
        assert_eq!(initial("", "x@a.example"), "X");
        assert_eq!(initial("<>", ""), "");
    }
}
