//! Messages with descriptors beside their data, between Unix sockets; like those in `socket.rs`, these calls never block.
//!
//! Beside the data lie *control messages*. One is a header (its length as a `usize`, then level and type as an `int`
//! each) and what belongs to it, and the next begins at a multiple of `usize`. They are written and read here as the
//! bytes that they are, so that no pointer has to be believed.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use libc::c_int;

use super::check_len;
use super::socket::{MAX_BUFFERS, empty_message};

/// The most descriptors that the kernel takes with one message, `SCM_MAX_FD`, which is part of its ABI.
const MOST: usize = 253;

const LEVEL: usize = size_of::<usize>();
const TYPE: usize = LEVEL + size_of::<c_int>();
/// Where a control message's own bytes begin, which is a multiple of `usize` already.
const DATA: usize = TYPE + size_of::<c_int>();

/// Room for as many descriptors as can come, and for what else a user may have asked to be told (who the sender is).
const ROOM: usize = DATA + (MOST + 1) * size_of::<RawFd>() + 256;

/// What brings a descriptor of the sender's process to a user who has set `SO_PASSPIDFD` (Linux 6.5), `SCM_PIDFD`, which is part
/// of the kernel's ABI. libc has no name for it yet.
const PIDFD: Option<c_int> = if cfg!(any(target_os = "linux", target_os = "android")) { Some(4) } else { None };

/// Control messages, where the kernel wants them to begin.
#[repr(C, align(8))]
struct Control([u8; ROOM]);

/// Receives what is there into several buffers, and the descriptors that came with it into `fds`, closed on exec; or
/// returns `WouldBlock`. Also returns whether descriptors were lost because this process cannot have more.
pub(crate) fn recv_with_fds(
    fd: BorrowedFd<'_>,
    bufs: &mut [IoSliceMut<'_>],
    fds: &mut Vec<OwnedFd>,
) -> io::Result<(usize, bool)> {
    let mut control = Control([0; ROOM]);
    let mut message = empty_message();
    message.msg_iov = bufs.as_mut_ptr().cast();
    message.msg_iovlen = bufs.len().min(MAX_BUFFERS) as _;
    message.msg_control = (&raw mut control.0).cast();
    message.msg_controllen = ROOM as _;
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: `IoSliceMut` is ABI-compatible with iovec on Unix, so the message describes `msg_iovlen` buffers and
    // `msg_controllen` bytes of control data, all of them ours alone for the length of the call, as is the message.
    let count = check_len(unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, flags) })?;
    let filled = message.msg_controllen.min(ROOM);
    for (kind, number) in descriptors(&control.0[..filled]) {
        // SAFETY: the kernel has just opened this descriptor for us, and nobody else knows its number.
        let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
        if kind == libc::SCM_RIGHTS {
            fds.push(descriptor);
        }
        // That of a process has nobody to go to here, and is closed.
    }
    Ok((count, message.msg_flags & libc::MSG_CTRUNC != 0))
}

/// Sends as much of several buffers as there is room for, and `fds` with its first byte; or returns `WouldBlock`.
pub(crate) fn send_with_fds(fd: BorrowedFd<'_>, bufs: &[IoSlice<'_>], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut control = Control([0; ROOM]);
    let mut message = empty_message();
    message.msg_iov = bufs.as_ptr().cast_mut().cast();
    message.msg_iovlen = bufs.len().min(MAX_BUFFERS) as _;
    if !fds.is_empty() {
        message.msg_control = (&raw mut control.0).cast();
        message.msg_controllen = put_descriptors(&mut control.0, fds)? as _;
    }
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: `IoSlice` is ABI-compatible with iovec on Unix, so the message describes `msg_iovlen` buffers and
    // `msg_controllen` bytes of `control`, which nobody changes during the call and which the kernel only reads.
    check_len(unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const message, flags) })
}

