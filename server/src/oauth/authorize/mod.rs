//! `/authorize` (RFC 6749 section 4.1, OpenID Connect Core section 3.1.2): a request is validated
//! whole before anything else; then it is judged, again at every step, what is missing to answer it;
//! in the end a code is issued. Who is signed in is what the browser at hand says, and is kept nowhere
//! with the request: a flow may have been begun in another browser than the one it goes on in. It names
//! the sessions that did something for it, which count where their own browser comes.

mod asks;
mod flow;
mod issue;
mod judge;
mod lengths;
mod policy;
mod step;
#[cfg(test)]
mod tests;
mod validate;

pub use self::{
    asks::Asks,
    flow::{Begun, FLOW_TTL, Flow, begin, resume},
    issue::{Answer, Destination},
    judge::{Judgement, judge_device},
    step::{SET_UP_ON_PAGES, Step, Why, is_remembered},
    validate::{Refusal, validate},
};
