//! Verdicts on tokens already verified.
