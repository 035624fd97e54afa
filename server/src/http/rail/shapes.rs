//! What several endpoints of the Auth Rail take or answer.

use jwks::policy::Method;
use serde_json::json;

use crate::http::route::{
    Field, Shape, always, flag, foreign, id, instant, list, number, object, one_of, shape, text,
    within,
};

/// A mail address.
pub fn email() -> Field {
    text("email", "Mail address.").like("ada@example.com")
}

/// A password.
pub fn password() -> Field {
    text("password", "Password.").like("gravel lantern orbit")
}

/// A mailed token.
pub fn mailed_token() -> Field {
    text("token", "The token of the mailed link.")
}

/// Which site tokens are for.
pub fn site_key() -> Field {
    let about = "The site the tokens are for; left out: this server, and sites \
            that accept its own tokens.";
    text("siteKey", about).like("demo").optional()
}

/// Half a sign-in.
pub fn mfa_token() -> Field {
    text("mfaToken", "The half sign-in, where it is not the bearer.").optional()
}

/// A factor's method.
pub fn method(name: &'static str, about: &'static str) -> Field {
    one_of(name, &Method::ALL.map(Method::as_str), about)
}

/// A code.
pub fn code() -> Field {
    text("code", "The code, as the person types it.").like("123456")
}

/// A person, as a sign-in shows them.
pub fn user() -> Shape {
    shape(
        "User",
        [
            id("id", "The person: also `sub` of every token."),
            text("email", "Mail address.").like("ada@example.com"),
            text("name", "Whole name.").like("Ada Lovelace"),
            roles(),
        ],
    )
}

/// What somebody may do.
pub fn roles() -> Field {
    list("roles", text("", "").like("admin"), "Roles, in the tenant of the session.")
}

/// A tenant somebody belongs to.
pub fn tenant() -> Shape {
    shape(
        "Tenant",
        [
            text("id", "Its name for programs.").like("default"),
            text("name", "Its name for people.").like("Default"),
            list("roles", text("", "").like("admin"), "Their roles there."),
        ],
    )
}

/// The members of [`signed_in`].
pub fn tokens() -> Vec<Field> {
    vec![
        text("accessToken", "JWT access token (RFC 9068).").like("eyJ…"),
        text("refreshToken", "Good once, for the next pair.").like("sbr_…"),
        text(
            "idToken",
            "JWT ID token (OpenID Connect Core): for the client, never a \
            bearer.",
        )
        .like("eyJ…"),
        one_of("tokenType", &["Bearer"], "How the access token is sent."),
        number("expiresIn", "Life of the access token, seconds.").like(3600),
        within("user", user(), "Who signed in."),
        always("mfaRequired", false, "Nothing is outstanding."),
    ]
}

/// Somebody is signed in.
pub fn signed_in() -> Shape {
    shape("SignedIn", tokens())
}

/// Somebody is half signed in.
pub fn half_signed_in() -> Shape {
    shape(
        "HalfSignedIn",
        [
            always("mfaRequired", true, "A factor is outstanding."),
            text(
                "mfaToken",
                "Opens `/mfa/verify` and `/mfa/challenge`; or, where \
                    `mfaMethods` is empty, `/mfa/setup` and `/mfa/setup/confirm`. \
                    Nothing else.",
            ),
            list(
                "mfaMethods",
                method("", ""),
                "What can be proved; empty where a factor must be set up first.",
            ),
            method("defaultMfaMethod", "The one to begin with; null where there is none.")
                .nullable(),
            number("expiresIn", "Life of the `mfaToken`, seconds.").like(600),
        ],
    )
}

/// The person behind a token, whole.
pub fn me() -> Shape {
    shape(
        "Me",
        [
            id("id", "The person: also `sub` of every token."),
            text("email", "Mail address.").like("ada@example.com"),
            flag("emailVerified", "Whether they have proved it."),
            text("username", "User name.").nullable().like("ada"),
            text("name", "Whole name.").like("Ada Lovelace"),
            text("givenName", "Given name.").nullable().like("Ada"),
            text("familyName", "Family name.").nullable().like("Lovelace"),
            text("locale", "Language, BCP 47.").nullable().like("en"),
            text("tenantId", "The tenant of this session.").like("default"),
            one_of("status", &["active"], "Nobody else has a token that counts."),
            roles(),
            list("tenants", within("", tenant(), ""), "Where they belong: their own tenant first."),
            instant("createdAt", "Since when there is this account."),
            instant("lastLoginAt", "Last sign-in.").nullable(),
        ],
    )
}

