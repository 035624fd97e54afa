//! Starting, running and ending it.

mod commands;
mod endings;
mod keys;
mod outages;
mod settings;
mod setup;