/// Writes the control message that passes `fds`, and returns its length.
fn put_descriptors(control: &mut [u8; ROOM], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    if fds.len() > MOST {
        let message = "more descriptors than one message can carry";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let len = DATA + size_of_val(fds);
    control[..LEVEL].copy_from_slice(&len.to_ne_bytes());
    control[LEVEL..TYPE].copy_from_slice(&libc::SOL_SOCKET.to_ne_bytes());
    control[TYPE..DATA].copy_from_slice(&libc::SCM_RIGHTS.to_ne_bytes());
    for (place, fd) in control[DATA..].chunks_exact_mut(size_of::<RawFd>()).zip(fds) {
        place.copy_from_slice(&fd.as_raw_fd().to_ne_bytes());
    }
    Ok(len.next_multiple_of(LEVEL))
}

/// Returns the numbers of the descriptors in what the kernel has written, each with the type of its message.
fn descriptors(mut control: &[u8]) -> Vec<(c_int, RawFd)> {
    let mut found = Vec::new();
    while let (Some(len), Some(level), Some(kind)) =
        (first_number(control), first_int(control, LEVEL), first_int(control, TYPE))
    {
        let Some(data) = control.get(DATA..len) else { break };
        if level == libc::SOL_SOCKET && (kind == libc::SCM_RIGHTS || Some(kind) == PIDFD) {
            let ints = data.as_chunks().0.iter().map(|bytes| RawFd::from_ne_bytes(*bytes));
            // In the place of a process that is gone there is an error's number.
            found.extend(ints.filter(|number| *number >= 0).map(|number| (kind, number)));
        }
        control = control.get(len.next_multiple_of(LEVEL)..).unwrap_or(&[]);
    }
    found
}

fn first_number(bytes: &[u8]) -> Option<usize> {
    bytes.first_chunk().map(|bytes| usize::from_ne_bytes(*bytes))
}

fn first_int(bytes: &[u8], at: usize) -> Option<c_int> {
    bytes.get(at..)?.first_chunk().map(|bytes| c_int::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let file = std::fs::File::open("/dev/null").unwrap();
        for count in [1, 2, 3, MOST] {
            let mut control = [0; ROOM];
            let len = put_descriptors(&mut control, &vec![file.as_fd(); count]).unwrap();
            assert_eq!(descriptors(&control[..len]), vec![(libc::SCM_RIGHTS, file.as_raw_fd()); count]);
        }
        assert!(put_descriptors(&mut [0; ROOM], &vec![file.as_fd(); MOST + 1]).is_err());
    }

    #[test]
    fn what_is_cut_off_or_of_another_kind_is_passed_over() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let mut control = [0; ROOM];
        let len = put_descriptors(&mut control, &[file.as_fd()]).unwrap();
        for cut in 0..DATA + size_of::<RawFd>() {
            assert!(descriptors(&control[..cut]).is_empty(), "{cut}");
        }
        control[TYPE] = 77;
        assert!(descriptors(&control[..len]).is_empty());
        // A second message behind the strange one.
        let mut second = [0; ROOM];
        let more = put_descriptors(&mut second, &[file.as_fd()]).unwrap();
        control[len..len + more].copy_from_slice(&second[..more]);
        assert_eq!(descriptors(&control[..len + more]), [(libc::SCM_RIGHTS, file.as_raw_fd())]);
    }

    /// Returns how many descriptors of processes this one has; nothing else in these tests makes any.
    fn count_pidfds() -> usize {
        let entries = std::fs::read_dir("/proc/self/fd").unwrap();
        let targets = entries.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
        targets.filter(|target| target.to_string_lossy().contains("pidfd")).count()
    }

    /// `SO_PASSPIDFD` is for the user to set; what comes of it is not to pile up.
    #[test]
    fn a_descriptor_of_the_sender_s_process_is_closed() {
        let (near, far) = UnixDatagram::pair().unwrap();
        let on: c_int = 1;
        let size = size_of_val(&on) as libc::socklen_t;
        // SAFETY: the option's value is an int, which `on` is, and of which `size` is the size.
        let result = unsafe {
            libc::setsockopt(far.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PASSPIDFD, (&raw const on).cast(), size)
        };
        if result != 0 {
            assert_eq!(io::Error::last_os_error().raw_os_error(), Some(libc::ENOPROTOOPT), "Linux 6.5 has it");
            return;
        }
        let file = std::fs::File::open("/dev/null").unwrap();
        for sent in [0, 1, MOST] {
            let sent = vec![file.as_fd(); sent];
            send_with_fds(near.as_fd(), &[IoSlice::new(b"x")], &sent).unwrap();
            let (mut byte, mut fds) = ([0], Vec::new());
            let received = recv_with_fds(far.as_fd(), &mut [IoSliceMut::new(&mut byte)], &mut fds).unwrap();
            assert_eq!((received, fds.len()), ((1, false), sent.len()));
            assert_eq!(count_pidfds(), 0);
        }
    }
}
