//! The pages of an account.

use jwks::{Time, policy::Method};
use server::{
    auth::error::FieldProblem,
    domain::profile::Field,
    http::pages::views::{
        Form, Look,
        account::{
            ActivityPage, AddressPage, Advice, ApiKeyProblem, ApiKeyRow, ApiKeys, AppRow, Apps,
            DeviceRow, Devices, EventRow, FactorPage, FactorRow, Life, MadeApiKey, NewApiKey,
            NewCodes, NewPassword, Notice, Opener, Overview, ProfileEdit, ProfilePage, Reach,
            Section, Security, SessionRow, Sessions, Shell, SiteChoice, SiteRow, Sites, When,
        },
    },
};

use super::{ADA, Save};

const NOW: i64 = 1_795_339_800;
const DAY: i64 = 24 * 3600;

fn when(look: &Look, ago: i64) -> When {
    When::of(look, Time::from_secs(NOW - ago), Time::from_secs(NOW))
}

fn shell<'v>(here: Section, notice: Option<Notice>) -> Shell<'v> {
    let form = Form { hidden: vec![("csrf", "x")], ..Form::default() };
    let who = super::Person { not_you: None, ..ADA };
    Shell { who, here, notice, form }
}

/// What there is to be seen.
pub fn pages(look: &Look, save: Save) -> std::io::Result<()> {
    overview(look, save)?;
    sites(look, save)?;
    profile(look, save)?;
    addresses(look, save)?;
    security(look, save)?;
    places(look, save)?;
    apps(look, save)?;
    api_keys(look, save)?;
    activity(look, save)
}

fn overview(look: &Look, save: Save) -> std::io::Result<()> {
    let page = |advice: Vec<Advice>, factors, codes_left| Overview {
        look,
        shell: shell(Section::Overview, None),
        is_verified: true,
        advice,
        password_set: Some(when(look, 75 * DAY)),
        factors,
        codes_left,
        sessions: 3,
        devices: 1,
        since: when(look, 800 * DAY),
    };
    save("account", &page(Vec::new(), 2, Some(8)))?;
    save("account-advice", &page(vec![Advice::SecondFactor], 0, None))?;
    save("account-codes-low", &page(vec![Advice::BackupCodes(1)], 1, Some(1)))
}

const SAID: [(Field, &str); 13] = [
    (Field::Name, "Ada Lovelace"),
    (Field::GivenName, "Augusta Ada"),
    (Field::FamilyName, "Lovelace"),
    (Field::PreferredUsername, "ada.lovelace"),
    (Field::Birthdate, "1815-12-10"),
    (Field::Website, "https://analytical-engine.example/notes/by/ada-lovelace"),
    (Field::Locale, "en-GB"),
    (Field::Zoneinfo, "Europe/London"),
    (Field::StreetAddress, "12 St James's Square\nSecond floor"),
    (Field::PostalCode, "SW1Y 4JH"),
    (Field::Locality, "London"),
    (Field::Country, "United Kingdom"),
    (Field::Nickname, "Ada"),
];

fn sites(look: &Look, save: Save) -> std::io::Result<()> {
    let row = |name: &str, host: &str, asks_more| SiteRow {
        name: name.to_owned(),
        address: format!("https://{host}"),
        initial: name[..1].to_owned(),
        asks_more,
    };
    let page = |sites| Sites { look, shell: shell(Section::Sites, None), sites };
    let open = vec![
        row("Harbour charts", "charts.example.com", false),
        row("Payroll", "payroll.example.com", true),
        row("Wiki", "wiki.example.com", false),
    ];
    save("account-sites", &page(open))?;
    save("account-sites-none", &page(Vec::new()))
}

fn profile(look: &Look, save: Save) -> std::io::Result<()> {
    let page = |said: Vec<(Field, &'static str)>, notice| ProfilePage {
        look,
        shell: shell(Section::Profile, notice),
        said,
        is_verified: true,
        phone: Some(("+44•••••67".to_owned(), false)),
        sends_messages: true,
    };
    save("account-profile", &page(SAID.to_vec(), Some(Notice::ProfileSaved)))?;
    save("account-profile-empty", &page(SAID[..1].to_vec(), None))?;
    let problems = [
        FieldProblem::new("birthdate", "must be a past date like 1815-12-10, or a year"),
        FieldProblem::new("website", "must be a web address, like https://ada.example"),
    ];
    let edit = |problems| ProfileEdit {
        look,
        shell: shell(Section::Profile, None),
        said: SAID.iter().map(|(field, said)| (*field, (*said).to_owned())).collect(),
        problems,
        problem: None,
    };
    save("account-profile-edit", &edit(&[]))?;
    save("account-profile-wrong", &edit(&problems))
}

