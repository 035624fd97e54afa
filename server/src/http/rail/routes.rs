//! Every endpoint of the Auth Rail: what it asks, takes, answers and refuses.

use super::{
    devices, mfa, passkey, recovery,
    refusals::*,
    registration, session,
    shapes::{
        self, code, done, email, half_signed_in, mailed_token, method, mfa_token, password,
        signed_in, site_key,
    },
    sign_in,
};
use crate::{
    domain::login::Outstanding,
    http::route::{
        Credential, Credential::*, Refusal, Route, always, delete, flag, get, id, number, object,
        one_of, patch, post, shape, text,
    },
};

/// Names a tenant.
const TENANT: &str = "X-Tenant-ID";
const VERIFY: Credential = BearerOrMfaToken(Outstanding::Verify);
const ENROL: Credential = BearerOrMfaToken(Outstanding::Enrol);

/// The rows.
pub fn routes() -> Vec<Route> {
    let routes = vec![
        post("/login", Anybody, sign_in::login)
            .does(
                "Sign in",
                "With a mail address and a password. Where a second factor is \
                outstanding, the answer is half a sign-in.",
            )
            .takes([
                email(),
                password(),
                flag("rememberMe", "False ends the session after 12 hours; left out: true.")
                    .optional(),
                site_key(),
                text("deviceToken", "What a trusted device was given; browsers send a cookie.")
                    .like("sbd_…")
                    .optional(),
            ])
            .header(TENANT, "The tenant to act in; left out: their own.")
            .answers(200, signed_in())
            .answers(200, half_signed_in())
            .refuses([INVALID_CREDENTIALS, EMAIL_NOT_VERIFIED, FORBIDDEN])
            .limited(),
        post("/passkey/options", Anybody, passkey::ask)
            .does(
                "Ask for a passkey",
                "Of nobody in particular: who has one, says who they are with it. Who holds the \
                challenge answers it, once.",
            )
            .takes([])
            .answers(200, object([shapes::request_options(), shapes::options_expire_in()]))
            .limited(),
        post("/passkey", Anybody, passkey::sign_in)
            .does(
                "Sign in with a passkey",
                "With what the browser made of the options, and nothing else: the passkey must \
                have verified its owner. Where the site does not count it, the answer is half a \
                sign-in.",
            )
            .takes([
                shapes::credential("What `navigator.credentials.get` gave."),
                flag("rememberMe", "False ends the session after 12 hours; left out: true.")
                    .optional(),
                site_key(),
            ])
            .header(TENANT, "The tenant to act in; left out: their own.")
            .answers(200, signed_in())
            .answers(200, half_signed_in())
            .refuses([INVALID_CREDENTIALS, FORBIDDEN])
            .limited(),
        post("/refresh", RefreshToken, sign_in::refresh)
            .does(
                "Renew tokens",
                "A refresh token is good once. An answer that got lost can be \
                asked for again for a minute; any other second use ends the \
                session.",
            )
            .takes([text("refreshToken", "The newest one.").like("sbr_…"), site_key()])
            .header(TENANT, "Must be the one of the session, where it is sent.")
            .answers(200, signed_in())
            .refuses([FORBIDDEN, STEP_UP_REQUIRED]),
        post("/logout", ToGiveUp, session::log_out)
            .does(
                "Sign out",
                "Ends the session and every token of it; or gives up half a \
                sign-in.",
            )
            .takes([])
            .answers(200, done("loggedOut"))
            .ends(),
        post("/reauthenticate", Bearer, sign_in::reauthenticate)
            .does(
                "Prove the password again",
                "A fresh proof for people without a factor: new tokens of the \
                same session.",
            )
            .takes([password()])
            .answers(200, signed_in())
            .refuses([INVALID_CREDENTIALS, STEP_UP_REQUIRED, FORBIDDEN])
            .limited(),
        post("/register", Anybody, registration::register)
            .does(
                "Register",
                "The account is pending until its address is verified. An \
                address that is known already gets the same answer, and its \
                owner a mail. With an invitation, which proves the address, \
                the account is active at once, or the one there is joins the \
                tenant and keeps its password.",
            )
            .header(
                "X-Idempotency-Key",
                "1 to 128 printable ASCII characters. The same request under \
                the same key is carried out once and answered the same for a day.",
            )
            .takes([
                email(),
                password(),
                text("name", "Whole name.").like("Ada Lovelace"),
                text("tenantId", "A tenant other than the default takes an invitation.")
                    .like("default")
                    .optional(),
                text("invitation", "The token of an invitation.").optional(),
            ])
            .answers(
                201,
                object([
                    email(),
                    one_of(
                        "status",
                        &["pending", "active"],
                        "`pending` until the address is verified; `active` by invitation.",
                    ),
                ]),
            )
            .refuses([CONFLICT])
            .limited(),
        post("/verify-email", OneTimeToken, registration::verify_email)
            .does(
                "Verify a mail address",
                "Activates the account. The link's own page does the same.",
            )
            .takes([mailed_token()])
            .answers(
                200,
                object([email(), one_of("status", &["active"], "It can be signed in to.")]),
            )
            .refuses([CONFLICT]),
        post("/resend-verification", Anybody, registration::resend)
            .does("Send the verification mail again", "Every address gets the same answer.")
            .takes([email()])
            .answers(202, done("accepted"))
            .limited(),
        post("/forgot-password", Anybody, recovery::forgot)
            .does("Ask for a link to choose a new password", "Every address gets the same answer.")
            .takes([email()])
            .answers(202, done("accepted"))
            .limited(),
        post("/reset-password", OneTimeToken, recovery::reset)
            .does(
                "Choose a new password by a mailed link",
                "Ends every session of the person. Signs nobody in, and stands \
                for no second factor. A password that cannot be taken leaves \
                the link good. The link's own page does the same.",
            )
            .takes([mailed_token(), password()])
            .answers(200, done("passwordChanged"))
            .ends()
            .limited(),
        post("/change-password", Bearer, recovery::change)
            .does(
                "Change the password",
                "Ends every other session of the person. Who has a second \
                factor proves it within the five minutes before.",
            )
            .takes([
                text("currentPassword", "The present one.").like("gravel lantern orbit"),
                text("newPassword", "The new one.").like("velvet harbour quince"),
            ])
            .answers(200, done("passwordChanged"))
            .ends()
            .refuses([INVALID_CREDENTIALS, STEP_UP_REQUIRED, FORBIDDEN, CONFLICT])
            .limited(),
        post("/mfa/setup", ENROL, mfa::set_up)
            .does(
                "Set up a factor",
                "It counts once it is confirmed. With a person's first factor \
                come backup codes, valid from then on.",
            )
            .takes([
                method("method", "What to set up: `TOTP`, `SMS`, `EMAIL_OTP`, `HARDWARE`."),
                shapes::phone("`SMS`: the number. Left out: their own, if they have proved it.")
                    .optional(),
                mfa_token(),
            ])
            .answers(
                200,
                object([
                    method("method", "What is being set up."),
                    text("secret", "The secret, base32.").like("JBSWY3DPEHPK3PXP"),
                    text("otpauthUri", "The secret as a link.").like("otpauth://totp/…"),
                    text("qrCode", "The link as a picture.").like("data:image/png;base64,…"),
                    shapes::backup_codes().optional(),
                ]),
            )
            .answers(
                200,
                object([
                    method("method", "What is being set up: `EMAIL_OTP`, `SMS`.").like("EMAIL_OTP"),
                    shapes::sent_to(),
                    shapes::code_expires_in(),
                    shapes::backup_codes().optional(),
                ]),
            )
            .answers(
                200,
                object([
                    method("method", "What is being set up: `HARDWARE`.").like("HARDWARE"),
                    shapes::creation_options(),
                    shapes::options_expire_in(),
                    shapes::backup_codes().optional(),
                ]),
            )
            .refuses([EMAIL_NOT_VERIFIED, CONFLICT])
            .fresh()
            .limited(),
        post("/mfa/setup/confirm", ENROL, mfa::confirm)
            .does(
                "Confirm a factor",
                "With a code of it, or of `HARDWARE` what the browser made. Half a \
                sign-in that waited for a factor is complete then.",
            )
            .takes([
                method("method", "What was set up."),
                code().optional(),
                shapes::credential("What `navigator.credentials.create` gave, for `HARDWARE`.")
                    .optional(),
                text("name", "What to call it.").like("Phone").optional(),
                shapes::trust_device(),
                mfa_token(),
            ])
            .answers(
                200,
                object([
                    method("method", "What counts now."),
                    always("enabled", true, "It counts."),
                ]),
            )
            .answers(
                200,
                shape(
                    "SignedInWithFactor",
                    shapes::tokens().into_iter().chain([
                        shapes::device_token(),
                        method("method", "What counts now."),
                        always("enabled", true, "It counts."),
                    ]),
                ),
            )
            .refuses([INVALID_CODE, NOT_FOUND, CONFLICT, FORBIDDEN, ACCOUNT_LOCKED])
            .fresh()
            .limited(),
        post("/mfa/challenge", VERIFY, mfa::challenge)
            .does(
                "Begin a challenge",
                "Sends a code where the method needs one sent; of `HARDWARE`, asks for a passkey \
                that is good there.",
            )
            .takes([method("method", "What to prove."), site_key(), mfa_token()])
            .answers(
                200,
                object([
                    method("method", "What is to be proved."),
                    flag("sent", "Whether something was sent.").like(false),
                    shapes::sent_to().optional(),
                    shapes::code_expires_in().optional(),
                    shapes::request_options().optional(),
                ]),
            )
            .limited(),
        post("/mfa/verify", VERIFY, mfa::verify)
            .does(
                "Prove a factor",
                "Completes half a sign-in; with a bearer, gives new tokens of \
                the same session with a higher and fresher proof. Where the \
                factor is not one that the site counts, the answer is half a \
                sign-in that sets up one that is, within five minutes.",
            )
            .takes([
                code().optional(),
                shapes::credential("What `navigator.credentials.get` gave, for `HARDWARE`.")
                    .optional(),
                method("method", "Left out: the one the code looks like.").optional(),
                site_key(),
                shapes::trust_device(),
                mfa_token(),
            ])
            .answers(
                200,
                shape("Verified", shapes::tokens().into_iter().chain([shapes::device_token()])),
            )
            .answers(200, half_signed_in())
            .refuses([INVALID_CODE, ACCOUNT_LOCKED, FORBIDDEN, STEP_UP_REQUIRED])
            .limited(),
        get("/mfa/methods", Bearer, mfa::list)
            .does(
                "List factors",
                "The caller's own that are confirmed, oldest first, backup codes last.",
            )
            .lists(shapes::factor())
            .fresh(),
        patch("/mfa/methods/{methodId}", Bearer, mfa::edit)
            .does(
                "Rename a factor, or begin with it",
                "`defaultMfaMethod` of a sign-in is that of the default one. Nothing ends by it.",
            )
            .takes([
                text("name", "What to call it.").like("Phone").optional(),
                flag("default", "True: sign-in begins with it from now on.").optional(),
            ])
            .answers(200, shapes::factor())
            .refuses([NOT_FOUND])
            .fresh(),
        delete("/mfa/methods/{methodId}", Bearer, mfa::remove)
            .does(
                "Remove a factor",
                "The backup codes go with the last one. Ends every other session of the \
                caller's, and trusts no device any more.",
            )
            .answers(
                200,
                object([id("id", "The factor."), always("removed", true, "It counts no more.")]),
            )
            .ends()
            .refuses([NOT_FOUND, CONFLICT])
            .fresh(),
        post("/mfa/backup-codes", Bearer, mfa::renew_backup_codes)
            .does(
                "Renew the backup codes",
                "Ten new ones; the old ones are good for nothing, and no device is trusted \
                any more.",
            )
            .takes([])
            .answers(200, object([shapes::backup_codes()]))
            .refuses([CONFLICT])
            .fresh()
            .limited(),
        get("/devices", Bearer, devices::list)
            .does("List trusted devices", "The caller's own, last used first.")
            .lists(shapes::device()),
        delete("/devices", Bearer, devices::revoke_all)
            .does("Trust no device", "Ends the sessions that rest on one, too.")
            .answers(200, object([number("revoked", "How many are trusted no more.")]))
            .ends(),
        delete("/devices/{deviceId}", Bearer, devices::revoke)
            .does(
                "Trust a device no more",
                "One of the caller's. Ends the sessions that rest on it, too.",
            )
            .answers(
                200,
                object([
                    id("id", "The device."),
                    always("revoked", true, "It is trusted no more."),
                ]),
            )
            .ends()
            .refuses([NOT_FOUND]),
        get("/sessions", Bearer, session::list)
            .does("List sessions", "The caller's own, newest first.")
            .lists(shapes::session()),
        delete("/sessions", Bearer, session::revoke_others)
            .does("End all other sessions", "All of the caller's but the one that asks.")
            .answers(200, object([number("revoked", "How many ended.")]))
            .ends(),
        delete("/sessions/{sessionId}", Bearer, session::revoke)
            .does("End a session", "One of the caller's, with every token of it, everywhere.")
            .answers(
                200,
                object([id("id", "The session."), always("revoked", true, "It has ended.")]),
            )
            .ends()
            .refuses([NOT_FOUND]),
        get("/me", Bearer, session::me)
            .does("Who is asking", "The person behind the token, as they are now.")
            .answers(200, shapes::me()),
    ];
    routes.into_iter().map(with_what_follows).collect()
}

