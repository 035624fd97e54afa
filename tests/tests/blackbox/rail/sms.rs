//! Codes by SMS.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{
    Answer, Person, Session, World,
    forge::claims,
    outbox::code_in,
    person::{new_number, verify},
    rail::send,
};

use crate::{days, minutes, names, set};

async fn challenge(world: &World, half: &str) -> Answer {
    world.rail().post("/mfa/challenge", json!({ "mfaToken": half, "method": "SMS" })).await
}

/// A number, as everybody may see it.
fn masked(number: &str) -> String {
    format!("+49•••••{}", &number[number.len() - 2..])
}

/// Somebody whom an operator knows more about.
async fn described(world: &World, claims: Value) -> Person {
    let person = Person::new();
    let file = world.dir().join(format!("{}.json", person.email));
    std::fs::write(&file, claims.to_string()).unwrap();
    let file = file.display().to_string();
    let args = ["admin", "create-user", "--email", &person.email, "--password-stdin", "--active"];
    let args = [&args[..], &["--claims-json", &file]].concat();
    drop(world.signalbox_with_input(&args, &person.password).await.json());
    person
}

#[tokio::test]
async fn codes_by_sms_count_once_a_code_has_come_back() {
    let world = World::shared().await;
    let (rail, mut person, number) = (world.rail(), world.person().await, new_number());
    let session = world.sign_in(&person).await;
    // However it is typed.
    let typed = format!(" {} {} / {}", &number[..3], &number[3..7], &number[7..]);
    let data = world.set_up_sms(&session, Some(&typed)).await.data(200);
    assert_eq!(names(&data), set(["method", "sentTo", "expiresIn", "backupCodes"]));
    assert_eq!((&data["sentTo"], &data["expiresIn"]), (&json!(masked(&number)), &json!(600)));
    person.take_secrets(&data);
    assert_eq!(rail.post("/login", person.credentials()).await.data(200)["mfaRequired"], false);

    let code = world.mailed_code(&number).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    world.confirm_factor(&session, "SMS", wrong).await.refused(401, "INVALID_CODE");
    assert_eq!(world.confirm_factor(&session, "SMS", &code).await.data(200)["enabled"], true);
    let mails = world.mails(&person.email).await;
    assert!(mails[0]["text"].as_str().unwrap().contains("second factor (SMS)"), "{mails:?}");

    let data = rail.post("/login", person.credentials()).await.data(200);
    assert_eq!(data["mfaMethods"], json!(["SMS", "BACKUP_CODE"]));
    assert_eq!(data["defaultMfaMethod"], "SMS");
    let half = data["mfaToken"].as_str().unwrap();
    // What confirmed it proves nothing more.
    verify(&rail, half, &code).await.refused(401, "INVALID_CODE");
    let sent = challenge(&world, half).await.data(200);
    assert_eq!(names(&sent), set(["method", "sent", "sentTo", "expiresIn"]));
    assert_eq!(sent["sentTo"], masked(&number));
    let code = world.mailed_code(&number).await;
    let session = Session::of(&verify(&rail, half, &code).await.data(200));
    let token = claims(&session.access);
    assert_eq!(token["acr"], "urn:signalbox:2fa");
    assert_eq!(token["amr"], json!(["pwd", "sms", "mfa"]));
    verify(&rail, half, &code).await.refused(401, "INVALID_TOKEN");
    let listed = rail.call_as(&session.access, "GET", "/mfa/methods").await;
    let listed = listed.data(200);
    assert_eq!(listed[0]["name"], format!("SMS {}", masked(&number)));
    assert!(!listed.to_string().contains(&number), "{listed}");
}

#[tokio::test]
async fn a_message_has_the_form_that_browsers_fill_in() {
    let world = World::shared().await;
    let (person, number) = world.enrolled_by_sms().await;
    let messages = world.mails(&number).await;
    let [message] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!((&message["channel"], &message["html"]), (&json!("sms"), &json!("")));
    let text = message["text"].as_str().unwrap();
    let code = code_in(text).unwrap();
    let (words, last) = text.rsplit_once('\n').unwrap();
    assert_eq!(last, format!("@localhost #{code}"));
    assert_eq!(
        words,
        format!("Your code is {code}. It is good for ten minutes. Never tell it to anybody.\n")
    );
    // One message, not several; and nothing that somebody chose is in it.
    assert!(text.is_ascii() && text.len() <= 160, "{text}");
    assert!(!text.contains(&person.name), "{text}");

    let person = described(&world, json!({ "locale": "de-AT" })).await;
    let (session, number) = (world.sign_in(&person).await, new_number());
    drop(world.set_up_sms(&session, Some(&number)).await.data(200));
    let messages = world.mails(&number).await;
    let text = messages[0]["text"].as_str().unwrap();
    assert!(text.starts_with("Ihr Code ist ") && text.contains("\n\n@localhost #"), "{text}");
}

