//! tmp
pub fn start() {}
