//! The connections of a listener as an iterator.

use std::io;
use std::iter::FusedIterator;

use crate::{TcpListener, TcpStream};

/// An endless iterator over the connections that a [`TcpListener`] accepts.
///
/// Corresponds to [`std::net::Incoming`]. [`TcpListener::incoming`] makes it.
#[derive(Debug)]
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl<'a> Incoming<'a> {
    pub(super) fn new(listener: &'a TcpListener) -> Self {
        Self { listener }
    }
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl FusedIterator for Incoming<'_> {}
