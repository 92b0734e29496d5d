//! Files as file descriptors.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use crate::File;

impl AsFd for File {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io().lend().as_fd()
    }
}

impl AsRawFd for File {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.io().lend().as_raw_fd()
    }
}

impl IntoRawFd for File {
    #[inline]
    fn into_raw_fd(self) -> RawFd {
        std::fs::File::from(self).into_raw_fd()
    }
}

impl FromRawFd for File {
    #[inline]
    unsafe fn from_raw_fd(fd: RawFd) -> File {
        // SAFETY: the caller hands over an open descriptor that it owns, which is what std's function asks for.
        unsafe { std::fs::File::from_raw_fd(fd) }.into()
    }
}

impl From<OwnedFd> for File {
    #[inline]
    fn from(owned_fd: OwnedFd) -> Self {
        std::fs::File::from(owned_fd).into()
    }
}

impl From<File> for OwnedFd {
    #[inline]
    fn from(file: File) -> OwnedFd {
        std::fs::File::from(file).into()
    }
}
