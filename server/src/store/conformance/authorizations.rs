//! Authorization requests, and codes.

use uuid::Uuid;

use super::{
    Pair,
    samples::{at, authorization, authorization_code, family, hash, session},
};
use crate::{
    domain::{
        authorization::{AuthorizationRequest, Code, Done, Redeemed, RequestKind, ResponseMode},
        session::Session,
    },
    store::SessionStore,
};

const KINDS: [RequestKind; 2] = [RequestKind::Pushed, RequestKind::Flow];

async fn opened(store: &dyn SessionStore) -> Session {
    let session = session(Uuid::new_v4());
    store.open_session(&session, Some(&family("token")), 100).await.unwrap();
    session
}

/// The session as it is stored at `at(6)`.
async fn stored(store: &dyn SessionStore, session: &Session) -> Session {
    store.find_session(session.user_id, session.sid, at(6)).await.unwrap().unwrap()
}

pub(super) async fn an_authorization_request_comes_back_whole(pair: &Pair) {
    let store = &*pair.sessions;
    let whole = authorization();
    let bare = AuthorizationRequest {
        names_redirect_uri: false,
        response_mode: ResponseMode::Query,
        state: None,
        nonce: None,
        pkce: None,
        prompt: Vec::new(),
        max_age: None,
        acr_values: Vec::new(),
        claims: crate::domain::authorization::ClaimsRequest::default(),
        login_hint: None,
        subject_hint: None,
        ui_locales: Vec::new(),
        resource: Vec::new(),
        asked_of: None,
        pushed: None,
        chosen: None,
        signed_in: None,
        allowed: None,
        is_done: false,
        ..whole.clone()
    };
    for (name, request) in [("whole", whole), ("bare", bare)] {
        store.keep_request(RequestKind::Flow, &hash(name), &request).await.unwrap();
        let found = store.find_request(RequestKind::Flow, &hash(name), at(1)).await.unwrap();
        assert_eq!(found, Some(request));
    }
    let unknown = store.find_request(RequestKind::Flow, &hash("unknown"), at(1)).await.unwrap();
    assert_eq!(unknown, None);
}

pub(super) async fn what_is_done_for_a_request_is_noted_beside_what_was_before(pair: &Pair) {
    let store = &*pair.sessions;
    let (name, kind) = (hash("flow"), RequestKind::Flow);
    let mut expected = AuthorizationRequest {
        chosen: None,
        signed_in: None,
        allowed: None,
        is_done: false,
        expires_at: at(500),
        ..authorization()
    };
    store.keep_request(kind, &name, &expected).await.unwrap();
    let sids = [20, 21, 22].map(Uuid::from_u128);
    let acts = [Done::SignedIn(sids[0]), Done::Allowed(sids[1]), Done::Answered];
    for done in acts.into_iter().chain([Done::Chosen(sids[2])]) {
        let noted = store.note_in_flow(&name, done, at(1)).await.unwrap();
        expected.note(done);
        assert_eq!(noted.as_ref(), Some(&expected));
        assert_eq!(store.find_request(kind, &name, at(1)).await.unwrap(), noted);
    }
    let AuthorizationRequest { chosen, signed_in, allowed, is_done, .. } = expected.clone();
    let noted = [chosen, signed_in, allowed];
    assert_eq!((noted, is_done), ([sids[2], sids[0], sids[1]].map(Some), true));
    // It lives no longer for it, and nothing is noted where there is nothing.
    assert_eq!(store.find_request(kind, &name, at(499)).await.unwrap(), Some(expected));
    let over = store.note_in_flow(&name, Done::Answered, at(500)).await.unwrap();
    assert_eq!(over, None);
    store.keep_request(RequestKind::Pushed, &hash("pushed"), &authorization()).await.unwrap();
    for unknown in ["pushed", "unknown"] {
        let noted = store.note_in_flow(&hash(unknown), Done::Answered, at(1)).await.unwrap();
        assert_eq!(noted, None);
    }
}

pub(super) async fn a_request_of_one_kind_is_none_of_another(pair: &Pair) {
    let store = &*pair.sessions;
    let name = hash("name");
    for (kind, other) in [(KINDS[0], KINDS[1]), (KINDS[1], KINDS[0])] {
        store.keep_request(kind, &name, &authorization()).await.unwrap();
        assert_eq!(store.find_request(other, &name, at(1)).await.unwrap(), None);
        assert_eq!(store.consume_request(other, &name, at(1)).await.unwrap(), None);
        let consumed = store.consume_request(kind, &name, at(1)).await.unwrap();
        assert_eq!(consumed, Some(authorization()));
    }
}

pub(super) async fn an_authorization_request_is_consumed_once(pair: &Pair) {
    let store = &*pair.sessions;
    for kind in KINDS {
        for name in ["one", "other"] {
            store.keep_request(kind, &hash(name), &authorization()).await.unwrap();
        }
        let consume = async |name: &str| store.consume_request(kind, &hash(name), at(1)).await;
        assert_eq!(consume("one").await.unwrap(), Some(authorization()));
        assert_eq!(consume("one").await.unwrap(), None);
        assert_eq!(store.find_request(kind, &hash("one"), at(1)).await.unwrap(), None);
        assert_eq!(consume("other").await.unwrap(), Some(authorization()));
    }
}

