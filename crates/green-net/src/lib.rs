//! `std::net` on green threads.
//!
//! The types here have the names, signatures and behaviour of std's, with one difference: where std's would block the
//! OS thread, these park the calling green thread, and its hub runs another one meanwhile. They work on a plain OS
//! thread too.
//!
//! What does not block is std's own: addresses and [`Shutdown`] are re-exported, so values flow freely between std and
//! here, and sockets convert into std's and back.
//!
//! A name that must be looked up is resolved by the C library, as in std, but on a thread of its own: see
//! [`ToSocketAddrs`], and [`resolve`] for timeouts and for resolvers of your own.
//!
//! Unix sockets and what only Linux has are in [`os`]; servers with a limit and an orderly end in [`mod@serve`].
//!
//! # Examples
//!
//! ```
//! use std::io::{self, Read, Write};
//!
//! use green_net::{Shutdown, TcpListener, TcpStream};
//!
//! fn main() -> io::Result<()> {
//!     let listener = TcpListener::bind("127.0.0.1:0")?;
//!     let addr = listener.local_addr()?;
//!
//!     let echo = green_thread::spawn(move || -> io::Result<()> {
//!         let (mut stream, _) = listener.accept()?;
//!         io::copy(&mut stream.try_clone()?, &mut stream)?;
//!         Ok(())
//!     });
//!
//!     let mut stream = TcpStream::connect(addr)?;
//!     stream.write_all(b"hello")?;
//!     stream.shutdown(Shutdown::Write)?;
//!     let mut answer = String::new();
//!     stream.read_to_string(&mut answer)?;
//!     assert_eq!(answer, "hello");
//!     echo.join().unwrap()
//! }
//! ```

mod addr;
#[expect(unsafe_code, reason = "`FromRawFd` is an unsafe trait method")]
mod fd;
pub mod os;
pub mod resolve;
pub mod serve;
mod tcp;
mod udp;
mod unix;

pub use addr::ToSocketAddrs;
pub use serve::serve;
// These never block, so they are std's own.
pub use std::net::{AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6};
pub use tcp::{Incoming, TcpListener, TcpStream};
pub use udp::UdpSocket;
