//! The token server of Signalbox.
//!
//! Requests come in at a surface, become a typed question, are answered by a use case that
//! gathers, decides, commits and announces, and go out at the same surface; nothing flows back.

pub mod admin;
pub mod app;
pub mod auth;
pub mod clock;
pub mod config;
pub mod configured_sites;
pub mod control;
pub mod courier;
pub mod data_dir;
pub mod demo;
pub mod doctor;
pub mod domain;
pub mod feed;
pub mod figures;
pub mod http;
pub mod keyring;
pub mod letters;
pub mod local_authority;
pub mod logs;
pub mod mailer;
pub mod notices;
pub mod oauth;
pub mod outbox;
pub mod outgoing;
pub mod published_keys;
pub mod router;
pub mod seal;
pub mod sms;
pub mod store;
#[cfg(feature = "otel")]
pub mod telemetry;
pub mod texts;
pub mod tls;
pub mod tokens;