pub(super) async fn an_authorization_request_does_not_exist_from_its_end_on(pair: &Pair) {
    let store = &*pair.sessions;
    let request = AuthorizationRequest { expires_at: at(100), ..authorization() };
    for kind in KINDS {
        store.keep_request(kind, &hash("name"), &request).await.unwrap();
        let found = store.find_request(kind, &hash("name"), at(99)).await.unwrap();
        assert_eq!(found.as_ref(), Some(&request));
        assert_eq!(store.find_request(kind, &hash("name"), at(100)).await.unwrap(), None);
        assert_eq!(store.consume_request(kind, &hash("name"), at(100)).await.unwrap(), None);
    }
}

pub(super) async fn a_code_comes_back_whole(pair: &Pair) {
    let store = &*pair.sessions;
    let session = opened(store).await;
    let whole = authorization_code(&session, "shop");
    let mut bare = Code {
        names_redirect_uri: false,
        scope: String::new(),
        nonce: None,
        pkce: None,
        ..whole.clone()
    };
    bare.granted.resource = Vec::new();
    bare.granted.claims = crate::domain::authorization::ClaimsRequest::default();
    bare.granted.proof.amr = Vec::new();
    for (name, code) in [("whole", whole), ("bare", bare)] {
        assert!(store.issue_code(&hash(name), &code).await.unwrap());
        let redeemed = store.redeem_code(&hash(name), at(90_000), at(6)).await.unwrap();
        assert_eq!(redeemed, Redeemed::Redeemed(Box::new(code)));
    }
}

pub(super) async fn a_code_notes_that_its_client_takes_part_once(pair: &Pair) {
    let store = &*pair.sessions;
    let session = opened(store).await;
    let mut expected = Session { last_active_at: at(5), ..session.clone() };
    for (number, client_id) in
        ["third \"ü\" /x", "third \"ü\" /x", "fourth", "first"].into_iter().enumerate()
    {
        let code = authorization_code(&session, client_id);
        assert!(store.issue_code(&hash(&format!("code {number}")), &code).await.unwrap());
        if !expected.clients.iter().any(|known| known == client_id) {
            expected.clients.push(client_id.to_owned());
        }
        assert_eq!(stored(store, &session).await, expected);
    }
    assert_eq!(expected.clients.len(), 4);
    assert_eq!(store.list_sessions(session.user_id, at(6)).await.unwrap(), [expected]);

    let empty = Session { clients: Vec::new(), ..super::samples::session(Uuid::new_v4()) };
    store.open_session(&empty, None, 100).await.unwrap();
    assert_eq!(stored(store, &empty).await, empty);
    let code = authorization_code(&empty, "shop");
    assert!(store.issue_code(&hash("code of the empty one"), &code).await.unwrap());
    assert_eq!(stored(store, &empty).await.clients, ["shop"]);
}

pub(super) async fn a_code_needs_a_session(pair: &Pair) {
    let store = &*pair.sessions;
    let session = opened(store).await;
    let right = authorization_code(&session, "shop");
    let refused = async |code: &Code| {
        assert!(!store.issue_code(&hash("code"), code).await.unwrap());
        let redeemed = store.redeem_code(&hash("code"), at(90_000), at(6)).await.unwrap();
        assert_eq!(redeemed, Redeemed::Unknown);
    };
    refused(&Code { user_id: Uuid::new_v4(), ..right.clone() }).await;
    refused(&Code { sid: Uuid::now_v7(), ..right.clone() }).await;
    assert_eq!(stored(store, &session).await, session);
    refused(&Code { issued_at: session.expires_at, ..right }).await;
}

pub(super) async fn a_code_is_redeemed_once_and_remembered(pair: &Pair) {
    let store = &*pair.sessions;
    let session = opened(store).await;
    let code = authorization_code(&session, "shop");
    assert!(store.issue_code(&hash("code"), &code).await.unwrap());
    let redeem =
        async |name: &str, now| store.redeem_code(&hash(name), at(90_000), at(now)).await.unwrap();
    assert_eq!(redeem("another", 6).await, Redeemed::Unknown);
    assert_eq!(redeem("code", 7).await, Redeemed::Redeemed(Box::new(code.clone())));
    // Remembered beyond the code's own life, and beyond the session.
    assert!(store.close_session(session.user_id, session.sid).await.unwrap());
    for now in [7, 8, 65_000, 89_999] {
        assert_eq!(redeem("code", now).await, Redeemed::Spent(Box::new(code.clone())));
    }
    assert_eq!(redeem("code", 90_000).await, Redeemed::Unknown);
}

pub(super) async fn a_code_that_nobody_redeemed_is_unknown_from_its_end_on(pair: &Pair) {
    let store = &*pair.sessions;
    let session = opened(store).await;
    for name in ["in time", "late"] {
        let code = authorization_code(&session, "shop");
        assert!(store.issue_code(&hash(name), &code).await.unwrap());
    }
    let redeem =
        async |name: &str, now| store.redeem_code(&hash(name), at(90_000), at(now)).await.unwrap();
    assert!(matches!(redeem("in time", 60_004).await, Redeemed::Redeemed(_)));
    assert_eq!(redeem("late", 60_005).await, Redeemed::Unknown);
    assert_eq!(redeem("late", 60_006).await, Redeemed::Unknown);
}
