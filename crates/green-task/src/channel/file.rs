//! A channel to a file.

use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

use green_io::Pollable;

use super::{Channel, Feature};

/// A file, or any descriptor, read and written at its position.
///
/// A regular file is always ready; a read that has to wait for the disk parks all the same.
///
/// Follows QEMU's `QIOChannelFile`.
///
/// # Examples
///
/// ```
/// use std::io::{self, SeekFrom, Write};
///
/// use green_fs::OpenOptions;
/// use green_task::channel::{Channel, File};
///
/// # fn main() -> io::Result<()> {
/// let path = std::env::temp_dir().join(format!("green-doc-channel-file-{}", std::process::id()));
/// let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
/// let file = File::from(file);
/// (&file).write_all(b"text")?;
/// file.seek(SeekFrom::Start(0))?;
/// assert_eq!(io::read_to_string(&file)?, "text");
/// # std::fs::remove_file(path)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct File {
    file: green_fs::File,
    seekable: bool,
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn open<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        green_fs::File::open(path).map(Self::from)
    }

    /// Opens a file for writing, and empties or makes it. For all other ways there is
    /// [`OpenOptions`](green_fs::OpenOptions) and `From`.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn create<P: AsRef<Path>>(path: P) -> io::Result<Self> {
        green_fs::File::create(path).map(Self::from)
    }

    /// Borrows the descriptor for a wait, or to look at its flags.
    fn pollable(&self) -> Pollable<BorrowedFd<'_>> {
        Pollable::new(self.file.as_fd())
    }
}

impl From<green_fs::File> for File {
    fn from(mut file: green_fs::File) -> Self {
        let seekable = file.stream_position().is_ok();
        Self { file, seekable }
    }
}

/// Takes over a descriptor of anything.
impl From<OwnedFd> for File {
    fn from(fd: OwnedFd) -> Self {
        green_fs::File::from(fd).into()
    }
}

impl From<File> for OwnedFd {
    fn from(file: File) -> Self {
        file.file.into()
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Channel for File {
    fn has_feature(&self, feature: Feature) -> bool {
        feature == Feature::Seek && self.seekable
    }

    fn readv(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&self.file).read_vectored(bufs)
    }

    fn writev(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&self.file).write_vectored(bufs)
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.pollable().set_nonblocking(nonblocking)
    }

    fn is_nonblocking(&self) -> io::Result<bool> {
        self.pollable().is_nonblocking()
    }

    fn wait_readable(&self, deadline: Option<Instant>) -> io::Result<bool> {
        self.pollable().wait_readable(deadline)
    }

    fn wait_writable(&self, deadline: Option<Instant>) -> io::Result<bool> {
        self.pollable().wait_writable(deadline)
    }

    fn seek(&self, pos: SeekFrom) -> io::Result<u64> {
        if !self.seekable {
            return Err(super::ChannelError::Lacks(Feature::Seek).into());
        }
        (&self.file).seek(pos)
    }
}
