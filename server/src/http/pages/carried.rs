//! What a browser carries from one page to the next for a few minutes: sealed for one person, and in no
//! store.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::visit::Visit;
use crate::{auth::AuthError, domain::secret::SecretHash};

/// What browsers keep of a cookie, with its name.
const LIMIT: usize = 3800;

/// One thing that is carried.
#[derive(Clone, Copy)]
pub struct Carried {
    cookie: &'static str,
    what: &'static str,
    is_one_for_each_person: bool,
}

impl Carried {
    /// In this cookie, sealed as this.
    #[must_use]
    pub const fn new(cookie: &'static str, what: &'static str) -> Self {
        Self { cookie, what, is_one_for_each_person: false }
    }

    /// In a cookie for each person, where several may be at such a page in one browser.
    #[must_use]
    pub const fn one_for_each_person(self) -> Self {
        Self { is_one_for_each_person: true, ..self }
    }

    fn name(&self, user_id: Uuid) -> String {
        format!("{}:{user_id}", self.what)
    }

    fn cookie(&self, user_id: Uuid) -> String {
        if !self.is_one_for_each_person {
            return self.cookie.to_owned();
        }
        let hash = SecretHash::of(&self.name(user_id)).to_text();
        format!("{}_{}", self.cookie, &hash[..16])
    }

    /// Has the browser carry `text` for `life`; one that is longer than browsers keep is not carried.
    ///
    /// # Errors
    /// When sealing fails.
    pub fn keep(
        &self,
        visit: &mut Visit,
        user_id: Uuid,
        text: &[u8],
        life: Duration,
    ) -> Result<(), AuthError> {
        let app = &visit.call.app;
        let ends_at = app.clock.now().plus(life).millis();
        let text = [&ends_at.to_be_bytes(), text].concat();
        let sealed = app.sealer.seal(&self.name(user_id), &text)?;
        let sealed = URL_SAFE_NO_PAD.encode(sealed);
        if sealed.len() <= LIMIT {
            visit.set_cookie(&self.cookie(user_id), &sealed, life);
        }
        Ok(())
    }

    /// What it carries, if it does, for this person, and for no longer than was said: a copy of the
    /// cookie is worth nothing later.
    #[must_use]
    pub fn read(&self, visit: &Visit, user_id: Uuid) -> Option<Vec<u8>> {
        let sealed = URL_SAFE_NO_PAD.decode(visit.cookie(&self.cookie(user_id))?).ok()?;
        let app = &visit.call.app;
        let opened = app.sealer.open(&self.name(user_id), &sealed).ok()?;
        let (ends_at, text) = opened.split_first_chunk()?;
        (app.clock.now().millis() < i64::from_be_bytes(*ends_at)).then(|| text.to_vec())
    }

    /// Has the browser carry it no further.
    pub fn forget(&self, visit: &mut Visit, user_id: Uuid) {
        visit.set_cookie(&self.cookie(user_id), "", Duration::ZERO);
    }
}