fn addresses(look: &Look, save: Save) -> std::io::Result<()> {
    let page = |reach, sent_to: Option<&str>, problems| AddressPage {
        look,
        shell: shell(Section::Profile, None),
        reach,
        present: Some(match reach {
            Reach::Email => ("ada@example.com".to_owned(), true),
            Reach::Phone => ("+44•••••67".to_owned(), true),
        }),
        can_change: true,
        sent_to: sent_to.map(ToOwned::to_owned),
        typed: if reach == Reach::Phone { "0151" } else { "" },
        problems,
        problem: None,
    };
    let problems =
        [FieldProblem::new("phone", "must be a telephone number, like +49 1512 3456789")];
    save("account-email", &page(Reach::Email, None, &[]))?;
    save("account-email-code", &page(Reach::Email, Some("a••@engine.example"), &[]))?;
    save("account-phone", &page(Reach::Phone, None, &problems))
}

fn security(look: &Look, save: Save) -> std::io::Result<()> {
    let factor = |name: &str, method, is_default, ago, used: Option<i64>| FactorRow {
        id: "019aa6c8-31d4-7b2e-8c8e-3f5b7d1f2a90".to_owned(),
        method,
        name: name.to_owned(),
        is_default,
        is_synced: (method == Method::Hardware).then_some(false),
        since: when(look, ago),
        used: used.map(|ago| when(look, ago)),
    };
    let factors = vec![
        factor("Phone", Method::Totp, true, 400 * DAY, Some(7200)),
        factor("Codes by mail", Method::EmailOtp, false, 12 * DAY, None),
        factor("Blue security key", Method::Hardware, false, 3 * DAY, Some(DAY)),
    ];
    let page = |factors, codes_left, notice| Security {
        look,
        shell: shell(Section::Security, notice),
        password_set: Some(when(look, 75 * DAY)),
        factors,
        offers: vec![Method::Totp, Method::EmailOtp],
        codes_left,
    };
    save("account-security", &page(factors.clone(), Some(8), None))?;
    save("account-security-bare", &page(Vec::new(), None, Some(Notice::FactorRemoved)))?;
    let problems = [FieldProblem::new("name", "must not be empty")];
    let one = |is_last, name, problems| FactorPage {
        look,
        shell: shell(Section::Security, None),
        factor: factors[1].clone(),
        is_last,
        name,
        problems,
    };
    save("account-factor", &one(false, "Codes by mail", &[]))?;
    save("account-factor-wrong", &one(true, "", &problems))?;
    let codes: Vec<String> = (0..10).map(|n| format!("k{n}pw-7m{n}x-q4td")).collect();
    let view = NewCodes { look, shell: shell(Section::Security, None), codes: &codes };
    save("account-codes", &view)?;
    let problems = [FieldProblem::new(
        "new_password",
        "is too easy to guess; use more words, or less common ones",
    )];
    let password = |problems, strength| NewPassword {
        look,
        shell: shell(Section::Security, None),
        problems,
        strength,
        problem: None,
    };
    save("account-password", &password(&[], None))?;
    save("account-password-weak", &password(&problems, Some(1)))
}

fn places(look: &Look, save: Save) -> std::io::Result<()> {
    let session = |device: &str, what, is_current, ago, active, apps: &[&str]| SessionRow {
        id: format!("{device}{ago}"),
        is_current,
        what,
        device: device.to_owned(),
        ip: "192.0.2.7".to_owned(),
        since: when(look, ago),
        active: when(look, active),
        until: when(look, -20 * DAY),
        apps: apps.iter().map(|app| (*app).to_owned()).collect(),
    };
    let sessions = vec![
        session(
            "Firefox on Linux",
            Opener::Browser,
            true,
            2 * DAY,
            20,
            &["Harbour Planner", "Wiki"],
        ),
        session("Safari on iPhone", Opener::Browser, false, 9 * DAY, 3 * 3600, &[]),
        session("", Opener::App("Living-room TV".to_owned()), false, 28 * DAY, DAY, &[]),
        session("curl", Opener::Api, false, 40, 40, &[]),
    ];
    let page =
        |sessions, notice| Sessions { look, shell: shell(Section::Sessions, notice), sessions };
    save("account-sessions", &page(sessions.clone(), None))?;
    let ended = Some(Notice::SessionsEnded);
    save("account-sessions-one", &page(sessions[..1].to_vec(), ended))?;
    let device = |name: &str, is_current, ago| DeviceRow {
        id: name.to_owned(),
        is_current,
        name: name.to_owned(),
        ip: "192.0.2.7".to_owned(),
        since: when(look, ago),
        used: when(look, 3600),
        until: when(look, ago - 30 * DAY),
    };
    let devices = vec![
        device("Firefox on Linux", true, 2 * DAY),
        device("Safari on iPhone", false, 20 * DAY),
    ];
    let page = |devices| Devices { look, shell: shell(Section::Devices, None), devices };
    save("account-devices", &page(devices))?;
    save("account-devices-none", &page(Vec::new()))
}

