//! What std has for sockets on one platform only.

/// Corresponds to [`std::os::unix::net`].
pub mod unix {
    pub use crate::unix::{Incoming, UnixDatagram, UnixListener, UnixStream};
    // It never blocks, so it is std's own.
    pub use std::os::unix::net::SocketAddr;
}

/// Corresponds to [`std::os::linux::net`].
#[cfg(any(target_os = "linux", target_os = "android"))]
pub mod linux {
    use std::io;
    use std::os::linux::net::TcpStreamExt as _;

    use crate::TcpStream;
    // For an address, which is std's own.
    pub use std::os::linux::net::SocketAddrExt;

    mod sealed {
        /// Keeps `TcpStreamExt` to this crate's types, so that it can grow.
        #[expect(unnameable_types, reason = "what nobody can name, nobody can implement")]
        pub trait Sealed {}
        impl Sealed for crate::TcpStream {}
    }

    /// Options that only Linux has.
    ///
    /// Corresponds to [`std::os::linux::net::TcpStreamExt`].
    pub trait TcpStreamExt: sealed::Sealed {
        /// Sets `TCP_QUICKACK`: whether data is acknowledged at once. The kernel may change it again later.
        ///
        /// # Examples
        ///
        /// ```
        /// use green_net::os::linux::TcpStreamExt;
        ///
        /// # fn main() -> std::io::Result<()> {
        /// let listener = green_net::TcpListener::bind("127.0.0.1:0")?;
        /// let stream = green_net::TcpStream::connect(listener.local_addr()?)?;
        /// stream.set_quickack(false)?;
        /// assert!(!stream.quickack()?);
        /// # Ok(())
        /// # }
        /// ```
        fn set_quickack(&self, quickack: bool) -> io::Result<()>;

        /// Returns `TCP_QUICKACK`; see [`set_quickack`](Self::set_quickack).
        fn quickack(&self) -> io::Result<bool>;
    }

    impl TcpStreamExt for TcpStream {
        fn set_quickack(&self, quickack: bool) -> io::Result<()> {
            self.get_ref().set_quickack(quickack)
        }

        fn quickack(&self) -> io::Result<bool> {
            self.get_ref().quickack()
        }
    }
}
