//! Files from their beginning to their end.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::mem;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use super::handle::{Access, Handle, Nature};
use super::position::Turn;
use super::{AT_ONCE, FileIo, Opened, begin, cached, waits_at_open};
use crate::blocking::{blocks_nobody, unblock, unblock_long, unblock_with_bytes};
use crate::sys::{self, Shape};

/// The largest file that is read without the blocking pool.
const LARGE: u64 = 256 * 1024;

/// Reads a file; std's [`read`](std::fs::read).
///
/// # Errors
///
/// The OS error.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_by(path, |path| fs::read(path), Ok)
}

/// Reads a file with text in it; std's [`read_to_string`](std::fs::read_to_string).
///
/// # Errors
///
/// The OS error; `InvalidData` if it is not UTF-8.
pub fn read_to_string(path: &Path) -> io::Result<String> {
    read_by(
        path,
        |path| fs::read_to_string(path),
        |bytes| {
            String::from_utf8(bytes).or_else(|error| {
                // For std's own error.
                let mut text = String::new();
                error.as_bytes().read_to_string(&mut text).map(|_| text)
            })
        },
    )
}

fn read_by<T: Send + 'static>(
    path: &Path,
    read_waiting: fn(&Path) -> io::Result<T>,
    convert: fn(Vec<u8>) -> io::Result<T>,
) -> io::Result<T> {
    begin();
    if blocks_nobody() {
        return read_waiting(path);
    }
    if let Some(result) = cached::open(path) {
        let (file, inspection) = result?;
        let handle = Handle::new(file, Nature::new(inspection, Access::ReadOnly));
        let mut contents = Vec::new();
        // One more, so that a read that finds no more than expected has found the end.
        contents
            .try_reserve_exact(usize::try_from(inspection.size).map_or(usize::MAX, |size| size.saturating_add(1)))?;
        if append_now(&handle, inspection.size, &mut contents)? {
            return convert(contents);
        }
    }
    let job = {
        let path = path.to_owned();
        move || {
            cached::learn(&path);
            (!waits_at_open(&path)).then(|| read_waiting(&path))
        }
    };
    if let Some(result) = unblock(job) {
        return result;
    }
    let file = FileIo::open(
        path,
        &Opened { options: OpenOptions::new().read(true), access: Access::ReadOnly, custom_flags: 0 },
    )?;
    let mut contents = Vec::new();
    file.read_to_end(&mut contents)?;
    convert(contents)
}

/// Writes a file; std's [`write`](std::fs::write).
///
/// # Errors
///
/// The OS error.
pub fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    begin();
    let job = {
        let path = path.to_owned();
        move |contents: &[u8]| (!waits_at_open(&path)).then(|| fs::write(&path, contents))
    };
    if blocks_nobody() {
        return fs::write(path, contents);
    }
    if let Some(result) = unblock_with_bytes(contents, job) {
        return result;
    }
    /// Writes as it goes.
    struct Stream(FileIo);

    impl Write for Stream {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.0.write(buf)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let options = OpenOptions::new().write(true).create(true).truncate(true).clone();
    let file = FileIo::open(path, &Opened { options: &options, access: Access::Any, custom_flags: 0 })?;
    Stream(file).write_all(contents)
}

/// Copies a file; std's [`copy`](std::fs::copy).
///
/// # Errors
///
/// The OS error.
pub fn copy(from: &Path, to: &Path) -> io::Result<u64> {
    begin();
    if blocks_nobody() {
        return fs::copy(from, to);
    }
    let (from, to) = (from.to_owned(), to.to_owned());
    let attempt = unblock({
        let (from, to) = (from.clone(), to.clone());
        move || (!waits_at_open(&from) && !waits_at_open(&to)).then(|| fs::copy(from, to))
    });
    attempt.unwrap_or_else(|| unblock_long(move || fs::copy(from, to)))
}

/// Reads from the file's position to its end, and appends all to `buf`.
pub(super) fn read_to_end(handle: &Arc<Handle>, turn: Turn, buf: &mut Vec<u8>) -> io::Result<usize> {
    if blocks_nobody() {
        return handle.file().read_to_end(buf);
    }
    let before = buf.len();
    if let Some(left) = left(handle)
        && left <= LARGE
    {
        buf.try_reserve(left as usize)?;
        if append_now(handle, left, buf)? {
            return Ok(buf.len() - before);
        }
    }
    // The job has the buffer, not a borrow of it.
    let (mut own, handle) = (mem::take(buf), Arc::clone(handle));
    let (own, result) = unblock(move || {
        let _turn = turn;
        handle.learn();
        let result = handle.file().read_to_end(&mut own);
        (own, result)
    });
    *buf = own;
    result.map(|_| buf.len() - before)
}

/// Returns how much there is between the position and the end of a file, if that can be had at once.
fn left(handle: &Handle) -> Option<u64> {
    use std::io::Seek;
    if !handle.nature.answers_quickly() {
        return None;
    }
    let size = sys::inspect(handle.as_fd()).ok()?.size;
    let position = handle.file().stream_position().ok()?;
    Some(size.saturating_sub(position))
}

/// Appends what there is from the file's position to its end, of which `left` bytes are expected. Returns false if a
/// call that may wait has to do the rest.
fn append_now(handle: &Handle, left: u64, buf: &mut Vec<u8>) -> io::Result<bool> {
    if handle.nature.shape != Shape::Regular || left > LARGE {
        return Ok(false);
    }
    if handle.nature.is_memory() {
        return Ok(handle.file().take(LARGE).read_to_end(buf)? < LARGE as usize);
    }
    let before = buf.len();
    loop {
        let room = buf.capacity() - buf.len();
        if room == 0 {
            // A look at whether this is the end, before the buffer is made larger for nothing.
            let mut probe = [0; 32];
            match sys::read_cached(handle.as_fd(), &mut probe, None) {
                Ok(0) => return Ok(true),
                Ok(count) => buf.extend_from_slice(&probe[..count]),
                Err(_) => return Ok(false),
            }
            continue;
        }
        let appended = sys::append_cached(handle.as_fd(), buf, AT_ONCE);
        let total = (buf.len() - before) as u64;
        match appended {
            Ok(0) => return Ok(true),
            // All that was expected, and the kernel was asked for more.
            Ok(count) if count < room.min(AT_ONCE) && total == left => return Ok(true),
            Ok(_) if total <= LARGE => {}
            Ok(_) | Err(_) => return Ok(false),
        }
    }
}
