//! Every page as a file, in every language: `cargo run --example gallery -- FOLDER`. To look at
//! them, serve FOLDER with `server/assets` and `server/templates/style.css` below `assets`.

#[path = "gallery/account.rs"]
mod account;

use std::{fs, path::Path, time::Duration};

use http::{HeaderMap, HeaderValue, header};
use jwks::policy::Method;
use server::http::pages::views::{
    Account, ChooseAccount, ClientCard, ConfirmPassword, Consent, DeviceCode, DeviceConfirm,
    DeviceDone, Enrol, EnrolDone, EnrolPasskey, EnrolPhone, EnrolSent, ErrorPage, FlowOver,
    ForgotPassword, ForgotPasswordSent, Form, FormPost, Look, Message, NotMe, Person, Problem,
    Reason, Recovery, RecoveryWaits, ResetPassword, SecondFactor, SignIn, SignOut, SignedOut,
    VerifyEmail, View,
};

const CLIENT: ClientCard<'_> = ClientCard {
    name: "Harbour Planner",
    logo: None,
    uri: Some("https://planner.example"),
    policy_uri: Some("https://planner.example/privacy"),
    tos_uri: Some("https://planner.example/terms"),
};
const ADA: Person<'_> =
    Person { name: "Ada Lovelace", address: "ada@example.com", not_you: Some("#") };
const BOB: Person<'_> =
    Person { name: "Bob Harbour", address: "bob@harbour.example", not_you: None };
const TOTP: [Method; 4] = [Method::Totp, Method::Sms, Method::EmailOtp, Method::BackupCode];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("name a folder")?;
    for language in ["en", "de"] {
        let folder = Path::new(&folder).join(language);
        fs::create_dir_all(&folder)?;
        let headers =
            HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, HeaderValue::from_static(language))]);
        let look = Look::of(&headers, &[]);
        let save = |name: &str, view: &dyn Shown| {
            fs::write(folder.join(format!("{name}.html")), view.html())
        };
        pages(&look, &save)?;
        account::pages(&look, &save)?;
    }
    Ok(())
}

/// A view, whichever.
trait Shown {
    fn html(&self) -> String;
}

impl<V: View> Shown for V {
    fn html(&self) -> String {
        self.render().unwrap_or_default()
    }
}

type Save<'s> = &'s dyn Fn(&str, &dyn Shown) -> std::io::Result<()>;

