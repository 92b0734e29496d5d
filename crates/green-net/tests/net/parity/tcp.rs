// What holds for std's sockets and for ours alike; `rt` is the one or the other.

use std::error::Error;
use std::fmt::Debug;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::iter::FusedIterator;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use rt::net::{Incoming, Shutdown, TcpListener, TcpStream, ToSocketAddrs};

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

#[test]
fn traits_are_implemented() {
    fn socket<T>()
    where
        T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + Debug,
        T: AsFd + AsRawFd + FromRawFd + IntoRawFd + From<OwnedFd> + Into<OwnedFd>,
    {
    }
    fn stream<T: Read + Write>() {}
    fn iterator<'a, T>()
    where
        T: FusedIterator<Item = io::Result<TcpStream>> + Debug,
        T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + 'a,
    {
    }
    fn address<T: ToSocketAddrs + ?Sized>() {}
    socket::<TcpListener>();
    socket::<TcpStream>();
    stream::<TcpStream>();
    stream::<&TcpStream>();
    iterator::<Incoming<'_>>();
    address::<SocketAddr>();
    address::<std::net::SocketAddrV4>();
    address::<std::net::SocketAddrV6>();
    address::<(std::net::IpAddr, u16)>();
    address::<(std::net::Ipv4Addr, u16)>();
    address::<(std::net::Ipv6Addr, u16)>();
    address::<(&str, u16)>();
    address::<(String, u16)>();
    address::<str>();
    address::<&&str>();
    address::<String>();
    address::<&[SocketAddr]>();
}

#[test]
fn signatures_are_the_same() {
    type R<T> = io::Result<T>;
    let _: fn(SocketAddr) -> R<TcpListener> = TcpListener::bind;
    let _: fn(&TcpListener) -> R<SocketAddr> = TcpListener::local_addr;
    let _: fn(&TcpListener) -> R<TcpListener> = TcpListener::try_clone;
    let _: fn(&TcpListener) -> R<(TcpStream, SocketAddr)> = TcpListener::accept;
    let _: for<'a> fn(&'a TcpListener) -> Incoming<'a> = TcpListener::incoming;
    let _: fn(&TcpListener, u32) -> R<()> = TcpListener::set_ttl;
    let _: fn(&TcpListener) -> R<u32> = TcpListener::ttl;
    let _: fn(&TcpListener) -> R<Option<io::Error>> = TcpListener::take_error;
    let _: fn(&TcpListener, bool) -> R<()> = TcpListener::set_nonblocking;
    #[expect(deprecated, reason = "deprecated in std as well")]
    let _: fn(&TcpListener, bool) -> R<()> = TcpListener::set_only_v6;
    #[expect(deprecated, reason = "deprecated in std as well")]
    let _: fn(&TcpListener) -> R<bool> = TcpListener::only_v6;
    let _: fn(SocketAddr) -> R<TcpStream> = TcpStream::connect;
    let _: fn(&SocketAddr, Duration) -> R<TcpStream> = TcpStream::connect_timeout;
    let _: fn(&TcpStream) -> R<SocketAddr> = TcpStream::peer_addr;
    let _: fn(&TcpStream) -> R<SocketAddr> = TcpStream::local_addr;
    let _: fn(&TcpStream, Shutdown) -> R<()> = TcpStream::shutdown;
    let _: fn(&TcpStream) -> R<TcpStream> = TcpStream::try_clone;
    let _: fn(&TcpStream, Option<Duration>) -> R<()> = TcpStream::set_read_timeout;
    let _: fn(&TcpStream, Option<Duration>) -> R<()> = TcpStream::set_write_timeout;
    let _: fn(&TcpStream) -> R<Option<Duration>> = TcpStream::read_timeout;
    let _: fn(&TcpStream) -> R<Option<Duration>> = TcpStream::write_timeout;
    let _: fn(&TcpStream, &mut [u8]) -> R<usize> = TcpStream::peek;
    let _: fn(&TcpStream, bool) -> R<()> = TcpStream::set_nodelay;
    let _: fn(&TcpStream) -> R<bool> = TcpStream::nodelay;
    let _: fn(&TcpStream, u32) -> R<()> = TcpStream::set_ttl;
    let _: fn(&TcpStream) -> R<u32> = TcpStream::ttl;
    let _: fn(&TcpStream) -> R<Option<io::Error>> = TcpStream::take_error;
    let _: fn(&TcpStream, bool) -> R<()> = TcpStream::set_nonblocking;
}

