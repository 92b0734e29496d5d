//! A channel that a user brings: TLS by rustls, over a `Socket`, with nothing but what `green_task::channel` exports.
//!
//! The socket never blocks, and nobody waits for it with the connection locked, so each direction goes on while the other
//! waits. The locks are green's: a call that does not block may still let others run, and may be where a kill comes.

use std::fmt;
use std::io::{self, BufRead, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::mem;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use green_sync::{Mutex, MutexGuard};
use green_task::channel::{Channel, Feature, Shutdown, Socket};
use rustls::{ClientConnection, Connection, ServerConnection};

use super::config::{client_config, server_config, server_name};

pub(crate) struct Tls {
    socket: Socket,
    connection: Mutex<Connection>,
    /// What the user chose; the socket does not know.
    nonblocking: AtomicBool,
    /// Held by who shakes hands, for both directions.
    shaking: Mutex<()>,
    /// Held by who reads.
    reading: Mutex<()>,
    /// Held by who writes. The number says how much was encrypted for a write that would have blocked then: it is made
    /// again, with the same data, and has written that much once all of it is out.
    writing: Mutex<usize>,
}

/// How long one is to wait for the socket.
#[derive(Clone, Copy)]
enum Patience {
    None,
    Until(Option<Instant>),
}

impl Tls {
    pub(crate) fn client(socket: Socket) -> Self {
        let connection = ClientConnection::new(client_config(), server_name()).unwrap();
        Self::new(socket, connection.into())
    }

    pub(crate) fn server(socket: Socket) -> Self {
        Self::new(socket, ServerConnection::new(server_config()).unwrap().into())
    }

    fn new(socket: Socket, mut connection: Connection) -> Self {
        socket.set_nonblocking(true).unwrap();
        // A write takes all it is given, and then waits until it is out.
        connection.set_buffer_limit(None);
        Self {
            socket,
            connection: Mutex::new(connection),
            nonblocking: AtomicBool::new(false),
            shaking: Mutex::new(()),
            reading: Mutex::new(()),
            writing: Mutex::new(0),
        }
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        turn(&self.connection)
    }

    fn patience(&self) -> Patience {
        if self.nonblocking.load(Ordering::Relaxed) { Patience::None } else { Patience::Until(None) }
    }

    /// Waits for the socket after an attempt that failed with `error`, if it says that it would have blocked.
    fn after(
        &self,
        error: io::Error,
        patience: Patience,
        wait: fn(&Socket, Option<Instant>) -> io::Result<bool>,
    ) -> io::Result<()> {
        match (error.kind(), patience) {
            (ErrorKind::WouldBlock, Patience::Until(deadline)) if wait(&self.socket, deadline)? => Ok(()),
            (ErrorKind::WouldBlock, Patience::Until(_)) => Err(ErrorKind::TimedOut.into()),
            _ => Err(error),
        }
    }

    /// Sends all that the connection has to say.
    fn put_out(&self, patience: Patience) -> io::Result<()> {
        loop {
            let sent = {
                let mut connection = self.connection();
                if !connection.wants_write() {
                    return Ok(());
                }
                connection.write_tls(&mut &self.socket)
            };
            if let Err(error) = sent {
                self.after(error, patience, Socket::wait_writable)?;
            }
        }
    }

    /// Takes in what the other side says, after it was told what it may wait for.
    fn take_in(&self, patience: Patience) -> io::Result<()> {
        loop {
            self.put_out(patience)?;
            let taken = {
                let mut connection = self.connection();
                connection.read_tls(&mut &self.socket).map(|_| connection.process_new_packets())
            };
            match taken {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => {
                    // The other side learns why, if there is room for that.
                    let _ = self.put_out(Patience::None);
                    return Err(io::Error::new(ErrorKind::InvalidData, error));
                }
                Err(error) => self.after(error, patience, Socket::wait_readable)?,
            }
        }
    }

    /// Shakes hands, unless that is done: whoever comes first does it for both directions.
    fn shake_hands(&self, patience: Patience) -> io::Result<()> {
        if !self.connection().is_handshaking() {
            return Ok(());
        }
        let _turn = turn(&self.shaking);
        while self.connection().is_handshaking() {
            self.take_in(patience)?;
        }
        self.put_out(patience)
    }

    /// Returns whether a read would find data that was decrypted already, the end, or an error.
    fn has_data(&self) -> bool {
        !matches!(self.connection().reader().fill_buf(), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }
}

/// A kill poisons the locks that it unwinds through. It comes before a call of the socket, or instead of a wait, so what
/// these guard is as good as before.
fn turn<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a deadline that has come a `false`.
fn in_time(waited: io::Result<()>) -> io::Result<bool> {
    match waited {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::TimedOut => Ok(false),
        Err(error) => Err(error),
    }
}

impl Channel for Tls {
    fn has_feature(&self, feature: Feature) -> bool {
        feature == Feature::Shutdown
    }

    fn readv(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.shake_hands(self.patience())?;
        let _turn = turn(&self.reading);
        loop {
            let read = self.connection().reader().read_vectored(bufs);
            match read {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.take_in(self.patience())?,
                read => return read,
            }
        }
    }

    fn writev(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.shake_hands(self.patience())?;
        let mut owed = turn(&self.writing);
        // Taken, so that it is nobody's when a kill comes while this waits.
        let count = match mem::take(&mut *owed) {
            0 => self.connection().writer().write_vectored(bufs)?,
            count => count,
        };
        if let Err(error) = self.put_out(self.patience()) {
            *owed = count;
            return Err(error);
        }
        Ok(count)
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.nonblocking.store(nonblocking, Ordering::Relaxed);
        Ok(())
    }

    fn is_nonblocking(&self) -> io::Result<bool> {
        Ok(self.nonblocking.load(Ordering::Relaxed))
    }

    fn wait_readable(&self, deadline: Option<Instant>) -> io::Result<bool> {
        in_time((|| {
            let patience = Patience::Until(deadline);
            self.shake_hands(patience)?;
            let _turn = turn(&self.reading);
            while !self.has_data() {
                self.take_in(patience)?;
            }
            Ok(())
        })())
    }

    fn wait_writable(&self, deadline: Option<Instant>) -> io::Result<bool> {
        let patience = Patience::Until(deadline);
        in_time(self.shake_hands(patience).and_then(|()| self.put_out(patience)))
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if how != Shutdown::Read {
            self.connection().send_close_notify();
            // If there is no room for it, the other side sees that it was cut off.
            let _ = self.put_out(Patience::None);
        }
        self.socket.shutdown(how)
    }

    fn close(self: Box<Self>) -> io::Result<()> {
        self.connection().send_close_notify();
        self.put_out(Patience::Until(None))
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.connection().send_close_notify();
        let _ = self.put_out(Patience::None);
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("socket", &self.socket).finish_non_exhaustive()
    }
}
