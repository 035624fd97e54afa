//! Passkeys and security keys on the pages, in a real Chromium with authenticators in software that
//! its DevTools protocol plugs in.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    Session, World,
    chromium::{Plugged, Tab, Window},
    forge::claims,
    landing::Landing,
    process::until,
    relying_party::RelyingParty,
};

use super::look_at;
use crate::minutes;

const SIGN_IN: &str = "button[data-passkey=sign-in]";
const PROVE: &str = "button[data-passkey=get]";
const CREATE: &str = "button[data-passkey=create]";

/// A browser that writes down what it is asked, and never answers.
const ASKED: &str = "window.asked = [];
     PublicKeyCredential.isConditionalMediationAvailable = function () {
       return Promise.resolve(true);
     };
     navigator.credentials.get = function (options) {
       window.asked.push(options);
       return new Promise(function (resolve, reject) {
         if (options.signal) {
           options.signal.addEventListener('abort', function () { reject(options.signal.reason); });
         }
       });
     };";

/// A client whose tokens open a site that asks for this.
async fn client_of(world: &World, landing: &Landing, key: &str, policy: Value) -> RelyingParty {
    let site = json!({
        "site_key": key, "name": "Harbour Vault", "base_url": format!("http://{key}.localhost"),
        "hosts": [format!("{key}.localhost")], "upstreams": ["http://127.0.0.1:9"],
        "policy": policy,
    });
    drop(world.create_site(&site).await);
    let audience = format!("http://{key}.localhost");
    client(world, landing, json!({ "audiences": [audience] })).await
}

async fn client(world: &World, landing: &Landing, more: Value) -> RelyingParty {
    let mut metadata = json!({ "redirect_uris": [format!("{}/callback", landing.address)] });
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.confidential(metadata).await
}

/// What the newest code is worth: the claims of the ID token.
async fn arrived(tab: &mut Tab, client: &RelyingParty, landing: &Landing) -> Value {
    tab.see("#arrived").await;
    let code = landing.arrivals().last().unwrap().parameter("code").unwrap();
    let body = client.redeem(&code).await.expect(200).json();
    claims(body["id_token"].as_str().unwrap())
}

/// The same, once more than so many came before.
async fn arrived_after(
    tab: &mut Tab,
    client: &RelyingParty,
    landing: &Landing,
    before: usize,
) -> Value {
    until("the client hears", Duration::from_secs(20), async || {
        (landing.arrivals().len() > before).then_some(())
    })
    .await;
    arrived(tab, client, landing).await
}

/// Makes a passkey on the page that asks for one.
async fn make(tab: &mut Tab, name: &str) {
    tab.see(&format!("{CREATE}:not([hidden])")).await;
    tab.fill("#name", name).await;
    tab.click(CREATE).await;
}

/// Leaves the browser as nobody, on an empty page: its sessions are gone, its passkeys are not. Nobody
/// touches those from then on: a sign-in page asks for them by itself, and Chromium picks one in the
/// place of a person.
async fn forget(tab: &mut Tab, passkey: &str) {
    tab.touched(passkey, false).await;
    tab.open("about:blank").await;
    tab.clear_cookies().await;
}

/// Presses the button and touches the passkey. Not before the browser is asked on behalf of the button:
/// a passkey that is touched already answers what the page asks by itself.
async fn press(tab: &mut Tab, passkey: &str) {
    tab.evaluate(
        "(function () {
           var get = navigator.credentials.get.bind(navigator.credentials);
           navigator.credentials.get = function (options) {
             if (options.mediation) { return get(options); }
             return new Promise(function (resolve) { window.touch = resolve; }).then(function () {
               return get(options);
             });
           };
         })()",
    )
    .await;
    tab.click(SIGN_IN).await;
    tab.holds("!!window.touch").await;
    tab.touched(passkey, true).await;
    tab.evaluate("window.touch()").await;
}

