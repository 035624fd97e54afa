//! The letters people get: text and HTML from one template each, inert whatever a name holds.

pub mod news;

use askama::Template;
use jwks::Time;

use crate::{
    app::App,
    domain::{
        errand::{Letter, NEWS_TTL, Text},
        phone::PhoneNumber,
        secret::OpaqueToken,
        text::inert,
        user::User,
    },
    texts::Texts,
};

/// How long a mailed code is good, and where.
const CODE_LIFE: &str = "It is good for ten minutes, once, and only where it was asked for. \
                         Nobody will ask you to tell it to them.";

/// One letter: a greeting, paragraphs, and at most one button.
#[derive(Template)]
#[template(path = "letter.html")]
struct LetterHtml<'l> {
    title: &'l str,
    paragraphs: &'l [String],
    button: Option<(&'l str, &'l str)>,
    footer: &'l str,
}

fn letter(
    to: &str,
    title: &str,
    paragraphs: &[&str],
    button: Option<(&str, &str)>,
    expires_at: Time,
    app: &App,
) -> Letter {
    let paragraphs: Vec<String> = paragraphs.iter().map(|text| inert(text)).collect();
    let footer = format!("Sent by Signalbox at {}", app.issuer);
    let mut text = paragraphs.join("\n\n");
    if let Some((label, link)) = button {
        text.push_str(&format!("\n\n{label}:\n{link}"));
    }
    text.push_str(&format!("\n\n-- \n{footer}\n"));
    let html = LetterHtml { title, paragraphs: &paragraphs, button, footer: &footer };
    let html = html.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a letter's HTML could not be made; it leaves as text alone");
        String::new()
    });
    Letter { to: to.to_owned(), subject: title.to_owned(), text, html, expires_at }
}

/// Asks the owner of an address to prove it.
#[must_use]
pub fn verify_email(app: &App, user: &User, token: &OpaqueToken, expires_at: Time) -> Letter {
    let link = app.link(&format!("/verify-email?token={}", token.as_str()));
    // Whoever registered chose the name, and the owner of the address may be somebody else.
    letter(
        &user.email,
        "Verify your mail address",
        &[
            "Hello,",
            "somebody, most likely you, made an account with this mail address. Open the link \
             within 30 minutes to verify the address and activate the account.",
            "If it was not you, do nothing: without the link the account stays closed.",
        ],
        Some(("Verify my address", &link)),
        expires_at,
        app,
    )
}

/// Tells the owner of an account that their address was registered again.
#[must_use]
pub fn already_registered(app: &App, to: &str, now: Time) -> Letter {
    letter(
        to,
        "You already have an account",
        &[
            "Hello,",
            "somebody, most likely you, tried to make an account with this mail address. There is \
             one already: sign in with it, or choose a new password if you forgot yours.",
            "If it was not you, do nothing: nothing has changed.",
        ],
        None,
        now.plus(NEWS_TTL),
        app,
    )
}

/// Mails a link with which a new password is chosen.
#[must_use]
pub fn reset_password(app: &App, user: &User, token: &OpaqueToken, expires_at: Time) -> Letter {
    let link = app.link(&format!("/reset-password?token={}", token.as_str()));
    letter(
        &user.email,
        "Choose a new password",
        &[
            "Hello,",
            "somebody, most likely you, asked for a new password for the account with this mail \
             address. Open the link within 30 minutes to choose one. That signs you out everywhere, \
             and opens the account again where you had closed it.",
            "If it was not you, do nothing: your password stays as it is.",
        ],
        Some(("Choose a new password", &link)),
        expires_at,
        app,
    )
}

/// Invites the owner of an address into a tenant. `link` leads to the invitation.
#[must_use]
pub fn invitation(app: &App, to: &str, tenant: &str, link: &str, expires_at: Time) -> Letter {
    let what = format!(
        "you are invited to join {tenant}. Open the link within three days to accept; if you have \
         no account yet, you make one there."
    );
    letter(
        to,
        "You are invited",
        &["Hello,", &what, "If you do not know what this is about, do nothing."],
        Some(("See the invitation", link)),
        expires_at,
        app,
    )
}

/// Tells the owner that their account joined a tenant.
#[must_use]
pub fn tenant_joined(app: &App, user: &User, tenant: &str, now: Time) -> Letter {
    let what = format!(
        "an invitation to {tenant} that was mailed to this address was accepted: your account \
         belongs to it now. Your password and everything else stays as it was."
    );
    letter(
        &user.email,
        "You joined a tenant",
        &["Hello,", &what, "If it was not you, ask an administrator for help."],
        None,
        now.plus(NEWS_TTL),
        app,
    )
}

/// A code that proves a factor, or confirms one. The subject, which telephones show to anybody,
/// does not hold it.
#[must_use]
pub fn code(app: &App, user: &User, code: &str, expires_at: Time) -> Letter {
    let what = format!("your code is {code}");
    letter(
        &user.email,
        "Your code",
        &[
            "Hello,",
            &what,
            CODE_LIFE,
            "If you did not ask for it, somebody knows your password: change it.",
        ],
        None,
        expires_at,
        app,
    )
}

/// The same by SMS, in the person's own language, with the last line by which a browser knows what
/// the code is for and fills it in there alone (WebOTP, "origin-bound one-time codes delivered via
/// SMS").
#[must_use]
pub fn code_by_sms(app: &App, user: &User, to: &PhoneNumber, code: &str, expires_at: Time) -> Text {
    let texts = Texts::of(user.locale.as_deref());
    let public_url = app.config.public_url();
    let host = public_url.host_str().unwrap_or_default();
    let text = format!("{}\n\n@{host} #{code}", texts.plain("sms-code", "code", code));
    Text { to: to.as_str().to_owned(), text, expires_at }
}

/// A code that proves an address which is to be an account's. Nothing in it was chosen by whoever
/// asked: they may write to anybody.
#[must_use]
pub fn prove_address(app: &App, to: &str, code: &str, expires_at: Time) -> Letter {
    let what = format!("your code is {code}");
    letter(
        to,
        "Your code",
        &[
            "Hello,",
            "somebody, most likely you, wants to use this mail address for an account here.",
            &what,
            CODE_LIFE,
            "If it was not you, do nothing: without the code the address is not used.",
        ],
        None,
        expires_at,
        app,
    )
}

/// Tells the owner of an address that somebody wanted it for an account of theirs.
#[must_use]
pub fn address_taken(app: &App, owner: &User, now: Time) -> Letter {
    letter(
        &owner.email,
        "Your mail address stays yours",
        &[
            "Hello,",
            "somebody tried to make this mail address that of another account. It is the address of \
             yours, and stays so: nothing has changed.",
            "If it was you, sign in with the account that has this address. If it was not, do \
             nothing.",
        ],
        None,
        now.plus(NEWS_TTL),
        app,
    )
}
