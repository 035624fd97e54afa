//! What a client is told of a person: the standard claims (OpenID Connect Core section 5.1), by the
//! scopes that ask for them (section 5.4) or by name (section 5.5). Pure.

use serde_json::{Map, Value};

use super::scope;
use crate::domain::{authorization::ClaimsRequest, user::User};

/// Every claim of a person that can be asked for by name.
pub fn all() -> impl Iterator<Item = &'static str> {
    scope::STANDARD.into_iter().flat_map(scope::claims).copied()
}

/// What the scopes of `scope` (space-separated) ask for, as far as it is known of the person.
#[must_use]
pub fn by_scope(user: &User, scope: &str) -> Map<String, Value> {
    pick(user, scope.split(' ').flat_map(scope::claims).copied())
}

/// The claims of these names, as far as they are a person's and known. Whatever else is asked for is
/// left out (section 5.5.1), so that nobody overwrites what a token says of itself.
pub fn by_name<'n>(user: &User, names: impl Iterator<Item = &'n str>) -> Map<String, Value> {
    pick(user, names)
}

/// The names of claims that userinfo is asked for beyond the scopes, space-separated: what the access
/// token carries, so that userinfo needs no other record of what was granted.
#[must_use]
pub fn asked_of_userinfo(claims: &ClaimsRequest) -> String {
    let names = all().filter(|name| claims.userinfo.contains_key(*name));
    names.collect::<Vec<_>>().join(" ")
}

fn pick<'n>(user: &User, names: impl Iterator<Item = &'n str>) -> Map<String, Value> {
    names.filter_map(|name| Some((name.to_owned(), value(user, name)?))).collect()
}

/// What is known of the person under the name of a standard claim.
fn value(user: &User, name: &str) -> Option<Value> {
    let said = |column: Option<&str>| {
        let column = column.filter(|text| !text.is_empty());
        column.map(Into::into).or_else(|| text(user.claims.get(name)))
    };
    match name {
        "name" => said(Some(&user.name)),
        "given_name" => said(user.given_name.as_deref()),
        "family_name" => said(user.family_name.as_deref()),
        "preferred_username" => said(user.username.as_deref()),
        "locale" => said(user.locale.as_deref()),
        "middle_name" | "nickname" | "profile" | "picture" | "website" | "gender" | "birthdate"
        | "zoneinfo" => said(None),
        "updated_at" => Some(user.updated_at.secs().into()),
        "email" => Some(user.email.clone().into()),
        "email_verified" => Some(user.email_verified_at.is_some().into()),
        "phone_number" => said(user.phone.as_deref()),
        "phone_number_verified" => {
            let is_ours = user.phone.as_ref().is_some_and(|phone| !phone.is_empty());
            // Of a number that came with the account, only what came with it is known.
            let with_it = user.claims.get(name).and_then(Value::as_bool).unwrap_or(false);
            let verified = if is_ours { user.phone_verified_at.is_some() } else { with_it };
            value(user, "phone_number").map(|_| verified.into())
        }
        "address" => {
            let address = user.claims.get(name)?;
            address.as_object().filter(|members| !members.is_empty()).map(|_| address.clone())
        }
        "tenant_id" => Some(user.tenant_id.clone().into()),
        "roles" => Some(user.roles.clone().into()),
        _ => None,
    }
}

fn text(value: Option<&Value>) -> Option<Value> {
    value.filter(|value| value.as_str().is_some_and(|text| !text.is_empty())).cloned()
}

#[cfg(test)]
mod tests {
    use jwks::Time;
    use serde_json::json;

    use super::*;
    use crate::{
        auth::registration::new_user,
        domain::{authorization::ClaimRequest, login::normalise_address},
    };

    fn bare() -> User {
        let address = normalise_address("ada@example.com").unwrap();
        new_user(address, "", None, Time::from_secs(1_700_000_000))
    }

    fn full() -> User {
        let claims = json!({
            "middle_name": "King", "nickname": "Ada", "profile": "https://e.example/ada",
            "picture": "https://e.example/ada.png", "website": "https://e.example",
            "gender": "female", "birthdate": "1815-12-10", "zoneinfo": "Europe/London",
            "address": { "locality": "London", "country": "UK" },
            "sub": "somebody else", "email_verified": true, "acr": "phr",
        });
        User {
            name: "Ada Lovelace".into(),
            given_name: Some("Ada".into()),
            family_name: Some("Lovelace".into()),
            username: Some("ada".into()),
            locale: Some("en-GB".into()),
            phone: Some("+442071234567".into()),
            phone_verified_at: Some(Time::from_secs(5)),
            roles: vec!["clerk".into()],
            claims: claims.as_object().unwrap().clone(),
            ..bare()
        }
    }

    #[test]
    fn each_scope_asks_for_its_own_claims_and_no_others() {
        for (scope, claims) in scope::STANDARD.map(|scope| (scope, scope::claims(scope))) {
            let told = by_scope(&full(), scope);
            let mut names: Vec<&str> = told.keys().map(String::as_str).collect();
            let mut wanted = claims.to_vec();
            names.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(names, wanted, "{scope}");
        }
        for scope in ["", "openid", "openid offline_access", "emails", "Profile"] {
            assert!(by_scope(&full(), scope).is_empty(), "{scope}");
        }
    }

    #[test]
    fn claims_that_have_no_value_are_omitted() {
        let told = by_scope(&bare(), "openid profile email address phone");
        let names: Vec<&str> = told.keys().map(String::as_str).collect();
        assert_eq!(names, ["email", "email_verified", "roles", "tenant_id", "updated_at"]);
        assert!(!told.values().any(Value::is_null));
        let odd = json!({ "nickname": "", "website": 7, "address": {}, "gender": null });
        let user = User { claims: odd.as_object().unwrap().clone(), ..bare() };
        assert_eq!(by_scope(&user, "profile address").len(), 3);
    }

    #[test]
    fn each_claim_is_of_its_json_type() {
        let told = by_scope(&full(), "profile email address phone");
        assert_eq!(told["email_verified"], json!(false));
        assert_eq!(told["phone_number_verified"], json!(true));
        assert_eq!(told["updated_at"], json!(1_700_000_000));
        assert_eq!(told["address"], json!({ "locality": "London", "country": "UK" }));
        assert_eq!(told["roles"], json!(["clerk"]));
    }

    #[test]
    fn nothing_but_the_claims_of_a_person_can_be_asked_for_by_name() {
        let names = ["nickname", "email", "sub", "acr", "iss", "aud", "exp", "password_hash"];
        let told = by_name(&full(), names.into_iter());
        let told: Vec<&str> = told.keys().map(String::as_str).collect();
        assert_eq!(told, ["email", "nickname"]);
    }

    #[test]
    fn an_access_token_carries_known_names_alone() {
        let mut claims = ClaimsRequest::default();
        for name in ["nickname", "sub", "a b", "email"] {
            claims.userinfo.insert(name.into(), None);
        }
        claims.userinfo.insert("phone_number".into(), Some(ClaimRequest::default()));
        assert_eq!(asked_of_userinfo(&claims), "nickname email phone_number");
    }
}
