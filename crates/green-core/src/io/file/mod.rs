//! `FileIo`: an open file whose calls never hold up the hub.
//!
//! A file is always ready, and yet a call on it may wait: for a disk, for a server, for whoever writes to the other
//! end of a pipe. What may wait goes to the blocking pool, under a shield: a kill comes after it. What the kernel can
//! serve from memory, and says so beforehand, is done at once, because the way to the pool and back costs as much as
//! fifty such calls:
//!
//! | what | how |
//! |---|---|
//! | a read of a regular file | `preadv2` with `RWF_NOWAIT`, which the page cache serves; the rest, if any, on the pool |
//! | an open for reading, `metadata` | `openat2` with `RESOLVE_CACHED` on the local file systems (`cached.rs`, `mounts.rs`) |
//! | `metadata`, `seek`, `try_lock` of an open file | in place on those file systems |
//! | files in memory (tmpfs) | in place, if not too much at once |
//! | pipes, terminals, other character devices, sockets | as any other descriptor: [`Descriptor`] |
//! | everything else, writes among it | on the pool |
//!
//! Writes go to the page cache too, mostly. But the kernel does not promise that: they wait for a journal, for a block
//! to be read, or because too much is dirty already, and ext4 refuses `RWF_NOWAIT` for them.
//!
//! A call is a kill point at its beginning, when nothing has been done. Otherwise a loop of calls that are shielded, or
//! that never wait, could not be ended.
//!
//! An OS thread with nothing but its root makes all calls itself.

mod cached;
mod handle;
mod mounts;
mod position;
mod whole;

use std::fmt;
use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use crate::blocking::{blocks_nobody, unblock, unblock_filling, unblock_long, unblock_with_bytes};
use crate::current;
use crate::io::Descriptor;
use crate::kill;
use crate::sys::{self, Opening, Shape};
use handle::{Handle, Nature};
use position::{Position, Turn};

pub use handle::Access;
pub use whole::{copy, read, read_to_string, write};

/// The most that is copied at once without the blocking pool: some microseconds' worth.
const AT_ONCE: usize = 128 * 1024;

/// How to open a file.
#[derive(Clone, Debug)]
pub struct Opened<'a> {
    /// What std is asked for.
    pub options: &'a OpenOptions,
    /// Whether that is to read and nothing else.
    pub access: Access,
    /// The flags given beside.
    pub custom_flags: i32,
}

/// An open file whose calls park the green thread instead of blocking its hub.
pub struct FileIo(Way);

enum Way {
    /// What has a position, or nothing to read.
    Seekable { handle: Arc<Handle>, position: Arc<Position> },
    /// What comes as it comes.
    Stream(Descriptor<Arc<Handle>>),
}

impl FileIo {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// Those of [`OpenOptions::open`].
    pub fn open(path: &Path, how: &Opened<'_>) -> io::Result<Self> {
        begin();
        if blocks_nobody() {
            return how.options.open(path).map(|file| Self::adopt(file, how.access));
        }
        if how.access == Access::ReadOnly
            && let Some(result) = cached::open(path)
        {
            let (file, asked) = result?;
            let nature = Nature::of(&file, how.access);
            if nature.shape == asked.shape {
                sys::set_nonblocking(file.as_fd(), sys::NonBlocking::Off)?;
                return Ok(Self::new(file, nature));
            }
        }
        let (path, options, access) = (path.to_owned(), how.options.clone(), how.access);
        if how.custom_flags & (libc::O_NONBLOCK | libc::O_PATH) != 0 {
            return unblock(move || open_waiting(&path, &options, access)).map(Self::with_handle);
        }
        let attempt = unblock({
            let (path, options) = (path.clone(), options.clone());
            move || (!waits_at_open(&path)).then(|| open_waiting(&path, &options, access))
        });
        attempt.unwrap_or_else(|| unblock_long(move || open_waiting(&path, &options, access))).map(Self::with_handle)
    }

