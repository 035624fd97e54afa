//! Clients whose callback leads on to another origin. Chromium holds `form-action` against every
//! redirect after a form, also against those of others.

use serde_json::{Value, json};
use tests::{
    Person, World,
    browser::Browser,
    chromium::{Tab, Window},
    landing::Landing,
    relying_party::{RelyingParty, form},
    world::Shared,
};

/// A client at `api`, and where `api` leads on to.
struct Site {
    world: Shared,
    person: Person,
    client: RelyingParty,
    api: Landing,
    www: Landing,
}

impl Site {
    async fn new(more: Value) -> Self {
        let world = World::shared().await;
        let www = Landing::start().await;
        let api = Landing::leading_to(&format!("{}/home", www.address)).await;
        let mut metadata = json!({
            "redirect_uris": [format!("{}/callback", api.address)],
            "post_logout_redirect_uris": [format!("{}/goodbye", api.address)],
        });
        metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (person, client) = (world.person().await, world.relying_party(metadata).await);
        Self { world, person, client, api, www }
    }

    /// Waits until the tab is where the client leads, over the client's own address.
    async fn arrived(&self, tab: &mut Tab) {
        tab.see("#arrived").await;
        assert_eq!(tab.url().await, format!("{}/home", self.www.address));
        assert_eq!(tab.complaints().await, [""; 0]);
    }

    fn code(&self) -> String {
        self.api.arrivals().last().unwrap().parameter("code").unwrap()
    }
}

#[tokio::test]
async fn a_sign_in_leads_over_a_callback_to_another_origin() {
    let site = Site::new(json!({})).await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(&site.client.authorize_url("openid")).await;
    tab.sign_in(&site.person).await;
    site.arrived(&mut tab).await;
    site.client.redeem(&site.code()).await.expect(200);
}

#[tokio::test]
async fn a_consent_leads_over_a_callback_to_another_origin() {
    let site = Site::new(json!({ "first_party": false })).await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(&site.client.authorize_url("openid")).await;
    tab.sign_in(&site.person).await;
    tab.click("button[value=allow]").await;
    site.arrived(&mut tab).await;
    site.client.redeem(&site.code()).await.expect(200);
}

#[tokio::test]
async fn a_posted_answer_leads_over_a_callback_to_another_origin() {
    let site = Site::new(json!({})).await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(&site.client.url(&[("response_mode", "form_post")])).await;
    tab.sign_in(&site.person).await;
    site.arrived(&mut tab).await;
    assert_eq!(site.api.arrivals()[0].method, "POST");
    site.client.redeem(&site.code()).await.expect(200);
}

#[tokio::test]
async fn a_sign_out_leads_over_the_clients_address_to_another_origin() {
    let site = Site::new(json!({})).await;
    // A hint of another session of theirs: they are asked.
    let mut elsewhere = Browser::new(&site.world);
    let tokens = site.client.sign_in(&mut elsewhere, &site.person, "openid").await;
    let mut window = Window::open().await;
    let mut tab = window.tab().await;
    tab.open(&site.client.authorize_url("openid")).await;
    tab.sign_in(&site.person).await;
    site.arrived(&mut tab).await;
    let goodbye = format!("{}/goodbye", site.api.address);
    let asked =
        form(&[("id_token_hint", tokens.id.as_str()), ("post_logout_redirect_uri", &goodbye)]);
    tab.open(&format!("{}/end_session?{asked}", site.world.issuer())).await;
    tab.click("button[value=logout]").await;
    site.arrived(&mut tab).await;
    assert_eq!(site.api.arrivals().last().unwrap().path, "/goodbye");
}
