//! An open file.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;
use std::time::SystemTime;

use green_core::io::file::{Access, FileIo, Opened};

use crate::{FileTimes, Metadata, OpenOptions, Permissions, TryLockError};

/// An open file, or a folder, a pipe, a device: what a path can lead to.
///
/// It is closed when it is dropped, and errors of that are not seen; [`sync_all`](Self::sync_all) sees them.
///
/// Corresponds to [`std::fs::File`].
///
/// # Differences
///
/// The close of a file that was written to may wait for a disk, so the drop parks, and others run meanwhile. A kill
/// does not arrive there.
///
/// If somebody outside this library moves the position of the same open file, a read at the position may come back as
/// two pieces, the second from where they left it.
///
/// There is no `Read`, `Write` and `Seek` for `Arc<File>`: the orphan rule keeps them to std. Those for `&File` do the
/// same through `&*file`. `std::io::IsTerminal` is sealed; [`is_terminal`](Self::is_terminal) is a method instead.
///
/// # Examples
///
/// ```
/// use std::io::{Read, Seek, Write};
///
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// let mut file = green_fs::File::create_new(folder.path().join("file"))?;
/// file.write_all(b"text")?;
/// assert_eq!(file.metadata()?.len(), 4);
///
/// let mut file = green_fs::File::open(folder.path().join("file"))?;
/// let mut text = String::new();
/// file.read_to_string(&mut text)?;
/// assert_eq!(text, "text");
/// assert_eq!(file.stream_position()?, 4);
/// # Ok(())
/// # }
/// ```
pub struct File {
    io: FileIo,
}

// As std's: what a panic may interrupt leaves no broken state behind.
impl UnwindSafe for File {}
impl RefUnwindSafe for File {}

impl File {
    pub(crate) fn new(io: FileIo) -> Self {
        Self { io }
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// The OS error, such as `NotFound`.
    pub fn open<P: AsRef<Path>>(path: P) -> io::Result<File> {
        let mut options = std::fs::OpenOptions::new();
        let how = Opened { options: options.read(true), access: Access::ReadOnly, custom_flags: 0 };
        FileIo::open(path.as_ref(), &how).map(Self::new)
    }

    /// Opens a file for writing, empty: it is made if it does not exist, and loses what it has in it if it does.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn create<P: AsRef<Path>>(path: P) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path)
    }

