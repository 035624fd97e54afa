//! `/account/email` and `/account/phone`: another mail address, another telephone number. Each is
//! changed by a code that was sent there.

use axum::response::Response;
use jwks::policy::Method;

use super::member::{self, Member};
use crate::{
    auth::{
        AuthError,
        account_address::{begin_email, begin_phone, confirm_email, confirm_phone, remove_phone},
        error::FieldProblem,
        mfa::works_here,
        sent_code,
    },
    domain::phone::masked,
    http::{
        oauth::call::Call,
        pages::{
            answer,
            carried::Carried,
            views::{
                Problem,
                account::{AddressPage, Notice, Reach, Section},
            },
            visit::Paged,
        },
        route::{Credential, Route, get, post},
    },
};

/// The rows.
pub fn routes() -> Vec<Route> {
    let (email, phone) = (Reach::Email.path(), Reach::Phone.path());
    vec![
        get(email, Credential::Browser, async |call: Call| show(call, Reach::Email).await),
        post(email, Credential::Browser, async |call: Call| submit(call, Reach::Email).await),
        get(phone, Credential::Browser, async |call: Call| show(call, Reach::Phone).await),
        post(phone, Credential::Browser, async |call: Call| submit(call, Reach::Phone).await),
    ]
}

async fn show(call: Call, reach: Reach) -> Response {
    member::shown(call, |member| async move {
        member.prove().await?;
        let sent_to = sent_to(&member, reach);
        Ok(page(&member, reach, sent_to, "", &[], None))
    })
    .await
}

fn page(
    member: &Member,
    reach: Reach,
    sent_to: Option<String>,
    typed: &str,
    problems: &[FieldProblem],
    problem: Option<Problem>,
) -> Response {
    let user = &member.caller.user;
    let view = AddressPage {
        look: &member.visit.look,
        shell: member.shell(Section::Profile),
        reach,
        present: match reach {
            Reach::Email => Some((user.email.clone(), user.email_verified_at.is_some())),
            Reach::Phone => {
                user.phone.as_deref().map(|phone| (masked(phone), user.phone_verified_at.is_some()))
            }
        },
        can_change: reach == Reach::Email || works_here(member.app(), Method::Sms),
        sent_to,
        typed,
        problems,
        problem,
    };
    match problem {
        Some(_) => member.visit.finish(answer::form(problem, &view)),
        None => member.page(answer::status_of(problems), &view),
    }
}

async fn submit(call: Call, reach: Reach) -> Response {
    member::submitted(call, |member| async move {
        member.prove().await?;
        match member.given("act") {
            Some("begin") => begin(member, reach).await,
            Some("confirm") => confirm(member, reach).await,
            Some("remove") if reach == Reach::Phone => {
                let (app, origin) = (member.app(), &member.visit.call.origin);
                member.after(remove_phone(app, origin, &member.standing()).await).await?;
                Ok(member.done(Notice::PhoneRemoved, Section::Profile.path()))
            }
            _ => anew(member, reach),
        }
    })
    .await
}

async fn begin(mut member: Member, reach: Reach) -> Paged {
    let (app, origin) = (member.app(), &member.visit.call.origin);
    let typed = member.given(reach.field()).unwrap_or_default().to_owned();
    let sent = match reach {
        Reach::Email => begin_email(app, origin, &member.standing(), &typed).await,
        Reach::Phone => begin_phone(app, origin, &member.standing(), &typed).await,
    };
    match sent {
        Ok(sent) => {
            keep(&mut member, reach, &sent.sent_to)?;
            Ok(member.visit.redirect(reach.path()))
        }
        Err(AuthError::Invalid(problems)) => {
            Ok(page(&member, reach, None, &typed, &problems, None))
        }
        Err(reason) => match Problem::of(&reason) {
            Some(problem) => Ok(page(&member, reach, None, &typed, &[], Some(problem))),
            None => member.after(Err(reason)).await,
        },
    }
}

async fn confirm(mut member: Member, reach: Reach) -> Paged {
    let (app, origin) = (member.app(), &member.visit.call.origin);
    let code = member.given("code").unwrap_or_default();
    let standing = member.standing();
    let (came, notice) = match reach {
        Reach::Email => (confirm_email(app, origin, &standing, code).await, Notice::EmailChanged),
        Reach::Phone => (confirm_phone(app, origin, &standing, code).await, Notice::PhoneChanged),
    };
    match came {
        Ok(_) => {
            forget(&mut member, reach);
            Ok(member.done(notice, Section::Profile.path()))
        }
        Err(reason) => match Problem::of(&reason) {
            Some(problem) => {
                let sent_to = sent_to(&member, reach);
                Ok(page(&member, reach, sent_to, "", &[], Some(problem)))
            }
            None => member.after(Err(reason)).await,
        },
    }
}

/// Another one, in the place of that to which a code went.
fn anew(mut member: Member, reach: Reach) -> Paged {
    forget(&mut member, reach);
    Ok(member.visit.redirect(reach.path()))
}

/// What carries where a code went, masked, to the page that asks for it.
const fn sent(reach: Reach) -> Carried {
    match reach {
        Reach::Email => Carried::new("sb_address_email", "sent:email"),
        Reach::Phone => Carried::new("sb_address_phone", "sent:phone"),
    }
}

fn keep(member: &mut Member, reach: Reach, sent_to: &str) -> Result<(), AuthError> {
    let user_id = member.caller.user.id;
    sent(reach).keep(&mut member.visit, user_id, sent_to.as_bytes(), sent_code::LIFE)
}

fn forget(member: &mut Member, reach: Reach) {
    sent(reach).forget(&mut member.visit, member.caller.user.id);
}

fn sent_to(member: &Member, reach: Reach) -> Option<String> {
    String::from_utf8(sent(reach).read(&member.visit, member.caller.user.id)?).ok()
}
