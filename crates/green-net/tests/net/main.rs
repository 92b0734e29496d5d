//! `green-net` as its users meet it.

mod addresses;
mod descriptors;
mod exhaustion;
mod handover;
mod kills;
mod listener;
mod names;
mod parity;
mod serve;
mod stream;
mod support;
mod timeouts;
mod udp;
mod unix;
