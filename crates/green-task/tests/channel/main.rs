//! Channels as their users meet them: FEATURES A38, and what §5.2 says of each kind.

mod all;
mod commands;
mod conformance;
mod fd_passing;
mod features;
mod files;
mod sockets;
mod support;
mod tls;