/// Adds the header and the refusals that follow from what a route asks and takes.
pub fn with_what_follows(route: Route) -> Route {
    let body: &[Refusal] =
        &[REQUEST_TIMEOUT, PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, VALIDATION_ERROR];
    let token_in_body = matches!(route.credential, RefreshToken | OneTimeToken);
    let follow = [
        (
            route.credential.takes_bearer(),
            &[UNAUTHORIZED, INVALID_TOKEN, FORBIDDEN, VALIDATION_ERROR][..],
        ),
        (token_in_body, &[INVALID_TOKEN]),
        (route.fresh, &[STEP_UP_REQUIRED]),
        (
            [http::Method::POST, http::Method::PUT, http::Method::PATCH].contains(&route.method),
            body,
        ),
        (route.list, &[VALIDATION_ERROR]),
        (route.limited, &[RATE_LIMITED]),
        (true, &[INTERNAL_ERROR, UNAVAILABLE]),
    ];
    let follow = follow.into_iter().filter(|(follows, _)| *follows);
    let route = if route.credential.takes_bearer() {
        route.header(TENANT, "Must be the one of the session, where it is sent.")
    } else {
        route
    };
    let mut route = route.refuses(follow.flat_map(|(_, refusals)| refusals).copied());
    route.refuses.sort_by_key(|refusal| (refusal.status, refusal.code));
    route.refuses.dedup();
    route
}
