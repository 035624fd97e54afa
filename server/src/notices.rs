//! What clients are told after the answer: that a session they took part in is over (OpenID Connect
//! Back-Channel Logout 1.0).

use http::StatusCode;
use jwks::Time;
use uuid::Uuid;

use crate::{
    app::App, auth::error::AuthResult, domain::errand::Notice, mailer::Undelivered,
    tokens::mint_logout,
};

/// The notice that a session is over, with a token of this moment; `None` where the client does not
/// want to hear of it any more.
///
/// # Errors
/// When the store fails, or no key signs.
pub async fn session_over(
    app: &App,
    client_id: &str,
    user_id: Uuid,
    sid: Uuid,
    now: Time,
) -> AuthResult<Option<Notice>> {
    let Some(client) = app.identity.find_client(client_id).await? else { return Ok(None) };
    let Some(uri) = client.metadata.backchannel_logout_uri.clone() else { return Ok(None) };
    let logout_token = mint_logout(app, &client, user_id, sid, now).await?;
    Ok(Some(Notice { client_id: client.client_id, uri, logout_token }))
}

/// Delivers a notice (section 2.5).
///
/// # Errors
/// [`Undelivered`] when the client did not take it. The cause names the client, and quotes nothing
/// that it said.
pub async fn deliver(app: &App, notice: &Notice) -> Result<(), Undelivered> {
    let fields = [("logout_token", notice.logout_token.as_str())];
    let client_id = &notice.client_id;
    let status = app
        .outgoing
        .post_form(&notice.uri, &fields)
        .await
        .map_err(|error| Undelivered::Later(format!("client {client_id}: {error}")))?;
    judge(status, client_id)
}

/// PURE: what the client's answer means (section 2.8).
fn judge(status: StatusCode, client_id: &str) -> Result<(), Undelivered> {
    let cause = || format!("client {client_id} said {}", status.as_u16());
    match status {
        _ if status.is_success() => Ok(()),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Err(Undelivered::Later(cause()))
        }
        _ if status.is_client_error() => Err(Undelivered::Never(cause())),
        _ => Err(Undelivered::Later(cause())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_refuses_a_notice_is_left_alone_and_one_that_fails_is_told_again() {
        let judged = |status| judge(StatusCode::from_u16(status).unwrap(), "c");
        for taken in [200, 204] {
            assert_eq!(judged(taken), Ok(()));
        }
        for refused in [400, 401, 404] {
            assert_eq!(
                judged(refused),
                Err(Undelivered::Never(format!("client c said {refused}")))
            );
        }
        for failed in [302, 408, 429, 500, 503] {
            assert_eq!(judged(failed), Err(Undelivered::Later(format!("client c said {failed}"))));
        }
    }
}
