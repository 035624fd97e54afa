//! x

pub(super) mod deployed;
