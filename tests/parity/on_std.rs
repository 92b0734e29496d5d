//! The programs on std.

pub(crate) use std as subject;

#[path = "programs/channels.rs"]
pub(crate) mod channels;
#[expect(unsafe_code, reason = "`pre_exec` is unsafe")]
#[path = "programs/children.rs"]
pub(crate) mod children;
#[path = "programs/files.rs"]
pub(crate) mod files;
#[path = "programs/locks.rs"]
pub(crate) mod locks;
#[path = "programs/looks.rs"]
pub(crate) mod looks;
#[path = "programs/pipes.rs"]
pub(crate) mod pipes;
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is about")]
#[path = "programs/streams.rs"]
pub(crate) mod streams;
#[expect(unsafe_code, reason = "`from_raw_fd` is unsafe")]
#[path = "programs/tcp.rs"]
pub(crate) mod tcp;
#[path = "programs/threads.rs"]
pub(crate) mod threads;
#[path = "programs/udp.rs"]
pub(crate) mod udp;
#[path = "programs/unix.rs"]
pub(crate) mod unix;
