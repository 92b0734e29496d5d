//! What the tests share.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::process::Command;

use green_thread as thread;

/// Lets the green threads of this hub run until they park.
pub(crate) fn let_others_park() {
    for _ in 0..10 {
        thread::yield_now();
    }
}

/// Returns the flags that the open file has, as anybody who shares it sees them.
pub(crate) fn is_nonblocking(fd: impl AsFd) -> bool {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd())).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
    i64::from_str_radix(flags, 8).unwrap() & 0o4000 != 0
}

/// Runs `body` on a local green thread that is to park, then `meanwhile` on the same hub, and returns what `body` did.
///
/// If `body` held up the hub instead of parking, `meanwhile` would never run.
pub(crate) fn beside<T: 'static>(body: impl FnOnce() -> T + 'static, meanwhile: impl FnOnce()) -> T {
    let parked = thread::spawn_local(body);
    let_others_park();
    assert!(!parked.is_finished());
    meanwhile();
    parked.join().unwrap()
}

/// A named pipe in a folder of its own, for reading and for writing.
pub(crate) fn named_pipe() -> io::Result<(std::fs::File, std::fs::File, tempfile::TempDir)> {
    let folder = tempfile::tempdir()?;
    let path: PathBuf = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status()?.success());
    // Opened for both first, since each of the others waits for its peer.
    let _both = std::fs::File::options().read(true).write(true).open(&path)?;
    let reader = std::fs::File::open(&path)?;
    let writer = std::fs::File::options().write(true).open(&path)?;
    Ok((reader, writer, folder))
}

/// Bytes that are the same nowhere within a page or two.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i / 251 + i) as u8).collect()
}
