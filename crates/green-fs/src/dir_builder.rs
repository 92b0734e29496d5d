//! How folders are made.

use std::io;
use std::path::Path;

use crate::functions::with_path;

/// Makes folders, in the way that it is told to.
///
/// Corresponds to [`std::fs::DirBuilder`].
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// green_fs::DirBuilder::new().recursive(true).create(folder.path().join("a/b"))?;
/// assert!(folder.path().join("a/b").is_dir());
/// # Ok(())
/// # }
/// ```
pub struct DirBuilder {
    std: std::fs::DirBuilder,
    recursive: bool,
    /// Kept beside, because std's cannot be cloned.
    mode: Option<u32>,
}

impl DirBuilder {
    /// Creates a builder that makes one folder, with what permissions the process gives by default.
    #[expect(clippy::new_without_default, reason = "std's has no Default either")]
    pub fn new() -> DirBuilder {
        Self { std: std::fs::DirBuilder::new(), recursive: false, mode: None }
    }

    /// Chooses whether missing folders above are made too, and whether it is right if the folder exists.
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.std.recursive(recursive);
        self.recursive = recursive;
        self
    }

    /// Makes the folder.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn create<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        let builder = self.to_std();
        with_path(path.as_ref(), move |path| builder.create(path))
    }

    pub(crate) fn set_mode(&mut self, mode: u32) {
        crate::os::unix::set_dir_mode(&mut self.std, mode);
        self.mode = Some(mode);
    }

    /// Returns a builder of std's for the blocking pool.
    fn to_std(&self) -> std::fs::DirBuilder {
        let mut std = std::fs::DirBuilder::new();
        std.recursive(self.recursive);
        if let Some(mode) = self.mode {
            crate::os::unix::set_dir_mode(&mut std, mode);
        }
        std
    }
}

impl std::fmt::Debug for DirBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.std.fmt(f)
    }
}
