//! Pure: no async, no I/O, no clock. States and transitions, and the decisions of the use cases.

pub mod api_key;
pub mod audit;
pub mod authorization;
pub mod client;
pub mod consent;
pub mod device;
pub mod device_grant;
pub mod edge;
pub mod errand;
pub mod factor;
pub mod instant;
pub mod key;
pub mod login;
pub mod one_time;
pub mod passkey;
pub mod phone;
pub mod place;
pub mod profile;
pub mod secret;
pub mod session;
pub mod tenant;
pub mod text;
pub mod user;
pub mod warning;
