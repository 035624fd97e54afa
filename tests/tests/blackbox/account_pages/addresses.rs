//! Another mail address, another telephone number, on their pages.

use tests::{Person, World, person::new_number};

use super::{says, signed_in, told};

#[tokio::test]
async fn an_address_is_changed_by_the_code_that_was_mailed_to_it() {
    let world = World::shared().await;
    let person = world.person().await;
    let elsewhere = world.sign_in(&person).await;
    let new = format!("new-{}", Person::new().email);
    let mut browser = signed_in(&world, &person, "/account/email").await;
    says(&browser, &person.email);
    browser.submit(&[("email", "nonsense"), ("act", "begin")]).await;
    assert_eq!(browser.answer().status, 422);
    browser.submit(&[("email", &new), ("act", "begin")]).await;
    browser.expect_at("/account/email");
    assert!(!browser.answer().text.contains(&new), "where it went is masked");
    let code = world.mailed_code(&new).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    browser.submit(&[("code", wrong), ("act", "confirm")]).await;
    assert_eq!(browser.answer().status, 422);
    // Of no use in another browser of the same person, and not to anybody else.
    let mut other = signed_in(&world, &person, "/account/email").await;
    let csrf = other.forms()[0].fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
    let fields = [("csrf", csrf.as_str()), ("act", "confirm"), ("code", code.as_str())];
    other.post("/account/email", &fields).await;
    assert_eq!(other.answer().status, 422);
    browser.submit(&[("code", &code), ("act", "confirm")]).await;
    browser.expect_at("/account/profile");
    told(&browser, "mail address is changed");
    says(&browser, &new);
    world.rail().call_as(&elsewhere.access, "GET", "/me").await.refused(401, "INVALID_TOKEN");
    drop(world.sign_in(&person.at(&new)).await);
}

#[tokio::test]
async fn another_address_may_be_named_before_the_first_one_is_proved() {
    let world = World::shared().await;
    let person = world.person().await;
    let mut browser = signed_in(&world, &person, "/account/email").await;
    let new = format!("new-{}", Person::new().email);
    browser.submit(&[("email", &new), ("act", "begin")]).await;
    browser.submit(&[("act", "anew")]).await;
    browser.expect_at("/account/email");
    browser.submit(&[("email", &person.email), ("act", "begin")]).await;
    assert_eq!(browser.answer().status, 422);
    says(&browser, "address of your account already");
}

#[tokio::test]
async fn a_number_is_proved_and_removed() {
    let world = World::shared().await;
    let (person, number) = (world.person().await, new_number());
    let mut browser = signed_in(&world, &person, "/account/phone").await;
    browser.submit(&[("phone", "0151"), ("act", "begin")]).await;
    assert_eq!(browser.answer().status, 422);
    browser.submit(&[("phone", &number), ("act", "begin")]).await;
    browser.expect_at("/account/phone");
    let code = world.mailed_code(&number).await;
    browser.submit(&[("code", &code), ("act", "confirm")]).await;
    browser.expect_at("/account/profile");
    told(&browser, "telephone number is changed");
    assert!(!browser.answer().text.contains(&number), "it is shown masked");
    browser.get("/account/phone").await;
    browser.submit(&[("act", "remove")]).await;
    told(&browser, "number is removed");
}
