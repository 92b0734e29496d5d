//! The TCP half of `green-net`, as its users meet it.

mod addresses;
mod descriptors;
mod exhaustion;
mod handover;
mod kills;
mod listener;
mod names;
mod parity;
mod stream;
mod support;
mod timeouts;
