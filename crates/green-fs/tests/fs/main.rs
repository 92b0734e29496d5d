//! `green-fs` as its users meet it.

#[expect(unsafe_code, reason = "system calls")]
mod calls;
mod concurrency;
mod exhaustion;
mod kills;
mod parity;
mod pipes;
mod support;
mod surface;
