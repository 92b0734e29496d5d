//! The functions of `std::fs`.

use std::io;
use std::path::{Path, PathBuf};

use green_core::blocking::unblock;
use green_core::io::file;

use crate::{DirBuilder, Metadata, Permissions, ReadDir};

/// Runs a call with a path on the blocking pool. A kill point before the call begins.
pub(crate) fn with_path<T: Send + 'static>(path: &Path, call: impl FnOnce(&Path) -> T + Send + 'static) -> T {
    file::begin();
    let path = path.to_owned();
    unblock(move || call(&path))
}

/// Runs a call with two paths as [`with_path`] does.
fn with_paths<T: Send + 'static>(
    first: &Path,
    second: &Path,
    call: impl FnOnce(&Path, &Path) -> T + Send + 'static,
) -> T {
    file::begin();
    let (first, second) = (first.to_owned(), second.to_owned());
    unblock(move || call(&first, &second))
}

/// Returns the absolute path of what `path` leads to, without symbolic links, `.` and `..` in it.
///
/// Corresponds to [`std::fs::canonicalize`].
///
/// # Errors
///
/// The OS error, such as `NotFound`: the path must lead to something.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// let path = green_fs::canonicalize(folder.path().join("."))?;
/// assert!(path.is_absolute() && path.is_dir());
/// # Ok(())
/// # }
/// ```
pub fn canonicalize<P: AsRef<Path>>(path: P) -> io::Result<PathBuf> {
    with_path(path.as_ref(), |path| std::fs::canonicalize(path))
}

/// Copies the contents and the permissions of one file to another, and returns the number of bytes.
///
/// The kernel copies, without a detour through this process, where it can. All of it is one job of the blocking pool, so a
/// kill waits for its end.
///
/// Corresponds to [`std::fs::copy`].
///
/// # Errors
///
/// The OS error; `InvalidInput` if `from` is not a file.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// let (from, to) = (folder.path().join("from"), folder.path().join("to"));
/// green_fs::write(&from, "text")?;
/// assert_eq!(green_fs::copy(&from, &to)?, 4);
/// assert_eq!(green_fs::read(&to)?, b"text");
/// # Ok(())
/// # }
/// ```
pub fn copy<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> io::Result<u64> {
    file::copy(from.as_ref(), to.as_ref())
}

/// Makes an empty folder.
///
/// Corresponds to [`std::fs::create_dir`].
///
/// # Errors
///
/// The OS error: `AlreadyExists`, or `NotFound` if there is no parent for it.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// green_fs::create_dir(folder.path().join("new"))?;
/// assert!(folder.path().join("new").is_dir());
/// # Ok(())
/// # }
/// ```
pub fn create_dir<P: AsRef<Path>>(path: P) -> io::Result<()> {
    DirBuilder::new().create(path)
}

/// Makes a folder, and those above it that are missing.
///
/// Corresponds to [`std::fs::create_dir_all`].
///
/// # Errors
///
/// The OS error, if the path does not lead to a folder in the end. Folders made before it stay.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// green_fs::create_dir_all(folder.path().join("a/b/c"))?;
/// assert!(folder.path().join("a/b/c").is_dir());
/// # Ok(())
/// # }
/// ```
pub fn create_dir_all<P: AsRef<Path>>(path: P) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(path)
}

