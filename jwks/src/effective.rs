//! What a site asks of one request: its policy, as changed by the first rule that matches.

use std::time::Duration;

use uuid::Uuid;

use crate::{
    Time,
    policy::{Accept, Allow, Level, Method, Policy, Require, Rule, TrustedDevice, WebAuthn},
};

/// What a [`Policy`] asks for one method and path: its own words, or those of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effective<'p> {
    /// The level.
    pub require: Require,
    /// Factors that count; empty: every confirmed one.
    pub allowed_factors: &'p [Method],
    /// Whether trusted devices count.
    pub trusted_device: TrustedDevice,
    /// What is asked of passkeys and security keys. Rules do not change this.
    pub webauthn: &'p WebAuthn,
    /// How old the proof may be, seconds.
    pub max_auth_age: Option<u64>,
    /// How long a session may rest, seconds. Rules do not change this.
    pub session_idle: Option<u64>,
    /// How old the proof may be that a session rests on, seconds. Rules do not change this.
    pub session_absolute: Option<u64>,
    /// Who may enter.
    pub allow: &'p Allow,
    /// With what.
    pub accept: &'p Accept,
}

impl Effective<'_> {
    /// Whether a proof by `method` is enough. Where one factor is, it is not asked which.
    #[must_use]
    pub fn counts(&self, method: Method) -> bool {
        let is_listed = self.allowed_factors.is_empty() || self.allowed_factors.contains(&method);
        match self.require {
            Require::Public | Require::SignedIn => true,
            Require::TwoFactor => is_listed,
            Require::PhishingResistant => is_listed && method == Method::Hardware,
        }
    }

    /// Whether passkeys of this model count; `None`: one that does not say what it is.
    #[must_use]
    pub fn counts_model(&self, model: Option<Uuid>) -> bool {
        let models = &self.webauthn.models;
        models.is_empty() || model.is_some_and(|model| models.contains(&model))
    }

    /// Whether a factor that counts is among what was shown (`amr`), where two are asked for: `is_shown`
    /// says so of each value. `model`: that of the passkey that was shown, where it is known.
    #[must_use]
    pub fn counts_shown(&self, is_shown: impl Fn(&str) -> bool, model: Option<Uuid>) -> bool {
        let is_verified = || !self.webauthn.user_verification || is_shown("user");
        let is_proved = |method: &Method| method.amr().iter().any(|value| is_shown(value));
        let counts = |method: Method| {
            let counts_passkey = || is_verified() && self.counts_model(model);
            self.counts(method) && (method != Method::Hardware || counts_passkey())
        };
        let proved = || Method::ALL.into_iter().filter(is_proved);
        // Where every factor counts, a level says that there was one, whatever it was.
        let any_counts = self.allowed_factors.is_empty() && self.require <= Require::TwoFactor;
        (any_counts && proved().next().is_none()) || proved().any(counts)
    }

    /// What is asked where a request asks for `level` besides, by whichever factor reaches that.
    #[must_use]
    pub const fn at(self, level: Level) -> Self {
        let require = match level {
            Level::OneFactor => Require::SignedIn,
            Level::TwoFactor => Require::TwoFactor,
            Level::PhishingResistant => Require::PhishingResistant,
        };
        Self { require, allowed_factors: &[], ..self }
    }

    /// Whether a second factor proved at `proved_at` on a trusted device stands in for a present
    /// one at `now`. It is as old as that proof, it is phishing-resistant nowhere, and it is no
    /// factor that anybody lists.
    #[must_use]
    pub fn counts_device(&self, proved_at: Time, now: Time) -> bool {
        let age = now.since(proved_at);
        let is_listed = !self.allowed_factors.is_empty();
        self.require <= Require::TwoFactor
            && !(self.require == Require::TwoFactor && is_listed)
            && self.trusted_device.span().is_some_and(|span| age <= span)
            && self.max_auth_age.is_none_or(|max| age <= Duration::from_secs(max))
    }
}

impl Policy {
    /// What is asked where no rule speaks.
    #[must_use]
    pub fn without_rules(&self) -> Effective<'_> {
        self.with_rule(None)
    }

    /// What is asked of a request of `method` for the canonical `path`.
    #[must_use]
    pub fn effective(&self, method: &str, path: &str) -> Effective<'_> {
        let rule = self.rules.iter().find(|rule| rule.matches(method, path));
        self.with_rule(rule)
    }

    /// This policy as `rule` changes it.
    pub(crate) fn with_rule<'p>(&'p self, rule: Option<&'p Rule>) -> Effective<'p> {
        Effective {
            require: rule.and_then(|rule| rule.require).unwrap_or(self.require),
            allowed_factors: rule
                .and_then(|rule| rule.allowed_factors.as_ref())
                .unwrap_or(&self.allowed_factors),
            trusted_device: rule
                .and_then(|rule| rule.trusted_device)
                .unwrap_or(self.trusted_device),
            webauthn: &self.webauthn,
            max_auth_age: rule.and_then(|rule| rule.max_auth_age).or(self.max_auth_age),
            session_idle: self.session_idle,
            session_absolute: self.session_absolute,
            allow: rule.and_then(|rule| rule.allow.as_ref()).unwrap_or(&self.allow),
            accept: rule.and_then(|rule| rule.accept.as_ref()).unwrap_or(&self.accept),
        }
    }
}