fn pages(look: &Look, save: Save) -> std::io::Result<()> {
    let form = Form {
        action: "#",
        hidden: vec![("flow", "x")],
        leads_to: Some("https://planner.example/cb"),
    };
    let form = || form.clone();
    let codes: Vec<String> = (0..10).map(|n| format!("k{n}pw-7m{n}x-q4td")).collect();
    let sign_in = |problem, username| SignIn {
        look,
        form: form(),
        client: Some(CLIENT),
        username,
        offers_passkeys: true,
        offers_remember: true,
        remembers: false,
        problem,
        forgot: "#",
    };
    save("sign-in", &sign_in(None, ""))?;
    save(
        "confirm-password",
        &ConfirmPassword { look, form: form(), who: ADA, problem: Some(Problem::WrongPassword) },
    )?;
    save("sign-in-wrong", &sign_in(Some(Problem::WrongCredentials), "ada@example.com"))?;
    let must = "must be a mail address, like ada@example.com";
    let no_address = [server::auth::error::FieldProblem::new("email", must)];
    let forgot = |email, problems| ForgotPassword {
        look,
        form: form(),
        email,
        problem: None,
        problems,
        sign_in: "#",
    };
    save("forgot-password", &forgot("", &[]))?;
    save("forgot-password-wrong", &forgot("ada", &no_address))?;
    save("forgot-password-sent", &ForgotPasswordSent { look, sign_in: "#" })?;
    let retry_after = Duration::from_secs(840);
    save("sign-in-too-many", &sign_in(Some(Problem::TooMany { retry_after }), "ada@example.com"))?;
    let factor = |method, reason, problem| SecondFactor {
        look,
        form: form(),
        client: Some(CLIENT),
        who: ADA,
        reason,
        methods: &TOTP,
        method,
        options: (method == Method::Hardware).then_some("{}"),
        sent_to: Some("a••@example.com"),
        offers_trust: reason == Reason::SignIn,
        problem,
    };
    save("second-factor", &factor(Method::Totp, Reason::SignIn, None))?;
    save(
        "second-factor-mail",
        &factor(Method::EmailOtp, Reason::SignIn, Some(Problem::WrongCode)),
    )?;
    let sms = SecondFactor {
        sent_to: Some("+49•••••89"),
        ..factor(Method::Sms, Reason::SignIn, None)
    };
    save("second-factor-sms", &sms)?;
    save("second-factor-passkey", &factor(Method::Hardware, Reason::SignIn, None))?;
    save("step-up", &factor(Method::BackupCode, Reason::StepUp, None))?;
    let enrol = Enrol {
        look,
        form: form(),
        who: ADA,
        qr_code: QR,
        secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        others: &[Method::Hardware, Method::Sms, Method::EmailOtp],
        problem: None,
    };
    save("enrol", &enrol)?;
    let number = "must be a telephone number, like +49 1512 3456789";
    let number = [server::auth::error::FieldProblem::new("phone", number)];
    let phone = |phone, own, problems| EnrolPhone {
        look,
        form: form(),
        who: ADA,
        phone,
        own,
        problems,
        others: &[Method::Totp, Method::EmailOtp],
        problem: None,
    };
    save("enrol-phone", &phone("", "+49•••••89", &[]))?;
    save("enrol-phone-wrong", &phone("0151", "", &number))?;
    let sent = |method, sent_to, others, problem| EnrolSent {
        look,
        form: form(),
        who: ADA,
        method,
        sent_to,
        others,
        problem,
    };
    let (others, wrong) = ([Method::Totp, Method::EmailOtp], Some(Problem::WrongCode));
    save("enrol-sms", &sent(Method::Sms, "+49•••••89", &others, wrong))?;
    let others = [Method::Totp, Method::Sms];
    save("enrol-mail", &sent(Method::EmailOtp, "a•••@e•••.com", &others, None))?;
    let done = |method| EnrolDone {
        look,
        form: form(),
        address: "ada@example.com",
        method,
        codes: &codes,
    };
    save("enrol-done", &done(Method::Totp))?;
    save("enrol-done-sms", &done(Method::Sms))?;
    save("enrol-done-passkey", &done(Method::Hardware))?;
    let enrol = EnrolPasskey {
        look,
        form: form(),
        who: ADA,
        options: "{}",
        others: &[Method::Totp, Method::Sms],
        problem: None,
    };
    save("enrol-passkey", &enrol)?;
    save(
        "consent",
        &Consent {
            look,
            form: form(),
            client: CLIENT,
            who: ADA,
            scopes: vec!["openid", "profile", "email", "berths:write", "offline_access"],
            claims: vec!["phone_number"],
            audiences: vec!["https://api.planner.example"],
            is_remembered: true,
        },
    )?;
    let accounts = vec![
        Account { sid: "1", who: ADA },
        Account {
            sid: "2",
            who: Person {
                name: "Charles Babbage",
                address: "charles.with.a.very.long.address@analytical-engines.example.org",
                not_you: None,
            },
        },
    ];
    save("choose-account", &ChooseAccount { look, form: form(), client: Some(CLIENT), accounts })?;
    save("device-code", &DeviceCode { look, form: form(), user_code: "", problem: None })?;
    save(
        "device-code-wrong",
        &DeviceCode {
            look,
            form: form(),
            user_code: "BCDF-GHJK",
            problem: Some(Problem::UnknownDevice),
        },
    )?;
    save(
        "device-confirm",
        &DeviceConfirm {
            look,
            form: form(),
            client: ClientCard { name: "Living-room TV", ..ClientCard::default() },
            who: ADA,
            user_code: "WDJB-MJHT",
            scopes: vec!["openid", "profile", "offline_access"],
            audiences: vec!["https://tv.example"],
        },
    )?;
    save("device-allowed", &DeviceDone { look, is_allowed: true })?;
    save("device-denied", &DeviceDone { look, is_allowed: false })?;
    let (ada, bob) = (Person { not_you: None, ..ADA }, BOB);
    let sign_out = |people| SignOut { look, form: form(), client: Some(CLIENT), people };
    save("sign-out", &sign_out(vec![ada.clone()]))?;
    save("sign-out-all", &sign_out(vec![ada.clone(), bob.clone()]))?;
    let signed_out = |left, continue_to| SignedOut {
        look,
        ended: vec![ada.clone()],
        left,
        frames: Vec::new(),
        continue_to,
    };
    save("signed-out", &signed_out(Vec::new(), None))?;
    save("signed-out-one", &signed_out(vec![bob], None))?;
    save("signed-out-continue", &signed_out(Vec::new(), Some(("#", CLIENT.name))))?;
    save(
        "error",
        &ErrorPage {
            look,
            code: "invalid_request",
            details: "redirect_uri is not registered for this client",
            request_id: "019aa6c8-31d4-7b2e-8c8e-3f5b7d1f2a90",
            back: None,
        },
    )?;
    save(
        "flow-over",
        &FlowOver { look, client: Some(CLIENT.name), link: Some("https://planner.example/") },
    )?;
    save("form-post", &FormPost { look, action: "#", fields: vec![("code", "x")] })?;
    save("verify-email", &VerifyEmail { look, token: "x" })?;
    let problems =
        [server::auth::error::FieldProblem::new("password", "must have at least 8 characters")];
    save(
        "reset-password",
        &ResetPassword { look, token: "x", email: "ada@example.com", problems: &problems },
    )?;
    save("not-me", &NotMe { look, token: "x", address: "ada@example.com" })?;
    let recovery = |problem| Recovery { look, form: form(), who: ADA, problem };
    save("recovery", &recovery(None))?;
    save("recovery-wrong", &recovery(Some(Problem::WrongCredentials)))?;
    let opens_at = "17 March 2030, 17:47 UTC";
    save("recovery-waits", &RecoveryWaits { look, who: ADA, opens_at })?;
    save(
        "message",
        &Message {
            look,
            title: &look.text("page-link-over-title"),
            text: &look.text("page-link-over-text"),
        },
    )
}

/// A pattern in the place of a QR code.
const QR: &str = "data:image/svg+xml;utf8,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'><path fill='white' d='M0 0h8v8H0z'/><path d='M1 1h2v2H1zM5 1h2v2H5zM1 5h2v2H1zM4 4h1v1H4zM6 5h1v2H6z'/></svg>";
