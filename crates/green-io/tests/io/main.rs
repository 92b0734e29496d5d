//! Pipes, pollables and copies, as their users meet them.

mod copy;
#[expect(unsafe_code, reason = "takes descriptors over")]
mod parity;
mod pipe;
mod pollable;
mod support;
#[expect(unsafe_code, reason = "opens terminals")]
mod terminal;
