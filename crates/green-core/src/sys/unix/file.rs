//! Files without a wait for the disk: opens that the kernel's caches can serve, reads from the page cache.

use std::ffi::CStr;
use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use libc::{c_int, c_void, iovec, off_t};

use super::{check, check_len};

/// Stands for the file's own position, which moves.
const OWN_POSITION: off_t = -1;

/// Reads what the page cache has, at `offset` or at the file's own position, which moves on.
///
/// The count may be short at any page that the cache does not have. The error says that nothing can be had this way;
/// only a call that may wait knows why.
pub(crate) fn read_cached(fd: BorrowedFd<'_>, buf: &mut [u8], offset: Option<u64>) -> io::Result<usize> {
    // SAFETY: the whole slice is ours alone for the length of the call.
    unsafe { read_cached_to(fd, buf.as_mut_ptr().cast(), buf.len(), offset) }
}

/// Appends what the page cache has at the file's own position, as far as `buf` has room and at most `most` bytes.
pub(crate) fn append_cached(fd: BorrowedFd<'_>, buf: &mut Vec<u8>, most: usize) -> io::Result<usize> {
    let spare = buf.spare_capacity_mut();
    let len = spare.len().min(most);
    // SAFETY: the spare capacity is ours alone for the length of the call, and nobody reads it as it is.
    let count = unsafe { read_cached_to(fd, spare.as_mut_ptr().cast(), len, None) }?;
    let len = buf.len() + count;
    // SAFETY: the kernel has initialised `count` bytes from the old length on, within the capacity.
    unsafe { buf.set_len(len) };
    Ok(count)
}

/// Reads as [`read_cached`] does.
///
/// # Safety
///
/// `start` leads to `len` bytes that the kernel may write to during the call.
unsafe fn read_cached_to(fd: BorrowedFd<'_>, start: *mut c_void, len: usize, offset: Option<u64>) -> io::Result<usize> {
    let offset = match offset {
        None => OWN_POSITION,
        // Not as far as where a cast would make it the file's own position.
        Some(offset) => off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?,
    };
    let buf = iovec { iov_base: start, iov_len: len };
    // SAFETY: the one buffer is what the caller vouches for.
    check_len(unsafe { libc::preadv2(fd.as_raw_fd(), &raw const buf, 1, offset, libc::RWF_NOWAIT) })
}

/// How an open from the caches is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Only to ask about what the path leads to; without a side effect, whatever that is.
    Ask,
    /// As `Ask`, about a symbolic link itself.
    AskOfLink,
    /// For reading. The descriptor has `O_NONBLOCK`, so that not even a lease of the file is waited for.
    Read,
}

/// Opens `path` if no look at a disk is needed to find it; otherwise the error is `WouldBlock`, or says that the
/// kernel has no such call (it came with Linux 5.12).
pub(crate) fn open_cached(path: &CStr, opening: Opening) -> io::Result<OwnedFd> {
    let flags = match opening {
        Opening::Ask => libc::O_PATH,
        Opening::AskOfLink => libc::O_PATH | libc::O_NOFOLLOW,
        Opening::Read => libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY,
    };
    // SAFETY: an open_how is three numbers, for which zero means nothing special.
    let mut how: libc::open_how = unsafe { mem::zeroed() };
    how.flags = (flags | libc::O_CLOEXEC) as u64;
    how.resolve = libc::RESOLVE_CACHED;
    // SAFETY: the path ends with a zero byte, and the kernel reads as many bytes of `how` as it is told.
    let fd = unsafe {
        libc::syscall(libc::SYS_openat2, libc::AT_FDCWD, path.as_ptr(), &raw const how, size_of::<libc::open_how>())
    };
    let fd = check(fd as c_int)?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// What a descriptor leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A regular file.
    Regular,
    /// A folder.
    Directory,
    /// A block device, or a symbolic link itself.
    Other,
    /// What is read from and written to as it comes: a pipe, a terminal or another character device, a socket.
    Stream,
}

