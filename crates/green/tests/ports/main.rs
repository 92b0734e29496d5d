//! Three programs written for std, and their twins on green, driven from outside and held to the same answers; and the
//! examples that are green from the start.
//!
//! The twins run in the mode of this process: its environment is theirs.

mod chat;
mod forwarder;
mod httpd;
mod pgrep;
mod producer_consumer;
mod program;
