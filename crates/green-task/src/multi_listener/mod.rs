//! Many listening sockets as one.
//!
//! Each socket has an **acceptor**, a green thread that accepts from it, while clients are *wanted*: there is a handler, or
//! somebody waits in `wait_client`. When nobody wants any more, the acceptors are killed, as an event loop would remove its
//! watches; the clients stay where they are, in the sockets' own queues. What an acceptor has got at that moment lies in
//! `spare` until somebody wants it, so nobody who was accepted is lost.
//!
//! A client is given away under the one lock, to whoever has waited longest, else to the handler. So each goes to one of
//! them, and it is settled to which. Handlers run in green threads of their own, outside the lock.
//!
//! Rejected: a loop over `serve`, whose handler and limit are for ever; acceptors that stay, parked in `accept`, with
//! nobody to want what they will get, since they would take one client each from whoever else has the socket.

mod desk;

use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fmt, io};

use green_core::clock;
use green_core::kill::KillError;

use crate::channel::{Address, ChannelError, Feature, Socket, ToAddresses};
use desk::Desk;

/// A listener on any number of addresses, of any families, whose clients all come to one place: a handler, or whoever
/// waits for them.
///
/// Dropping it is to [`disconnect`](Self::disconnect) without waiting. To call it from several places, or from the handler,
/// put it into an `Arc`; a handler that has one keeps it alive until it is replaced.
///
/// Follows QEMU's `QIONetListener`.
///
/// # Examples
///
/// ```
/// use std::io::{self, Write};
///
/// use green_task::MultiListener;
/// use green_task::channel::Socket;
///
/// # fn main() -> io::Result<()> {
/// let listener = MultiListener::new();
/// // Two addresses on most machines, and a path.
/// listener.open("localhost:0", 16)?;
/// let path = std::env::temp_dir().join(format!("green-doc-multi-{}", std::process::id()));
/// listener.open(&path, 16)?;
/// listener.set_handler(|client| drop((&client).write_all(b"welcome")))?;
///
/// for address in listener.addresses() {
///     assert_eq!(io::read_to_string(Socket::connect(address)?)?, "welcome");
/// }
/// listener.disconnect()?;
/// assert!(!path.exists());
/// # Ok(())
/// # }
/// ```
pub struct MultiListener {
    desk: Arc<Desk>,
}

impl MultiListener {
    /// Makes one that listens nowhere yet.
    pub fn new() -> Self {
        Self { desk: Arc::default() }
    }

    /// Listens on every address that `addr` stands for, with room for `backlog` clients each who have not been accepted. It may
    /// be called again for more.
    ///
    /// It succeeds if one of the addresses can be listened on, and passes over the others. If there are addresses of IPv4
    /// and IPv6 among them, each is for clients of its own kind only, so that they may have the same port. With port 0, each
    /// gets a port of its own.
    ///
    /// # Errors
    ///
    /// That of the lookup; that of the first address, if none can be listened on; that of starting a green thread, if there
    /// is a handler already.
    pub fn open(&self, addr: impl ToAddresses, backlog: u32) -> io::Result<()> {
        let opened = Socket::listen_on_all(&addr.to_addresses()?, backlog)?;
        self.desk.add(opened)
    }

    /// Adds a socket that listens already: a [`Socket`], a listener of `green_net`.
    ///
    /// # Errors
    ///
    /// [`ChannelError::Lacks`]`(`[`Listen`](Feature::Listen)`)` if it does not listen; that of starting a green thread, if there is a handler already.
    pub fn add(&self, listener: impl Into<Socket>) -> io::Result<()> {
        let listener = listener.into();
        if !listener.is_listener() {
            return Err(ChannelError::Lacks(Feature::Listen).into());
        }
        self.desk.add(vec![listener])
    }

    /// Calls `handler` with each client from now on, in a green thread of its own, in place of the handler that there was.
    ///
    /// The old one is dropped before this returns, unless it still serves clients: then with the last of them. What it was
    /// called with it keeps. A handler that panics harms nobody but its client.
    ///
    /// # Errors
    ///
    /// That of starting a green thread for a socket; then there is no handler.
    pub fn set_handler(&self, handler: impl Fn(Socket) + Send + Sync + 'static) -> io::Result<()> {
        self.desk.set_handler(Arc::new(handler))
    }

    /// Takes the handler away. Once this returns, nobody is accepted unless somebody [waits](Self::wait_client). Clients may
    /// still connect, as far as there is room for them, and lie in wait for the next handler.
    ///
    /// It parks until the green threads that accept have come to their end. A kill point.
    pub fn clear_handler(&self) {
        self.desk.clear_handler();
    }

    /// Parks until the next client comes, before the handler gets it, and returns it. Who has waited longest gets it. A kill
    /// point.
    ///
    /// # Errors
    ///
    /// `NotConnected` if there is no socket to come to, or no more; that of starting a green thread for a socket.
    pub fn wait_client(&self) -> io::Result<Socket> {
        loop {
            if let Some(client) = self.desk.wait_client(None)? {
                return Ok(client);
            }
        }
    }

    /// Waits as [`wait_client`](Self::wait_client) does, for at most `timeout`; returns `None` if nobody came.
    ///
    /// # Errors
    ///
    /// Those of `wait_client`.
    pub fn wait_client_timeout(&self, timeout: Duration) -> io::Result<Option<Socket>> {
        match clock::after(timeout) {
            Some(deadline) => self.desk.wait_client(Some(deadline)),
            None => self.wait_client().map(Some),
        }
    }

    /// Waits as [`wait_client`](Self::wait_client) does, until `deadline`; returns `None` if nobody came.
    ///
    /// # Errors
    ///
    /// Those of `wait_client`.
    pub fn wait_client_until(&self, deadline: Instant) -> io::Result<Option<Socket>> {
        self.desk.wait_client(Some(deadline))
    }

    /// Closes all sockets, drops the handler, sends away who waits in [`wait_client`](Self::wait_client), and waits until the
    /// sockets are closed. Clients who were given to a handler stay with it. With nothing to close it does nothing.
    ///
    /// It may be opened again.
    ///
    /// # Errors
    ///
    /// [`KillError`] in a program compiled with `panic = "abort"`: there each socket is closed after its next client.
    pub fn disconnect(&self) -> Result<(), KillError> {
        self.desk.disconnect()
    }

    /// Returns whether it listens anywhere.
    pub fn is_connected(&self) -> bool {
        self.desk.is_connected()
    }

    /// Returns the addresses that it listens on, in the order in which they were added.
    pub fn addresses(&self) -> Vec<Address> {
        self.desk.addresses()
    }

    /// Names the green threads that are started from now on: `<name>-listen` those that accept, `<name>-client` those that
    /// serve.
    pub fn set_name(&self, name: &str) {
        self.desk.set_name(name);
    }
}

impl Default for MultiListener {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for MultiListener {
    fn drop(&mut self) {
        self.desk.close();
    }
}

impl fmt::Debug for MultiListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MultiListener").field("addresses", &self.addresses()).finish_non_exhaustive()
    }
}