impl Rule {
    /// Whether this rule speaks of a request of `method` for the canonical `path`. A rule with
    /// both `path` and `prefix`, or with neither, speaks of none.
    #[must_use]
    pub fn matches(&self, method: &str, path: &str) -> bool {
        self.matches_path(path) && self.matches_method(method)
    }

    fn matches_path(&self, path: &str) -> bool {
        match (&self.path, &self.prefix) {
            (Some(exact), None) => path == exact,
            (None, Some(prefix)) => path
                .strip_prefix(prefix.trim_end_matches('/'))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            _ => false,
        }
    }

    /// HEAD is GET without the body (RFC 9110 section 9.3.2), and applications that ignore the
    /// case of methods exist: neither must be a way around a rule.
    fn matches_method(&self, method: &str) -> bool {
        let is_head = method.eq_ignore_ascii_case("HEAD");
        self.methods.is_empty()
            || self.methods.iter().any(|named| {
                named.eq_ignore_ascii_case(method) || (is_head && named.eq_ignore_ascii_case("GET"))
            })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefix(prefix: &str) -> Rule {
        Rule { prefix: Some(prefix.into()), ..Rule::default() }
    }

    #[test]
    fn a_factor_that_was_shown_counts_where_it_is_listed_and_its_owner_was_verified() {
        let shown = |policy: &Policy, amr: &[&str]| {
            policy.without_rules().counts_shown(|value| amr.contains(&value), None)
        };
        let any = Policy { require: Require::TwoFactor, ..Policy::default() };
        for amr in [&["pwd", "otp"][..], &["pwd", "hwk"], &["swk", "user"], &["pwd"], &[]] {
            assert!(shown(&any, amr), "{amr:?}");
        }
        let listed = Policy { allowed_factors: vec![Method::Totp], ..any.clone() };
        assert!(shown(&listed, &["pwd", "hwk", "otp"]));
        for amr in [&["pwd", "hwk", "user"][..], &["pwd"], &[]] {
            assert!(!shown(&listed, amr), "{amr:?}");
        }
        let webauthn = WebAuthn { user_verification: true, models: Vec::new() };
        let verified = Policy { webauthn, ..any };
        for (amr, counts) in [
            (&["pwd", "hwk", "user"][..], true),
            (&["swk", "user"], true),
            (&["pwd", "otp"], true),
            (&["pwd", "hwk", "otp"], true),
            (&["pwd", "hwk"], false),
            (&["pwd", "swk", "mfa"], false),
        ] {
            assert_eq!(shown(&verified, amr), counts, "{amr:?}");
        }
    }

    #[test]
    fn a_model_counts_where_it_is_listed_or_none_is() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let policy = |models| Policy {
            require: Require::TwoFactor,
            webauthn: WebAuthn { user_verification: false, models },
            ..Policy::default()
        };
        let (any, listed) = (policy(Vec::new()), policy(vec![one]));
        for model in [Some(one), Some(other), None] {
            assert!(any.without_rules().counts_model(model));
            assert_eq!(listed.without_rules().counts_model(model), model == Some(one));
        }
        let asked = listed.without_rules();
        for (amr, model, level, counts) in [
            (&["hwk"][..], Some(one), Level::TwoFactor, true),
            (&["hwk"], Some(other), Level::TwoFactor, false),
            (&["hwk"], None, Level::TwoFactor, false),
            (&["hwk", "otp"], None, Level::TwoFactor, true),
            // A code beside it makes no phishing-resistant proof of it.
            (&["hwk", "otp"], Some(one), Level::PhishingResistant, true),
            (&["hwk", "otp"], Some(other), Level::PhishingResistant, false),
            (&["pwd"], None, Level::PhishingResistant, false),
        ] {
            let asked = asked.at(level);
            let shown = asked.counts_shown(|value| amr.contains(&value), model);
            assert_eq!(shown, counts, "{amr:?} {model:?} {level:?}");
        }
    }

    fn exact(path: &str) -> Rule {
        Rule { path: Some(path.into()), ..Rule::default() }
    }

