//! Plain reads and writes of descriptors of any kind, with and without a wait in the kernel.
//!
//! `RWF_NOWAIT` makes one call non-blocking, as `MSG_DONTWAIT` does for sockets. Which files know it differs: pipes
//! and regular files do (the latter for reads that the page cache can serve), sockets and most of the kernel's
//! anonymous files too, but terminals, named pipes and many devices refuse it with `EOPNOTSUPP`.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use libc::{c_int, mode_t, off_t};

use super::poll::{Direction, poll_fds};
use super::socket::MAX_BUFFERS;
use super::{check, check_len};

/// Stands for the file's own position, which moves, as in `readv`; also right for what has no position.
const OWN_POSITION: off_t = -1;

/// What a descriptor leads to, as far as waiting for it differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file, a block device, a folder: always ready, and yet a call may have to wait for the disk.
    File,
    /// A terminal, or the master of one.
    Terminal,
    /// A pipe or a named pipe: ready for writing means that there is room for `PIPE_BUF` bytes.
    Pipe,
    /// A socket, another device, an event: ready means that a call does not wait.
    Other,
}

/// How much a pipe takes whole, and has room for when it is ready.
pub(crate) const PIPE_BUF: usize = libc::PIPE_BUF;

/// Returns what `fd` leads to.
pub(crate) fn kind(fd: BorrowedFd<'_>) -> io::Result<Kind> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the kernel fills in the struct that the pointer leads to; the descriptor is open while borrowed.
    check(unsafe { libc::fstat(fd.as_raw_fd(), status.as_mut_ptr()) })?;
    // SAFETY: a successful fstat has written all of it.
    let format: mode_t = unsafe { status.assume_init() }.st_mode & libc::S_IFMT;
    Ok(match format {
        libc::S_IFREG | libc::S_IFBLK | libc::S_IFDIR => Kind::File,
        libc::S_IFCHR if terminal_settings(fd).is_some() => Kind::Terminal,
        libc::S_IFIFO => Kind::Pipe,
        _ => Kind::Other,
    })
}

/// Returns another descriptor of what `fd`, an open one, leads to.
pub(crate) fn duplicate(fd: RawFd) -> io::Result<OwnedFd> {
    // Above the standard streams, where a duplicate would be mistaken for one of them.
    const LOWEST: c_int = 3;
    // SAFETY: F_DUPFD_CLOEXEC takes a number and touches no memory of ours.
    let copy = check(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, LOWEST) })?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// Returns true if a read of this terminal does not wait for input, so that waiting for readiness would be wrong: a
/// program in the background is stopped or gets an error, and `VMIN` 0 asks for at most a short wait.
pub(crate) fn terminal_read_ends_by_itself(fd: BorrowedFd<'_>) -> bool {
    let polls = terminal_settings(fd)
        .is_some_and(|settings| settings.c_lflag & libc::ICANON == 0 && settings.c_cc[libc::VMIN] == 0);
    // SAFETY: the call takes a descriptor, which is open while borrowed, and touches no memory of ours.
    let foreground = unsafe { libc::tcgetpgrp(fd.as_raw_fd()) };
    // SAFETY: the call takes nothing and cannot fail.
    let own = unsafe { libc::getpgrp() };
    // 0 and -1: not this session's terminal, so job control does not apply.
    polls || (foreground > 0 && foreground != own)
}

fn terminal_settings(fd: BorrowedFd<'_>) -> Option<libc::termios> {
    let mut settings = MaybeUninit::<libc::termios>::uninit();
    // SAFETY: the call fills in the struct that the pointer leads to; the descriptor is open while borrowed.
    let result = unsafe { libc::tcgetattr(fd.as_raw_fd(), settings.as_mut_ptr()) };
    // SAFETY: a successful call has written all of it.
    (result == 0).then(|| unsafe { settings.assume_init() })
}

/// Returns whether a call in `direction` finds something to do now: data or room, an end or an error.
pub(crate) fn is_ready(fd: BorrowedFd<'_>, direction: Direction) -> io::Result<bool> {
    /// No second descriptor: the kernel skips negative numbers.
    const NONE: RawFd = -1;
    poll_fds(Some((fd.as_raw_fd(), direction)), NONE, Some(Duration::ZERO))
}

