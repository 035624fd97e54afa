//! Devices without a browser of their own (RFC 8628): one asks, and shows a code; somebody who is
//! signed in elsewhere types that code, sees who asks for what, and says yes or no.

use std::{sync::Arc, time::Duration};

use jwks::Time;
use serde_json::json;

use super::{
    OAuthError, OAuthResult, audience,
    authorize::{Judgement, Step, judge_device},
    clients,
    grants::device_code,
    params::Params,
    scope,
};
use crate::{
    app::App,
    auth::{browser::BrowserSession, origin::Origin, throttle},
    clock::{new_id, random},
    domain::{
        audit::Action,
        authorization::{ClaimsRequest, Granted},
        client::Client,
        device_grant::{DeviceDecision, DeviceGrant, POLL_INTERVAL},
        secret::{OpaqueToken, TokenKind},
    },
};

/// How long a device waits for somebody to say something.
pub const CODE_TTL: Duration = Duration::from_secs(600);

/// Consonants, so that no word comes of them, without those that look alike (section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// 20 to the eighth: 34 bits, which a few guesses in ten minutes do not get through.
const LENGTH: usize = 8;
/// How often another code is tried where one is taken.
const TRIES: u32 = 5;

/// What a device is told (section 3.2).
pub struct Begun {
    /// With which it polls.
    pub device_code: OpaqueToken,
    /// What it shows.
    pub user_code: String,
    /// Life of both.
    pub expires_in: Duration,
    /// How long to wait between two polls.
    pub interval: Duration,
}

/// What a code that somebody typed stands for.
pub struct Asked {
    /// The request.
    pub grant: DeviceGrant,
    /// Who asks.
    pub client: Arc<Client>,
    /// What is missing before the person may let it in.
    pub judgement: Judgement,
}

impl Asked {
    /// The code, as the device shows it.
    #[must_use]
    pub fn user_code(&self) -> String {
        shown(&self.grant.user_code)
    }
}

/// A device of `client`, which has been authenticated, asks to be let in.
///
/// # Errors
/// [`OAuthError::UnauthorizedClient`], [`OAuthError::InvalidScope`], [`OAuthError::InvalidTarget`];
/// [`OAuthError::TooMany`] for too many of one network.
pub async fn begin(
    app: &App,
    origin: &Origin,
    client: &Client,
    params: &Params,
    now: Time,
) -> OAuthResult<Begun> {
    if !client.may_use(device_code::TYPE) {
        return Err(OAuthError::UnauthorizedClient("it is not registered for this grant".into()));
    }
    let asked = params.get("scope").unwrap_or_default();
    let scope = scope::allowed(client, asked);
    if scope.is_empty() && !asked.is_empty() {
        let text = "none of these scopes is one that this client may ask for";
        return Err(OAuthError::InvalidScope(text.into()));
    }
    let resource = audience::asked(&app.issuer, client, &scope, params)?;
    audience::switched_on(app, &resource, audience::is_named(params)).await?;
    throttle::count_device(app, origin, now).await?;
    let device_code = OpaqueToken::new(TokenKind::DeviceCode, &[], random());
    let mut device = DeviceGrant {
        hash: device_code.hash(),
        user_code: String::new(),
        client_id: client.client_id.clone(),
        scope,
        resource,
        created_at: now,
        expires_at: now.plus(CODE_TTL),
    };
    for _ in 0..TRIES {
        device.user_code = new_user_code();
        if app.sessions.begin_device(&device).await? {
            return Ok(Begun {
                device_code,
                user_code: shown(&device.user_code),
                expires_in: CODE_TTL,
                interval: POLL_INTERVAL,
            });
        }
    }
    Err(OAuthError::Unavailable("every user code that was tried is taken".to_owned()))
}

/// What the code that `person` typed stands for; `None`: nothing, or nothing any more. A wrong one
/// counts as a guess (section 5.1).
///
/// # Errors
/// [`OAuthError::TooMany`] after too many wrong ones.
pub async fn find(
    app: &App,
    origin: &Origin,
    person: &BrowserSession,
    typed: &str,
    now: Time,
) -> OAuthResult<Option<Asked>> {
    let counted = throttle::count_user_code(app, origin, person.user.id, now).await?;
    let Some(user_code) = read(typed) else { return Ok(None) };
    let Some(grant) = app.sessions.find_device(&user_code, now).await? else { return Ok(None) };
    throttle::forgive_all(app, counted).await?;
    let Some(client) = clients::find(app, &grant.client_id).await? else { return Ok(None) };
    let judgement = judge_device(app, &grant.resource, person, now).await?;
    Ok(Some(Asked { grant, client, judgement }))
}

