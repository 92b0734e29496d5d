//! Listening, with a backlog, and the path that a Unix listener leaves in the file system.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use green_core::kill::Shield;
use green_net::TcpListener;
use green_net::os::unix::UnixListener;
use socket2::{Domain, SockRef, Socket, Type};

/// Whether a listener on an IPv6 address also gets the clients that come by IPv4, as it does unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum V6 {
    /// As the system has it.
    Dual,
    /// It leaves the port of the IPv4 address of the same kind to somebody else.
    Only,
}

/// Listens on an IP address, with the options of std's listener.
pub(super) fn tcp(addr: SocketAddr, backlog: u32, v6: V6) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() && v6 == V6::Only {
        socket.set_only_v6(true)?;
    }
    socket.bind(&addr.into())?;
    socket.listen(clamp(backlog))?;
    Ok(std::net::TcpListener::from(socket).into())
}

/// Listens on a Unix address, and returns its path if it has one.
pub(super) fn unix(
    addr: &std::os::unix::net::SocketAddr,
    backlog: u32,
) -> io::Result<(UnixListener, Option<BoundPath>)> {
    // Before the name is taken, so that an error leaves nothing behind.
    let path = addr.as_pathname().map(std::path::absolute).transpose()?;
    let listener = std::os::unix::net::UnixListener::bind_addr(addr)?;
    let path = path.map(BoundPath::new);
    // To listen again only changes the backlog.
    SockRef::from(&listener).listen(clamp(backlog))?;
    Ok((listener.into(), path))
}

/// Returns a backlog as the system counts it, which cuts off what is more than it allows.
fn clamp(backlog: u32) -> i32 {
    i32::try_from(backlog).unwrap_or(i32::MAX)
}

/// The path that a listener was bound to. It is removed when this is dropped, unless something else is there by then.
#[derive(Debug)]
pub(super) struct BoundPath {
    path: PathBuf,
    /// Device and number of the file.
    file: Option<(u64, u64)>,
}

impl BoundPath {
    fn new(path: PathBuf) -> Self {
        let file = identity(&path);
        Self { path, file }
    }
}

impl Drop for BoundPath {
    fn drop(&mut self) {
        // A kill would leave the path where it is.
        let _shield = Shield::new();
        if self.file.is_some() && identity(&self.path) == self.file {
            // Whoever was faster has done what was to be done.
            let _ = green_fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    green_fs::symlink_metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}
