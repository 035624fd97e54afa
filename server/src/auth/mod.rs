//! Who are you: sign-in, factors, sessions, registration. Every surface calls these; none of them
//! knows one.

pub mod bearer;
pub mod devices;
pub mod errands;
pub mod error;
pub mod hasher;
pub mod known_device;
pub mod login;
pub mod mfa;
pub mod origin;
pub mod password;
pub mod refresh;
pub mod registration;
pub mod sessions;
pub mod setup;
pub mod throttle;

#[cfg(test)]
mod tests;

pub use error::AuthError;
