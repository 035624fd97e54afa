//! Sign-ins from where somebody had not signed in before: their owner hears of them.

use jwks::Time;

use super::{error::AuthResult, origin::Origin, throttle, warnings};
use crate::{
    app::App,
    domain::{place::Place, user::User},
    letters::news,
};

/// How many places of one person are remembered.
const KEPT: u32 = 50;

/// Notes that `user` (as they stood before) has signed in from `origin`, and tells them where
/// nothing of it is known: neither the device by its mark, nor this kind of agent in this network.
/// Nobody is told of their very first sign-in.
///
/// # Errors
/// When a store fails.
pub async fn note(app: &App, origin: &Origin, user: &User, now: Time) -> AuthResult<()> {
    if origin.known.as_ref().is_some_and(|known| known.is_of(user)) {
        return Ok(());
    }
    let place = Place { user_id: user.id, agent: origin.device(), network: origin.network() };
    let is_new = app.identity.note_place(&place, KEPT, now).await?;
    let is_news = is_new && user.last_login_at.is_some();
    if is_news && throttle::may_tell_of_place(app, user.id, now).await? {
        let news = news::new_place(user, &place.agent, origin.ip, now);
        warnings::tell(app, news, now).await?;
    }
    Ok(())
}
