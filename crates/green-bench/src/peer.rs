//! The client's ends of connections, of every kind that a server serves.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::sys;

/// A request and its answer.
const MESSAGE: [u8; 64] = [1; 64];

/// One end of a connection.
pub(crate) trait Peer: AsRawFd + Sized {
    /// Connects to the server: a port, or a process whose path is known.
    fn open(port: u16, pid: i32) -> Self;

    /// Sends a request.
    fn ask(&mut self);

    /// Takes an answer.
    fn answer(&mut self);

    /// Closes without a trace.
    fn close(self);
}

/// A TCP connection.
#[derive(Debug)]
pub(crate) struct Tcp(TcpStream);

impl Peer for Tcp {
    fn open(port: u16, _pid: i32) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        Self(stream)
    }

    fn ask(&mut self) {
        self.0.write_all(&MESSAGE).expect("a request");
    }

    fn answer(&mut self) {
        let mut buffer = [0; MESSAGE.len()];
        self.0.read_exact(&mut buffer).expect("an answer");
        assert_eq!(buffer, MESSAGE);
    }

    /// No port stays in TIME_WAIT for the next run to trip over.
    fn close(self) {
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        let size = size_of_val(&linger) as libc::socklen_t;
        // SAFETY: pointer and size are of one `linger`, and the descriptor is open.
        let result = unsafe {
            libc::setsockopt(self.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, (&raw const linger).cast(), size)
        };
        assert_eq!(result, 0, "SO_LINGER");
    }
}

impl AsRawFd for Tcp {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// A connection of Unix stream sockets.
#[derive(Debug)]
pub(crate) struct Unix(UnixStream);

impl Peer for Unix {
    fn open(_port: u16, pid: i32) -> Self {
        Self(UnixStream::connect(sys::socket_of(pid as u32)).expect("a connection"))
    }

    fn ask(&mut self) {
        self.0.write_all(&MESSAGE).expect("a request");
    }

    fn answer(&mut self) {
        let mut buffer = [0; MESSAGE.len()];
        self.0.read_exact(&mut buffer).expect("an answer");
        assert_eq!(buffer, MESSAGE);
    }

    fn close(self) {}
}

impl AsRawFd for Unix {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// A datagram socket with one address to talk to.
#[derive(Debug)]
pub(crate) struct Udp(UdpSocket);

impl Peer for Udp {
    fn open(port: u16, _pid: i32) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).expect("an address");
        // Loopback loses nothing while buffers hold what is under way; if it did, the run should say so and not hang.
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
        Self(socket)
    }

    fn ask(&mut self) {
        assert_eq!(self.0.send(&MESSAGE).expect("a request"), MESSAGE.len());
    }

    fn answer(&mut self) {
        let mut buffer = [0; MESSAGE.len()];
        let count = self.0.recv(&mut buffer).expect("an answer");
        assert_eq!(buffer[..count], MESSAGE);
    }

    fn close(self) {}
}

impl AsRawFd for Udp {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
