//! Every code of the Auth Rail with its status: answers and documentation take them from here.

use crate::http::route::Refusal;

macro_rules! refusals {
    ($($status:literal $code:ident $about:literal)*) => {
        $(#[doc = $about] pub const $code: Refusal =
            Refusal { status: $status, code: stringify!($code), about: $about };)*
    };
}

refusals! {
    401 INVALID_CREDENTIALS "The mail address or the password is wrong, or the account may not sign in: nobody is told which."
    401 INVALID_CODE "The code is wrong, spent or expired."
    401 INVALID_TOKEN "The token is unknown, spent, expired, revoked, or meant for something else."
    401 UNAUTHORIZED "No credential came, or none of a kind that counts here."
    403 EMAIL_NOT_VERIFIED "The password is right, and nobody has proved the mail address yet."
    403 FORBIDDEN "The credential is good, and this is not allowed to it."
    403 STEP_UP_REQUIRED "A higher or fresher proof is needed: `acrValues` and `maxAge` say which."
    404 NOT_FOUND "There is no such thing, or none of the caller's."
    405 METHOD_NOT_ALLOWED "The endpoint takes other methods."
    408 REQUEST_TIMEOUT "The body did not come within ten seconds."
    409 CONFLICT "It exists already, or has been done."
    413 PAYLOAD_TOO_LARGE "The body is larger than 16 KiB."
    415 UNSUPPORTED_MEDIA_TYPE "The body is not declared as JSON."
    422 VALIDATION_ERROR "Some fields cannot be taken: `details` names each."
    423 ACCOUNT_LOCKED "This factor is locked after too many wrong codes."
    429 RATE_LIMITED "Too many tries: `Retry-After` says when one more fits."
    500 INTERNAL_ERROR "Something went wrong: `meta.requestId` names it in the log."
    503 UNAVAILABLE "The service is busy, or waits for a store: `Retry-After` says when to try again."
}