#[tokio::test]
async fn no_code_goes_to_what_is_no_number_or_earns_by_it() {
    let world = World::plan().set("sms.country", "DE").start().await;
    let person = world.person().await;
    let session = world.sign_in(&person).await;
    let rail = world.rail();
    for phone in [
        "",
        "nonsense",
        "+49",
        "+49 151",
        "+999 1234567890",
        "+49 900 1234567",
        "+49 180 5012345",
        "+491512000000120000001",
        "+49 1512 0000001 ext. 7",
        "ada@example.com",
    ] {
        let answer = world.set_up_sms(&session, Some(phone)).await;
        assert_eq!(answer.wrong_fields(), ["phone"], "{phone}");
    }
    // None is known that could be meant, and other methods have none.
    assert_eq!(world.set_up_sms(&session, None).await.wrong_fields(), ["phone"]);
    let odd = json!({ "method": "TOTP", "phone": "+4915120000001" });
    let answer = rail.post_as(&session.access, "/mfa/setup", odd).await;
    assert_eq!(answer.wrong_fields(), ["phone"]);
    // As people of the country write it.
    drop(world.set_up_sms(&session, Some("01512 0000001")).await.data(200));
    assert_eq!(world.mails("+4915120000001").await.len(), 1);
}

#[tokio::test]
async fn whoever_confirms_codes_to_their_own_number_has_proved_it() {
    let world = World::shared().await;
    let number = new_number();
    let person = described(&world, json!({ "phone_number": number })).await;
    let session = world.sign_in(&person).await;
    // A number that nobody proved is not taken for granted.
    assert_eq!(world.set_up_sms(&session, None).await.wrong_fields(), ["phone"]);
    drop(world.set_up_sms(&session, Some(&number)).await.data(200));
    let code = world.mailed_code(&number).await;
    drop(world.confirm_factor(&session, "SMS", &code).await.data(200));

    let half = world.half_sign_in(&person).await;
    let code = world.texted_code(&number, &half).await;
    let session = Session::of(&verify(&world.rail(), &half, &code).await.data(200));
    let listed = world.rail().call_as(&session.access, "GET", "/mfa/methods").await.data(200);
    let path = format!("/mfa/methods/{}", listed[0]["id"].as_str().unwrap());
    drop(world.rail().call_as(&session.access, "DELETE", &path).await.data(200));
    // Now that it is proved it need not be said again.
    let data = world.set_up_sms(&session, None).await.data(200);
    assert_eq!(data["sentTo"], masked(&number));
}

#[tokio::test]
async fn of_many_who_show_a_texted_code_at_once_one_wins() {
    let world = World::plan().replicas().start().await;
    let (person, number) = world.enrolled_by_sms().await;
    let half = world.half_sign_in(&person).await;
    let code = world.texted_code(&number, &half).await;
    let answers = join_all((0..64).map(|at| {
        let rail = world.rail_of(at % world.server_count());
        let (half, code) = (half.clone(), code.clone());
        async move { verify(&rail, &half, &code).await }
    }))
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    // The others were too late, or too many.
    assert!(answers.iter().all(|answer| [200, 401, 429].contains(&answer.status)));
}

#[tokio::test]
async fn texted_codes_cannot_be_guessed_by_asking_for_others() {
    let world = World::start().await;
    let (rail, (person, number)) = (world.rail(), world.enrolled_by_sms().await);
    for guess in 0..10 {
        let half = world.half_sign_in(&person).await;
        if guess % 4 == 0 {
            drop(world.texted_code(&number, &half).await);
        }
        let wrong = json!({ "mfaToken": half, "code": format!("{guess:06}"), "method": "SMS" });
        rail.post("/mfa/verify", wrong).await.refused(401, "INVALID_CODE");
    }
    let half = world.half_sign_in(&person).await;
    let code = world.texted_code(&number, &half).await;
    verify(&rail, &half, &code).await.refused(429, "RATE_LIMITED");
    drop(verify(&rail, &half, &person.backup_codes[0]).await.data(200));
}