#[tokio::test]
async fn a_passkey_is_made_on_the_way_and_signs_in_by_the_button_from_then_on() {
    let world = World::start().await;
    let (landing, person) = (Landing::start().await, world.person().await);
    let policy = json!({ "require": "phishing_resistant" });
    let client = client_of(&world, &landing, "vault", policy).await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    let passkey = tab.plug_in(Plugged::PASSKEY).await;
    tab.open(&client.authorize_url("openid")).await;
    tab.sign_in(&person).await;
    // Nothing else would do there.
    tab.see(CREATE).await;
    assert!(!tab.has("button[name=method]").await);
    look_at(&mut tab).await;
    make(&mut tab, "Work laptop").await;
    tab.see("#codes").await;
    assert_eq!(tab.evaluate("document.querySelectorAll('#codes li').length").await, 10);
    look_at(&mut tab).await;
    tab.click("button[type=submit]").await;
    let first = arrived(&mut tab, &client, &landing).await;
    assert_eq!(first["acr"], "urn:signalbox:phr");
    assert_eq!(first["amr"], json!(["pwd", "hwk", "user", "mfa"]));
    assert_eq!(tab.keys_in(&passkey).await, 1);

    forget(&mut tab, &passkey).await;
    tab.open(&client.authorize_url("openid")).await;
    tab.see(&format!("{SIGN_IN}:not([hidden])")).await;
    look_at(&mut tab).await;
    press(&mut tab, &passkey).await;
    let alone = arrived_after(&mut tab, &client, &landing, 1).await;
    assert_eq!((&alone["sub"], &alone["acr"]), (&first["sub"], &json!("urn:signalbox:phr")));
    assert_eq!(alone["amr"], json!(["hwk", "user", "mfa"]));
    assert_ne!(alone["sid"], first["sid"]);

    // Where the name is typed the browser offers it; with an authenticator in software that shows no
    // dialog, Chromium picks it at once in the place of the person.
    forget(&mut tab, &passkey).await;
    tab.touched(&passkey, true).await;
    tab.open(&client.authorize_url("openid")).await;
    let offered = arrived_after(&mut tab, &client, &landing, 2).await;
    assert_eq!((&offered["sub"], &offered["amr"]), (&alone["sub"], &alone["amr"]));
    assert_ne!(offered["sid"], alone["sid"]);
    assert_eq!(tab.complaints().await, [""; 0]);
}