#[test]
fn options_are_the_sockets_own() -> Result<(), Box<dyn Error>> {
    let (client, _server) = pair();
    let clone = client.try_clone()?;
    client.set_nodelay(true)?;
    assert!(clone.nodelay()?);
    client.set_ttl(77)?;
    assert_eq!(clone.ttl()?, 77);
    let timeout = Some(Duration::from_millis(1234));
    client.set_write_timeout(timeout)?;
    client.set_read_timeout(timeout)?;
    assert!(clone.write_timeout()? >= timeout && clone.read_timeout()? >= timeout);
    assert!(clone.take_error()?.is_none());
    Ok(())
}

#[test]
fn nothing_to_read_into_waits_for_data_all_the_same() {
    let (mut client, mut server) = pair();
    server.set_nonblocking(true).unwrap();
    assert_eq!(server.read(&mut []).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(server.peek(&mut []).unwrap_err().kind(), ErrorKind::WouldBlock);
    // Vectored, the kernel does not even look.
    assert_eq!(server.read_vectored(&mut []).unwrap(), 0);
    assert_eq!(server.read_vectored(&mut [IoSliceMut::new(&mut [])]).unwrap(), 0);
    server.set_nonblocking(false).unwrap();
    client.write_all(b"x").unwrap();
    assert_eq!(server.read(&mut []).unwrap(), 0);
    assert_eq!(server.peek(&mut []).unwrap(), 0);
    assert_eq!(server.read(&mut [0; 8]).unwrap(), 1);
}

#[test]
fn nothing_to_write_is_written_at_once() {
    let (mut client, _server) = pair();
    assert_eq!(client.write(&[]).unwrap(), 0);
    assert_eq!(client.write_vectored(&[]).unwrap(), 0);
    assert_eq!(client.write_vectored(&[IoSlice::new(&[])]).unwrap(), 0);
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.write(&[]).unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(client.write_vectored(&[IoSlice::new(&[])]).unwrap(), 0);
    client.flush().unwrap();
}

#[test]
fn a_nonblocking_write_says_how_much_it_took() {
    let (_client, mut server) = pair();
    server.set_nonblocking(true).unwrap();
    let data = vec![0; 64 << 20];
    let n = server.write(&data).unwrap();
    assert!((1..data.len()).contains(&n));
    let error = std::iter::repeat_with(|| server.write(&data)).find_map(Result::err).unwrap();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[test]
fn debug_output_names_addresses_and_descriptor() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let text = format!("TcpListener {{ addr: {addr}, fd: {} }}", listener.as_raw_fd());
    assert_eq!(format!("{listener:?}"), text);
    assert_eq!(format!("{:?}", listener.incoming()), format!("Incoming {{ listener: {text} }}"));
    let client = TcpStream::connect(addr).unwrap();
    let local = client.local_addr().unwrap();
    let text = format!("TcpStream {{ addr: {local}, peer: {addr}, fd: {} }}", client.as_raw_fd());
    assert_eq!(format!("{client:?}"), text);
}

// Eventlet's `test_shutdown_safe`: an error, perhaps, that can be left alone, and no more.
#[test]
fn shutting_down_twice_or_too_late_is_the_same_error() {
    let (client, server) = pair();
    client.shutdown(Shutdown::Both).unwrap();
    drop(server);
    client.shutdown(Shutdown::Read).map_or_else(|error| assert_eq!(error.kind(), ErrorKind::NotConnected), drop);
    assert_eq!((&client).read(&mut [0; 1]).unwrap(), 0);
}
