//! Trencadis from outside: one test binary, so that the tests link once.
//!
//! `tests/run` installs what these tests drive (redis-server, redis-cli, systemd-analyze). Nothing here is skipped for want of a
//! tool: a test that did not run is not a test that passed.

// What the tests stand on.
mod checker;
mod daemon;
mod json;
mod reply;
mod wire;
// The house inspects itself.
mod planted;
mod tidy;
// What clients see.
mod blocking;
mod blocks;
mod clients;
mod commands;
mod differential;
mod durability;
mod ends;
mod events;
mod fields;
mod journal;
mod keys;
mod live;
mod lua;
mod members;
mod operation;
mod protocol;
mod pubsub;
mod rdb;
mod robustness;
mod script;
mod serial;
mod settings;
mod snapshots;
mod tracking;
mod transcripts;
mod tutorial;