    /// Takes over a file that is open already.
    pub fn adopt(file: File, access: Access) -> Self {
        let nature = Nature::of(&file, access);
        Self::new(file, nature)
    }

    fn new(file: File, nature: Nature) -> Self {
        Self::with_handle(Handle::new(file, nature))
    }

    fn with_handle(handle: Handle) -> Self {
        let handle = Arc::new(handle);
        Self(match handle.nature.shape {
            Shape::Stream => Way::Stream(Descriptor::new(handle)),
            _ => Way::Seekable { handle, position: Arc::default() },
        })
    }

    fn handle(&self) -> &Arc<Handle> {
        match &self.0 {
            Way::Seekable { handle, .. } => handle,
            Way::Stream(descriptor) => descriptor.get_ref(),
        }
    }

    /// Returns the file, to look at.
    pub fn get_ref(&self) -> &File {
        self.handle().file()
    }

    /// Returns the file to a caller who may do anything with its descriptor.
    pub fn lend(&self) -> &File {
        match &self.0 {
            Way::Seekable { handle, .. } => handle.file(),
            Way::Stream(descriptor) => descriptor.lend().file(),
        }
    }

    /// Gives the file back.
    pub fn into_inner(self) -> File {
        match self.0 {
            Way::Seekable { handle, .. } => handle.into_file(),
            Way::Stream(descriptor) => descriptor.into_inner().into_file(),
        }
    }

    /// Makes another descriptor of the same open file, which shares its position.
    ///
    /// # Errors
    ///
    /// Those of [`File::try_clone`].
    pub fn try_clone(&self) -> io::Result<Self> {
        let clone = Arc::new(self.handle().try_clone()?);
        Ok(Self(match &self.0 {
            Way::Seekable { position, .. } => Way::Seekable { handle: clone, position: Arc::clone(position) },
            Way::Stream(descriptor) => Way::Stream(descriptor.join(clone)),
        }))
    }

