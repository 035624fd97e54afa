//! The Auth Rail, endpoint by endpoint.

mod budgets;
mod devices;
mod envelope;
mod factors;
mod mailed_codes;
mod manage_factors;
mod passkeys;
mod recovery;
mod refresh;
mod registration;
mod repeats;
mod sessions;
mod sign_in;
mod sms;
mod step_up;
mod tenants;

pub(crate) use envelope::ENDPOINTS;