#[tokio::test]
async fn a_texted_code_is_good_where_it_was_asked_for_alone() {
    let world = World::shared().await;
    let (rail, (person, number)) = (world.rail(), world.enrolled_by_sms().await);
    let (asked, not_asked) = (world.half_sign_in(&person).await, world.half_sign_in(&person).await);
    let older = world.texted_code(&number, &asked).await;
    verify(&rail, &not_asked, &older).await.refused(401, "INVALID_CODE");
    let newer = world.texted_code(&number, &asked).await;
    if older != newer {
        verify(&rail, &asked, &older).await.refused(401, "INVALID_CODE");
    }
    drop(verify(&rail, &asked, &newer).await.data(200));
}

#[tokio::test]
async fn somebody_has_codes_by_sms_to_one_number() {
    let world = World::shared().await;
    let (mut person, number) = world.enrolled_by_sms().await;
    let half = world.half_sign_in(&person).await;
    let code = world.texted_code(&number, &half).await;
    let session = Session::of(&verify(&world.rail(), &half, &code).await.data(200));
    world.set_up_sms(&session, Some(&new_number())).await.refused(409, "CONFLICT");
    world.enrol(&mut person, &session).await;
    // Six digits are the authenticator's unless somebody says otherwise.
    let half = world.half_sign_in(&person).await;
    let code = world.texted_code(&number, &half).await;
    verify(&world.rail(), &half, &code).await.refused(401, "INVALID_CODE");
    let answer = json!({ "mfaToken": half, "method": "SMS", "code": code });
    drop(world.rail().post("/mfa/verify", answer).await.data(200));
}

#[tokio::test]
async fn so_many_codes_go_to_one_number_whoever_asks() {
    let mut world = World::plan().set("limits.codes_sent_per_number", 2).start().await;
    let number = new_number();
    let (owner, own) = world.enrolled_by_sms().await;
    for at in 0..3 {
        let person = world.person().await;
        let session = world.sign_in(&person).await;
        let answer = world.set_up_sms(&session, Some(&number)).await;
        if at < 2 {
            drop(answer.data(200));
            // The number of somebody else is kept from nobody who has proved it.
            drop(world.set_up_sms(&session, Some(&own)).await);
        } else {
            answer.refused(429, "RATE_LIMITED");
            let wait: u64 = answer.header("retry-after").parse().unwrap();
            assert!((1..=900).contains(&wait), "{wait}");
        }
    }
    assert_eq!(world.mails(&number).await.len(), 2);
    for _ in 0..2 {
        let half = world.half_sign_in(&owner).await;
        drop(challenge(&world, &half).await.data(200));
    }
    let half = world.half_sign_in(&owner).await;
    challenge(&world, &half).await.refused(429, "RATE_LIMITED");
    world.advance(minutes(15));
    let half = world.half_sign_in(&owner).await;
    drop(challenge(&world, &half).await.data(200));
}

#[tokio::test]
async fn so_many_codes_a_day_go_to_a_number_that_nobody_proved() {
    let mut world = World::plan().set("limits.codes_sent_unproved_daily", 3).start().await;
    let (person, number) = (world.person().await, new_number());
    for _ in 0..3 {
        let session = world.sign_in(&person).await;
        drop(world.set_up_sms(&session, Some(&number)).await.data(200));
        world.advance(minutes(15));
    }
    let session = world.sign_in(&person).await;
    let refused = world.set_up_sms(&session, Some(&number)).await;
    refused.refused(429, "RATE_LIMITED");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((80_000..=86_400).contains(&wait), "{wait}");
    drop(world.set_up_sms(&session, Some(&new_number())).await.data(200));
    world.advance(days(1));
    let session = world.sign_in(&person).await;
    drop(world.set_up_sms(&session, Some(&number)).await.data(200));
}

#[tokio::test]
async fn so_many_codes_are_texted_to_somebody_and_for_one_network() {
    for (limit, of) in
        [("person", "limits.codes_sent_per_person"), ("network", "limits.codes_sent_per_network")]
    {
        let world = World::plan().set(of, 2).start().await;
        let person = world.person().await;
        let session = world.sign_in(&person).await;
        for _ in 0..2 {
            drop(world.set_up_sms(&session, Some(&new_number())).await.data(200));
        }
        let number = new_number();
        world.set_up_sms(&session, Some(&number)).await.refused(429, "RATE_LIMITED");
        assert_eq!(world.mails(&number).await, [] as [Value; 0]);
        let other = world.sign_in(&world.person().await).await;
        let answer = world.set_up_sms(&other, Some(&number)).await;
        answer.expect(if limit == "person" { 200 } else { 429 });
    }
}

