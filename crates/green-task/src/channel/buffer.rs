//! A channel in memory.

use std::io::{self, Cursor, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{Channel, Feature};

/// Bytes in memory with a position, from which is read and at which is written; always ready.
///
/// Writing beyond the end makes it longer, reading there finds the end.
///
/// Follows QEMU's `QIOChannelBuffer`.
///
/// # Examples
///
/// ```
/// use std::io::{self, SeekFrom, Write};
///
/// use green_task::channel::{Buffer, Channel};
///
/// # fn main() -> io::Result<()> {
/// let buffer = Buffer::new();
/// (&buffer).write_all(b"kept for later")?;
/// buffer.seek(SeekFrom::Start(9))?;
/// assert_eq!(io::read_to_string(&buffer)?, "later");
/// assert_eq!(buffer.into_inner(), b"kept for later");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Buffer {
    data: Mutex<Cursor<Vec<u8>>>,
}

impl Buffer {
    /// Makes an empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the bytes.
    pub fn into_inner(self) -> Vec<u8> {
        self.data.into_inner().unwrap_or_else(PoisonError::into_inner).into_inner()
    }

    fn data(&self) -> MutexGuard<'_, Cursor<Vec<u8>>> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes bytes to read, from the first one on.
impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        Self { data: Mutex::new(Cursor::new(bytes)) }
    }
}

impl Channel for Buffer {
    fn has_feature(&self, feature: Feature) -> bool {
        feature == Feature::Seek
    }

    fn readv(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.data().read_vectored(bufs)
    }

    fn writev(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.data().write_vectored(bufs)
    }

    fn set_nonblocking(&self, _nonblocking: bool) -> io::Result<()> {
        Ok(())
    }

    fn is_nonblocking(&self) -> io::Result<bool> {
        Ok(false)
    }

    fn wait_readable(&self, _deadline: Option<Instant>) -> io::Result<bool> {
        Ok(true)
    }

    fn wait_writable(&self, _deadline: Option<Instant>) -> io::Result<bool> {
        Ok(true)
    }

    fn seek(&self, pos: SeekFrom) -> io::Result<u64> {
        self.data().seek(pos)
    }
}
