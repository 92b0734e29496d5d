//! Three programs written for std, and their twins on green, driven from outside and held to the same answers.
//!
//! The twins run in the mode of this process: its environment is theirs.

mod chat;
mod httpd;
mod pgrep;
mod program;
