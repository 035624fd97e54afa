//! A sign-in that is under way: all that is known of it lies in a cookie of the browser that began
//! it, so that any edge can go on with it, and no other browser.
//!
//! The cookie holds one secret. What the server is shown (`state`, `nonce`, the PKCE challenge) comes
//! of it and does not give it away; so does the key of a request that is kept meanwhile.

use std::time::Duration;

use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac, rand,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderValue;
use jwks::{
    Time,
    site_session::{FLOW_COOKIE, SIGN_IN_LIFE},
};

use crate::{cookies, path};

/// The longest way back that is remembered, bytes.
pub const MAX_TARGET: usize = 2000;
/// How much of `state` names the cookie.
const NAMED_BY: usize = 16;

/// What happens when it comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The browser goes to the target.
    Visit,
    /// A form was posted to the target, and is kept.
    Kept,
    /// It has come back, as the session of this mark: that form is sent as soon as a browser with that
    /// session goes to the target.
    Ready(Mark),
}

/// What one flow knows a session by.
type Mark = [u8; 32];

/// A sign-in that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    secret: [u8; 32],
    began_at: Time,
    /// What happens when it comes back.
    pub phase: Phase,
    /// Where the browser goes then: path and query at the same site.
    pub target: String,
}

impl Flow {
    /// Begins one. `None`: the system gives no random bytes.
    #[must_use]
    pub fn begin(phase: Phase, target: String, now: Time) -> Option<Self> {
        let mut secret = [0; 32];
        rand::fill(&mut secret).ok()?;
        // Seconds, as they are written.
        Some(Self { secret, began_at: Time::from_secs(now.secs()), phase, target })
    }

    /// The flow that came back with this `state`, of those that the browser holds, if it is not over.
    #[must_use]
    pub fn of_state<'c>(
        cookies: impl Iterator<Item = (&'c str, &'c str)>,
        state: &str,
        secure: bool,
        now: Time,
    ) -> Option<Self> {
        let flow = held(cookies, secure).find(|(name, _)| {
            name.strip_prefix(FLOW_COOKIE).is_some_and(|id| !id.is_empty() && state.starts_with(id))
        });
        let flow = Self::parse(flow?.1)?;
        let is_it = flow.state().len() == state.len()
            && aws_lc_rs::constant_time::verify_slices_are_equal(
                flow.state().as_bytes(),
                state.as_bytes(),
            )
            .is_ok();
        (is_it && flow.is_alive(now)).then_some(flow)
    }

    /// The flow that has a form ready to be sent to this target, by a browser whose session is called
    /// `sid`: whoever plants a flow of their own in another's browser has come back as themselves.
    #[must_use]
    pub fn ready_for<'c>(
        cookies: impl Iterator<Item = (&'c str, &'c str)>,
        target: &[u8],
        sid: &str,
        secure: bool,
        now: Time,
    ) -> Option<Self> {
        held(cookies, secure).filter_map(|(_, value)| Self::parse(value)).find(|flow| {
            flow.target.as_bytes() == target
                && flow.is_alive(now)
                && flow.phase == Phase::Ready(flow.mark(sid))
        })
    }

    /// The same, come back as the session `sid`: the form that was kept for it is to be sent.
    #[must_use]
    pub fn ready(&self, sid: &str) -> Self {
        Self { phase: Phase::Ready(self.mark(sid)), ..self.clone() }
    }

    fn mark(&self, sid: &str) -> Mark {
        self.derived(&format!("session {sid}"))
    }

    /// The path of the target.
    #[must_use]
    pub fn path(&self) -> &str {
        let (path, _) = path::split(self.target.as_bytes());
        &self.target[..path.len()]
    }

    /// The same with another target.
    #[cfg(test)]
    pub fn towards(&self, target: &str) -> Self {
        Self { target: target.to_owned(), ..self.clone() }
    }

    /// Whether somebody may still come back with it.
    #[must_use]
    pub fn is_alive(&self, now: Time) -> bool {
        now.plus(Duration::from_secs(10)) >= self.began_at
            && now.since(self.began_at) <= SIGN_IN_LIFE
    }

    /// `state` (RFC 6749 section 4.1.1).
    #[must_use]
    pub fn state(&self) -> String {
        self.text("state")
    }

    /// `nonce` (OpenID Connect Core section 3.1.2.1).
    #[must_use]
    pub fn nonce(&self) -> String {
        self.text("nonce")
    }

    /// `code_verifier` (RFC 7636 section 4.1).
    #[must_use]
    pub fn verifier(&self) -> String {
        self.text("verifier")
    }

    /// `code_challenge` by S256 (RFC 7636 section 4.2).
    #[must_use]
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier().as_bytes()))
    }

    /// What the request that is kept is called at the server.
    #[must_use]
    pub fn kept_name(&self) -> String {
        self.text("kept name")
    }

    /// What it is sealed with.
    #[must_use]
    pub fn kept_key(&self) -> [u8; 32] {
        self.derived("kept key")
    }

    /// `Set-Cookie` for it.
    #[must_use]
    pub fn cookie(&self, secure: bool) -> Option<HeaderValue> {
        cookies::set(&self.cookie_name(), &self.written(), Some(SIGN_IN_LIFE), secure)
    }

    /// `Set-Cookie` that removes it.
    #[must_use]
    pub fn cookie_removed(&self, secure: bool) -> Option<HeaderValue> {
        cookies::set(&self.cookie_name(), "", Some(Duration::ZERO), secure)
    }

    fn cookie_name(&self) -> String {
        let mut name = FLOW_COOKIE.to_owned();
        name.push_str(&self.state()[..NAMED_BY]);
        name
    }

    fn written(&self) -> String {
        let (phase, mark) = match self.phase {
            Phase::Visit => ('v', String::new()),
            Phase::Kept => ('k', String::new()),
            Phase::Ready(mark) => ('r', URL_SAFE_NO_PAD.encode(mark)),
        };
        let secret = URL_SAFE_NO_PAD.encode(self.secret);
        let target = URL_SAFE_NO_PAD.encode(&self.target);
        format!("{phase}{mark}.{}.{secret}.{target}", self.began_at.secs())
    }

    fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split('.');
        let mut part = || parts.next();
        let phase = match part()? {
            "v" => Phase::Visit,
            "k" => Phase::Kept,
            ready => {
                let mark = URL_SAFE_NO_PAD.decode(ready.strip_prefix('r')?).ok()?;
                Phase::Ready(mark.try_into().ok()?)
            }
        };
        let began_at = Time::from_secs(part()?.parse::<u32>().ok()?.into());
        let secret = URL_SAFE_NO_PAD.decode(part()?).ok()?.try_into().ok()?;
        let target = String::from_utf8(URL_SAFE_NO_PAD.decode(part()?).ok()?).ok()?;
        let is_whole = part().is_none() && is_target(&target);
        is_whole.then_some(Self { secret, began_at, phase, target })
    }

    fn text(&self, what: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.derived(what))
    }

    fn derived(&self, what: &str) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.secret);
        let mut derived = [0; 32];
        derived.copy_from_slice(hmac::sign(&key, what.as_bytes()).as_ref());
        derived
    }
}

