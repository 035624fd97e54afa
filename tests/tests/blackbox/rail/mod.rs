//! The Auth Rail, endpoint by endpoint.

mod budgets;
mod envelope;
mod factors;
mod recovery;
mod refresh;
mod registration;
mod repeats;
mod sessions;
mod sign_in;
mod step_up;
mod tenants;

pub(crate) use envelope::ENDPOINTS;
