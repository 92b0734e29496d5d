//! Pipes, streams and pollables as file descriptors.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use crate::{PipeReader, PipeWriter, Pollable, Stderr, StderrLock, Stdin, StdinLock, Stdout, StdoutLock};

impl AsFd for PipeReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lend().as_fd()
    }
}

impl AsRawFd for PipeReader {
    fn as_raw_fd(&self) -> RawFd {
        self.lend().as_raw_fd()
    }
}

impl IntoRawFd for PipeReader {
    fn into_raw_fd(self) -> RawFd {
        io::PipeReader::from(self).into_raw_fd()
    }
}

impl FromRawFd for PipeReader {
    unsafe fn from_raw_fd(raw_fd: RawFd) -> Self {
        // SAFETY: the caller hands over an open descriptor that it owns, which is what std's function asks for.
        unsafe { io::PipeReader::from_raw_fd(raw_fd) }.into()
    }
}

impl From<OwnedFd> for PipeReader {
    fn from(owned_fd: OwnedFd) -> Self {
        io::PipeReader::from(owned_fd).into()
    }
}

impl From<PipeReader> for OwnedFd {
    fn from(pipe: PipeReader) -> Self {
        io::PipeReader::from(pipe).into()
    }
}

impl AsFd for PipeWriter {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lend().as_fd()
    }
}

impl AsRawFd for PipeWriter {
    fn as_raw_fd(&self) -> RawFd {
        self.lend().as_raw_fd()
    }
}

impl IntoRawFd for PipeWriter {
    fn into_raw_fd(self) -> RawFd {
        io::PipeWriter::from(self).into_raw_fd()
    }
}

impl FromRawFd for PipeWriter {
    unsafe fn from_raw_fd(raw_fd: RawFd) -> Self {
        // SAFETY: the caller hands over an open descriptor that it owns, which is what std's function asks for.
        unsafe { io::PipeWriter::from_raw_fd(raw_fd) }.into()
    }
}

impl From<OwnedFd> for PipeWriter {
    fn from(owned_fd: OwnedFd) -> Self {
        io::PipeWriter::from(owned_fd).into()
    }
}

impl From<PipeWriter> for OwnedFd {
    fn from(pipe: PipeWriter) -> Self {
        io::PipeWriter::from(pipe).into()
    }
}

impl<T: AsFd> AsFd for Pollable<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsFd> AsRawFd for Pollable<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.get_ref().as_fd().as_raw_fd()
    }
}

/// The descriptors of the standard streams.
macro_rules! standard_stream {
    ($stream:ident, $lock:ident, $number:expr) => {
        impl AsFd for $stream {
            fn as_fd(&self) -> BorrowedFd<'_> {
                // SAFETY: descriptors 0 to 2 count as open and unowned for the life of the process, as in std.
                unsafe { BorrowedFd::borrow_raw($number) }
            }
        }

        impl AsFd for $lock<'_> {
            fn as_fd(&self) -> BorrowedFd<'_> {
                // SAFETY: as for the stream.
                unsafe { BorrowedFd::borrow_raw($number) }
            }
        }

        impl AsRawFd for $stream {
            fn as_raw_fd(&self) -> RawFd {
                $number
            }
        }

        impl AsRawFd for $lock<'_> {
            fn as_raw_fd(&self) -> RawFd {
                $number
            }
        }
    };
}

standard_stream!(Stdin, StdinLock, 0);
standard_stream!(Stdout, StdoutLock, 1);
standard_stream!(Stderr, StderrLock, 2);
