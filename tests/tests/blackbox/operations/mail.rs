//! Mail by SMTP, to a real mail server: each message arrives as it should, and none is lost.

use std::{collections::BTreeSet, net::TcpListener, time::Duration};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{
    Person, World,
    outbox::token_of,
    process::until,
    smtp::{Smtp, header_of},
};

/// Longer than a server keeps a mail to itself that it has begun to send.
const LEASE: Duration = Duration::from_secs(91);
/// A silent mail server is waited for much longer than this; an answer is not.
const NOT_WAITING: Duration = Duration::from_secs(10);

async fn register(world: &World) -> Person {
    let person = Person::new();
    let answer = world.rail().post("/register", person.registration()).await;
    assert!(answer.elapsed < NOT_WAITING, "{:?}", answer.elapsed);
    drop(answer.data(201));
    person
}

fn part<'m>(mail: &'m Value, kind: &str) -> &'m str {
    mail["parts"][kind].as_str().unwrap_or_else(|| panic!("no {kind}: {mail:#}"))
}

#[tokio::test]
async fn a_mail_leaves_by_smtp_as_text_and_html() {
    let smtp = Smtp::new().started().await;
    let from = "Sign-in <no-reply@id.example.com>";
    let plan = World::plan().set("mail.url", smtp.url()).set("mail.from", from);
    let world = plan.set("sms.url", "off").start().await;
    let person = register(&world).await;

    let mail = smtp.mail(&person.email).await;
    assert_eq!(mail["defects"], json!([]));
    assert_eq!(mail["from"], "no-reply@id.example.com");
    assert_eq!(mail["to"], json!([person.email]));
    assert_eq!(mail["type"], "multipart/alternative");
    assert_eq!(header_of(&mail, "From"), from);
    assert_eq!(header_of(&mail, "To"), person.email);
    assert_eq!(header_of(&mail, "Subject"), "Verify your mail address");
    assert_eq!(header_of(&mail, "Auto-Submitted"), "auto-generated");
    assert!(header_of(&mail, "Date").ends_with("+0000"), "{mail:#}");
    let id = header_of(&mail, "Message-ID");
    assert!(id.starts_with('<') && id.ends_with("@id.example.com>"), "{id}");

    let (text, html) = (part(&mail, "text/plain"), part(&mail, "text/html"));
    let token = token_of(text).unwrap();
    assert_eq!(token_of(html), Some(token.clone()));
    assert!(html.contains("<a href=") && !text.contains('<'), "{mail:#}");
    drop(world.rail().post("/verify-email", json!({ "token": token })).await.data(200));
    drop(world.sign_in(&person).await);
    // What leaves by a transport is nobody else's to read.
    assert_eq!(world.rail().root("GET", "/dev/outbox?format=json").await.status, 404);
}

#[tokio::test]
async fn mail_leaves_encrypted_and_signed_in() {
    for from_the_start in [false, true] {
        let smtp = Smtp::new().encrypted(from_the_start).started().await;
        let authority = smtp.authority().display().to_string();
        let plan = World::plan().set("mail.url", smtp.url()).env("SSL_CERT_FILE", &authority);
        let world = plan.start().await;
        let mail = smtp.mail(&register(&world).await.email).await;
        assert_eq!(mail["encrypted"], true, "{mail:#}");
        assert_eq!(mail["login"], "signalbox", "{mail:#}");
    }
}

#[tokio::test]
async fn no_mail_goes_to_a_server_that_cannot_prove_its_name_or_does_not_encrypt() {
    let strange = Smtp::new().encrypted(false).started().await;
    let plain = Smtp::new().started().await;
    let unencrypted = format!("smtp://localhost:{}?tls=required", plain.port());
    // Somebody else's authority: the server's own is nobody's here.
    let other = Smtp::new().encrypted(true);
    let authority = other.authority().display().to_string();
    for (smtp, url) in [(&strange, strange.url()), (&plain, unencrypted)] {
        let plan = World::plan().set("mail.url", &url).env("SSL_CERT_FILE", &authority);
        let mut world = plan.start().await;
        let person = register(&world).await;
        until("it has been tried", Duration::from_secs(20), async || {
            world.log().contains("a delivery has to wait").then_some(())
        })
        .await;
        world.advance(Duration::from_secs(8));
        until("it has been tried again", Duration::from_secs(20), async || {
            (world.log().matches("a delivery has to wait").count() > 1).then_some(())
        })
        .await;
        assert_eq!(smtp.mails(&person.email), [] as [Value; 0]);
        assert!(!world.log().contains("swordfish"), "a password is in the log");
    }
}