    /// Reads at the file's own position, or what comes.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        begin();
        match &self.0 {
            Way::Seekable { handle, position } => read_some(handle, buf, None, Some(position.take())),
            Way::Stream(descriptor) => or_as_set(descriptor, descriptor.read(buf), |mut file| file.read(buf)),
        }
    }

    /// Reads into several buffers; see [`read`](Self::read).
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        begin();
        let bufs = match (&self.0, bufs) {
            (Way::Stream(descriptor), bufs) => {
                let result = descriptor.read_vectored(bufs);
                return or_as_set(descriptor, result, |mut file| file.read_vectored(bufs));
            }
            (_, [buf]) => return self.read(buf),
            (_, bufs) if blocks_nobody() => return self.at_position(|mut file| file.read_vectored(bufs)),
            (_, bufs) => bufs,
        };
        // One read for all of them, so that they hold one piece of the file.
        let most = bufs.len().min(sys::MAX_BUFFERS);
        let mut all = vec![0; bufs[..most].iter().map(|buf| buf.len()).sum()];
        let count = self.read(&mut all)?;
        let mut rest = &all[..count];
        for buf in bufs {
            let (part, more) = rest.split_at(rest.len().min(buf.len()));
            buf[..part.len()].copy_from_slice(part);
            rest = more;
        }
        Ok(count)
    }

    /// Reads at `offset`.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        begin();
        read_some(self.handle(), buf, Some(offset), None)
    }

    /// Reads to the end of the file and appends all to `buf`.
    ///
    /// # Errors
    ///
    /// The OS error; what came before it is in `buf`.
    pub fn read_to_end(&self, buf: &mut Vec<u8>) -> io::Result<usize> {
        begin();
        /// Reads as it comes.
        struct Stream<'a>(&'a FileIo);

        impl Read for Stream<'_> {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                self.0.read(buf)
            }
        }

        match &self.0 {
            Way::Seekable { handle, position } => whole::read_to_end(handle, position.take(), buf),
            Way::Stream(_) => Stream(self).read_to_end(buf),
        }
    }

    /// Writes at the file's own position, or at its end, or as it goes.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn write(&self, buf: &[u8]) -> io::Result<usize> {
        begin();
        match &self.0 {
            Way::Seekable { handle, position } => write_some(handle, buf, None, Some(position.take())),
            Way::Stream(descriptor) => descriptor.write(buf),
        }
    }

    /// Writes from several buffers; see [`write`](Self::write).
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        begin();
        match (&self.0, bufs) {
            (Way::Stream(descriptor), bufs) => descriptor.write_vectored(bufs),
            (_, [buf]) => self.write(buf),
            (_, bufs) if blocks_nobody() => self.at_position(|mut file| io::Write::write_vectored(&mut file, bufs)),
            (_, bufs) => {
                // One write for all of them, as the kernel does it.
                let most = bufs.len().min(sys::MAX_BUFFERS);
                self.write(&bufs[..most].iter().flat_map(|buf| buf.iter().copied()).collect::<Vec<_>>())
            }
        }
    }

    /// Writes at `offset`.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        begin();
        write_some(self.handle(), buf, Some(offset), None)
    }

    /// Moves the file's position.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn seek(&self, pos: SeekFrom) -> io::Result<u64> {
        begin();
        match &self.0 {
            Way::Seekable { handle, .. } if blocks_nobody() || handle.nature.answers_quickly() => {
                self.at_position(|mut file| file.seek(pos))
            }
            Way::Seekable { handle, position } => {
                let turn = position.take();
                on_pool(handle, move |mut file| {
                    let _turn = turn;
                    file.seek(pos)
                })
            }
            Way::Stream(descriptor) => descriptor.get_ref().file().seek(pos),
        }
    }

    /// Runs a call that this kernel answers from what it has at hand, unless the file is another's.
    ///
    /// # Errors
    ///
    /// The call's own.
    pub fn ask<T, E>(&self, call: impl FnOnce(&File) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        begin();
        if self.handle().nature.answers_quickly() {
            return call(self.get_ref());
        }
        self.run(call)
    }

    /// Runs a call that may wait for a disk.
    ///
    /// # Errors
    ///
    /// The call's own.
    pub fn run<T, E>(&self, call: impl FnOnce(&File) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        begin();
        on_pool(self.handle(), call)
    }

    /// Takes a lock on the file. `attempt` returns `WouldBlock` if it is taken already; `lock` waits until it is not.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn lock(
        &self,
        attempt: fn(&File) -> Result<(), TryLockError>,
        lock: fn(&File) -> io::Result<()>,
    ) -> io::Result<()> {
        begin();
        if blocks_nobody() {
            return lock(self.get_ref());
        }
        match self.ask(attempt) {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => {}
        }
        let handle = Arc::clone(self.handle());
        unblock_long(move || lock(handle.file()))
    }

    /// Runs a call that uses the file's position and does not wait.
    fn at_position<R>(&self, call: impl FnOnce(&File) -> R) -> R {
        let _turn = match &self.0 {
            Way::Seekable { position, .. } => Some(position.take()),
            Way::Stream(_) => None,
        };
        call(self.get_ref())
    }
}

impl fmt::Debug for FileIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get_ref().fmt(f)
    }
}

/// Begins a call on a file or a path. That is a kill point, since nothing has been done yet; and if the calls before did
/// not wait, it is the others' turn now and then.
pub fn begin() {
    current::hub().spend_io();
    kill::deliver();
}

/// Returns what is known about what a path leads to; std's [`metadata`](std::fs::metadata).
///
/// # Errors
///
/// The OS error.
pub fn metadata(path: &Path) -> io::Result<Metadata> {
    ask_path(path, Opening::Ask, |path| std::fs::metadata(path))
}

/// Returns what is known about a path itself; std's [`symlink_metadata`](std::fs::symlink_metadata).
///
/// # Errors
///
/// The OS error.
pub fn symlink_metadata(path: &Path) -> io::Result<Metadata> {
    ask_path(path, Opening::AskOfLink, |path| std::fs::symlink_metadata(path))
}

