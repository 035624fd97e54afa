//! The authorization server.

mod clients_command;
mod discovery;
mod registration;
mod token_endpoint;
