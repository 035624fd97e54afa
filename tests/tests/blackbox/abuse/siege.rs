//! A siege on every surface at once; `cargo run -p tests --example siege` lays one that is larger.

use tests::siege;

/// How many guesses are judged in a quarter of an hour.
const BUDGET: usize = 10;
const GUESSES: usize = 4000;

#[tokio::test]
async fn a_siege_by_every_way_shuts_no_owner_out_and_has_no_more_guesses_than_are_allowed() {
    let mut world = siege::world().await;
    let outcome = siege::lay(&mut world, GUESSES).await;
    assert_eq!(outcome.admitted, outcome.visits, "an owner was not in at the first try");
    let made: usize = outcome.tolls.iter().map(|(_, toll)| toll.guesses).sum();
    assert_eq!(made, GUESSES);
    for (way, toll) in &outcome.tolls {
        assert_eq!((toll.other, toll.busy), (0, 0), "{way:?}: {toll:?}");
    }
    let quarters = usize::try_from(outcome.lasted.as_secs()).unwrap() / 900 + 1;
    for target in
        ["password", "authenticator", "mailed code", "texted code", "backup code", "user code"]
    {
        let evaluated = outcome.evaluated(target);
        assert!(evaluated >= BUDGET, "{target}: {evaluated} were judged, and nothing was attacked");
        assert!(evaluated <= BUDGET * quarters, "{target}: {evaluated} in {quarters} quarters");
    }
}