/// Returns what [`symlink_metadata`] would, if the kernel's caches can tell.
pub fn symlink_metadata_now(path: &Path) -> Option<io::Result<Metadata>> {
    begin();
    cached::metadata(path, Opening::AskOfLink)
}

fn ask_path(path: &Path, opening: Opening, ask: fn(&Path) -> io::Result<Metadata>) -> io::Result<Metadata> {
    begin();
    if blocks_nobody() {
        return ask(path);
    }
    if let Some(result) = cached::metadata(path, opening) {
        return result;
    }
    let path = path.to_owned();
    unblock(move || {
        cached::learn(&path);
        ask(&path)
    })
}

/// Asks the kernel again if a call on a stream would have to wait and its user does not want it to: then only the
/// kernel knows the answer. A named pipe that has no writer yet is at its end, and yet not ready.
fn or_as_set<T>(
    descriptor: &Descriptor<Arc<Handle>>,
    result: io::Result<T>,
    call: impl FnOnce(&File) -> io::Result<T>,
) -> io::Result<T> {
    let file = descriptor.get_ref().file();
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock && sys::is_nonblocking(file.as_fd())? => call(file),
        result => result,
    }
}

/// Opens a file with all the time that it takes.
fn open_waiting(path: &Path, options: &OpenOptions, access: Access) -> io::Result<Handle> {
    let file = options.open(path)?;
    let nature = Nature::of(&file, access);
    let handle = Handle::new(file, nature);
    handle.learn();
    Ok(handle)
}

/// Returns true if an open of `path` may wait for somebody to open the other end of a pipe, or for a device.
fn waits_at_open(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::metadata(path).is_ok_and(|metadata| {
        let file_type = metadata.file_type();
        file_type.is_fifo() || file_type.is_char_device()
    })
}

/// Runs a call on the blocking pool.
fn on_pool<T: Send + 'static>(handle: &Arc<Handle>, call: impl FnOnce(&File) -> T + Send + 'static) -> T {
    if blocks_nobody() {
        return call(handle.file());
    }
    let handle = Arc::clone(handle);
    unblock(move || {
        handle.learn();
        call(handle.file())
    })
}

/// Reads at `offset`, or at the file's own position, for which it is this caller's turn.
fn read_some(handle: &Arc<Handle>, buf: &mut [u8], offset: Option<u64>, turn: Option<Turn>) -> io::Result<usize> {
    if blocks_nobody() {
        return handle.read_waiting(buf, offset);
    }
    let mut filled = 0;
    if buf.len() <= AT_ONCE {
        while let Ok(count) = handle.read_now(&mut buf[filled..], advanced(offset, filled)) {
            filled += count;
            if count == 0 || filled == buf.len() {
                return Ok(filled);
            }
        }
    }
    let (handle, offset) = (Arc::clone(handle), advanced(offset, filled));
    let result = unblock_filling(&mut buf[filled..], move |buf| {
        let _turn = turn;
        handle.learn();
        handle.read_waiting(buf, offset)
    });
    match result {
        Ok(count) => Ok(filled + count),
        // As the kernel does it: the next read will meet the error again.
        Err(_) if filled > 0 => Ok(filled),
        Err(error) => Err(error),
    }
}

/// Returns the offset after `count` bytes; an offset that is out of range stays so.
fn advanced(offset: Option<u64>, count: usize) -> Option<u64> {
    offset.map(|offset| offset.saturating_add(count as u64))
}

/// Writes at `offset`, or where the file's own position says, for which it is this caller's turn.
fn write_some(handle: &Arc<Handle>, buf: &[u8], offset: Option<u64>, turn: Option<Turn>) -> io::Result<usize> {
    if blocks_nobody() {
        return handle.write_waiting(buf, offset);
    }
    if handle.nature.is_memory() && buf.len() <= AT_ONCE {
        return handle.write_waiting(buf, offset);
    }
    let handle = Arc::clone(handle);
    unblock_with_bytes(buf, move |buf| {
        let _turn = turn;
        handle.learn();
        handle.write_waiting(buf, offset)
    })
}