#[tokio::test]
async fn a_mail_that_is_refused_for_now_is_sent_again_and_arrives_once() {
    let smtp = Smtp::new().with(&["--refuse", "451", "--times", "3"]).started().await;
    let mut world = World::plan().set("mail.url", smtp.url()).start().await;
    let person = register(&world).await;
    let mail = smtp.mail_in_time(&mut world, &person.email).await;
    let token = token_of(part(&mail, "text/plain")).unwrap();
    drop(world.rail().post("/verify-email", json!({ "token": token })).await.data(200));
    world.mail_has_left().await;
    assert_eq!(smtp.mails(&person.email).len(), 1);
    assert_eq!(world.log().matches("a delivery has to wait").count(), 3);
    assert!(!world.log().contains(&person.email), "an address is in the log");
}

#[tokio::test]
async fn a_mail_that_is_refused_for_good_is_given_up_and_the_log_says_so() {
    let smtp = Smtp::new().with(&["--refuse", "550", "--times", "1"]).started().await;
    let world = World::plan().set("mail.url", smtp.url()).start().await;
    let refused = register(&world).await;
    world.mail_has_left().await;
    let log = world.log();
    assert!(log.contains("ERROR") && log.contains("a delivery was given up"), "{log}");
    assert!(log.contains("550"), "{log}");
    // The server's words quote the address, and the log does not.
    assert!(!log.contains(&refused.email), "an address is in the log");
    let figures = world.rail().root("GET", "/metrics").await.text;
    assert!(figures.contains("signalbox_errands_failed_total 1"), "{figures}");
    // The next one is another matter.
    let taken = register(&world).await;
    drop(smtp.mail(&taken.email).await);
    assert_eq!(smtp.mails(&refused.email), [] as [Value; 0]);
}

#[tokio::test]
async fn a_mail_server_that_refuses_the_account_of_signalbox_costs_no_mail() {
    let smtp = Smtp::new().encrypted(false).started().await;
    let authority = smtp.authority().display().to_string();
    let url = smtp.url().replace("swordfish", "herring");
    let mut world =
        World::plan().set("mail.url", url).env("SSL_CERT_FILE", &authority).start().await;
    let person = register(&world).await;
    until("it has been tried", Duration::from_secs(20), async || {
        world.log().contains("the mail server said 535").then_some(())
    })
    .await;
    assert!(!world.log().contains("given up"));
    // Put right within the life of the link, it leaves after all.
    world.server_node().kill();
    world.server_node().set("mail.url", smtp.url());
    world.server_node().start().await;
    drop(smtp.mail_in_time(&mut world, &person.email).await);
}

#[tokio::test]
async fn a_mail_server_that_is_away_or_silent_holds_up_no_answer_and_gets_the_mail_later() {
    let mut smtp = Smtp::new();
    let mut world = World::plan().set("mail.url", smtp.url()).start().await;
    let away = register(&world).await;
    // Now it takes connections, and says nothing.
    let silence = TcpListener::bind(("127.0.0.1", smtp.port())).unwrap();
    let mut people = vec![away];
    for _ in 0..12 {
        people.push(register(&world).await);
    }
    drop(silence);
    smtp.start().await;
    for person in people {
        drop(smtp.mail_in_time(&mut world, &person.email).await);
    }
}

#[tokio::test]
async fn a_mail_survives_a_kill_between_the_answer_and_its_delivery() {
    let mut smtp = Smtp::new();
    let mut world = World::plan().set("mail.url", smtp.url()).start().await;
    let mut people = Vec::new();
    for _ in 0..5 {
        people.push(register(&world).await);
        world.server_node().kill();
        world.server_node().start().await;
    }
    smtp.start().await;
    world.advance(LEASE);
    for person in &people {
        let mail = smtp.mail_in_time(&mut world, &person.email).await;
        let token = token_of(part(&mail, "text/plain")).unwrap();
        drop(world.rail().post("/verify-email", json!({ "token": token })).await.data(200));
        drop(world.sign_in(person).await);
    }
}

#[tokio::test]
async fn a_mail_that_has_to_leave_twice_is_the_same_and_bears_the_same_name() {
    let smtp = Smtp::new().with(&["--silent-at-first"]).started().await;
    let mut world = World::plan().set("mail.url", smtp.url()).start().await;
    let person = register(&world).await;
    drop(smtp.mail(&person.email).await);
    // The server has it, and nobody ever heard that.
    world.server_node().kill();
    world.server_node().start().await;
    world.advance(LEASE);
    world.mail_has_left().await;
    let mails = smtp.mails(&person.email);
    assert_eq!(mails.len(), 2);
    for name in ["Message-ID", "Date", "Subject"] {
        assert_eq!(header_of(&mails[0], name), header_of(&mails[1], name));
    }
    assert_eq!(mails[0]["parts"], mails[1]["parts"]);
    // So its link is good.
    let token = token_of(part(&mails[0], "text/plain")).unwrap();
    drop(world.rail().post("/verify-email", json!({ "token": token })).await.data(200));
}

