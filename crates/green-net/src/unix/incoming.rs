//! The connections of a Unix listener as an iterator.

use std::io;

use super::{UnixListener, UnixStream};

/// An endless iterator over the connections that a [`UnixListener`] accepts.
///
/// Corresponds to [`std::os::unix::net::Incoming`]. [`UnixListener::incoming`] makes it.
#[derive(Debug)]
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Incoming<'a> {
    listener: &'a UnixListener,
}

impl<'a> Incoming<'a> {
    pub(super) fn new(listener: &'a UnixListener) -> Self {
        Self { listener }
    }
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<UnixStream>;

    fn next(&mut self) -> Option<io::Result<UnixStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}
