//! A channel by reference, in a box, or shared is a channel too, so that code that is generic over channels takes any of them.

use std::io::{self, IoSlice, IoSliceMut, SeekFrom};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use super::{Channel, Feature, Shutdown};

/// Implements `Channel` for what refers to one; with `close`, what closing it means.
macro_rules! refer {
    ($(#[$attr:meta])* $refers:ty $(, $close:item)?) => {
        $(#[$attr])*
        impl<C: Channel + ?Sized> Channel for $refers {
            fn has_feature(&self, feature: Feature) -> bool {
                (**self).has_feature(feature)
            }

            fn readv(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                (**self).readv(bufs)
            }

            fn writev(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                (**self).writev(bufs)
            }

            fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
                (**self).set_nonblocking(nonblocking)
            }

            fn is_nonblocking(&self) -> io::Result<bool> {
                (**self).is_nonblocking()
            }

            fn wait_readable(&self, deadline: Option<Instant>) -> io::Result<bool> {
                (**self).wait_readable(deadline)
            }

            fn wait_writable(&self, deadline: Option<Instant>) -> io::Result<bool> {
                (**self).wait_writable(deadline)
            }

            $($close)?

            fn readv_with_fds(&self, bufs: &mut [IoSliceMut<'_>], fds: &mut Vec<OwnedFd>) -> io::Result<usize> {
                (**self).readv_with_fds(bufs, fds)
            }

            fn writev_with_fds(&self, bufs: &[IoSlice<'_>], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
                (**self).writev_with_fds(bufs, fds)
            }

            fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
                (**self).peek(buf)
            }

            fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                (**self).shutdown(how)
            }

            fn seek(&self, pos: SeekFrom) -> io::Result<u64> {
                (**self).seek(pos)
            }

            fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
                (**self).set_nodelay(nodelay)
            }

            fn readv_all(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<()> {
                (**self).readv_all(bufs)
            }

            fn readv_all_eof(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<bool> {
                (**self).readv_all_eof(bufs)
            }

            fn readv_all_with_fds(&self, bufs: &mut [IoSliceMut<'_>], fds: &mut Vec<OwnedFd>) -> io::Result<()> {
                (**self).readv_all_with_fds(bufs, fds)
            }

            fn readv_all_eof_with_fds(&self, bufs: &mut [IoSliceMut<'_>], fds: &mut Vec<OwnedFd>) -> io::Result<bool> {
                (**self).readv_all_eof_with_fds(bufs, fds)
            }

            fn writev_all(&self, bufs: &mut [IoSlice<'_>]) -> io::Result<()> {
                (**self).writev_all(bufs)
            }

            fn writev_all_with_fds(&self, bufs: &mut [IoSlice<'_>], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
                (**self).writev_all_with_fds(bufs, fds)
            }
        }
    };
}

refer!(
    Box<C>,
    fn close(self: Box<Self>) -> io::Result<()> {
        (*self).close()
    }
);
refer!(
    /// To close it is to drop this share. The last one closes the channel, as a drop does: without waiting, and without a word of
    /// what went wrong.
    Arc<C>
);
refer!(
    /// To close it is to give up the reference, and nothing else.
    &C
);
