//! Attempts to get what one may not have.

mod bad_input;
mod enumeration;
mod guessing;
mod half_signed_in;
mod known_devices;
mod new_places;
mod not_me;
mod oauth_races;
mod races;
mod route_table;
mod secrets;
mod siege;
mod tokens;