#[tokio::test]
async fn so_many_messages_a_day_go_to_a_person_and_to_a_number_that_was_proved() {
    let mut world = World::plan().set("limits.sms_daily_per_person", 6).start().await;
    // Five in a quarter of an hour, and one more: whoever confirmed the factor had one already.
    let (owner, _) = world.enrolled_by_sms().await;
    for _ in 0..5 {
        let half = world.half_sign_in(&owner).await;
        drop(challenge(&world, &half).await.data(200));
        world.advance(minutes(15));
    }
    let half = world.half_sign_in(&owner).await;
    challenge(&world, &half).await.refused(429, "RATE_LIMITED");
    // By whatever number of theirs.
    let session = world.sign_in_with_backup_code(&owner).await;
    let body = json!({ "phone": new_number() });
    let call = world.rail().request_root("POST", "/api/v1/account/phone");
    send(call.bearer_auth(&session.access).json(&body)).await.refused(429, "RATE_LIMITED");
    world.advance(days(1));
    let half = world.half_sign_in(&owner).await;
    drop(challenge(&world, &half).await.data(200));
}

#[tokio::test]
async fn a_days_messages_are_so_many_and_half_of_them_are_for_numbers_that_were_proved() {
    let mut world = World::plan().replicas().set("limits.sms_daily", 6).start().await;
    let (owner, _) = world.enrolled_by_sms().await;
    let session = world.sign_in(&world.person().await).await;
    for _ in 0..2 {
        drop(world.set_up_sms(&session, Some(&new_number())).await.data(200));
    }
    // Half of the day's: what is left is for those who sign in, at every server.
    let number = new_number();
    for server in 0..world.server_count() {
        let wanted = json!({ "method": "SMS", "phone": number });
        let answer = world.rail_of(server).post_as(&session.access, "/mfa/setup", wanted).await;
        answer.refused(429, "RATE_LIMITED");
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!((80_000..=86_400).contains(&wait), "{wait}");
    }
    for _ in 0..3 {
        let half = world.half_sign_in(&owner).await;
        drop(challenge(&world, &half).await.data(200));
    }
    let half = world.half_sign_in(&owner).await;
    challenge(&world, &half).await.refused(429, "RATE_LIMITED");
    assert!(world.log().contains("limits.sms_daily"), "nobody who could help is told");
    drop(verify(&world.rail(), &half, &owner.backup_codes[0]).await.data(200));
    world.advance(days(1));
    let half = world.half_sign_in(&owner).await;
    drop(challenge(&world, &half).await.data(200));
}

#[tokio::test]
async fn where_no_messages_leave_nobody_sets_them_up() {
    let world = World::plan().set("sms.url", "off").start().await;
    let session = world.sign_in(&world.person().await).await;
    let refused = world.set_up_sms(&session, Some(&new_number())).await;
    assert_eq!(refused.wrong_fields(), ["method"]);
    let error = refused.error(422, "VALIDATION_ERROR");
    let message = error["details"][0]["message"].as_str().unwrap();
    assert!(message.contains("TOTP") && !message.contains("SMS"), "{message}");
}

#[tokio::test]
async fn neither_numbers_nor_codes_are_in_the_log() {
    let world = World::plan().env("SIGNALBOX_LOG", "debug").start().await;
    let (rail, (person, number)) = (world.rail(), world.enrolled_by_sms().await);
    let half = world.half_sign_in(&person).await;
    let code = world.texted_code(&number, &half).await;
    let session = Session::of(&verify(&rail, &half, &code).await.data(200));
    let other = new_number();
    let answer = rail.request_root("POST", "/api/v1/account/phone").bearer_auth(&session.access);
    let answer = send(answer.json(&json!({ "phone": other }))).await;
    assert_eq!(answer.data(200)["sentTo"], masked(&other));
    let second = world.mailed_code(&other).await;
    let refused = rail.request_root("POST", "/api/v1/account/phone").bearer_auth(&session.access);
    let refused = send(refused.json(&json!({ "phone": "+49 900 7654321" }))).await;
    assert_eq!(refused.wrong_fields(), ["phone"]);
    let log = world.log();
    assert!(log.contains("DEBUG"), "there is no log to look at");
    for text in [&log, &rail.root("GET", "/metrics").await.text] {
        for number in [&number, &other, "+49 900 7654321"] {
            assert!(!text.contains(&number[4..]), "a number is told");
        }
        for code in [&code, &second] {
            assert!(!text.contains(&format!("\"{code}\"")) && !text.contains(&format!("#{code}")));
        }
    }
}