/// What the kernel knows about a file without asking anybody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inspection {
    pub(crate) shape: Shape,
    pub(crate) size: u64,
    /// A number that no other file system has had or will have; `None` if the kernel has none to offer.
    pub(crate) mount: Option<u64>,
}

/// Returns what the kernel knows about a file without asking a disk or a server.
pub(crate) fn inspect(fd: BorrowedFd<'_>) -> io::Result<Inspection> {
    const WANTED: libc::c_uint = libc::STATX_TYPE | libc::STATX_SIZE | libc::STATX_MNT_ID_UNIQUE;
    let mut status = MaybeUninit::<libc::statx>::zeroed();
    let flags = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC;
    // SAFETY: the path is an empty string and the kernel fills in the struct that the pointer leads to.
    let result = unsafe { libc::statx(fd.as_raw_fd(), c"".as_ptr(), flags, WANTED, status.as_mut_ptr()) };
    check(result)?;
    // SAFETY: it is made of numbers, was all zeroes, and the kernel has written some of it.
    let status = unsafe { status.assume_init() };
    let shape = match libc::mode_t::from(status.stx_mode) & libc::S_IFMT {
        libc::S_IFREG => Shape::Regular,
        libc::S_IFDIR => Shape::Directory,
        libc::S_IFBLK | libc::S_IFLNK => Shape::Other,
        _ => Shape::Stream,
    };
    // Linux 6.8 numbers mounts for good. Before that, the numbers of disks have to do; those of file systems
    // without a disk are used again for others.
    let mount = if status.stx_mask & libc::STATX_MNT_ID_UNIQUE != 0 {
        Some(status.stx_mnt_id)
    } else if status.stx_dev_major != 0 {
        Some(u64::from(status.stx_dev_major) << 32 | u64::from(status.stx_dev_minor))
    } else {
        None
    };
    Ok(Inspection { shape, size: status.stx_size, mount })
}

/// Who is asked when a file is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filesystem {
    /// Nobody: its files are memory, or have no contents of their own.
    Memory,
    /// A disk of this machine, by a driver in the kernel that says beforehand if it would have to wait.
    Disk,
    /// Perhaps a server, or a program of this machine.
    Other,
}

/// Returns what kind of file system a descriptor's file is on. It may have to ask a server.
pub(crate) fn filesystem(fd: BorrowedFd<'_>) -> io::Result<Filesystem> {
    // What libc does not name.
    const RAMFS: libc::c_long = 0x8584_58f6;
    const PIPEFS: libc::c_long = 0x5049_5045;
    const SOCKFS: libc::c_long = 0x534f_434b;
    const ANON_INODES: libc::c_long = 0x0904_1934;
    const DEVPTS: libc::c_long = 0x1cd1;
    const SQUASHFS: libc::c_long = 0x7371_7368;
    const EROFS: libc::c_long = 0xe0f5_e1e2;
    let mut status = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the kernel fills in the struct that the pointer leads to.
    check(unsafe { libc::fstatfs(fd.as_raw_fd(), status.as_mut_ptr()) })?;
    // SAFETY: a successful fstatfs has written all of it.
    let status = unsafe { status.assume_init() };
    Ok(match status.f_type as libc::c_long {
        libc::TMPFS_MAGIC | RAMFS => Filesystem::Memory,
        PIPEFS | SOCKFS | DEVPTS | ANON_INODES => Filesystem::Memory,
        // The number is that of ext2 and ext3 too.
        libc::EXT4_SUPER_MAGIC | libc::XFS_SUPER_MAGIC | libc::BTRFS_SUPER_MAGIC | libc::F2FS_SUPER_MAGIC => {
            Filesystem::Disk
        }
        // Nearly always above one of these, in a container.
        libc::OVERLAYFS_SUPER_MAGIC | SQUASHFS | EROFS => Filesystem::Disk,
        _ => Filesystem::Other,
    })
}