    /// Makes a file, for reading and writing. That it does not exist, and that it is made, is one step.
    ///
    /// # Errors
    ///
    /// The OS error; `AlreadyExists` if it does.
    pub fn create_new<P: AsRef<Path>>(path: P) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path)
    }

    /// Returns options to open a file with.
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Waits until all that was written, and all that is known about the file, is on the disk.
    ///
    /// # Errors
    ///
    /// The OS error, also of earlier writes.
    pub fn sync_all(&self) -> io::Result<()> {
        self.io.run(std::fs::File::sync_all)
    }

    /// Waits until all that was written is on the disk, and what is needed to find it.
    ///
    /// # Errors
    ///
    /// The OS error, also of earlier writes.
    pub fn sync_data(&self) -> io::Result<()> {
        self.io.run(std::fs::File::sync_data)
    }

    /// Locks the file, so that nobody else can lock it; waits while somebody else has it locked.
    ///
    /// The lock is advisory, and belongs to the open file: clones share it, and it ends with the last of them. A kill
    /// waits until the lock is there; to wait for a limited time, use [`try_lock`](Self::try_lock) in a loop.
    ///
    /// # Errors
    ///
    /// The OS error.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("lock");
    /// let file = green_fs::File::create(&path)?;
    /// file.lock()?;
    /// assert!(green_fs::File::open(&path)?.try_lock().is_err());
    /// file.unlock()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn lock(&self) -> io::Result<()> {
        self.io.lock(std::fs::File::try_lock, std::fs::File::lock)
    }

    /// Locks the file for one of any number of readers; see [`lock`](Self::lock).
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn lock_shared(&self) -> io::Result<()> {
        self.io.lock(std::fs::File::try_lock_shared, std::fs::File::lock_shared)
    }

    /// Locks the file if nobody else has it locked; see [`lock`](Self::lock).
    ///
    /// # Errors
    ///
    /// `WouldBlock` if somebody has, otherwise the OS error.
    pub fn try_lock(&self) -> Result<(), TryLockError> {
        self.io.ask(std::fs::File::try_lock)
    }

    /// Locks the file for one of any number of readers, if nobody else has locked it for himself; see
    /// [`lock`](Self::lock).
    ///
    /// # Errors
    ///
    /// `WouldBlock` if somebody has, otherwise the OS error.
    pub fn try_lock_shared(&self) -> Result<(), TryLockError> {
        self.io.ask(std::fs::File::try_lock_shared)
    }

    /// Takes the lock off.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn unlock(&self) -> io::Result<()> {
        self.io.ask(std::fs::File::unlock)
    }

    /// Cuts the file off at `size`, or extends it with zeroes. The position stays.
    ///
    /// # Errors
    ///
    /// The OS error; `InvalidInput` if no file can be that large.
    pub fn set_len(&self, size: u64) -> io::Result<()> {
        self.io.run(move |file| file.set_len(size))
    }

    /// Returns what is known about the file.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.io.ask(std::fs::File::metadata)
    }

    /// Makes another handle to the same open file: both share the position, and locks.
    ///
    /// # Errors
    ///
    /// The OS error, if no file descriptor is left.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{Read, Write};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("file");
    /// green_fs::write(&path, "ab")?;
    /// let mut file = green_fs::File::open(&path)?;
    /// let mut clone = file.try_clone()?;
    /// file.read_exact(&mut [0])?;
    /// let mut rest = String::new();
    /// clone.read_to_string(&mut rest)?;
    /// assert_eq!(rest, "b");
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_clone(&self) -> io::Result<File> {
        self.io.try_clone().map(Self::new)
    }

    /// Changes the permissions of the file.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn set_permissions(&self, perm: Permissions) -> io::Result<()> {
        self.io.run(|file| file.set_permissions(perm))
    }

    /// Changes when the file was read and written last.
    ///
    /// # Errors
    ///
    /// The OS error; `InvalidInput` for times that the OS cannot express.
    pub fn set_times(&self, times: FileTimes) -> io::Result<()> {
        self.io.run(move |file| file.set_times(times))
    }

    /// Changes when the file was written last; see [`set_times`](Self::set_times).
    ///
    /// # Errors
    ///
    /// Those of [`set_times`](Self::set_times).
    #[inline]
    pub fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.set_times(FileTimes::new().set_modified(time))
    }

    /// Returns whether this is a terminal. It stands for std's trait `IsTerminal`, which is sealed.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        use std::io::IsTerminal;
        self.io.get_ref().is_terminal()
    }

    pub(crate) fn io(&self) -> &FileIo {
        &self.io
    }
}

impl Read for &File {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.io.read_vectored(bufs)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        self.io.read_to_end(buf)
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        let mut bytes = Vec::new();
        let result = self.io.read_to_end(&mut bytes);
        // Text that came before an error is kept, what is not text is not. The error is std's own.
        let appended = bytes.as_slice().read_to_string(buf);
        result.and(appended)
    }
}

impl Write for &File {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.io.write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.io.write_vectored(bufs)
    }

    /// Does nothing, as std's: there is no buffer here.
    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for &File {
    fn seek(&mut self, pos: SeekFrom) -> io::Result<u64> {
        self.io.seek(pos)
    }
}

impl Read for File {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        (&*self).read_to_end(buf)
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        (&*self).read_to_string(buf)
    }
}

impl Write for File {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bufs)
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        (&*self).flush()
    }
}

impl Seek for File {
    fn seek(&mut self, pos: SeekFrom) -> io::Result<u64> {
        (&*self).seek(pos)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

/// Takes over std's file.
impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> Self {
        Self::new(FileIo::adopt(file, Access::Any))
    }
}

/// Gives the file back to std.
impl From<File> for std::fs::File {
    fn from(file: File) -> Self {
        file.io.into_inner()
    }
}

/// Gives the file to a child process.
impl From<File> for std::process::Stdio {
    fn from(file: File) -> Self {
        std::fs::File::from(file).into()
    }
}
