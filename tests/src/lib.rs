//! The harness of the black-box suites: worlds of running `signalbox` processes, and the people
//! and programs that call them. Everything goes through HTTP and the command line; nothing here
//! looks into a store.
//!
//! | variable | what |
//! |---|---|
//! | `SIGNALBOX_TEST_WORLD` | `embedded` (the default) or `deployed` |
//! | `SIGNALBOX_TEST_POSTGRES` | address of a Postgres server in which databases may be made; for `deployed` |
//! | `SIGNALBOX_TEST_AXE` | file of axe-core, with which pages are judged too |
//! | `SIGNALBOX_BIN` | the binary, built with the feature `test-clock`; without it the one of the profile `quick` |

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a harness that cannot go on ends its test, and shows the logs"
)]

pub mod answer;
pub mod authenticator;
pub mod browser;
pub mod chromium;
pub mod client_key;
pub mod clock;
pub mod command;
pub mod document;
pub mod edge;
pub mod forge;
pub mod landing;
pub mod link;
pub mod outbox;
pub mod person;
pub mod process;
pub mod rail;
pub mod raw;
pub mod receiver;
pub mod relying_party;
pub mod siege;
pub mod smtp;
pub mod stores;
pub mod visitor;
pub mod world;

pub use answer::Answer;
pub use browser::Browser;
pub use person::{Person, Session};
pub use visitor::Visitor;
pub use world::World;
