//! The Auth Rail, endpoint by endpoint.

mod devices;
mod envelope;
mod factors;
mod mailed_codes;
mod manage_factors;
mod refresh;
mod registration;
mod sessions;
mod sign_in;
mod step_up;

pub(crate) use envelope::ENDPOINTS;
