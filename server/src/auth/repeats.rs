//! Requests that their callers may send again: under the same key, the same request is carried out
//! once and answered the same each time.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use super::error::{AuthError, AuthResult};
use crate::{app::App, store::sessions::Repeat};

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How long whoever carries a request out has for it. A process that is killed over it leaves the
/// claim behind, and its caller's next try may follow then.
const CLAIM: Duration = Duration::from_secs(12);

/// What its caller calls a request.
pub struct Repeatable {
    /// The key the caller chose: printable ASCII.
    pub key: String,
    /// What a problem with the key is named by.
    pub field: &'static str,
    /// Everything that makes the request what it is.
    pub content: Vec<u8>,
}

/// Carries `work` out, unless it was carried out before under the same key: then gives what came
/// of it. `scope` names the kind of work, and `subject` whom it is for: strangers who choose the
/// same key are not in each other's way. What fails is not kept.
///
/// # Errors
/// What `work` fails with; [`AuthError::UnderWay`] while somebody carries it out;
/// [`AuthError::Invalid`] when the key was used for another request.
pub async fn once<T: Serialize + DeserializeOwned>(
    app: &App,
    scope: &str,
    subject: &str,
    request: Option<&Repeatable>,
    work: impl Future<Output = AuthResult<T>>,
) -> AuthResult<T> {
    let Some(request) = request else { return work.await };
    let broken = |error: serde_json::Error| AuthError::Internal(error.to_string());
    // Both are digests under a key of the server's own: the content may hold a password, and
    // whoever copies the store could guess at a plain digest of it.
    // A key has no line end: nobody can make one pair look like another.
    let name = format!("{}\n{subject}", request.key);
    let key = app.sealer.digest(&format!("{scope}:key"), name.as_bytes());
    let mark = app.sealer.digest(&format!("{scope}:content"), &request.content);
    let now = app.clock.now();
    match app.sessions.begin_request(&key, now.plus(CLAIM), now).await? {
        Repeat::First => {}
        Repeat::UnderWay => return Err(AuthError::UnderWay),
        Repeat::Done { mark: marked, answer } if marked == mark => {
            return serde_json::from_str(&answer).map_err(broken);
        }
        Repeat::Done { .. } => {
            let message = "was used for another request; choose a new one for this";
            return Err(AuthError::field(request.field, message));
        }
    }
    match work.await {
        Ok(done) => {
            let answer = serde_json::to_string(&done).map_err(broken)?;
            let kept_until = now.plus(KEPT);
            let kept = app.sessions.finish_request(&key, &mark, &answer, kept_until).await;
            // It was carried out all the same, and that is what is to be answered.
            if let Err(error) = kept {
                tracing::warn!(%error, "an answer could not be kept to be given again");
            }
            Ok(done)
        }
        Err(error) => {
            // The claim lapses by itself where this does not reach the store.
            if let Err(error) = app.sessions.drop_request(&key).await {
                tracing::warn!(%error, "the claim on a request could not be given up");
            }
            Err(error)
        }
    }
}
