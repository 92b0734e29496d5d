//! What std has for files on one platform only.

/// Corresponds to [`std::os::unix::fs`].
#[cfg(unix)]
pub mod unix {
    use std::io;
    use std::os::fd::AsFd;
    use std::path::Path;

    use green_core::blocking::unblock;

    use crate::functions::with_path;
    use crate::{DirBuilder, DirEntry, File, Metadata, OpenOptions};

    // Traits that anybody may implement are std's own, and implemented for the types here.
    pub use std::os::unix::fs::{
        DirBuilderExt, DirEntryExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt,
    };

    impl FileExt for File {
        fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
            self.io().read_at(buf, offset)
        }

        fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
            self.io().write_at(buf, offset)
        }
    }

    impl OpenOptionsExt for OpenOptions {
        fn mode(&mut self, mode: u32) -> &mut OpenOptions {
            self.std().mode(mode);
            self
        }

        fn custom_flags(&mut self, flags: i32) -> &mut OpenOptions {
            self.std().custom_flags(flags);
            self.note_custom_flags(flags)
        }
    }

    impl DirBuilderExt for DirBuilder {
        fn mode(&mut self, mode: u32) -> &mut DirBuilder {
            self.set_mode(mode);
            self
        }
    }

    impl DirEntryExt for DirEntry {
        fn ino(&self) -> u64 {
            self.std().ino()
        }
    }

    /// Returns whether this is known about what an entry names.
    pub(crate) fn is_of(metadata: &Metadata, entry: &DirEntry) -> bool {
        metadata.ino() == entry.ino()
    }

    /// Sets the mode that a builder of std's makes folders with.
    pub(crate) fn set_dir_mode(builder: &mut std::fs::DirBuilder, mode: u32) {
        builder.mode(mode);
    }

    /// Makes a symbolic link at `link` that leads to `original`.
    ///
    /// Corresponds to [`std::os::unix::fs::symlink`].
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
    /// green_fs::write(folder.path().join("file"), "text")?;
    /// green_fs::os::unix::symlink("file", folder.path().join("link"))?;
    /// assert_eq!(green_fs::read(folder.path().join("link"))?, b"text");
    /// # Ok(())
    /// # }
    /// ```
    pub fn symlink<P: AsRef<Path>, Q: AsRef<Path>>(original: P, link: Q) -> io::Result<()> {
        let original = original.as_ref().to_owned();
        with_path(link.as_ref(), move |link| std::os::unix::fs::symlink(original, link))
    }

    /// Changes the owner and the group of what a path leads to; `None` leaves the one or the other.
    ///
    /// Corresponds to [`std::os::unix::fs::chown`].
    ///
    /// # Errors
    ///
    /// The OS error; mostly only the superuser may.
    pub fn chown<P: AsRef<Path>>(dir: P, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
        with_path(dir.as_ref(), move |dir| std::os::unix::fs::chown(dir, uid, gid))
    }

    /// Changes the owner and the group of an open file; `None` leaves the one or the other.
    ///
    /// Corresponds to [`std::os::unix::fs::fchown`].
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn fchown<F: AsFd>(fd: F, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
        // The job gets a descriptor of its own: the caller's may belong to its OS thread. With none left, this hub
        // waits, as with std.
        match fd.as_fd().try_clone_to_owned() {
            Ok(own) => unblock(move || std::os::unix::fs::fchown(own, uid, gid)),
            Err(_) => std::os::unix::fs::fchown(fd, uid, gid),
        }
    }

    /// Changes the owner and the group of a path itself, also if it is a symbolic link; `None` leaves the one or the
    /// other.
    ///
    /// Corresponds to [`std::os::unix::fs::lchown`].
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn lchown<P: AsRef<Path>>(dir: P, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
        with_path(dir.as_ref(), move |dir| std::os::unix::fs::lchown(dir, uid, gid))
    }

    /// Makes a folder the root of all paths of this process.
    ///
    /// Corresponds to [`std::os::unix::fs::chroot`].
    ///
    /// # Errors
    ///
    /// The OS error; only the superuser may.
    pub fn chroot<P: AsRef<Path>>(dir: P) -> io::Result<()> {
        with_path(dir.as_ref(), |dir| std::os::unix::fs::chroot(dir))
    }
}

/// Corresponds to [`std::os::linux::fs`].
#[cfg(target_os = "linux")]
pub mod linux {
    // It is implemented for std's `Metadata`, which is ours too.
    pub use std::os::linux::fs::MetadataExt;
}
