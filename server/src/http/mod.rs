//! The surfaces: parse, call, render. No rules in here.

pub mod feed;
pub mod observe;
pub mod origin;
pub mod pages;
pub mod rail;
pub mod well_known;
