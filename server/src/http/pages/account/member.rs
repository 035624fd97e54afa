//! Somebody at a page of their account.

use std::time::Duration;

use axum::response::Response;
use http::{StatusCode, header};
use jwks::Time;
use uuid::Uuid;

use crate::{
    app::App,
    auth::{
        AuthError,
        bearer::Caller,
        browser::BrowserSession,
        login::usable_methods,
        mfa::{Standing, require_proof_of},
    },
    domain::factor::Factor,
    http::{
        cookies,
        oauth::call::Call,
        pages::{
            answer,
            views::{
                Form, Person, View,
                account::{Notice, Section, Shell},
            },
            visit::{Paged, Stop, Visit, Way, end, refused},
        },
    },
};

/// Says on the next page what was done.
const NOTICE: &str = "sb_notice";
/// How long that may be on its way.
const NOTICE_TTL: Duration = Duration::from_secs(60);

/// Somebody who is signed in, at a page of their account.
pub struct Member {
    /// The visit, which comes back to this page from wherever it is sent.
    pub visit: Visit,
    /// They, as use cases know them.
    pub caller: Caller,
    /// What the browser holds of their session.
    held: BrowserSession,
    csrf: String,
    notice: Option<Notice>,
    /// When they came.
    pub now: Time,
}

/// Answers a visit by a link.
pub async fn shown<F>(call: Call, page: impl FnOnce(Member) -> F) -> Response
where
    F: Future<Output = Paged>,
{
    end(Visit::shown(call).await, |visit| async move {
        let mut member = Member::of(visit)?;
        member.hear();
        page(member).await
    })
    .await
}

/// Answers a form of such a page. One that was given to another browser, or to somebody else who was
/// signed in in this one, does nothing: the page is shown again.
pub async fn submitted<F>(call: Call, page: impl FnOnce(Member) -> F) -> Response
where
    F: Future<Output = Paged>,
{
    end(Visit::posted(call).await, |visit| async move {
        let Some(csrf) = visit.params.get("csrf").map(str::to_owned) else {
            // No form of ours goes without.
            return Ok(refused(&visit.call, &AuthError::Forbidden));
        };
        let member = Member::of(visit)?;
        if csrf != member.csrf {
            let path = member.visit.call.path.clone();
            return Ok(member.visit.redirect(&path));
        }
        page(member).await
    })
    .await
}

impl Member {
    /// Whoever used this browser last.
    fn of(mut visit: Visit) -> Result<Self, Stop> {
        visit.way = Way::Local(Some(visit.call.path.clone()));
        let Some(held) = visit.browser.current().cloned() else {
            return Err(visit.redirect(&visit.link("/login")).into());
        };
        let csrf = visit.bound("account-form", &held.user.id.to_string());
        let now = visit.call.app.clock.now();
        Ok(Self { caller: Caller::from(&held), held, csrf, notice: None, now, visit })
    }

    /// The application.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.visit.call.app
    }

    /// What they filled in.
    #[must_use]
    pub fn given(&self, name: &str) -> Option<&str> {
        self.visit.params.get(name)
    }

    /// Asks for a proof of the last five minutes, as every change does; whoever has none is sent to
    /// give it, and comes back to this page. Their factors.
    ///
    /// # Errors
    /// The way there.
    pub async fn prove(&self) -> Result<Vec<Factor>, Stop> {
        match require_proof_of(self.app(), &self.held, self.now).await {
            Err(AuthError::StepUpRequired { .. }) => Err(self.to_proof().await?.into()),
            other => Ok(other?),
        }
    }

    /// Where they prove who they are.
    async fn to_proof(&self) -> Result<Response, Stop> {
        let factors = self.app().identity.list_factors(self.caller.user.id).await;
        let factors = factors.map_err(AuthError::from)?;
        let page = if usable_methods(&factors).is_empty() { "/account/confirm" } else { "/mfa" };
        Ok(self.visit.redirect(&self.visit.link(page)))
    }

    /// What came of an act: whoever lacks a proof goes to give one; what is not there any more, or was
    /// changed elsewhere, is said on this page.
    ///
    /// # Errors
    /// Whatever else came of it.
    pub async fn after<T>(&self, came: Result<T, AuthError>) -> Result<T, Stop> {
        let path = &self.visit.call.path;
        match came {
            Ok(done) => Ok(done),
            Err(AuthError::StepUpRequired { .. }) => Err(self.to_proof().await?.into()),
            Err(AuthError::NotFound) => Err(self.done(Notice::Gone, path).into()),
            Err(AuthError::Conflict(_)) => Err(self.done(Notice::Overtaken, path).into()),
            Err(reason) => Err(reason.into()),
        }
    }

    /// They, before a factor.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing::Browser(Box::new(self.held.clone()))
    }

    /// The frame of a page.
    #[must_use]
    pub fn shell(&self, here: Section) -> Shell<'_> {
        let user = &self.caller.user;
        Shell {
            who: Person { name: &user.name, address: &user.email, not_you: None },
            here,
            notice: self.notice,
            form: Form { hidden: vec![("csrf", self.csrf.as_str())], ..Form::default() },
        }
    }

    /// Sends a page.
    #[must_use]
    pub fn page(&self, status: StatusCode, view: &impl View) -> Response {
        self.visit.finish(answer::page(status, view))
    }

    /// Goes to the page `to`, which says what was done.
    #[must_use]
    pub fn done(&self, notice: Notice, to: &str) -> Response {
        done(&self.visit, self.caller.user.id, notice, to)
    }

    /// Hears what is to be said here, once.
    fn hear(&mut self) {
        let Some(said) = self.visit.cookie(NOTICE).map(str::to_owned) else { return };
        self.visit.set_cookie(NOTICE, "", Duration::ZERO);
        let Some((word, signed)) = said.split_once('.') else { return };
        if signed == signed_for(&self.visit, self.caller.user.id, word) {
            self.notice = Notice::ALL.into_iter().find(|notice| notice.word() == word);
        }
    }
}

/// Goes to the page `to`, which says to its owner what was done.
#[must_use]
pub fn done(visit: &Visit, user_id: Uuid, notice: Notice, to: &str) -> Response {
    let word = notice.word();
    let value = format!("{word}.{}", signed_for(visit, user_id, word));
    let mut response = visit.redirect(to);
    if let Some(cookie) = cookies::set(&visit.call.app, NOTICE, &value, NOTICE_TTL) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

fn signed_for(visit: &Visit, user_id: Uuid, word: &str) -> String {
    visit.bound("notice", &format!("{user_id} {word}"))
}

/// Somebody who is signed in and sets up a factor on the way back to a page of their account; who has
/// not just proved who they are goes back there, and is asked to.
///
/// # Errors
/// The way back.
pub async fn adding(visit: &Visit) -> Result<Option<Standing>, Stop> {
    let (Some(page), Some(held)) = (visit.account_page(), visit.browser.current()) else {
        return Ok(None);
    };
    match require_proof_of(&visit.call.app, held, visit.call.app.clock.now()).await {
        Ok(_) => Ok(Some(Standing::Browser(Box::new(held.clone())))),
        Err(AuthError::StepUpRequired { .. }) => Err(visit.redirect(page).into()),
        Err(reason) => Err(reason.into()),
    }
}
