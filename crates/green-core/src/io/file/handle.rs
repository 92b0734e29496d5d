//! An open file as jobs of the blocking pool share it with its owner.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::mounts;
use crate::blocking::unblock;
use crate::sys::{self, Filesystem, Inspection, Shape};

/// What a file was opened for, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// For reading, and with nothing else asked of the open.
    ReadOnly,
    /// For something else, or nobody knows.
    Any,
}

/// What stays the same about an open file for as long as it is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nature {
    pub(super) shape: Shape,
    mount: Option<u64>,
    access: Access,
}

impl Nature {
    pub(super) fn new(inspection: Inspection, access: Access) -> Self {
        Self { shape: inspection.shape, mount: inspection.mount, access }
    }

    /// Asks the kernel; a file that it will say nothing about is treated as one that may wait for everything.
    pub(super) fn of(file: &File, access: Access) -> Self {
        match sys::inspect(file.as_fd()) {
            Ok(inspection) => Self::new(inspection, access),
            Err(_) => Self { shape: Shape::Other, mount: None, access },
        }
    }

    /// Returns true if questions about the file are answered by this kernel alone, from memory that it has at hand.
    pub(super) fn answers_quickly(&self) -> bool {
        matches!(mounts::known(self.mount), Some(Filesystem::Memory | Filesystem::Disk))
    }

    /// Returns true if the file's contents are memory.
    pub(super) fn is_memory(&self) -> bool {
        self.shape == Shape::Regular && mounts::known(self.mount) == Some(Filesystem::Memory)
    }

    /// Returns true if the last close has nothing to do that takes time: to write out, to tell a server.
    fn closes_quickly(&self) -> bool {
        match mounts::known(self.mount) {
            _ if self.shape == Shape::Stream => true,
            Some(Filesystem::Memory) => true,
            Some(Filesystem::Disk) => self.access == Access::ReadOnly,
            Some(Filesystem::Other) | None => false,
        }
    }
}

/// An open file. Its drop closes it, on the blocking pool if that may take time.
#[derive(Debug)]
pub(super) struct Handle {
    /// Taken out by the drop only, and by `into_file`.
    file: Option<File>,
    pub(super) nature: Nature,
}

impl Handle {
    pub(super) fn new(file: File, nature: Nature) -> Self {
        Self { file: Some(file), nature }
    }

    pub(super) fn file(&self) -> &File {
        self.file.as_ref().expect("only the end of a handle takes its file")
    }

    /// Takes the file out.
    pub(super) fn into_file(self: Arc<Self>) -> File {
        match Arc::try_unwrap(self) {
            Ok(mut handle) => handle.file.take().expect("only the end of a handle takes its file"),
            // The job of a green thread whose OS thread has ended (I15) still has the handle.
            Err(handle) => handle.file().try_clone().expect("a descriptor for the file, while the other is in use"),
        }
    }

    /// Makes another handle of the same open file.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self::new(self.file().try_clone()?, self.nature))
    }

    /// Learns what kind of file system this is, if nobody has yet. Not for a hub.
    pub(super) fn learn(&self) {
        mounts::learn(self.as_fd(), self.nature.mount);
    }

    /// Reads without waiting, or fails: then a call that may wait will say why.
    pub(super) fn read_now(&self, buf: &mut [u8], offset: Option<u64>) -> io::Result<usize> {
        if self.nature.is_memory() {
            return self.read_waiting(buf, offset);
        }
        if self.nature.shape != Shape::Regular {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        sys::read_cached(self.as_fd(), buf, offset)
    }

    /// Reads as std does.
    pub(super) fn read_waiting(&self, buf: &mut [u8], offset: Option<u64>) -> io::Result<usize> {
        match offset {
            None => self.file().read(buf),
            Some(offset) => self.file().read_at(buf, offset),
        }
    }

    /// Writes as std does.
    pub(super) fn write_waiting(&self, buf: &[u8], offset: Option<u64>) -> io::Result<usize> {
        match offset {
            None => self.file().write(buf),
            Some(offset) => self.file().write_at(buf, offset),
        }
    }
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file().as_fd()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Some(file) = self.file.take()
            && !self.nature.closes_quickly()
        {
            unblock(move || drop(file));
        }
    }
}
