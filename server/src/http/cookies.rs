//! What browsers carry for their owner: the tokens of sessions, a trusted device's token, the mark
//! of a known one. The last two open nothing by themselves. Those of sessions count on pages alone,
//! where every form asks where it was sent from.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

use jwks::Time;
// An edge knows them too, and shows them to no site.
pub use jwks::site_session::server_cookie::{DEVICE, KNOWN, SESSION, STATE};

use crate::{app::App, auth::browser::Browser, oauth::session_state::browser_state};

/// The value of cookie `name`, if it came.
pub fn read<'h>(app: &App, headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let wanted = whole_name(&app.issuer, name);
    let fields = headers.get_all(header::COOKIE).into_iter();
    fields.filter_map(|field| field.to_str().ok()).flat_map(|field| field.split(';')).find_map(
        |pair| {
            let (name, value) = pair.trim_matches([' ', '\t']).split_once('=')?;
            (name == wanted).then_some(value)
        },
    )
}

/// `Set-Cookie` (RFC 6265 section 4.1) for cookie `name`, kept for `life`; without one, for as
/// long as the browser runs; removed where that is no time at all. `None` for a value that no
/// header field can hold.
pub fn set(
    app: &App,
    name: &str,
    value: &str,
    life: impl Into<Option<Duration>>,
) -> Option<HeaderValue> {
    written(&app.issuer, name, value, life.into()).parse().ok()
}

/// `Set-Cookie` for what `browser` holds at `now`.
pub fn set_session(app: &App, browser: &Browser, now: Time) -> Option<HeaderValue> {
    set(app, SESSION, &browser.held(), life_of(browser, now))
}

/// The same for its state, which a script of ours may read. It opens nothing.
pub fn set_state(app: &App, browser: &Browser, now: Time) -> Option<HeaderValue> {
    let state = browser_state(browser.sessions.iter().map(|held| held.session.sid));
    state_written(&app.issuer, &state, life_of(browser, now)).parse().ok()
}

/// The same, where the state that came with a request is another one: a session may have ended
/// elsewhere, and what clients compare with it would never fit again.
pub fn renew_state(
    app: &App,
    headers: &HeaderMap,
    browser: &Browser,
    now: Time,
) -> Option<HeaderValue> {
    let state = browser_state(browser.sessions.iter().map(|held| held.session.sid));
    let is_same = read(app, headers, STATE).unwrap_or_default() == state;
    if is_same { None } else { set_state(app, browser, now) }
}

fn life_of(browser: &Browser, now: Time) -> Option<Duration> {
    match browser.sessions.is_empty() {
        true => Some(Duration::ZERO),
        false => browser.remembered_until().map(|end| end.since(now)),
    }
}

fn written(issuer: &str, name: &str, value: &str, life: Option<Duration>) -> String {
    let (name, life) = (whole_name(issuer, name), age(life));
    let secure = if is_https(issuer) { "; Secure" } else { "" };
    format!("{name}={value}{life}; Path=/; HttpOnly; SameSite=Lax{secure}")
}

/// Frames of other sites are given only what says so, and that only over https. By plain http, on
/// one machine, all ports are one site.
fn state_written(issuer: &str, value: &str, life: Option<Duration>) -> String {
    let (name, life) = (whole_name(issuer, STATE), age(life));
    let site = if is_https(issuer) { "None; Secure" } else { "Lax" };
    format!("{name}={value}{life}; Path=/; SameSite={site}")
}

fn age(life: Option<Duration>) -> String {
    life.map_or_else(String::new, |life| format!("; Max-Age={}", life.as_secs()))
}

/// Of this host alone, and never by plain http, where the issuer is reached by https. Browsers
/// take the prefix nowhere else.
fn whole_name(issuer: &str, name: &str) -> String {
    if is_https(issuer) { format!("__Host-{name}") } else { name.to_owned() }
}

fn is_https(issuer: &str) -> bool {
    issuer.starts_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_of_one_host_and_never_sent_in_the_clear_but_on_this_machine() {
        let day = Duration::from_secs(86_400);
        assert_eq!(
            written("https://id.example", KNOWN, "v", Some(day)),
            "__Host-sb_known=v; Max-Age=86400; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            written("http://localhost:8000", DEVICE, "v", Some(day)),
            "sb_device=v; Max-Age=86400; Path=/; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            written("https://id.example", SESSION, "v", None),
            "__Host-sb_session=v; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
    }
    #[test]
    fn the_state_of_a_browser_is_for_the_script_of_a_page_in_any_frame() {
        assert_eq!(
            state_written("https://id.example", "v", None),
            "__Host-sb_browser_state=v; Path=/; SameSite=None; Secure"
        );
        assert_eq!(
            state_written("http://localhost:8000", "", Some(Duration::ZERO)),
            "sb_browser_state=; Max-Age=0; Path=/; SameSite=Lax"
        );
    }
}
