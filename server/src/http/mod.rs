//! Surfaces: they parse, call a use case, and render. No rules live here.

pub mod health;
pub mod listener;
pub mod observe;
pub mod outbox;
