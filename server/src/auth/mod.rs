//! Who are you: sign-in, factors, sessions, registration. Every surface calls these; none of them
//! knows one.

pub mod account_address;
pub mod activity;
pub mod api_keys;
pub mod bearer;
pub mod browser;
pub mod devices;
pub mod errands;
pub mod error;
pub mod hasher;
pub mod invitations;
pub mod known_device;
pub mod login;
pub mod meter;
pub mod mfa;
pub mod new_password;
pub mod origin;
pub mod passkey;
pub mod password;
pub mod places;
pub mod presented_key;
pub mod profile;
pub mod refresh;
pub mod refresh_token;
pub mod registration;
pub mod repeats;
pub mod sent_code;
pub mod sessions;
pub mod setup;
pub mod sites;
pub mod tenants;
pub mod throttle;
pub mod warnings;

#[cfg(test)]
mod tests;

pub use error::AuthError;