/// Returns whether the path leads to something.
///
/// Corresponds to [`std::fs::exists`].
///
/// # Errors
///
/// The OS error, if that cannot be told.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// assert!(green_fs::exists(folder.path())?);
/// assert!(!green_fs::exists(folder.path().join("missing"))?);
/// # Ok(())
/// # }
/// ```
pub fn exists<P: AsRef<Path>>(path: P) -> io::Result<bool> {
    match metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes another name for a file of the same file system.
///
/// Corresponds to [`std::fs::hard_link`].
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
/// let (original, link) = (folder.path().join("original"), folder.path().join("link"));
/// green_fs::write(&original, "text")?;
/// green_fs::hard_link(&original, &link)?;
/// assert_eq!(green_fs::read(&link)?, b"text");
/// # Ok(())
/// # }
/// ```
pub fn hard_link<P: AsRef<Path>, Q: AsRef<Path>>(original: P, link: Q) -> io::Result<()> {
    with_paths(original.as_ref(), link.as_ref(), |original, link| std::fs::hard_link(original, link))
}

/// Returns what is known about what a path leads to.
///
/// Corresponds to [`std::fs::metadata`].
///
/// # Errors
///
/// The OS error, such as `NotFound`.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// green_fs::write(folder.path().join("file"), "text")?;
/// assert_eq!(green_fs::metadata(folder.path().join("file"))?.len(), 4);
/// # Ok(())
/// # }
/// ```
pub fn metadata<P: AsRef<Path>>(path: P) -> io::Result<Metadata> {
    file::metadata(path.as_ref())
}

/// Reads a whole file.
///
/// A file of some size, and one that is not in the page cache, is read by one job of the blocking pool.
///
/// Corresponds to [`std::fs::read`].
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
/// let path = folder.path().join("file");
/// green_fs::write(&path, [1, 2, 3])?;
/// assert_eq!(green_fs::read(&path)?, [1, 2, 3]);
/// # Ok(())
/// # }
/// ```
pub fn read<P: AsRef<Path>>(path: P) -> io::Result<Vec<u8>> {
    file::read(path.as_ref())
}

/// Returns the entries of a folder, in no particular order, and without `.` and `..`.
///
/// Corresponds to [`std::fs::read_dir`].
///
/// # Errors
///
/// The OS error, such as `NotFound` or `NotADirectory`.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// green_fs::write(folder.path().join("file"), "")?;
/// for entry in green_fs::read_dir(folder.path())? {
///     assert_eq!(entry?.file_name(), "file");
/// }
/// # Ok(())
/// # }
/// ```
pub fn read_dir<P: AsRef<Path>>(path: P) -> io::Result<ReadDir> {
    ReadDir::open(path.as_ref())
}

/// Returns the path that a symbolic link has in it.
///
/// Corresponds to [`std::fs::read_link`].
///
/// # Errors
///
/// The OS error; `InvalidInput` if the path is not a symbolic link.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// let link = folder.path().join("link");
/// green_fs::os::unix::symlink("elsewhere", &link)?;
/// assert_eq!(green_fs::read_link(&link)?.to_str(), Some("elsewhere"));
/// # Ok(())
/// # }
/// ```
pub fn read_link<P: AsRef<Path>>(path: P) -> io::Result<PathBuf> {
    with_path(path.as_ref(), |path| std::fs::read_link(path))
}

/// Reads a whole file that holds text.
///
/// Corresponds to [`std::fs::read_to_string`].
///
/// # Errors
///
/// The OS error; `InvalidData` if the file is not UTF-8.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("file");
/// green_fs::write(&path, "text")?;
/// assert_eq!(green_fs::read_to_string(&path)?, "text");
/// # Ok(())
/// # }
/// ```
pub fn read_to_string<P: AsRef<Path>>(path: P) -> io::Result<String> {
    file::read_to_string(path.as_ref())
}

/// Removes an empty folder.
///
/// Corresponds to [`std::fs::remove_dir`].
///
/// # Errors
///
/// The OS error, such as `DirectoryNotEmpty`.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// let inner = folder.path().join("inner");
/// green_fs::create_dir(&inner)?;
/// green_fs::remove_dir(&inner)?;
/// assert!(!green_fs::exists(&inner)?);
/// # Ok(())
/// # }
/// ```
pub fn remove_dir<P: AsRef<Path>>(path: P) -> io::Result<()> {
    with_path(path.as_ref(), |path| std::fs::remove_dir(path))
}

/// Removes a folder and all that is in it. Symbolic links are removed, not followed.
///
/// All of it is one job of the blocking pool, so a kill waits for its end.
///
/// Corresponds to [`std::fs::remove_dir_all`].
///
/// # Errors
///
/// The OS error; some of it is gone by then.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// green_fs::create_dir_all(folder.path().join("a/b/c"))?;
/// green_fs::remove_dir_all(folder.path().join("a"))?;
/// assert!(!green_fs::exists(folder.path().join("a"))?);
/// # Ok(())
/// # }
/// ```
pub fn remove_dir_all<P: AsRef<Path>>(path: P) -> io::Result<()> {
    with_path(path.as_ref(), |path| std::fs::remove_dir_all(path))
}

/// Removes a file's name, and the file with its last name once nobody has it open.
///
/// Corresponds to [`std::fs::remove_file`].
///
/// # Errors
///
/// The OS error, such as `NotFound` or `IsADirectory`.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("file");
/// green_fs::write(&path, "")?;
/// green_fs::remove_file(&path)?;
/// assert!(!green_fs::exists(&path)?);
/// # Ok(())
/// # }
/// ```
pub fn remove_file<P: AsRef<Path>>(path: P) -> io::Result<()> {
    with_path(path.as_ref(), |path| std::fs::remove_file(path))
}

/// Gives a file or a folder another name, in place of what has that name.
///
/// Corresponds to [`std::fs::rename`].
///
/// # Errors
///
/// The OS error, such as `CrossesDevices` if the new name is on another file system.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// let (from, to) = (folder.path().join("from"), folder.path().join("to"));
/// green_fs::write(&from, "text")?;
/// green_fs::rename(&from, &to)?;
/// assert_eq!(green_fs::read(&to)?, b"text");
/// # Ok(())
/// # }
/// ```
pub fn rename<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> io::Result<()> {
    with_paths(from.as_ref(), to.as_ref(), |from, to| std::fs::rename(from, to))
}

/// Changes the permissions of what a path leads to.
///
/// Corresponds to [`std::fs::set_permissions`].
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
/// let path = folder.path().join("file");
/// green_fs::write(&path, "")?;
/// let mut permissions = green_fs::metadata(&path)?.permissions();
/// permissions.set_readonly(true);
/// green_fs::set_permissions(&path, permissions)?;
/// assert!(green_fs::metadata(&path)?.permissions().readonly());
/// # Ok(())
/// # }
/// ```
pub fn set_permissions<P: AsRef<Path>>(path: P, perm: Permissions) -> io::Result<()> {
    with_path(path.as_ref(), |path| std::fs::set_permissions(path, perm))
}

/// Makes a symbolic link; use [`os::unix::symlink`](crate::os::unix::symlink).
///
/// Corresponds to [`std::fs::soft_link`].
///
/// # Errors
///
/// The OS error.
#[deprecated(since = "0.1.0", note = "use `os::unix::fs::symlink` instead, as with std")]
pub fn soft_link<P: AsRef<Path>, Q: AsRef<Path>>(original: P, link: Q) -> io::Result<()> {
    crate::os::unix::symlink(original, link)
}

/// Returns what is known about a path itself, also if it is a symbolic link.
///
/// Corresponds to [`std::fs::symlink_metadata`].
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
/// let link = folder.path().join("link");
/// green_fs::os::unix::symlink("elsewhere", &link)?;
/// assert!(green_fs::symlink_metadata(&link)?.is_symlink());
/// # Ok(())
/// # }
/// ```
pub fn symlink_metadata<P: AsRef<Path>>(path: P) -> io::Result<Metadata> {
    file::symlink_metadata(path.as_ref())
}

/// Writes a whole file, in place of what it had in it.
///
/// All of it is one job of the blocking pool, so a kill waits for its end.
///
/// Corresponds to [`std::fs::write`].
///
/// # Errors
///
/// The OS error; a part may be written by then.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("file");
/// green_fs::write(&path, "text")?;
/// assert_eq!(green_fs::read(&path)?, b"text");
/// # Ok(())
/// # }
/// ```
pub fn write<P: AsRef<Path>, C: AsRef<[u8]>>(path: P, contents: C) -> io::Result<()> {
    file::write(path.as_ref(), contents.as_ref())
}
