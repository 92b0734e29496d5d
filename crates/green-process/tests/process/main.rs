//! Children and signals, as their users meet them.

#![expect(unsafe_code, reason = "signals are sent by system calls, and some settings of a child are unsafe to make")]

mod alone;
mod children;
mod kills;
mod parity;
mod pipes;
mod signals;
mod support;
