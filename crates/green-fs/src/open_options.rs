//! How files are opened.

use std::fmt;
use std::io;
use std::path::Path;

use green_core::io::file::{Access, FileIo, Opened};

use crate::File;

/// Opens files, in the way that it is told to.
///
/// Corresponds to [`std::fs::OpenOptions`].
///
/// # Examples
///
/// ```
/// use std::io::Write;
///
/// use green_fs::OpenOptions;
///
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("log");
/// for line in ["one\n", "two\n"] {
///     OpenOptions::new().append(true).create(true).open(&path)?.write_all(line.as_bytes())?;
/// }
/// assert_eq!(green_fs::read_to_string(&path)?, "one\ntwo\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct OpenOptions {
    std: std::fs::OpenOptions,
    read: bool,
    /// True once something was asked for beside reading.
    more: bool,
    custom_flags: i32,
}

impl OpenOptions {
    /// Creates options with which nothing can be opened yet.
    #[expect(clippy::new_without_default, reason = "std's has no Default either")]
    pub fn new() -> Self {
        Self { std: std::fs::OpenOptions::new(), read: false, more: false, custom_flags: 0 }
    }

    /// Chooses whether the file can be read from.
    pub fn read(&mut self, read: bool) -> &mut Self {
        self.std.read(read);
        self.read = read;
        self
    }

    /// Chooses whether the file can be written to.
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.std.write(write);
        self.with(write)
    }

    /// Chooses whether the file can be written to, at its end wherever that is by then.
    pub fn append(&mut self, append: bool) -> &mut Self {
        self.std.append(append);
        self.with(append)
    }

    /// Chooses whether the file loses what it has in it.
    pub fn truncate(&mut self, truncate: bool) -> &mut Self {
        self.std.truncate(truncate);
        self.with(truncate)
    }

    /// Chooses whether the file is made if it does not exist.
    pub fn create(&mut self, create: bool) -> &mut Self {
        self.std.create(create);
        self.with(create)
    }

    /// Chooses whether the file is made, and an error if it exists.
    pub fn create_new(&mut self, create_new: bool) -> &mut Self {
        self.std.create_new(create_new);
        self.with(create_new)
    }

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// The OS error; `InvalidInput` if the options contradict each other.
    pub fn open<P: AsRef<Path>>(&self, path: P) -> io::Result<File> {
        let access = if self.read && !self.more { Access::ReadOnly } else { Access::Any };
        let how = Opened { options: &self.std, access, custom_flags: self.custom_flags };
        FileIo::open(path.as_ref(), &how).map(File::new)
    }

    pub(crate) fn std(&mut self) -> &mut std::fs::OpenOptions {
        &mut self.std
    }

    pub(crate) fn note_custom_flags(&mut self, flags: i32) -> &mut Self {
        self.custom_flags = flags;
        self.with(flags != 0)
    }

    fn with(&mut self, something: bool) -> &mut Self {
        self.more |= something;
        self
    }
}

impl fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.std.fmt(f)
    }
}