#[tokio::test]
async fn a_mail_whose_link_is_dead_does_not_leave_any_more() {
    let mut smtp = Smtp::new();
    let mut world = World::plan().set("mail.url", smtp.url()).start().await;
    let late = register(&world).await;
    until("it has been tried", Duration::from_secs(20), async || {
        world.log().contains("a delivery has to wait").then_some(())
    })
    .await;
    world.advance(Duration::from_secs(30 * 60));
    smtp.start().await;
    world.mail_has_left().await;
    let early = register(&world).await;
    drop(smtp.mail(&early.email).await);
    assert_eq!(smtp.mails(&late.email), [] as [Value; 0]);
}

#[tokio::test]
async fn of_many_servers_one_sends_a_mail() {
    let smtp = Smtp::new().started().await;
    let plan = World::plan().replicas().set("mail.url", smtp.url());
    let world = plan.start().await;
    let people: Vec<Person> = (0..24).map(|_| Person::new()).collect();
    let registrations = people.iter().enumerate().map(|(number, person)| {
        let rail = world.rail_of(number);
        async move { rail.post("/register", person.registration()).await }
    });
    for answer in join_all(registrations).await {
        drop(answer.data(201));
    }
    world.mail_has_left().await;
    let mut names = BTreeSet::new();
    for person in &people {
        let mails = smtp.mails(&person.email);
        assert_eq!(mails.len(), 1, "{}", person.email);
        names.insert(header_of(&mails[0], "Message-ID").to_owned());
    }
    assert_eq!(names.len(), people.len());
}

#[tokio::test]
async fn what_people_type_adds_nothing_to_a_mail() {
    let smtp = Smtp::new().started().await;
    let world = World::plan().set("mail.url", smtp.url()).start().await;
    let rail = world.rail();
    for name in ["<b>Eve</b>\r\nBcc: x@example.com", "Eve\nBcc: x@example.com", "Eve\0"] {
        let body = Person::new().called(name).registration();
        assert_eq!(rail.post("/register", body).await.wrong_fields(), ["name"]);
    }
    for email in ["a@example.com\r\nBcc: x@example.com", "a@example.com, x@example.com"] {
        let body = Person::new().at(email).registration();
        assert_eq!(rail.post("/register", body).await.wrong_fields(), ["email"]);
    }
    let name = "<b>Eve</b> \u{202e}=?utf-8?q?x?= <https://evil.example/> & \"friends\"";
    let mut person = Person::new().called(name).at("Ev'e+{x}=y@B\u{fc}CHER.example");
    drop(rail.post("/register", person.registration()).await.data(201));
    let address = "Ev'e+{x}=y@xn--bcher-kva.example";
    let first = smtp.mail(address).await;
    let token = token_of(part(&first, "text/plain")).unwrap();
    drop(rail.post("/verify-email", json!({ "token": token })).await.data(200));
    let session = world.sign_in(&person).await;
    world.enrol(&mut person, &session).await;
    world.mail_has_left().await;

    // Whoever registers does not write to others: the first letter does not hold the name.
    for kind in ["text/plain", "text/html"] {
        assert!(!part(&first, kind).contains("Eve"), "{first:#}");
    }
    let mails = smtp.mails(address);
    assert_eq!(mails.len(), 2, "{mails:#?}");
    for mail in &mails {
        assert_eq!(mail["defects"], json!([]), "{mail:#}");
        let headers = mail["headers"].as_array().unwrap().iter();
        let headers: BTreeSet<&str> = headers.map(|one| one[0].as_str().unwrap()).collect();
        let wanted = [
            "Auto-Submitted",
            "Content-Type",
            "Date",
            "From",
            "MIME-Version",
            "Message-ID",
            "Subject",
            "To",
        ];
        assert_eq!(headers, wanted.into(), "{mail:#}");
        assert_eq!(mail["to"], json!([address]));
    }
    let told = mails.iter().find(|mail| header_of(mail, "Subject").contains("factor")).unwrap();
    let (text, html) = (part(told, "text/plain"), part(told, "text/html"));
    assert!(html.contains("&#60;b&#62;Eve") && !html.contains("<b>"), "{html}");
    // The one link is our own.
    assert!(!html.contains("<https") && html.matches("href").count() == 1, "{html}");
    assert!(text.contains("<b>Eve</b>"), "{text}");
    for part in [text, html] {
        assert!(!part.contains('\u{202e}'), "text runs backwards");
    }
}