/// Notes what `person` said to what they were asked. `false`: it was decided meanwhile, or is over;
/// or something is missing before they may say yes.
///
/// The device's session is its own, and named here already: its ID tokens, and the notice of its
/// end, name it and not the browser's. It rests on the proof of this moment. Until the device has
/// come for it, it also rests on the browser's session: whatever ends that ends both.
///
/// # Errors
/// When a store fails.
pub async fn decide(
    app: &App,
    origin: &Origin,
    person: &BrowserSession,
    asked: &Asked,
    allows: bool,
    now: Time,
) -> OAuthResult<bool> {
    let Asked { grant, client, judgement } = asked;
    if allows && judgement.step != Step::Issue(person.session.sid) {
        return Ok(false);
    }
    // Named by its instant: an ending of the client or the grant is compared with that.
    let grant_id = new_id(now);
    let decision = if allows {
        DeviceDecision::Allowed {
            user_id: person.user.id,
            sid: person.session.sid,
            granted: Box::new(Granted {
                grant_id,
                proof: person.session.proof.clone(),
                resource: grant.resource.clone(),
                claims: ClaimsRequest::default(),
                id_sid: grant_id,
            }),
        }
    } else {
        DeviceDecision::Denied
    };
    if allows {
        // Named by the request: whoever says it twice at once leaves one row.
        let details = json!({
            "client_id": client.client_id, "scope": grant.scope, "resource": grant.resource,
            "device": true,
        });
        let (id, user) = (grant.hash.to_id(), Some(person.user.id));
        let event = origin.event_of(id, Action::ConsentGranted, user, now, details);
        app.identity.append_event(&event).await?;
    }
    Ok(app.sessions.decide_device(&grant.user_code, &decision, now).await?)
}

/// A new code, as it is compared.
fn new_user_code() -> String {
    let mut code = String::with_capacity(LENGTH);
    while code.len() < LENGTH {
        // No letter is likelier than another: what is beyond the last whole round does not count.
        let bytes = random::<16>().into_iter().filter(|byte| *byte < 240);
        let letters = bytes.map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
        code.extend(letters.take(LENGTH - code.len()));
    }
    code
}

/// A code as people read it: `XXXX-XXXX`.
fn shown(code: &str) -> String {
    let (first, rest) = code.split_at(code.len() / 2);
    format!("{first}-{rest}")
}

/// PURE: the code in what somebody typed: in any case, with whatever they put between the letters
/// (section 6.1). `None`: it cannot be one.
fn read(typed: &str) -> Option<String> {
    let letters =
        typed.chars().filter(|c| !matches!(c, '-' | ' ' | '.' | '_' | '\u{2010}'..='\u{2015}'));
    let code: String = letters.take(LENGTH + 1).map(|c| c.to_ascii_uppercase()).collect();
    let is_code = code.len() == LENGTH && code.bytes().all(|byte| LETTERS.contains(&byte));
    is_code.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_code_has_eight_of_twenty_letters_and_each_is_as_likely() {
        let mut counts = [0_u32; 256];
        for _ in 0..2000 {
            let code = new_user_code();
            assert_eq!(code.len(), LENGTH);
            code.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
        }
        for letter in LETTERS {
            // 800 are expected; 150 off is more than five standard deviations.
            let count = counts[usize::from(*letter)];
            assert!((650..950).contains(&count), "{}: {count}", char::from(*letter));
        }
        assert_eq!(counts.iter().sum::<u32>(), 16_000);
    }

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        assert_eq!(shown("WDJBMJHT"), "WDJB-MJHT");
        for typed in ["WDJB-MJHT", "wdjbmjht", " wdjb mjht ", "W.D.J.B_MJHT", "WDJB\u{2013}MJHT"] {
            assert_eq!(read(typed).as_deref(), Some("WDJBMJHT"), "{typed}");
        }
        for typed in ["", "WDJB-MJH", "WDJB-MJHTT", "WDJB-MJHA", "WDJB-MJH1", "WDJB-MJH\u{17f}"] {
            assert_eq!(read(typed), None, "{typed}");
        }
    }
}
