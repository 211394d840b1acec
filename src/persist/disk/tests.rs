//! A disk for tests, and what every disk must do.

pub(crate) mod simulated;