    #[test]
    fn a_prefix_matches_whole_segments() {
        for (rule, path, expected) in [
            ("/admin", "/admin", true),
            ("/admin", "/admin/", true),
            ("/admin", "/admin/users/1", true),
            ("/admin", "/administrator", false),
            ("/admin", "/admin-old/x", false),
            ("/admin", "/Admin", false),
            ("/admin", "/x/admin", false),
            ("/admin", "/", false),
            ("/admin/users", "/admin", false),
            ("/admin/", "/admin/users", true),
            ("/admin/", "/admin", true),
            ("/", "/", true),
            ("/", "/anything/at/all", true),
        ] {
            assert_eq!(prefix(rule).matches("GET", path), expected, "{rule} {path}");
        }
    }

    #[test]
    fn an_exact_path_matches_itself_alone() {
        let rule = exact("/health");
        assert!(rule.matches("GET", "/health"));
        for other in ["/health/", "/health/x", "/healthy", "/", "/HEALTH"] {
            assert!(!rule.matches("GET", other), "{other}");
        }
    }

    #[test]
    fn a_rule_with_both_path_and_prefix_or_neither_matches_nothing() {
        let both = Rule { path: Some("/a".into()), prefix: Some("/a".into()), ..Rule::default() };
        assert!(!both.matches("GET", "/a"));
        assert!(!Rule::default().matches("GET", "/a"));
    }

    #[test]
    fn a_rule_speaks_of_its_methods_and_head_goes_with_get() {
        let rule = Rule { methods: vec!["GET".into(), "DELETE".into()], ..prefix("/") };
        for method in ["GET", "HEAD", "DELETE", "get", "Head"] {
            assert!(rule.matches(method, "/x"), "{method}");
        }
        for method in ["POST", "PUT", "OPTIONS", ""] {
            assert!(!rule.matches(method, "/x"), "{method}");
        }
        let posts = Rule { methods: vec!["POST".into()], ..prefix("/") };
        assert!(!posts.matches("HEAD", "/x"));
    }

    #[test]
    fn the_first_rule_that_matches_wins() {
        let policy = Policy {
            rules: vec![
                Rule { require: Some(Require::Public), ..prefix("/docs/public") },
                Rule { require: Some(Require::PhishingResistant), ..prefix("/docs") },
                Rule { require: Some(Require::SignedIn), ..prefix("/docs") },
            ],
            ..Policy::default()
        };
        let require = |path| policy.effective("GET", path).require;
        assert_eq!(require("/docs/public/a"), Require::Public);
        assert_eq!(require("/docs/a"), Require::PhishingResistant);
        assert_eq!(require("/docs/publicity"), Require::PhishingResistant);
        assert_eq!(require("/a"), Require::TwoFactor);
    }

    #[test]
    fn a_rule_changes_what_it_names_and_leaves_the_rest() {
        let allow = Allow { roles: vec!["admin".into()], ..Allow::default() };
        let policy = Policy {
            max_auth_age: Some(3600),
            allowed_factors: vec![Method::Hardware],
            rules: vec![Rule { allow: Some(allow.clone()), ..prefix("/admin") }],
            ..Policy::default()
        };
        let site = policy.effective("GET", "/");
        let admin = policy.effective("GET", "/admin");
        assert_eq!(*site.allow, Allow::default());
        assert_eq!(admin, Effective { allow: &allow, ..site });
    }

    #[test]
    fn a_rule_counts_trusted_devices_for_as_long_as_it_says() {
        let days = |days| TrustedDevice { days };
        let policy = Policy {
            trusted_device: days(30),
            rules: vec![
                Rule { trusted_device: Some(days(0)), ..prefix("/pay") },
                Rule { trusted_device: Some(days(1)), ..prefix("/shop") },
                Rule { require: Some(Require::TwoFactor), ..prefix("/docs") },
            ],
            ..Policy::default()
        };
        let now = Time::from_secs(1_800_000_000);
        let counts = |path, hours: u64| {
            let proved_at = now.minus(Duration::from_secs(hours * 3600));
            policy.effective("GET", path).counts_device(proved_at, now)
        };
        for (path, hours, expected) in [
            ("/pay", 0, false),
            ("/shop", 23, true),
            ("/shop", 25, false),
            ("/docs", 25, true),
            ("/", 25, true),
        ] {
            assert_eq!(counts(path, hours), expected, "{path} after {hours} h");
        }
    }

    proptest! {
        #[test]
        fn a_prefix_matches_exactly_the_paths_that_begin_with_its_segments(
            wanted in proptest::collection::vec("[ab]{1,2}", 1..3),
            asked in proptest::collection::vec("[ab]{0,2}", 0..4),
        ) {
            let path = |segments: &[String]| format!("/{}", segments.join("/"));
            let rule = prefix(&path(&wanted));
            prop_assert_eq!(rule.matches("GET", &path(&asked)), asked.starts_with(&wanted));
        }
    }
}