/// What to remove so that not too many are under way in one browser: the cookies fill the head of
/// every request. The oldest go first, and those that cannot be read.
#[must_use]
pub fn too_many<'c>(
    cookies: impl Iterator<Item = (&'c str, &'c str)>,
    secure: bool,
) -> Vec<HeaderValue> {
    const MOST: usize = 6;
    let mut flows: Vec<(Time, &str)> = held(cookies, secure)
        .map(|(name, value)| {
            let began_at = Flow::parse(value).map(|flow| flow.began_at);
            (began_at.unwrap_or(Time::from_millis(0)), name)
        })
        .collect();
    flows.sort_unstable();
    let surplus = (flows.len() + 1).saturating_sub(MOST);
    flows[..surplus]
        .iter()
        .filter_map(|(_, name)| cookies::set(name, "", Some(Duration::ZERO), secure))
        .collect()
}

fn held<'c>(
    cookies: impl Iterator<Item = (&'c str, &'c str)>,
    secure: bool,
) -> impl Iterator<Item = (&'c str, &'c str)> {
    cookies.filter_map(move |(name, value)| {
        let name = cookies::own_name(name, secure)?;
        name.starts_with(FLOW_COOKIE).then_some((name, value))
    })
}

/// Whether `text` is a path at the same site, with or without a query, that can be gone to.
#[must_use]
pub fn is_target(text: &str) -> bool {
    text.starts_with('/')
        && text.len() <= MAX_TARGET
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\#\"<>".contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Time = Time::from_secs(1_800_000_000);

    fn flow(phase: Phase, target: &str) -> Flow {
        Flow::begin(phase, target.to_owned(), NOW).unwrap()
    }

    /// Name and value, as a browser would send them.
    fn pair(flow: &Flow, secure: bool) -> (String, String) {
        let field = flow.cookie(secure).unwrap().to_str().unwrap().to_owned();
        let (name, value) = field.split(';').next().unwrap().split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    }

    fn shown(pairs: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
        pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    #[test]
    fn a_flow_comes_back_to_the_browser_that_began_it_and_to_no_other() {
        let (one, other) = (flow(Phase::Visit, "/a?b=c"), flow(Phase::Visit, "/d"));
        let pairs = [pair(&one, true), pair(&other, true)];
        let found = |state: &str, secure| Flow::of_state(shown(&pairs), state, secure, NOW);
        assert_eq!(found(&one.state(), true).unwrap(), one);
        assert_eq!(found(&other.state(), true).unwrap(), other);
        assert_eq!(found(&one.state(), false), None);
        let stranger = flow(Phase::Visit, "/");
        for state in ["", "x", &one.state()[..NAMED_BY], &stranger.state()] {
            assert_eq!(found(state, true), None, "{state}");
        }
        let mut forged = one.state();
        forged.replace_range(20..21, if &forged[20..21] == "A" { "B" } else { "A" });
        assert_eq!(found(&forged, true), None);
    }

    #[test]
    fn a_flow_lives_for_ten_minutes() {
        let flow = flow(Phase::Visit, "/");
        let pairs = [pair(&flow, false)];
        let at = |now| Flow::of_state(shown(&pairs), &flow.state(), false, now).is_some();
        assert!(at(NOW) && at(NOW.plus(SIGN_IN_LIFE)));
        assert!(!at(NOW.plus(SIGN_IN_LIFE).plus(Duration::from_millis(1))));
        assert!(!at(NOW.minus(Duration::from_secs(11))));
    }

    #[test]
    fn a_form_is_ready_for_its_own_target_and_session_once_it_has_come_back() {
        let ready = flow(Phase::Kept, "/pay?x=1").ready("mine");
        let kept = flow(Phase::Kept, "/other");
        let pairs = [pair(&ready, true), pair(&kept, true)];
        let find = |target: &[u8], sid| Flow::ready_for(shown(&pairs), target, sid, true, NOW);
        assert_eq!(find(b"/pay?x=1", "mine").unwrap().kept_name(), ready.kept_name());
        for target in [&b"/pay"[..], b"/pay?x=2", b"/other", b"/"] {
            assert_eq!(find(target, "mine"), None);
        }
        assert_eq!(find(b"/pay?x=1", "theirs"), None);
        // Whoever makes one ready by hand does not know as whom it would come back.
        let (name, value) = pair(&flow(Phase::Kept, "/pay"), true);
        let forged = [(name, value.replacen('k', "r", 1))];
        assert_eq!(Flow::ready_for(shown(&forged), b"/pay", "mine", true, NOW), None);
    }

    #[test]
    fn everything_that_comes_of_the_secret_is_different() {
        let flow = flow(Phase::Visit, "/");
        let key = URL_SAFE_NO_PAD.encode(flow.kept_key());
        let all = [
            flow.state(),
            flow.nonce(),
            flow.verifier(),
            flow.challenge(),
            flow.kept_name(),
            key,
            URL_SAFE_NO_PAD.encode(flow.secret),
        ];
        let different: std::collections::HashSet<&String> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert!(all.iter().all(|text| text.len() == 43));
    }

    #[test]
    fn the_oldest_make_room() {
        let pairs: Vec<(String, String)> = (0..8)
            .map(|n| {
                let began = NOW.plus(Duration::from_secs(n));
                pair(&Flow::begin(Phase::Visit, "/".to_owned(), began).unwrap(), true)
            })
            .collect();
        let removed = too_many(shown(&pairs), true);
        assert_eq!(removed.len(), 3);
        for (removed, (name, _)) in removed.iter().zip(&pairs) {
            assert!(removed.to_str().unwrap().starts_with(&format!("{name}=; Max-Age=0")));
        }
        assert!(too_many(shown(&pairs[..5]), true).is_empty());
    }

    #[test]
    fn a_way_back_leads_to_the_same_site() {
        for good in ["/", "/a/b?c=d&e=%2F", "//evil.example/x"] {
            assert!(is_target(good), "{good}");
        }
        for bad in ["", "a", "https://evil.example/", "/a b", "/\\evil", "/a\r\nb", "/a#b", "/ä"] {
            assert!(!is_target(bad), "{bad}");
        }
        assert!(!is_target(&format!("/{}", "x".repeat(MAX_TARGET))));
    }

    proptest! {
        #[test]
        fn whatever_a_cookie_holds_is_read_or_left(value in "\\PC{0,80}") {
            if let Some(flow) = Flow::parse(&value) {
                prop_assert!(is_target(&flow.target));
            }
        }

        #[test]
        fn what_is_written_is_read(path in "/[a-z/?&=%0-9]{0,40}") {
            let kept = flow(Phase::Kept, &path);
            for flow in [flow(Phase::Visit, &path), kept.ready("s"), kept] {
                prop_assert_eq!(Flow::parse(&flow.written()), Some(flow.clone()));
                prop_assert!(flow.target.starts_with(flow.path()) && !flow.path().contains('?'));
            }
        }
    }
}