/// Whether a call may wait in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// `WouldBlock` instead of waiting; `Unsupported` where the kernel cannot promise that.
    NoWait,
    /// As the descriptor's own flags say.
    AsSet,
}

impl Patience {
    fn flags(self) -> c_int {
        match self {
            Patience::NoWait => libc::RWF_NOWAIT,
            Patience::AsSet => 0,
        }
    }
}

/// Reads into several buffers, of which the first `IOV_MAX` take part, as in std.
pub(crate) fn read_vectored(fd: BorrowedFd<'_>, bufs: &mut [IoSliceMut<'_>], patience: Patience) -> io::Result<usize> {
    let count = bufs.len().min(MAX_BUFFERS) as c_int;
    let bufs = bufs.as_mut_ptr().cast();
    // SAFETY: `IoSliceMut` is ABI-compatible with iovec on Unix, so the pointer leads to `count` descriptions of
    // buffers that are ours alone for the length of the call.
    check_len(unsafe { libc::preadv2(fd.as_raw_fd(), bufs, count, OWN_POSITION, patience.flags()) })
}

/// Writes from several buffers, of which the first `IOV_MAX` take part, as in std.
pub(crate) fn write_vectored(fd: BorrowedFd<'_>, bufs: &[IoSlice<'_>], patience: Patience) -> io::Result<usize> {
    let count = bufs.len().min(MAX_BUFFERS) as c_int;
    let bufs = bufs.as_ptr().cast();
    // SAFETY: `IoSlice` is ABI-compatible with iovec on Unix, so the pointer leads to `count` descriptions of buffers
    // that nobody changes during the call; the kernel only reads them.
    check_len(unsafe { libc::pwritev2(fd.as_raw_fd(), bufs, count, OWN_POSITION, patience.flags()) })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::ErrorKind;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn every_kind_is_told_from_the_others() {
        let check = |fd: &dyn AsFd, expected| assert_eq!(kind(fd.as_fd()).unwrap(), expected);
        let (reader, writer) = io::pipe().unwrap();
        check(&reader, Kind::Pipe);
        check(&writer, Kind::Pipe);
        check(&UnixStream::pair().unwrap().0, Kind::Other);
        check(&File::open("/dev/null").unwrap(), Kind::Other);
        check(&File::open("/proc/self/exe").unwrap(), Kind::File);
        check(&File::open("/").unwrap(), Kind::File);
        check(&File::open("/dev/ptmx").unwrap(), Kind::Terminal);
    }

    #[test]
    fn without_patience_nothing_waits() {
        let (reader, writer) = io::pipe().unwrap();
        let mut buf = [0; 4];
        let mut read = || read_vectored(reader.as_fd(), &mut [IoSliceMut::new(&mut buf)], Patience::NoWait);
        assert_eq!(read().unwrap_err().kind(), ErrorKind::WouldBlock);
        let write = |text: &[u8]| write_vectored(writer.as_fd(), &[IoSlice::new(text)], Patience::NoWait);
        assert_eq!(write(b"abcdef").unwrap(), 6);
        assert_eq!((read().unwrap(), read().unwrap()), (4, 2));
        assert!(write(&[0; 1 << 20]).unwrap() < 1 << 20);
        assert_eq!(write(&[0; PIPE_BUF]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(!is_ready(writer.as_fd(), Direction::Write).unwrap());
    }

    #[test]
    fn a_ready_pipe_takes_as_much_as_is_promised() {
        let (_reader, writer) = io::pipe().unwrap();
        let mut count = 0;
        while is_ready(writer.as_fd(), Direction::Write).unwrap() {
            // In the worst pieces: each leaves a page that the next does not fit into.
            let len = if count % 2 == 0 { 1 } else { PIPE_BUF };
            let buf = [0; PIPE_BUF];
            assert_eq!(write_vectored(writer.as_fd(), &[IoSlice::new(&buf[..len])], Patience::NoWait).unwrap(), len);
            count += 1;
        }
        assert!(count > 2);
    }

    #[test]
    fn a_duplicate_is_no_standard_stream() {
        let (reader, _writer) = io::pipe().unwrap();
        let copy = duplicate(reader.as_raw_fd()).unwrap();
        assert!(copy.as_raw_fd() > 2 && copy.as_raw_fd() != reader.as_raw_fd());
    }
}