/// What Chromium shows where a name is typed is no part of a page, and its DevTools protocol neither
/// sees it nor picks anything in it. So this looks at what the page asks the browser for.
#[tokio::test]
async fn the_page_asks_for_passkeys_where_the_name_is_typed() {
    let world = World::shared().await;
    let landing = Landing::start().await;
    let client = client(&world, &landing, json!({})).await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.before_each_page(ASKED).await;
    tab.open(&client.authorize_url("openid")).await;
    tab.see("#username").await;
    assert_eq!(tab.attribute("#username", "autocomplete").await, "username webauthn");
    tab.holds("window.asked.length === 1").await;
    let asked = tab
        .evaluate(
            "(function (asked) { return [asked.mediation, asked.publicKey.rpId,
               asked.publicKey.userVerification, asked.publicKey.challenge.byteLength,
               asked.publicKey.allowCredentials.length, asked.signal.aborted]; })(window.asked[0])",
        )
        .await;
    assert_eq!(asked, json!(["conditional", "localhost", "required", 32, 0, false]));
    // Whoever presses the button is asked at once, and in its place.
    tab.click(SIGN_IN).await;
    tab.holds("window.asked.length === 2").await;
    assert_eq!(tab.evaluate("window.asked[0].signal.aborted").await, true);
    assert_eq!(tab.evaluate("window.asked[1].mediation === undefined").await, true);
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_press_while_the_offer_is_on_its_way_asks_once() {
    let world = World::shared().await;
    let landing = Landing::start().await;
    let client = client(&world, &landing, json!({})).await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.before_each_page(ASKED).await;
    // What the page asks the server leaves when the test says so.
    tab.before_each_page(
        "window.held = [];
         window.answered = 0;
         var send = XMLHttpRequest.prototype.send;
         XMLHttpRequest.prototype.send = function (body) {
           var request = this;
           request.addEventListener('loadend', function () { window.answered += 1; });
           window.held.push(function () { send.call(request, body); });
         };",
    )
    .await;
    tab.open(&client.authorize_url("openid")).await;
    tab.holds("!!window.held && window.held.length === 1").await;
    tab.click(SIGN_IN).await;
    tab.holds("window.held.length === 2").await;
    tab.evaluate("window.held[1]()").await;
    tab.holds("window.answered === 1").await;
    tab.evaluate("window.held[0]()").await;
    tab.holds("window.answered === 2").await;
    assert_eq!(tab.evaluate("window.asked.length").await, 1);
    assert_eq!(tab.evaluate("window.asked[0].mediation === undefined").await, true);
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_passkey_is_the_second_factor_with_its_owner_verified() {
    let world = World::start().await;
    let (landing, person) = (Landing::start().await, world.person().await);
    let policy = json!({ "require": "2fa" });
    let client = client_of(&world, &landing, "office", policy).await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    let passkey = tab.plug_in(Plugged::PASSKEY).await;
    tab.open(&client.authorize_url("openid")).await;
    tab.sign_in(&person).await;
    // An authenticator app is asked for first, and a passkey does as well.
    tab.see("#secret").await;
    tab.click("button[name=method][value=HARDWARE]").await;
    tab.see(CREATE).await;
    assert!(tab.has("button[name=method][value=TOTP]").await);
    make(&mut tab, "Telephone").await;
    tab.see("#codes").await;
    tab.click("button[type=submit]").await;
    arrived(&mut tab, &client, &landing).await;

    forget(&mut tab, &passkey).await;
    tab.open(&client.authorize_url("openid")).await;
    tab.sign_in(&person).await;
    tab.see(&format!("{PROVE}:not([hidden])")).await;
    assert!(tab.has("button[name=method][value=BACKUP_CODE]").await);
    look_at(&mut tab).await;
    tab.touched(&passkey, true).await;
    tab.click(PROVE).await;
    let proved = arrived_after(&mut tab, &client, &landing, 1).await;
    assert_eq!(proved["amr"], json!(["pwd", "hwk", "user", "mfa"]));
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_security_key_is_the_second_factor_without_verifying_its_owner() {
    let world = World::start().await;
    let (landing, person) = (Landing::start().await, world.person().await);
    let policy = json!({ "require": "phishing_resistant" });
    let client = client_of(&world, &landing, "keys", policy).await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    let key = tab.plug_in(Plugged::SECURITY_KEY).await;
    tab.open(&client.authorize_url("openid")).await;
    tab.sign_in(&person).await;
    make(&mut tab, "").await;
    tab.see("#codes").await;
    tab.click("button[type=submit]").await;
    arrived(&mut tab, &client, &landing).await;

    forget(&mut tab, &key).await;
    tab.open(&client.authorize_url("openid")).await;
    tab.sign_in(&person).await;
    tab.see(PROVE).await;
    tab.touched(&key, true).await;
    tab.click(PROVE).await;
    let proved = arrived_after(&mut tab, &client, &landing, 1).await;
    assert_eq!(proved["acr"], "urn:signalbox:phr");
    assert_eq!(proved["amr"], json!(["pwd", "hwk", "mfa"]));
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_site_that_asks_for_a_verified_owner_refuses_a_passkey_that_verified_nobody() {
    let world = World::start().await;
    let (landing, person) = (Landing::start().await, world.person().await);
    let policy = json!({ "require": "2fa", "webauthn": { "user_verification": true } });
    let client = client_of(&world, &landing, "verified", policy).await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    let passkey = tab.plug_in(Plugged::PASSKEY).await;
    tab.open(&client.authorize_url("openid")).await;
    tab.sign_in(&person).await;
    tab.click("button[name=method][value=HARDWARE]").await;
    make(&mut tab, "Telephone").await;
    tab.see("#codes").await;
    tab.click("button[type=submit]").await;
    arrived(&mut tab, &client, &landing).await;

    // The browser refuses where its owner does not show who they are.
    forget(&mut tab, &passkey).await;
    tab.open(&client.authorize_url("openid")).await;
    tab.sign_in(&person).await;
    tab.see(PROVE).await;
    tab.verified(&passkey, false).await;
    tab.touched(&passkey, true).await;
    tab.click(PROVE).await;
    tab.see("#passkey-told:not([hidden])").await;
    look_at(&mut tab).await;
    tab.size(1280, 900).await;
    assert_eq!(landing.arrivals().len(), 1);
    tab.verified(&passkey, true).await;
    tab.click(PROVE).await;
    let proved = arrived_after(&mut tab, &client, &landing, 1).await;
    assert_eq!(proved["amr"], json!(["pwd", "hwk", "user", "mfa"]));

    // And one that asks for less than it was told to is refused by the server.
    forget(&mut tab, &passkey).await;
    tab.before_each_page(
        "var get = navigator.credentials.get.bind(navigator.credentials);
         navigator.credentials.get = function (options) {
           options.publicKey.userVerification = 'discouraged';
           return get(options);
         };",
    )
    .await;
    tab.open(&client.authorize_url("openid")).await;
    tab.sign_in(&person).await;
    tab.see(PROVE).await;
    tab.verified(&passkey, false).await;
    tab.touched(&passkey, true).await;
    tab.click(PROVE).await;
    tab.see("#problem").await;
    look_at(&mut tab).await;
    assert_eq!(landing.arrivals().len(), 2);
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_passkey_is_made_on_the_pages_of_an_account() {
    let world = World::start().await;
    let person = world.person().await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    let passkey = tab.plug_in(Plugged::PASSKEY).await;
    tab.open(&format!("{}/account/security", world.issuer())).await;
    tab.sign_in(&person).await;
    tab.click("a[href='/account/security/add/HARDWARE']").await;
    tab.see(CREATE).await;
    look_at(&mut tab).await;
    tab.size(1280, 900).await;
    make(&mut tab, "Work laptop").await;
    // It came with backup codes, and leads back.
    tab.see("#codes").await;
    look_at(&mut tab).await;
    tab.size(1280, 900).await;
    tab.click("button[name=act][value=kept]").await;
    tab.see(".rows a[href*='/factors/']").await;
    assert!(tab.text("main").await.contains("Work laptop"));
    assert_eq!(tab.keys_in(&passkey).await, 1);

    forget(&mut tab, &passkey).await;
    tab.open(&format!("{}/account/security", world.issuer())).await;
    tab.see(&format!("{SIGN_IN}:not([hidden])")).await;
    press(&mut tab, &passkey).await;
    tab.see(".rows a[href*='/factors/']").await;
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn who_lost_their_passkey_goes_on_with_a_backup_code() {
    let world = World::start().await;
    let (landing, mut person) = (Landing::start().await, world.person().await);
    let client = client_of(&world, &landing, "office", json!({ "require": "2fa" })).await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    let passkey = tab.plug_in(Plugged::PASSKEY).await;
    tab.open(&client.authorize_url("openid")).await;
    tab.sign_in(&person).await;
    tab.click("button[name=method][value=HARDWARE]").await;
    make(&mut tab, "Telephone").await;
    tab.see("#codes").await;
    let codes = tab
        .evaluate("[].map.call(document.querySelectorAll('#codes code'), function (it) { return it.innerText; })")
        .await;
    person.take_secrets(&json!({ "backupCodes": codes }));
    tab.click("button[type=submit]").await;
    arrived(&mut tab, &client, &landing).await;

    forget(&mut tab, &passkey).await;
    tab.unplug(&passkey).await;
    // Another one, which is nobody's: the browser has something to ask, and it does not answer.
    tab.plug_in(Plugged::SECURITY_KEY).await;
    tab.open(&client.authorize_url("openid")).await;
    tab.sign_in(&person).await;
    tab.click(PROVE).await;
    tab.see("#passkey-told:not([hidden])").await;
    look_at(&mut tab).await;
    tab.click("button[name=method][value=BACKUP_CODE]").await;
    tab.fill("#code", &person.backup_codes[0]).await;
    tab.press("Enter").await;
    let proved = arrived_after(&mut tab, &client, &landing, 1).await;
    assert_eq!(proved["amr"], json!(["pwd", "backup", "mfa"]));
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_passkey_steps_a_session_up() {
    let mut world = World::start().await;
    let (landing, mut person) = (Landing::start().await, world.person().await);
    let modest = client(&world, &landing, json!({})).await;
    let vault = client_of(&world, &landing, "vault", json!({ "require": "phishing_resistant" }));
    let vault = vault.await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    let passkey = tab.plug_in(Plugged::PASSKEY).await;
    let session: Session = world.sign_in(&person).await;
    world.enrol(&mut person, &session).await;
    world.advance(minutes(2));
    tab.open(&modest.authorize_url("openid")).await;
    tab.sign_in(&person).await;
    tab.fill("#code", &person.code(&world)).await;
    tab.press("Enter").await;
    let before = arrived(&mut tab, &modest, &landing).await;
    assert_eq!(before["acr"], "urn:signalbox:2fa");
    // What there is, is fresh: the passkey that is asked for is made upon it.
    tab.open(&vault.authorize_url("openid")).await;
    make(&mut tab, "Work laptop").await;
    let made = arrived_after(&mut tab, &vault, &landing, 1).await;
    assert_eq!((&made["sid"], &made["acr"]), (&before["sid"], &json!("urn:signalbox:phr")));

    forget(&mut tab, &passkey).await;
    tab.open(&modest.authorize_url("openid")).await;
    tab.sign_in(&person).await;
    tab.see("#code").await;
    world.advance(minutes(2));
    tab.fill("#code", &person.code(&world)).await;
    tab.press("Enter").await;
    let before = arrived_after(&mut tab, &modest, &landing, 2).await;
    tab.open(&vault.authorize_url("openid")).await;
    tab.see(PROVE).await;
    look_at(&mut tab).await;
    tab.touched(&passkey, true).await;
    tab.click(PROVE).await;
    let after = arrived_after(&mut tab, &vault, &landing, 3).await;
    assert_eq!((&after["sid"], &after["acr"]), (&before["sid"], &json!("urn:signalbox:phr")));
    assert_eq!(tab.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_browser_without_passkeys_is_told_so_and_offered_the_other_ways() {
    let world = World::shared().await;
    let landing = Landing::start().await;
    let client = client(&world, &landing, json!({})).await;
    let (mut person, _) = world.enrolled_with_passkey().await;
    let mut window = Window::open().await;
    for take_away in ["delete window.PublicKeyCredential;", ""] {
        let mut tab = window.tab().await;
        if take_away.is_empty() {
            tab.without_scripts().await;
        } else {
            tab.before_each_page(take_away).await;
        }
        tab.open(&client.authorize_url("openid")).await;
        tab.see("#username").await;
        assert!(tab.has(&format!("{SIGN_IN}[hidden]")).await);
        tab.sign_in(&person).await;
        tab.see("#passkey-instead:not([hidden])").await;
        assert!(tab.has(&format!("{PROVE}[hidden]")).await);
        if !take_away.is_empty() {
            // Who looks needs scripts of their own.
            look_at(&mut tab).await;
        }
        tab.click("button[name=method][value=BACKUP_CODE]").await;
        tab.fill("#code", &person.backup_codes.remove(0)).await;
        tab.press("Enter").await;
        tab.see("#arrived").await;
        assert_eq!(tab.complaints().await, [""; 0]);
        tab.clear_cookies().await;
    }
}
