//! Reading and writing to the end of the buffers: the loops under `readv_all`, `writev_all` and their like.

use std::io::{self, IoSlice, IoSliceMut};

use super::Channel;

/// Fills `bufs` by `readv`; returns false if the end came before the first byte.
pub(super) fn read<C: Channel + ?Sized>(
    channel: &C,
    mut bufs: &mut [IoSliceMut<'_>],
    mut readv: impl FnMut(&mut [IoSliceMut<'_>]) -> io::Result<usize>,
) -> io::Result<bool> {
    // Empty buffers have to go, or a read of no bytes would look like the end.
    IoSliceMut::advance_slices(&mut bufs, 0);
    let mut begun = false;
    while !bufs.is_empty() {
        match readv(bufs) {
            Ok(0) if begun => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(0) => return Ok(false),
            Ok(count) => {
                IoSliceMut::advance_slices(&mut bufs, count);
                begun = true;
            }
            Err(error) => {
                may_wait(channel, error)?;
                channel.wait_readable(None)?;
            }
        }
    }
    Ok(true)
}

/// Writes all of `bufs` by `writev`.
pub(super) fn write<C: Channel + ?Sized>(
    channel: &C,
    mut bufs: &mut [IoSlice<'_>],
    mut writev: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
) -> io::Result<()> {
    IoSlice::advance_slices(&mut bufs, 0);
    while !bufs.is_empty() {
        match writev(bufs) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut bufs, count),
            Err(error) => {
                may_wait(channel, error)?;
                channel.wait_writable(None)?;
            }
        }
    }
    Ok(())
}

/// Returns the error of an attempt, unless it only says that the attempt must not wait. It may also say that a socket's own
/// timeout is over, and that is for the caller.
fn may_wait<C: Channel + ?Sized>(channel: &C, error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::Interrupted => Ok(()),
        io::ErrorKind::WouldBlock if channel.is_nonblocking()? => Ok(()),
        _ => Err(error),
    }
}

/// Makes the end an error.
pub(super) fn or_eof(filled: bool) -> io::Result<()> {
    if filled { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
