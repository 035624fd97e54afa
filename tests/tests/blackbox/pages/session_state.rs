//! The frame in which pages of clients ask whether who is signed in has changed (OpenID Connect
//! Session Management 1.0 section 3), in a real browser.

use serde_json::{Value, json};
use tests::{
    World,
    chromium::{Tab, Window},
    landing::Landing,
};

/// A client's page that frames `/check_session`, once its frame is there.
async fn frame(tab: &mut Tab, issuer: &str) {
    let address = Value::from(format!("{issuer}/check_session"));
    let script = format!(
        "new Promise(function (done) {{
            var frame = document.createElement('iframe');
            frame.onload = function () {{ done(true); }};
            frame.src = {address};
            document.body.appendChild(frame);
        }})"
    );
    assert_eq!(tab.evaluate(&script).await, true);
}

/// What the frame answers to this message, and who answers.
async fn answer(tab: &mut Tab, issuer: &str, message: &Value) -> String {
    let issuer = Value::from(issuer);
    let script = format!(
        "new Promise(function (done) {{
            window.addEventListener('message', function heard(event) {{
                window.removeEventListener('message', heard);
                done(event.origin === {issuer} ? event.data : 'from ' + event.origin);
            }});
            document.querySelector('iframe').contentWindow.postMessage({message}, {issuer});
        }})"
    );
    tab.evaluate(&script).await.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_page_of_a_client_hears_from_the_frame_that_somebody_signed_out() {
    let world = World::shared().await;
    let (landing, person) = (Landing::start().await, world.person().await);
    // By plain http the ports of one machine are one site, and frames of one site are given cookies.
    let own = landing.address.replace("127.0.0.1", "localhost");
    let client = world.relying_party(json!({ "redirect_uris": [format!("{own}/callback")] })).await;
    let issuer = world.issuer();
    let mut window = Window::open().await;
    let mut page = window.tab().await;
    page.open(&client.authorize_url("openid")).await;
    page.sign_in(&person).await;
    page.see("#arrived").await;
    let state = landing.arrivals()[0].parameter("session_state").unwrap();
    frame(&mut page, &issuer).await;
    let of = |client: &str, state: &str| json!(format!("{client} {state}"));
    let message = of(&client.id, &state);
    for _ in 0..2 {
        assert_eq!(answer(&mut page, &issuer, &message).await, "unchanged");
    }
    // The state is that of one client, one salt and one browser.
    let (hash, salt) = state.split_once('.').unwrap();
    for other in [
        of("somebody-else", &state),
        of(&client.id, &format!("{hash}.another")),
        of(&client.id, &format!("{}.{salt}", "0".repeat(64))),
    ] {
        assert_eq!(answer(&mut page, &issuer, &other).await, "changed", "{other}");
    }
    // What is no such message is said to be none (section 3.2).
    for nonsense in [json!("nonsense"), json!(""), json!({ "state": state }), json!(1)] {
        assert_eq!(answer(&mut page, &issuer, &nonsense).await, "error", "{nonsense}");
    }

    // In another tab they sign out. The page hears so from the same frame, and the server is not asked.
    let mut other = window.tab().await;
    other.open(&format!("{issuer}/end_session")).await;
    other.click("button[value=logout]").await;
    other.see("main:not(:has(form))").await;
    assert_eq!(answer(&mut page, &issuer, &message).await, "changed");

    // Signed in anew it is another state.
    other.open(&client.authorize_url("openid")).await;
    other.sign_in(&person).await;
    other.see("#arrived").await;
    assert_eq!(answer(&mut page, &issuer, &message).await, "changed");
    let anew = landing.arrivals().last().unwrap().parameter("session_state").unwrap();
    assert_eq!(answer(&mut page, &issuer, &of(&client.id, &anew)).await, "unchanged");
    assert_eq!(page.complaints().await, [""; 0]);
    assert_eq!(other.complaints().await, [""; 0]);
}