/// A session.
pub fn session() -> Shape {
    shape(
        "Session",
        [
            id("id", "The session: also `sid` of its tokens."),
            flag("current", "Whether it is the one that asks."),
            instant("createdAt", "Sign-in."),
            instant("lastActiveAt", "Last sign of life."),
            instant("expiresAt", "Its absolute end."),
            text("ip", "Address at sign-in.").like("192.0.2.7"),
            text("userAgent", "User agent at sign-in.").like("Mozilla/5.0 …"),
            text("device", "The device, in words.").like("Firefox on Linux"),
            text("client", "The surface or client that opened it.").like("rail"),
            list("amr", text("", "").like("pwd"), "How it was proved (RFC 8176)."),
        ],
    )
}

/// A factor.
pub fn factor() -> Shape {
    shape(
        "Factor",
        [
            id("id", "The factor."),
            method("method", "Its method."),
            text("name", "What its owner calls it.").like("Phone"),
            flag("default", "Whether it is the one to begin with at sign-in."),
            instant("createdAt", "When it was set up."),
            instant("lastUsedAt", "When it last proved anything.").nullable(),
            number("remaining", "Backup codes: how many are left.").like(9).optional(),
            flag("synced", "Passkeys: whether it can be on other devices of its owner.").optional(),
            flag("backedUp", "Passkeys: whether it is, as it last said.").optional(),
            id("model", "Passkeys: the model of the authenticator (AAGUID), as it said.")
                .nullable()
                .optional(),
        ],
    )
}

/// A trusted device.
pub fn device() -> Shape {
    shape(
        "Device",
        [
            id("id", "The device."),
            flag("current", "Whether it is the one that asks."),
            text("name", "The device, in words.").like("Firefox on Linux"),
            text("userAgent", "Its user agent.").like("Mozilla/5.0 …"),
            text("ip", "The address it was trusted from.").like("192.0.2.7"),
            instant("createdAt", "When a second factor was proved on it."),
            instant("lastUsedAt", "When somebody last signed in with it."),
            instant("expiresAt", "When it counts nowhere any more, as policies stand."),
        ],
    )
}

/// Whether to trust a device.
pub fn trust_device() -> Field {
    let about = "True: this device stands in for the second factor from then on, where a \
                policy counts it, and the answer has a `deviceToken` and a cookie.";
    flag("trustDevice", about).like(false).optional()
}

/// The token of a trusted device.
pub fn device_token() -> Field {
    text("deviceToken", "For `/login`, where the device was to be trusted.")
        .like("sbd_…")
        .optional()
}

/// What a browser makes a passkey by.
pub fn creation_options() -> Field {
    let about = "Options of `navigator.credentials.create`, as \
                `PublicKeyCredential.parseCreationOptionsFromJSON` takes them.";
    foreign("publicKey", about, json!({ "challenge": "…", "rp": { "id": "id.example" } }))
}

/// What a browser asks for a passkey by.
pub fn request_options() -> Field {
    let about = "Options of `navigator.credentials.get`, as \
                `PublicKeyCredential.parseRequestOptionsFromJSON` takes them; for `HARDWARE`.";
    foreign("publicKey", about, json!({ "challenge": "…", "rpId": "id.example" }))
}

/// How long they may be answered.
pub fn options_expire_in() -> Field {
    number("expiresIn", "How long they may be answered, seconds.").like(300)
}

/// What a browser made of either.
pub fn credential(about: &'static str) -> Field {
    foreign("credential", about, json!({ "id": "…", "type": "public-key", "response": {} }))
}

/// New backup codes.
pub fn backup_codes() -> Field {
    list("backupCodes", text("", "").like("7k2m-9xqt-4fwp"), "Shown this once.")
}

/// A telephone number.
pub fn phone(about: &'static str) -> Field {
    text("phone", about).like("+49 1512 3456789")
}

/// Where a code was sent.
pub fn sent_to() -> Field {
    let about = "Where it was sent, for those who know the address or number.";
    text("sentTo", about).like("a•••@e•••.com")
}

/// How long a code is good.
pub fn code_expires_in() -> Field {
    number("expiresIn", "How long the code is good, seconds.").like(600)
}

/// Something that went as asked.
pub fn done(name: &'static str) -> Shape {
    object([always(name, true, "It is done.")])
}
