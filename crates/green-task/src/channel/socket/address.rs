//! Where sockets are: addresses of all families, and what stands for some.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::SocketAddr as UnixAddr;
use std::path::{Path, PathBuf};
use std::{fmt, str};

use green_net::ToSocketAddrs;

/// The address of a socket of any family.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Address {
    /// An IP address and a port.
    Inet(SocketAddr),
    /// A path, an abstract name, or nothing at all.
    Unix(UnixAddr),
}

impl Address {
    /// Returns the path, if it is that of a Unix socket.
    pub fn as_path(&self) -> Option<&Path> {
        match self {
            Self::Inet(_) => None,
            Self::Unix(addr) => addr.as_pathname(),
        }
    }

    /// Returns the IP address and the port, if it has some.
    pub fn as_inet(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(addr) => Some(*addr),
            Self::Unix(_) => None,
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Self {
        Self::Inet(addr)
    }
}

impl From<UnixAddr> for Address {
    fn from(addr: UnixAddr) -> Self {
        Self::Unix(addr)
    }
}

/// Writes it as [`ToAddresses`] reads it, as far as it can be written as text.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(addr) => addr.fmt(f),
            Self::Unix(addr) => match (addr.as_pathname(), addr.as_abstract_name()) {
                (Some(path), _) => write!(f, "unix:{}", path.display()),
                (None, Some(name)) => write!(f, "unix:@{}", name.escape_ascii()),
                (None, None) => f.write_str("unix:"),
            },
        }
    }
}

/// What stands for any number of addresses.
///
/// | what | addresses |
/// |---|---|
/// | text with `unix:` before a path | that path |
/// | text with `unix:@` before a name | that name in Linux's abstract namespace |
/// | any other text, `"host:port"`, `("host", port)` | those that the name resolves to, as [`ToSocketAddrs`] does it |
/// | `SocketAddr`, `(IpAddr, port)`, [`Address`], a Unix socket's address, slices of `SocketAddr` and `Address` | those |
/// | `Path` and `PathBuf` | that path |
///
/// # Examples
///
/// ```
/// use green_task::channel::ToAddresses;
///
/// # fn main() -> std::io::Result<()> {
/// let addresses = "127.0.0.1:80".to_addresses()?;
/// assert_eq!(addresses[0].as_inet(), Some(([127, 0, 0, 1], 80).into()));
/// let addresses = "unix:/run/socket".to_addresses()?;
/// assert_eq!(addresses[0].to_string(), "unix:/run/socket");
/// # Ok(())
/// # }
/// ```
pub trait ToAddresses {
    /// Returns the addresses. It parks while a name is looked up.
    ///
    /// # Errors
    ///
    /// That of the lookup; `InvalidInput` for what is no address.
    fn to_addresses(&self) -> io::Result<Vec<Address>>;
}

fn resolve<A: ToSocketAddrs + ?Sized>(addr: &A) -> io::Result<Vec<Address>> {
    Ok(addr.to_socket_addrs()?.map(Address::from).collect())
}

impl ToAddresses for str {
    fn to_addresses(&self) -> io::Result<Vec<Address>> {
        match self.strip_prefix("unix:") {
            None => resolve(self),
            Some(path) => match path.strip_prefix('@') {
                None => Path::new(path).to_addresses(),
                Some(name) => Ok(vec![UnixAddr::from_abstract_name(name)?.into()]),
            },
        }
    }
}

impl ToAddresses for String {
    fn to_addresses(&self) -> io::Result<Vec<Address>> {
        self.as_str().to_addresses()
    }
}

impl ToAddresses for (&str, u16) {
    fn to_addresses(&self) -> io::Result<Vec<Address>> {
        resolve(self)
    }
}

impl ToAddresses for (IpAddr, u16) {
    fn to_addresses(&self) -> io::Result<Vec<Address>> {
        resolve(self)
    }
}

impl ToAddresses for SocketAddr {
    fn to_addresses(&self) -> io::Result<Vec<Address>> {
        Ok(vec![(*self).into()])
    }
}

impl ToAddresses for UnixAddr {
    fn to_addresses(&self) -> io::Result<Vec<Address>> {
        Ok(vec![self.clone().into()])
    }
}

impl ToAddresses for Address {
    fn to_addresses(&self) -> io::Result<Vec<Address>> {
        Ok(vec![self.clone()])
    }
}

impl ToAddresses for [SocketAddr] {
    fn to_addresses(&self) -> io::Result<Vec<Address>> {
        Ok(self.iter().copied().map(Address::from).collect())
    }
}

impl ToAddresses for [Address] {
    fn to_addresses(&self) -> io::Result<Vec<Address>> {
        Ok(self.to_vec())
    }
}

impl ToAddresses for Path {
    fn to_addresses(&self) -> io::Result<Vec<Address>> {
        if self.as_os_str().is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "an empty path is no address"));
        }
        Ok(vec![UnixAddr::from_pathname(self)?.into()])
    }
}

impl ToAddresses for PathBuf {
    fn to_addresses(&self) -> io::Result<Vec<Address>> {
        self.as_path().to_addresses()
    }
}

impl<A: ToAddresses + ?Sized> ToAddresses for &A {
    fn to_addresses(&self) -> io::Result<Vec<Address>> {
        (**self).to_addresses()
    }
}

/// Returns what `attempt` makes of the first address that it succeeds with, or else its last error.
pub(super) fn first_success<T>(
    addresses: Vec<Address>,
    attempt: impl FnMut(Address) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = None;
    for result in addresses.into_iter().map(attempt) {
        match result {
            Ok(value) => return Ok(value),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(no_addresses))
}

/// Returns the error of something that stands for no address at all.
pub(super) fn no_addresses() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "could not resolve to any addresses")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<A: ToAddresses + ?Sized>(what: &A, expected: &[&str]) {
        let found: Vec<_> = what.to_addresses().unwrap().iter().map(Address::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn everything_that_stands_for_addresses_is_resolved() {
        check("127.0.0.1:7", &["127.0.0.1:7"]);
        check("[::1]:7", &["[::1]:7"]);
        check(&"unix:/a/b".to_owned(), &["unix:/a/b"]);
        check("unix:@name", &["unix:@name"]);
        check(&("127.0.0.1", 8), &["127.0.0.1:8"]);
        check(Path::new("/a"), &["unix:/a"]);
        check(&&PathBuf::from("/a"), &["unix:/a"]);
        let two = [SocketAddr::from(([127, 0, 0, 1], 1)), SocketAddr::from(([127, 0, 0, 1], 2))];
        check(&two[..], &["127.0.0.1:1", "127.0.0.1:2"]);
        check(&[Address::from(two[1])][..], &["127.0.0.1:2"]);
        check(&UnixAddr::from_abstract_name(b"\xff").unwrap(), &["unix:@\\xff"]);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "unix:", "127.0.0.1", &format!("unix:/{}", "p".repeat(200))] {
            assert_eq!(text.to_addresses().unwrap_err().kind(), io::ErrorKind::InvalidInput, "{text}");
        }
        assert_eq!(first_success(Vec::new(), Ok).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
