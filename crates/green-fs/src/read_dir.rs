//! The entries of a folder.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use green_core::blocking::unblock;
use green_core::io::file::{begin, symlink_metadata_now};

use crate::functions::with_path;
use crate::os::unix as os;
use crate::{FileType, Metadata};

/// How many entries are fetched at once. One system call fetches about as many, so what comes of it is no older than
/// with std.
const BATCH: usize = 256;

/// An iterator over the entries of a folder.
///
/// It fetches many entries at once and parks only in between.
///
/// Corresponds to [`std::fs::ReadDir`].
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// green_fs::write(folder.path().join("a"), "")?;
/// green_fs::create_dir(folder.path().join("b"))?;
/// let mut names = green_fs::read_dir(folder.path())?
///     .map(|entry| entry.map(|entry| entry.file_name()))
///     .collect::<std::io::Result<Vec<_>>>()?;
/// names.sort();
/// assert_eq!(names, ["a", "b"]);
/// # Ok(())
/// # }
/// ```
pub struct ReadDir {
    /// Kept for `Debug` alone: std's is away while a job has it.
    root: PathBuf,
    fetched: VecDeque<io::Result<DirEntry>>,
    /// Where the rest comes from; `None` after the end.
    rest: Option<std::fs::ReadDir>,
}

// As std's: what a panic may interrupt leaves no broken state behind.
impl UnwindSafe for ReadDir {}
impl RefUnwindSafe for ReadDir {}

impl ReadDir {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let batch = with_path(path, |path| std::fs::read_dir(path).map(Batch::fetch))?;
        Ok(Self { root: path.to_owned(), fetched: batch.entries, rest: batch.rest })
    }
}

/// Some entries, and where more come from.
struct Batch {
    entries: VecDeque<io::Result<DirEntry>>,
    rest: Option<std::fs::ReadDir>,
}

impl Batch {
    /// Fetches the next entries. Not for a hub.
    fn fetch(mut rest: std::fs::ReadDir) -> Self {
        let mut entries = VecDeque::new();
        while entries.len() < BATCH {
            match rest.next() {
                Some(entry) => entries.push_back(entry.map(DirEntry::new)),
                None => return Self { entries, rest: None },
            }
        }
        Self { entries, rest: Some(rest) }
    }
}

impl Iterator for ReadDir {
    type Item = io::Result<DirEntry>;

    fn next(&mut self) -> Option<io::Result<DirEntry>> {
        if self.fetched.is_empty() {
            begin();
        }
        if self.fetched.is_empty()
            && let Some(rest) = self.rest.take()
        {
            let batch = unblock(move || Batch::fetch(rest));
            self.fetched = batch.entries;
            self.rest = batch.rest;
        }
        self.fetched.pop_front()
    }
}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As std's, which shows the path alone.
        f.debug_tuple("ReadDir").field(&self.root).finish()
    }
}

/// An entry of a folder.
///
/// Corresponds to [`std::fs::DirEntry`].
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// green_fs::write(folder.path().join("file"), "text")?;
/// let entry = green_fs::read_dir(folder.path())?.next().expect("there is one")?;
/// assert_eq!(entry.path(), folder.path().join("file"));
/// assert!(entry.file_type()?.is_file());
/// assert_eq!(entry.metadata()?.len(), 4);
/// # Ok(())
/// # }
/// ```
pub struct DirEntry {
    std: Arc<std::fs::DirEntry>,
    /// What it is, if the folder says so, or its file system can.
    file_type: Option<FileType>,
}

impl DirEntry {
    /// Looks at what the entry is, which some file systems have to look up. Not for a hub.
    fn new(std: std::fs::DirEntry) -> Self {
        let file_type = std.file_type().ok();
        Self { std: Arc::new(std), file_type }
    }

    /// Returns the path of the entry: that of the folder, as it was given, and the name.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.std.path()
    }

    /// Returns what is known about the entry itself, also if it is a symbolic link.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn metadata(&self) -> io::Result<Metadata> {
        // std asks the folder that is open, wherever that is by now. The path leads to the same thing nearly always, and
        // without a way to another thread and back.
        if let Some(Ok(metadata)) = symlink_metadata_now(&self.path())
            && os::is_of(&metadata, self)
        {
            return Ok(metadata);
        }
        let entry = Arc::clone(&self.std);
        unblock(move || entry.metadata())
    }

    /// Returns what the entry is.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn file_type(&self) -> io::Result<FileType> {
        match self.file_type {
            Some(file_type) => Ok(file_type),
            None => {
                let entry = Arc::clone(&self.std);
                unblock(move || entry.file_type())
            }
        }
    }

    /// Returns the name of the entry, without the path of the folder.
    #[must_use]
    pub fn file_name(&self) -> OsString {
        self.std.file_name()
    }

    pub(crate) fn std(&self) -> &std::fs::DirEntry {
        &self.std
    }
}

impl fmt::Debug for DirEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.std.fmt(f)
    }
}
