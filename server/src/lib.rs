//! The token server of Signalbox.
//!
//! Requests come in at a surface, become a typed question, are answered by a use case that
//! gathers, decides, commits and announces, and go out at the same surface; nothing flows back.

pub mod domain;
pub mod store;
