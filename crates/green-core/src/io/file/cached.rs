//! Opens and questions that the kernel's caches can answer, by path.
//!
//! `openat2` with `RESOLVE_CACHED` finds a path without a disk, or not at all. But what it then opens may wait all the
//! same, if it is a named pipe, a device, or a file of a server. So a descriptor of the path alone (`O_PATH`) is asked
//! first what the path leads to. That is one more walk through the kernel's cache, half a microsecond, where the way
//! to the blocking pool and back takes twenty.

use std::ffi::{CStr, CString};
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::mounts;
use crate::sys::{self, Filesystem, Inspection, Opening, Shape};

/// Opens a file or a folder for reading, and tells what was known about it just before. `None` if the caches cannot
/// serve that, and the blocking pool has to. The descriptor has `O_NONBLOCK` set.
///
/// Somebody may have put something else in its place in between, even a pipe: nothing has waited for its other end.
pub(super) fn open(path: &Path) -> Option<io::Result<(File, Inspection)>> {
    with_c_path(path, |path| {
        let asked = match sys::open_cached(path, Opening::Ask) {
            Ok(fd) => fd,
            Err(error) => return final_error(error).map(Err),
        };
        let inspection = inspect_quick(&asked)?;
        // An open of anything else may wait: a device may spin up, and a pipe has another end.
        if !matches!(inspection.shape, Shape::Regular | Shape::Directory) {
            return None;
        }
        Some(Ok((File::from(sys::open_cached(path, Opening::Read).ok()?), inspection)))
    })?
}

/// Returns what std's `metadata` and `symlink_metadata` would. `None` if the caches cannot serve that.
pub(super) fn metadata(path: &Path, opening: Opening) -> Option<io::Result<Metadata>> {
    with_c_path(path, |path| match sys::open_cached(path, opening) {
        Ok(fd) => {
            inspect_quick(&fd)?;
            Some(File::from(fd).metadata())
        }
        Err(error) => final_error(error).map(Err),
    })?
}

/// Finds out, with all the time that it takes, what kind of file system `path` is on, for the next time.
pub(super) fn learn(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt;
    if let Ok(file) = std::fs::OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(path)
        && let Ok(inspection) = sys::inspect(file.as_fd())
    {
        mounts::learn(file.as_fd(), inspection.mount);
    }
}

/// Returns what is known about a file whose file system answers without a wait.
fn inspect_quick(fd: &OwnedFd) -> Option<Inspection> {
    let inspection = sys::inspect(fd.as_fd()).ok()?;
    match mounts::known(inspection.mount)? {
        Filesystem::Memory | Filesystem::Disk => Some(inspection),
        Filesystem::Other => None,
    }
}

/// Returns the error if an open that may wait would have had it too. Of the others, only that one knows.
fn final_error(error: io::Error) -> Option<io::Error> {
    const FINAL: [libc::c_int; 4] = [libc::ENOENT, libc::ENOTDIR, libc::ELOOP, libc::ENAMETOOLONG];
    error.raw_os_error().is_some_and(|code| FINAL.contains(&code)).then_some(error)
}

/// Calls `f` with the path as C has it; `None` if it has a zero byte in it.
fn with_c_path<R>(path: &Path, f: impl FnOnce(&CStr) -> R) -> Option<R> {
    let bytes = path.as_os_str().as_bytes();
    let mut buf = [0; 256];
    if bytes.len() < buf.len() {
        buf[..bytes.len()].copy_from_slice(bytes);
        return CStr::from_bytes_with_nul(&buf[..=bytes.len()]).ok().map(f);
    }
    CString::new(bytes).ok().map(|path| f(&path))
}
