//! `std::fs` on green threads.
//!
//! The types and functions here have the names, signatures and behaviour of std's, with one difference: where std's would
//! block the OS thread, these park the calling green thread, and its hub runs another one meanwhile. On an OS thread
//! with no green thread but its own root they make std's calls themselves.
//!
//! What waits for a disk or a server runs on the blocking pool. What the kernel has in its caches is read at once, because the
//! way to the pool costs more than the call: the read of a cached file costs about what std's does.
//!
//! A kill or a deadline that comes during a call on a file is delivered after it, at the beginning of the next call or
//! at the next wait: what the call did is done, and its result is not lost. The exceptions are reads and writes of pipes, terminals and other things that are
//! not files; there the wait ends at once, as with a socket.
//!
//! What does not block is std's own: [`Metadata`], [`Permissions`], [`FileType`], [`FileTimes`] and [`TryLockError`]
//! are re-exported, so values flow freely between std and here, and files convert into std's and back.
//!
//! # Examples
//!
//! ```
//! use std::io::{self, Write};
//!
//! use green_fs::File;
//!
//! fn main() -> io::Result<()> {
//!     let folder = tempfile::tempdir()?;
//!     let path = folder.path().join("greeting");
//!
//!     let writer = green_thread::spawn({
//!         let path = path.clone();
//!         move || File::create(path)?.write_all(b"hello")
//!     });
//!     writer.join().unwrap()?;
//!     assert_eq!(green_fs::read_to_string(path)?, "hello");
//!     Ok(())
//! }
//! ```

mod dir_builder;
#[expect(unsafe_code, reason = "`FromRawFd` is an unsafe trait method")]
mod fd;
mod file;
mod functions;
mod open_options;
pub mod os;
mod read_dir;

pub use dir_builder::DirBuilder;
pub use file::File;
#[expect(deprecated, reason = "it mirrors a deprecated function of std")]
pub use functions::soft_link;
pub use functions::{
    canonicalize, copy, create_dir, create_dir_all, exists, hard_link, metadata, read, read_dir, read_link,
    read_to_string, remove_dir, remove_dir_all, remove_file, rename, set_permissions, symlink_metadata, write,
};
pub use open_options::OpenOptions;
pub use read_dir::{DirEntry, ReadDir};
// These never block, so they are std's own.
pub use std::fs::{FileTimes, FileType, Metadata, Permissions, TryLockError};
