//! Starting, running and ending it.

mod commands;
mod endings;
mod faults;
mod keys;
mod kills;
mod mail;
mod outages;
mod settings;
mod setup;
