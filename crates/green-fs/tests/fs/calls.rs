//! System calls that std does not wrap.

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Makes a named pipe.
pub(crate) fn make_pipe(folder: &Path) -> PathBuf {
    let path = folder.join("pipe");
    let name = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the path ends with a zero byte.
    let result = unsafe { libc::mkfifo(name.as_ptr(), 0o600) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    path
}

/// Returns a file that is only in memory.
pub(crate) fn memory_file() -> OwnedFd {
    // SAFETY: the name ends with a zero byte.
    let fd = unsafe { libc::memfd_create(c"green".as_ptr(), libc::MFD_CLOEXEC) };
    assert!(fd >= 0);
    // SAFETY: the kernel has just made this descriptor for us.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Makes an owner of a descriptor that comes from `into_raw_fd`.
pub(crate) fn own<T: FromRawFd>(fd: RawFd) -> T {
    // SAFETY: whoever owned it has given it up.
    unsafe { T::from_raw_fd(fd) }
}

/// Unlocks the other end of a pseudo-terminal and returns its path.
pub(crate) fn other_end(master: &impl AsRawFd) -> String {
    let mut name = [0; 64];
    // SAFETY: the call takes a descriptor and touches no memory of ours.
    assert_eq!(unsafe { libc::unlockpt(master.as_raw_fd()) }, 0);
    // SAFETY: the call writes at most as many bytes as it is told.
    assert_eq!(unsafe { libc::ptsname_r(master.as_raw_fd(), name.as_mut_ptr(), name.len()) }, 0);
    // SAFETY: the call has ended the name with a zero byte.
    unsafe { CStr::from_ptr(name.as_ptr()) }.to_str().unwrap().to_owned()
}
