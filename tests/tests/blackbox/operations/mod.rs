//! Starting, running and ending it.

mod commands;
mod compose;
mod doctor;
mod endings;
mod faults;
mod keys;
mod kills;
mod logs;
mod mail;
mod oauth_faults;
mod outages;
mod recovery_link;
mod reference;
mod refusals;
mod settings;
mod setup;
mod sms;
mod tls;
mod units;
