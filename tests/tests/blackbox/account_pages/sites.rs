//! The sites that somebody may open.

use serde_json::json;
use tests::World;

use super::signed_in;

#[tokio::test]
async fn somebody_sees_the_sites_that_let_them_in_and_no_others() {
    let world = World::shared().await;
    for (key, name, policy) in [
        ("listed-open", "Open to all", json!({ "require": "signed_in" })),
        ("listed-strong", "Open to the strong", json!({ "require": "phishing_resistant" })),
        ("listed-not", "Closed to most", json!({ "allow": { "roles": ["nobody"] } })),
    ] {
        let site = json!({
            "site_key": key, "name": name, "hosts": [format!("{key}.localhost")],
            "upstreams": ["http://127.0.0.1:9"], "policy": policy,
        });
        world.create_site(&site).await;
    }
    let off = json!({
        "site_key": "listed-off", "name": "Switched off", "hosts": ["listed-off.localhost"],
        "upstreams": ["http://127.0.0.1:9"], "status": "inactive",
    });
    world.create_site(&off).await;
    let person = world.person().await;
    let browser = signed_in(&world, &person, "/account/sites").await;
    let page = &browser.answer().text;
    assert!(page.contains("Open to all") && page.contains("Open to the strong"), "{page}");
    assert!(page.contains("asks for a stronger proof"), "{page}");
    assert!(!page.contains("Closed to most") && !page.contains("Switched off"), "{page}");
}
