//! What can be turned into socket addresses, and trying each of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::{io, iter, option, slice, vec};

use crate::resolve::lookup;

/// A value that stands for one or more socket addresses.
///
/// Corresponds to [`std::net::ToSocketAddrs`], with its implementations.
///
/// # Differences
///
/// A host name parks the calling green thread, while a thread outside the hubs asks the C library. Green threads that
/// ask for the same name at the same time share one answer.
///
/// # Examples
///
/// ```
/// use green_net::{SocketAddr, ToSocketAddrs};
///
/// # fn main() -> std::io::Result<()> {
/// let mut addrs = "127.0.0.1:80".to_socket_addrs()?;
/// assert_eq!(addrs.next(), Some(SocketAddr::from(([127, 0, 0, 1], 80))));
///
/// let mut addrs = ("localhost", 80).to_socket_addrs()?;
/// assert!(addrs.all(|addr| addr.ip().is_loopback() && addr.port() == 80));
/// # Ok(())
/// # }
/// ```
pub trait ToSocketAddrs {
    /// The addresses, one after the other.
    type Iter: Iterator<Item = SocketAddr>;

    /// Returns the addresses that this value stands for, which may be none.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if a string is not of the form `host:port`; the resolver's error if the host is not found.
    fn to_socket_addrs(&self) -> io::Result<Self::Iter>;
}

impl ToSocketAddrs for SocketAddr {
    type Iter = option::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        Ok(Some(*self).into_iter())
    }
}

impl ToSocketAddrs for SocketAddrV4 {
    type Iter = option::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        SocketAddr::V4(*self).to_socket_addrs()
    }
}

impl ToSocketAddrs for SocketAddrV6 {
    type Iter = option::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        SocketAddr::V6(*self).to_socket_addrs()
    }
}

impl ToSocketAddrs for (IpAddr, u16) {
    type Iter = option::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        SocketAddr::from(*self).to_socket_addrs()
    }
}

impl ToSocketAddrs for (Ipv4Addr, u16) {
    type Iter = option::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        SocketAddr::from(*self).to_socket_addrs()
    }
}

impl ToSocketAddrs for (Ipv6Addr, u16) {
    type Iter = option::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        SocketAddr::from(*self).to_socket_addrs()
    }
}

impl ToSocketAddrs for (&str, u16) {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        let (host, port) = *self;
        match host.parse::<IpAddr>() {
            Ok(ip) => Ok(vec![SocketAddr::new(ip, port)].into_iter()),
            Err(_) => lookup(host, port, None).map(Vec::into_iter),
        }
    }
}

impl ToSocketAddrs for (String, u16) {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        (self.0.as_str(), self.1).to_socket_addrs()
    }
}

impl ToSocketAddrs for str {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        if let Ok(addr) = self.parse() {
            return Ok(vec![addr].into_iter());
        }
        let (host, port) = self.rsplit_once(':').ok_or_else(|| invalid("invalid socket address"))?;
        let port = port.parse().map_err(|_| invalid("invalid port value"))?;
        lookup(host, port, None).map(Vec::into_iter)
    }
}

impl ToSocketAddrs for String {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        self.as_str().to_socket_addrs()
    }
}

impl<'a> ToSocketAddrs for &'a [SocketAddr] {
    type Iter = iter::Cloned<slice::Iter<'a, SocketAddr>>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        Ok(self.iter().cloned())
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {
    type Iter = T::Iter;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        (**self).to_socket_addrs()
    }
}

/// Returns what `attempt` makes of the first address that it succeeds with, or else its last error.
pub(crate) fn first_success<T>(
    addr: impl ToSocketAddrs,
    attempt: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = None;
    for result in addr.to_socket_addrs()?.map(attempt) {
        match result {
            Ok(value) => return Ok(value),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| invalid("could not resolve to any addresses")))
}

pub(crate) fn invalid(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks that `value` comes to the same here and in std.
    fn check<T: ToSocketAddrs + std::net::ToSocketAddrs + ?Sized>(value: &T) {
        let ours = ToSocketAddrs::to_socket_addrs(value).map(Vec::from_iter);
        let stds = std::net::ToSocketAddrs::to_socket_addrs(value).map(Vec::from_iter);
        match (ours, stds) {
            (Ok(ours), Ok(stds)) => assert_eq!(ours, stds),
            (Err(ours), Err(stds)) => {
                assert_eq!(ours.kind(), stds.kind());
                assert_eq!(ours.raw_os_error(), stds.raw_os_error());
                assert_eq!(ours.to_string(), stds.to_string());
            }
            (ours, stds) => panic!("{ours:?} here, {stds:?} in std"),
        }
    }

    #[test]
    fn all_forms_come_to_the_same_as_in_std() {
        let v4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80);
        let v6 = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 7, 9);
        check(&v4);
        check(&v6);
        check(&SocketAddr::V6(v6));
        check(&(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 1));
        check(&(Ipv4Addr::LOCALHOST, 1));
        check(&(Ipv6Addr::LOCALHOST, 1));
        check(&&[SocketAddr::V4(v4), SocketAddr::V6(v6)][..]);
        check(&&[][..]);
        check(&&&v4);
    }

    #[test]
    fn all_strings_come_to_the_same_as_in_std() {
        for text in
            ["127.0.0.1:1", "[::1]:2", "::1:3", "localhost:4", "localhost", "localhost:", ":", ":5", "", "a:65536"]
        {
            check(text);
            check(&text.to_owned());
        }
        for host in ["127.0.0.1", "::1", "localhost", "", "nul\0byte", "127.1"] {
            check(&(host, 8));
            check(&(host.to_owned(), 8));
        }
    }

    #[test]
    fn no_address_is_an_error_and_the_last_error_wins() {
        let none: &[SocketAddr] = &[];
        let error = first_success(none, |_| Ok(())).unwrap_err();
        let stds = std::net::TcpStream::connect(none).unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (stds.kind(), stds.to_string()));

        let two = [SocketAddr::from(([127, 0, 0, 1], 1)), SocketAddr::from(([127, 0, 0, 1], 2))];
        let fail = |addr: SocketAddr| -> io::Result<()> { Err(io::Error::from_raw_os_error(addr.port().into())) };
        assert_eq!(first_success(&two[..], fail).unwrap_err().raw_os_error(), Some(2));
        let second = |addr: SocketAddr| if addr.port() == 2 { Ok(addr) } else { Err(io::ErrorKind::Other.into()) };
        assert_eq!(first_success(&two[..], second).unwrap(), two[1]);
    }
}
