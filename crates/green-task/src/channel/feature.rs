//! What a channel may be able to do beyond reading and writing, and the error of asking one that is not.

use std::io;

use thiserror::Error;

/// Something that some channels can do and others cannot; see [`Channel::has_feature`](super::Channel::has_feature).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Feature {
    /// It passes descriptors to another process: [`readv_with_fds`](super::Channel::readv_with_fds) and
    /// [`writev_with_fds`](super::Channel::writev_with_fds).
    FdPass,
    /// One direction can be ended while the other goes on: [`shutdown`](super::Channel::shutdown).
    Shutdown,
    /// It is a listening socket: [`Socket::accept`](super::Socket::accept).
    Listen,
    /// Data can be looked at and left there: [`peek`](super::Channel::peek).
    Peek,
    /// It has a position: [`seek`](super::Channel::seek).
    Seek,
}

/// Why a channel did not even try.
///
/// As an [`io::Error`] it has the kind `InvalidInput`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// This channel lacks the feature.
    #[error("this channel does not have the feature {0:?}")]
    Lacks(Feature),
    /// There is nothing to read from: it was opened for writing only.
    #[error("this channel is not open for reading")]
    NotReadable,
    /// There is nothing to write to: it was opened for reading only, or its writing end was closed.
    #[error("this channel is not open for writing")]
    NotWritable,
}

impl From<ChannelError> for io::Error {
    fn from(error: ChannelError) -> Self {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
}
