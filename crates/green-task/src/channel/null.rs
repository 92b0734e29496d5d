//! A channel to nowhere.

use std::io::{self, IoSlice, IoSliceMut};
use std::time::Instant;

use super::{Channel, Feature};

/// A channel with nothing to read and room for everything, like `/dev/null`.
///
/// Follows QEMU's `QIOChannelNull`.
///
/// # Examples
///
/// ```
/// use std::io::{self, Write};
///
/// use green_task::channel::Null;
///
/// # fn main() -> io::Result<()> {
/// Null.write_all(b"gone")?;
/// assert_eq!(io::read_to_string(Null)?, "");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Null;

impl Channel for Null {
    fn has_feature(&self, _feature: Feature) -> bool {
        false
    }

    fn readv(&self, _bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        Ok(0)
    }

    fn writev(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(bufs.iter().map(|buf| buf.len()).sum())
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
}
