//! A request on its way: from where it comes in, over the pages, to its answer.

use std::{sync::Arc, time::Duration};

use jwks::Time;
use serde_json::json;

use super::{
    asks::Asks,
    issue::{Answer, Destination, issue, spend},
    judge::{Judgement, judge},
    step::Step,
    validate::{Refusal, validate},
};
use crate::{
    app::App,
    auth::{
        browser::{Browser, BrowserSession},
        origin::Origin,
        throttle,
    },
    clock::random,
    domain::{
        audit::Action,
        authorization::{AuthorizationRequest, Done, Prompt, RequestKind},
        client::Client,
        consent::Consent,
        secret::{OpaqueToken, TokenKind},
    },
    oauth::{OAuthError, OAuthResult, clients, engine, par, params::Params, site_client},
};

/// How long somebody may take to sign in. A pushed request is not kept longer than it would be.
pub const FLOW_TTL: Duration = Duration::from_secs(60 * 60);

/// A request that somebody is signing in for.
pub struct Flow {
    /// What the pages name it by.
    pub token: OpaqueToken,
    /// The request.
    pub request: AuthorizationRequest,
    /// Who asks.
    pub client: Arc<Client>,
}

/// What came of a request.
pub enum Begun {
    /// It is answered: everything was there already.
    Answered(Box<Answer>),
    /// Somebody has to be asked.
    Asks(Box<Flow>, Step),
}

/// Takes a request in: validates it, or finds it among those pushed, and answers it at once where
/// nothing is missing. Only else something is stored.
///
/// # Errors
/// [`Refusal`]; with `prompt=none` for everything that somebody would have to be asked.
pub async fn begin(
    app: &App,
    origin: &Origin,
    params: &Params,
    browser: &Browser,
) -> Result<Begun, Refusal> {
    let now = app.clock.now();
    let request = match par::named(params) {
        Some(_) => par::find(app, params, now).await.map_err(Refusal::Page)?,
        None => validate(app, params, None, now).await?,
    };
    let told = |reason| Refusal::Told(Box::new(Destination::of(&request)), reason);
    start(app, origin, request.clone(), browser, now).await.map_err(told)
}

async fn start(
    app: &App,
    origin: &Origin,
    mut request: AuthorizationRequest,
    browser: &Browser,
    now: Time,
) -> OAuthResult<Begun> {
    let gone = || OAuthError::Internal("a client vanished within its request".to_owned());
    let client = clients::find(app, &request.client_id).await?.ok_or_else(gone)?;
    let Judgement { step, .. } = judge(app, &request, &client, browser, now).await?;
    let step = match (step, request.prompts(Prompt::None)) {
        (Step::Refuse(unmet), _) => return Err(unmet.reason()),
        (step, true) => Step::Issue(step.without_asking()?),
        (step, false) => step,
    };
    if let Step::Issue(sid) = step
        && let Some(held) = browser.find(sid)
    {
        spend(app, &request, now).await?;
        if let Some(answer) = issue(app, &request, browser, held, now).await? {
            return Ok(Begun::Answered(Box::new(answer)));
        }
        // It ended in between: somebody signs in.
        request.is_done = true;
        if request.prompts(Prompt::None) {
            return Err(OAuthError::LoginRequired("the session has ended".into()));
        }
    }
    throttle::count_request(app, origin, now).await?;
    let token = OpaqueToken::new(TokenKind::Flow, &[], random());
    app.sessions.keep_request(RequestKind::Flow, &token.hash(), &request).await?;
    Ok(Begun::Asks(Box::new(Flow { token, request, client }), step))
}

/// The flow of that name. `None`: there is none, or it is over.
///
/// # Errors
/// When a store fails.
pub async fn resume(app: &App, name: &str) -> OAuthResult<Option<Flow>> {
    let Some(token) = OpaqueToken::parse(TokenKind::Flow, name) else { return Ok(None) };
    let now = app.clock.now();
    let request = app.sessions.find_request(RequestKind::Flow, &token.hash(), now).await?;
    let Some(request) = request else { return Ok(None) };
    let client = clients::find(app, &request.client_id).await?;
    // What a client registered may have changed meanwhile: its answers go nowhere else.
    let still =
        |client: &Arc<Client>| engine::authorization::is_registered(client, &request.redirect_uri);
    let Some(client) = client.filter(still) else { return Ok(None) };
    let client = site_client::called(app, client, &request.resource).await?;
    Ok(Some(Flow { token, request, client }))
}

impl Flow {
    /// What is missing before it can be answered to this browser.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn judge(&self, app: &App, browser: &Browser) -> OAuthResult<Judgement> {
        judge(app, &self.request, &self.client, browser, app.clock.now()).await
    }

    /// Answers it for this session, again if somebody came back to it. `None`: the session ended
    /// meanwhile.
    ///
    /// # Errors
    /// `invalid_request_uri` when another flow of the same pushed request was answered; when a
    /// store fails.
    pub async fn answer(
        &mut self,
        app: &App,
        origin: &Origin,
        browser: &Browser,
        held: &BrowserSession,
    ) -> OAuthResult<Option<Answer>> {
        let now = app.clock.now();
        if !self.request.is_done {
            match spend(app, &self.request, now).await {
                // Sent twice: the other one was a moment faster.
                Err(OAuthError::InvalidRequestUri(_)) if self.is_done_by_now(app).await? => {}
                spent => spent?,
            }
            self.note(app, Done::Answered).await?;
            throttle::forgive_request(app, origin, self.request.created_at).await?;
        }
        issue(app, &self.request, browser, held, now).await
    }

    async fn is_done_by_now(&self, app: &App) -> OAuthResult<bool> {
        let now = app.clock.now();
        let request = app.sessions.find_request(RequestKind::Flow, &self.token.hash(), now).await?;
        Ok(request.is_some_and(|request| request.is_done))
    }

    /// Notes what was done for it, beside whatever is noted in another tab.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn note(&mut self, app: &App, done: Done) -> OAuthResult<()> {
        let now = app.clock.now();
        match app.sessions.note_in_flow(&self.token.hash(), done, now).await? {
            Some(request) => self.request = request,
            // It is over; whoever is on their way here arrives all the same.
            None => self.request.note(done),
        }
        Ok(())
    }

    /// Remembers that the owner of this session allows what was asked, and that they were asked for
    /// this very request.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn allow(
        &mut self,
        app: &App,
        origin: &Origin,
        held: &BrowserSession,
        asks: &Asks,
    ) -> OAuthResult<()> {
        let now = app.clock.now();
        let sorted = |words: &[String]| {
            let mut words = words.to_vec();
            words.sort_unstable();
            words.dedup();
            words
        };
        let consent = Consent {
            user_id: held.user.id,
            client_id: self.client.client_id.clone(),
            scopes: sorted(&asks.scopes),
            claims: sorted(&asks.claims),
            resources: sorted(&asks.resources),
            created_at: now,
            granted_at: now,
        };
        let details = json!({
            "client": consent.client_id,
            "scopes": consent.scopes,
            "claims": consent.claims,
            "resources": consent.resources,
        });
        let event = origin.event(Action::ConsentGranted, Some(&held.user), now, details);
        app.identity.grant_consent(&consent, &event).await?;
        self.note(app, Done::Allowed(held.session.sid)).await
    }
}
