//! Messages to telephones through a gateway: each leaves as the operator described it, and none is
//! lost or sent when it is good for nothing.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use serde_json::{Value, json};
use tests::{
    Person, Session, World,
    outbox::code_in,
    person::new_number,
    process::until,
    receiver::Receiver,
    world::{Plan, scratch, variable},
};

const SECRET: &str = "s3cret \"of\" the & gateway";
const PATIENCE: Duration = Duration::from_secs(20);

/// A world whose messages go to `gateway`, at this path.
fn plan(gateway: &Receiver, path: &str) -> Plan {
    let url = gateway.url();
    let (address, _) = url.rsplit_once('/').unwrap();
    World::plan().set("sms.url", format!("{address}{path}"))
}

/// A file that holds the secret, for its owner's eyes.
fn secret_file(name: &str) -> String {
    let file = scratch(name).join("secret");
    fs::write(&file, format!("{SECRET}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file.display().to_string()
}

/// Somebody who has just asked for a code to a new number.
async fn asked(world: &World) -> (Person, Session, String) {
    let person = world.person().await;
    let session = world.sign_in(&person).await;
    let number = new_number();
    drop(world.set_up_sms(&session, Some(&number)).await.data(200));
    (person, session, number)
}

#[tokio::test]
async fn a_message_leaves_as_the_gateway_asks_for_it() {
    let gateway = Receiver::start().await;
    let file = secret_file("sms-secret");
    let world = plan(&gateway, "/v1/send?sender=Signalbox")
        .set("sms.headers", r#"["Authorization: Bearer {secret}", "X-Id: {id}"]"#)
        .set("sms.body", r#"{"messages":[{"to":"{to}","body":"{text}","key":"{secret}"}]}"#)
        .env(&format!("{}_FILE", variable("sms.secret")), &file)
        .start()
        .await;
    let (_, session, number) = asked(&world).await;
    gateway.count(1).await;
    let sent = &gateway.received()[0];
    let head = sent.head.to_lowercase();
    assert!(head.starts_with("post /v1/send?sender=signalbox http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\ncontent-type: application/json\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nauthorization: bearer {}\r\n", SECRET.to_lowercase())));
    assert!(head.contains("\r\nx-id: "), "{head}");
    let body: Value = serde_json::from_str(&sent.body).unwrap();
    let message = &body["messages"][0];
    assert_eq!((&message["to"], &message["key"]), (&json!(number), &json!(SECRET)));
    let text = message["body"].as_str().unwrap();
    let code = code_in(text).unwrap();
    assert!(text.ends_with(&format!("\n@localhost #{code}")), "{text}");
    drop(world.confirm_factor(&session, "SMS", &code).await.data(200));
    // What leaves by a gateway is nobody else's to read.
    assert_eq!(world.mails(&number).await, [] as [Value; 0]);
    assert!(!world.log().contains(SECRET), "the secret is in the log");
    assert!(!world.log().contains(&number[1..]), "a number is in the log");
    fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn a_message_leaves_as_a_form_or_by_an_address_alone() {
    let gateway = Receiver::start().await;
    let world = plan(&gateway, "/send")
        .set("sms.method", "PUT")
        .set("sms.format", "form")
        .set("sms.body", "to={digits}&message={text}&id={id}")
        .start()
        .await;
    let (_, session, number) = asked(&world).await;
    gateway.count(1).await;
    let sent = &gateway.received()[0];
    assert!(sent.head.starts_with("PUT /send HTTP/1.1\r\n"), "{}", sent.head);
    let fields: Vec<&str> = sent.fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(fields, ["to", "message", "id"]);
    assert_eq!(sent.fields[0].1, number[1..]);
    let code = code_in(&sent.fields[1].1).unwrap();
    drop(world.confirm_factor(&session, "SMS", &code).await.data(200));

    let gateway = Receiver::start().await;
    let world = plan(&gateway, "/send/{digits}?text={text}").set("sms.method", "GET").start().await;
    let (_, session, number) = asked(&world).await;
    gateway.count(1).await;
    let sent = &gateway.received()[0];
    let line = sent.head.lines().next().unwrap();
    assert!(line.starts_with(&format!("GET /send/{}?text=", &number[1..])), "{line}");
    assert!(line.contains("%0A%40localhost%20%23"), "{line}");
    let code = line.split("%23").nth(1).unwrap()[..6].to_owned();
    drop(world.confirm_factor(&session, "SMS", &code).await.data(200));
}

#[tokio::test]
async fn a_gateway_that_fails_gets_the_message_again_and_holds_up_no_answer() {
    let mut gateway = Receiver::start().await;
    gateway.answer(503);
    let mut world = plan(&gateway, "/send").start().await;
    let (_, session, number) = asked(&world).await;
    gateway.count(1).await;
    until("it waits", PATIENCE, async || {
        world.log().contains("a delivery has to wait").then_some(())
    })
    .await;
    // Then it is away, and the server is killed meanwhile.
    gateway.stop().await;
    world.server_node().kill();
    world.server_node().start().await;
    world.advance(Duration::from_secs(95));
    until("it was tried in vain", PATIENCE, async || {
        (world.log().matches("a delivery has to wait").count() > 1).then_some(())
    })
    .await;
    gateway.answer(200);
    gateway.listen().await;
    let code = until("it arrives", PATIENCE, async || {
        world.advance(Duration::from_millis(500));
        gateway.received().get(1).and_then(|sent| code_in(&sent.body))
    })
    .await;
    drop(world.confirm_factor(&session, "SMS", &code).await.data(200));
    world.mail_has_left().await;
    assert_eq!(gateway.received().len(), 2);
    assert_eq!(gateway.received()[0].body, gateway.received()[1].body);
    assert!(!world.log().contains(&number[1..]), "a number is in the log");
}

#[tokio::test]
async fn a_message_whose_code_is_dead_does_not_leave_any_more() {
    let gateway = Receiver::start().await;
    gateway.answer(500);
    let mut world = plan(&gateway, "/send").start().await;
    drop(asked(&world).await);
    gateway.count(1).await;
    until("it waits", PATIENCE, async || {
        world.log().contains("a delivery has to wait").then_some(())
    })
    .await;
    world.advance(Duration::from_secs(600));
    gateway.answer(200);
    world.mail_has_left().await;
    until("it is given up", PATIENCE, async || {
        world.log().contains("a delivery was given up").then_some(())
    })
    .await;
    assert_eq!(gateway.received().len(), 1);
}

#[tokio::test]
async fn a_message_that_a_gateway_does_not_take_is_not_sent_again_and_the_log_says_so() {
    let gateway = Receiver::start().await;
    let world = plan(&gateway, "/send")
        .set("sms.success_json", "/messages/0/status=0")
        .set("sms.success_contains", "accepted")
        .start()
        .await;
    // It says so with 200, quoting the number; then by a status; then it takes one.
    for (status, says, given_up) in [
        (200, r#"{"messages":[{"status":"4","error":"accepted no +49151"}]}"#, 1),
        (200, r#"{"messages":[{"status":"0"}]}"#, 2),
        (422, "", 3),
        (202, r#"{"messages":[{"status":"0","note":"accepted"}]}"#, 3),
    ] {
        gateway.answer(status);
        gateway.say(says);
        let before = gateway.received().len();
        let (_, _, number) = asked(&world).await;
        gateway.count(before + 1).await;
        world.mail_has_left().await;
        until("it was judged", PATIENCE, async || {
            let log = world.log();
            (log.matches("a delivery was given up").count() == given_up).then_some(())
        })
        .await;
        assert_eq!(gateway.received().len(), before + 1);
        assert!(!world.log().contains(&number[1..]), "a number is in the log");
    }
    assert!(!world.log().contains("a delivery has to wait"));
}

#[tokio::test]
async fn no_redirect_of_a_gateway_is_followed() {
    let gateway = Receiver::start().await;
    gateway.answer(307);
    let world = plan(&gateway, "/send").start().await;
    drop(asked(&world).await);
    gateway.count(1).await;
    until("it waits", PATIENCE, async || {
        world.log().contains("the gateway answered 307").then_some(())
    })
    .await;
    assert_eq!(gateway.received().len(), 1);
}
