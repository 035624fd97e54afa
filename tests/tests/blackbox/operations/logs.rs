//! The log.

use serde_json::json;
use tests::{Session, World, person::refresh, rail::send};

#[tokio::test]
async fn every_line_of_a_request_carries_its_id() {
    const ID: &str = "a-request-to-be-found-again";
    let world = World::start().await;
    let (rail, person) = (world.rail(), world.person().await);
    let first = world.sign_in(&person).await;
    let second = Session::of(&refresh(&rail, &first.refresh).await.data(200));
    drop(refresh(&rail, &second.refresh).await.data(200));
    // A spent token whose successor was used: told of where it is found, far below the surface.
    let body = json!({ "refreshToken": first.refresh });
    let replay = rail.request("POST", "/refresh").header("x-request-id", ID).json(&body);
    send(replay).await.refused(401, "INVALID_TOKEN");

    let log = world.log();
    let line = |text: &str| {
        let mut lines = log.lines().filter(|line| line.contains(text));
        lines
            .find(|line| line.contains(ID))
            .unwrap_or_else(|| panic!("{text} without its id:\n{log}"))
    };
    line("a spent refresh token came back");
    line("request refused");
    let last = line("elapsed_ms");
    assert!(last.contains("/api/v1/auth/refresh") && last.contains("status=401"), "{last}");
    // What the token ended is of that request and of no other.
    let replays = log.lines().filter(|line| line.contains("a spent refresh token came back"));
    assert_eq!(replays.count(), 1);
    assert!(!log.contains(&first.refresh));
}
