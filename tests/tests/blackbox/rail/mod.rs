//! The Auth Rail, endpoint by endpoint.

mod envelope;
mod factors;
mod refresh;
mod registration;
mod sessions;
mod sign_in;
mod step_up;

pub(crate) use envelope::ENDPOINTS;
