//! Makes a TCP connection without blocking the hub.
//!
//! A connect is the one call on a stream that has no "do not wait" flag, so the socket is born with `O_NONBLOCK`,
//! connects, and loses the flag again before anybody else can see it. In between only this function owns the fd: a kill
//! or an alarm unwinds through [`Pollable::wait_writable`], which drops the socket and thereby ends the attempt.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use socket2::{Domain, Protocol, Socket, Type};

use crate::current;
use crate::io::Pollable;
use crate::unpark::WaitReason;

/// Connects a new TCP socket to `addr`, parking until the connection is made, refused, or `deadline` passes.
///
/// The stream has the flags of one that std made: blocking and closed on exec. It comes inside its `Pollable`, so that
/// a registration that was needed to wait for the connection serves its first read too.
///
/// # Errors
/// `ErrorKind::TimedOut` after `deadline`; otherwise the error of the attempt as the OS gives it.
pub fn connect(addr: &SocketAddr, deadline: Option<Instant>) -> io::Result<Pollable<TcpStream>> {
    let socket = Socket::new(Domain::for_address(*addr), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    let started = socket.connect(&(*addr).into());
    let stream = Pollable::sole(TcpStream::from(socket));
    match started {
        Ok(()) => {}
        Err(error) if goes_on(&error) => wait_connected(&stream, deadline)?,
        Err(error) => return Err(error),
    }
    stream.configure(|stream| stream.set_nonblocking(false))?;
    // On the loopback a connection is made before anybody looks. Whoever makes many has to let those run who accept them.
    current::hub().spend_io();
    Ok(stream)
}

/// Whether the kernel goes on with the connection although the call returned. An interrupted connect does so as well.
fn goes_on(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR))
}

/// Parks until the connection of `stream` is made or has failed.
fn wait_connected(stream: &Pollable<TcpStream>, deadline: Option<Instant>) -> io::Result<()> {
    loop {
        if !stream.wait_writable(deadline, WaitReason::Connect)? {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "connection timed out"));
        }
        if let Some(error) = stream.get_ref().take_error()? {
            return Err(error);
        }
        // No error and no peer: the wake-up came before the handshake was through, so the wait goes on.
        match stream.get_ref().peer_addr() {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
            result => return result.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    #[test]
    fn a_connected_stream_is_blocking() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let stream = connect(&listener.local_addr().unwrap(), None).unwrap();
        assert!(!socket2::SockRef::from(stream.get_ref()).nonblocking().unwrap());
    }

    #[test]
    fn a_refused_connection_is_an_error() {
        let addr = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let error = connect(&addr, None).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn only_an_attempt_under_way_is_waited_for() {
        assert!(goes_on(&io::Error::from_raw_os_error(libc::EINPROGRESS)));
        assert!(goes_on(&io::Error::from_raw_os_error(libc::EINTR)));
        assert!(!goes_on(&io::Error::from_raw_os_error(libc::ECONNREFUSED)));
        assert!(!goes_on(&io::Error::new(io::ErrorKind::WouldBlock, "not from the OS")));
    }
}