fn apps(look: &Look, save: Save) -> std::io::Result<()> {
    let app = |name: &str, scopes: &[&str], is_first_party, used| AppRow {
        id: name.to_owned(),
        name: name.to_owned(),
        logo: None,
        initial: name[..1].to_owned(),
        is_first_party,
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        since: when(look, 60 * DAY),
        used,
    };
    let wide = ["openid", "profile", "email", "berths:write", "offline_access"];
    let apps = vec![
        app("Harbour Planner", &wide, false, Some(when(look, 3600))),
        app("Wiki", &["openid"], true, None),
    ];
    let page = |apps, notice| Apps { look, shell: shell(Section::Apps, notice), apps };
    save("account-apps", &page(apps, None))?;
    save("account-apps-none", &page(Vec::new(), Some(Notice::AppEnded)))
}

fn api_keys(look: &Look, save: Save) -> std::io::Result<()> {
    let key = |name: &str, scopes: &[&str], used: Option<i64>, left: i64| ApiKeyRow {
        id: "0199a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b".to_owned(),
        name: name.to_owned(),
        sites: vec!["Wiki".to_owned(), "Harbour charts".to_owned()],
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        networks: used.map(|_| "192.0.2.0/24".to_owned()).into_iter().collect(),
        since: when(look, 40 * DAY),
        used: used.map(|ago| when(look, ago)),
        until: when(look, -left),
        is_expired: left < 0,
    };
    let keys = vec![
        key("Nightly export", &["read", "export"], Some(3 * 3600), 50 * DAY),
        key("Build server in the basement", &[], None, 6 * DAY),
        key("Old laptop", &["read"], Some(20 * DAY), -2 * DAY),
    ];
    let page = |keys, notice| ApiKeys { look, shell: shell(Section::ApiKeys, notice), keys };
    save("account-api-keys", &page(keys, Some(Notice::ApiKeyKept)))?;
    save("account-api-keys-none", &page(Vec::new(), None))?;
    let site = |key: &str, name: &str, scopes: &[&str], is_chosen| SiteChoice {
        key: key.to_owned(),
        name: name.to_owned(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        is_chosen,
    };
    let sites =
        vec![site("wiki", "Wiki", &["read"], true), site("charts", "Harbour charts", &[], false)];
    let lives = |chosen| [7, 30, 90].map(|days| Life { days, is_chosen: days == chosen }).to_vec();
    let new = |sites, problems| NewApiKey {
        look,
        shell: shell(Section::ApiKeys, None),
        name: "Nightly export",
        scopes: "read",
        networks: "192.0.2.7, wiki",
        no_network: Some("wiki"),
        sites,
        lives: lives(90),
        problems,
    };
    save("account-api-key-new", &new(sites.clone(), &[]))?;
    let wrong = [
        ApiKeyProblem::TooMany,
        ApiKeyProblem::Sites,
        ApiKeyProblem::Scopes,
        ApiKeyProblem::Networks,
    ];
    save("account-api-key-wrong", &new(sites, &wrong))?;
    save("account-api-key-no-site", &new(Vec::new(), &[]))?;
    let made = MadeApiKey {
        look,
        shell: shell(Section::ApiKeys, None),
        name: "Nightly export",
        key: "sbk_0199a1b2c3d47e5f8a6b7c8d9e0f1a2b_CzBVep_E6Q4zWH2ix-wRNluApcrvFDleg6jN8hc8YYYiEbWU",
        until: when(look, -90 * DAY),
    };
    save("account-api-key-made", &made)
}

fn activity(look: &Look, save: Save) -> std::io::Result<()> {
    let event = |event: &str, ago, reason: Option<&str>, method: Option<&str>| EventRow {
        event: event.to_owned(),
        is_of_admin: event == "auth.recovery.issued",
        when: when(look, ago),
        device: "Firefox on Linux".to_owned(),
        ip: "192.0.2.7".to_owned(),
        client: (event == "oauth.consent.granted").then(|| "Harbour Planner".to_owned()),
        method: method.map(ToOwned::to_owned),
        name: None,
        reason: reason.map(ToOwned::to_owned),
    };
    let events = vec![
        event("auth.login.success", 40, None, None),
        event("auth.login.failed", 90, Some("password"), None),
        event("oauth.consent.granted", 3600, None, None),
        event("auth.mfa.enabled", 2 * DAY, None, Some("TOTP")),
        event("auth.recovery.issued", 3 * DAY, None, None),
        event("auth.password.changed", 75 * DAY, None, None),
    ];
    let page = |events| ActivityPage {
        look,
        shell: shell(Section::Activity, None),
        events,
        older: Some("1-2".to_owned()),
        is_newest: true,
    };
    save("account-activity", &page(events))
}
