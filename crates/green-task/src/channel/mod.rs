//! Channels: one trait for whatever bytes flow through, a socket, a file, a pipe, a command, or memory.
//!
//! A [`Channel`] reads and writes parts of memory, several at once, and is told at run time what it is: code that takes
//! `&dyn Channel` serves them all. What only some can do is a [`Feature`], and asking for one that is not there is an error
//! of its own. They have nothing to do with the channels of `std::sync::mpsc`, which carry values between threads.
//!
//! | type | what it is | features |
//! |---|---|---|
//! | [`Socket`] | TCP, UDP and Unix sockets: streams, datagrams, listeners | `Shutdown`, `Peek`; Unix: `FdPass`; listeners: `Listen` |
//! | [`File`] | a file, or a descriptor of anything | `Seek`, if it can |
//! | [`Pipe`] | a descriptor to read, one to write, or both | |
//! | [`Command`] | a child process | |
//! | [`Buffer`] | memory, always ready | `Seek` |
//! | [`Null`] | nothing to read, room for everything | |
//!
//! All of them wait as everything here does: the green thread parks, and its hub runs another. All are `Read` and `Write`
//! too, by `&mut` and by `&`, and so are `dyn Channel` and `Box<dyn Channel>`. A `Box`, an `Arc` and a reference of a channel
//! are channels themselves.
//!
//! Follows QEMU's `QIOChannel`. A call that would block is [`ErrorKind::WouldBlock`](io::ErrorKind::WouldBlock), as in std,
//! where QEMU has a second negative number. Nested event loops are not needed, nor are watches and coroutines: whoever
//! waits is a green thread. Its asynchronous variants of connecting and listening are a `spawn`. There is no TLS and no
//! WebSocket of our own, but the trait is open: the tests bring a TLS channel by rustls, of about 150 lines.
//!
//! # Examples
//!
//! ```
//! use std::io::{self, IoSlice, IoSliceMut};
//!
//! use green_task::channel::{Channel, Pipe};
//!
//! /// Sends a message with its length in front of it.
//! fn send(channel: &dyn Channel, message: &[u8]) -> io::Result<()> {
//!     let len = (message.len() as u32).to_be_bytes();
//!     channel.writev_all(&mut [IoSlice::new(&len), IoSlice::new(message)])
//! }
//!
//! /// Receives a message; `None` at the end, if that is not in the midst of one.
//! fn receive(channel: &dyn Channel) -> io::Result<Option<Vec<u8>>> {
//!     let mut len = [0; 4];
//!     if !channel.readv_all_eof(&mut [IoSliceMut::new(&mut len)])? {
//!         return Ok(None);
//!     }
//!     let mut message = vec![0; u32::from_be_bytes(len) as usize];
//!     channel.readv_all(&mut [IoSliceMut::new(&mut message)])?;
//!     Ok(Some(message))
//! }
//!
//! # fn main() -> io::Result<()> {
//! let (near, far) = Pipe::pair()?;
//! let echo = green_thread::spawn(move || -> io::Result<()> {
//!     while let Some(message) = receive(&far)? {
//!         send(&far, &message)?;
//!     }
//!     Ok(())
//! });
//! send(&near, b"hello")?;
//! assert_eq!(receive(&near)?.as_deref(), Some(&b"hello"[..]));
//! drop(near);
//! echo.join().unwrap()
//! # }
//! ```

mod all;
mod buffer;
mod command;
mod feature;
mod file;
mod null;
mod pipe;
mod share;
mod socket;
mod stream;

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, SeekFrom};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Instant;

pub use buffer::Buffer;
pub use command::{Access, Command};
pub use feature::{ChannelError, Feature};
pub use file::File;
pub use null::Null;
pub use pipe::Pipe;
pub use socket::{Address, Socket, ToAddresses};
// It never blocks, so it is std's own.
pub use std::net::Shutdown;

/// A thing that bytes are read from and written to.
///
/// Any number of green threads and OS threads may use one at once. Dropping it closes it.
///
/// Follows QEMU's `QIOChannel`; see [the module](self).
pub trait Channel: fmt::Debug + Send + Sync {
    /// Returns whether this channel can do that.
    fn has_feature(&self, feature: Feature) -> bool;

    /// Reads what is there into `bufs`, in their order, and returns how much: 0 is the end, or no room in `bufs`. Parks
    /// until there is something, as `readv(2)` blocks.
    ///
    /// # Errors
    ///
    /// The OS error; `WouldBlock` if it would have to park and [`set_nonblocking`](Self::set_nonblocking) forbids it.
    fn readv(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize>;

    /// Writes `bufs`, in their order, and returns how much. Parks until all is written, as `writev(2)` blocks; what it
    /// returns is less if an error came after a part, or if it must not park, or if there are more buffers than the kernel
    /// takes at once (1024).
    ///
    /// # Errors
    ///
    /// The OS error; `WouldBlock` as for [`readv`](Self::readv). Only if nothing was written.
    fn writev(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Chooses whether reads and writes return `WouldBlock` instead of parking. It holds for all who share the open file.
    /// What never waits, such as memory, ignores it.
    ///
    /// # Errors
    ///
    /// The OS error.
    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()>;

    /// Returns whether reads and writes return `WouldBlock` instead of parking.
    ///
    /// # Errors
    ///
    /// The OS error.
    fn is_nonblocking(&self) -> io::Result<bool>;

    /// Parks until a read would not have to: there is data, the end, or an error. Returns false if `deadline` came first.
    ///
    /// # Errors
    ///
    /// The OS error if it cannot be waited for; [`ChannelError::NotReadable`].
    fn wait_readable(&self, deadline: Option<Instant>) -> io::Result<bool>;

    /// Parks until a write would not have to. Returns false if `deadline` came first.
    ///
    /// # Errors
    ///
    /// The OS error if it cannot be waited for; [`ChannelError::NotWritable`].
    fn wait_writable(&self, deadline: Option<Instant>) -> io::Result<bool>;

    /// Closes the channel, as dropping it does, and waits for what has to be waited for: a command's end.
    ///
    /// # Errors
    ///
    /// What a drop would have to keep to itself.
    fn close(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }

    /// Reads as [`readv`](Self::readv) does, and appends the descriptors that came with the data to `fds`.
    ///
    /// # Errors
    ///
    /// Those of `readv`; [`ChannelError::Lacks`]`(`[`FdPass`](Feature::FdPass)`)`. `fds` is as it was then.
    fn readv_with_fds(&self, bufs: &mut [IoSliceMut<'_>], fds: &mut Vec<OwnedFd>) -> io::Result<usize> {
        let _ = (bufs, fds);
        Err(ChannelError::Lacks(Feature::FdPass).into())
    }

    /// Writes as [`writev`](Self::writev) does, and passes `fds` with the first byte: if anything was written, they are on
    /// their way.
    ///
    /// # Errors
    ///
    /// Those of `writev`; [`ChannelError::Lacks`]`(`[`FdPass`](Feature::FdPass)`)`; `InvalidInput` for descriptors without a
    /// byte to go with.
    fn writev_with_fds(&self, bufs: &[IoSlice<'_>], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        let _ = (bufs, fds);
        Err(ChannelError::Lacks(Feature::FdPass).into())
    }

    /// Reads what is there and leaves it there, so that the next read finds it again.
    ///
    /// # Errors
    ///
    /// Those of [`readv`](Self::readv); [`ChannelError::Lacks`]`(`[`Peek`](Feature::Peek)`)`.
    fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        let _ = buf;
        Err(ChannelError::Lacks(Feature::Peek).into())
    }

    /// Ends one direction or both, for all who use the channel, and wakes those of them that wait. It never parks.
    ///
    /// # Errors
    ///
    /// The OS error; [`ChannelError::Lacks`]`(`[`Shutdown`](Feature::Shutdown)`)`.
    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        let _ = how;
        Err(ChannelError::Lacks(Feature::Shutdown).into())
    }

    /// Moves the position, and returns it.
    ///
    /// # Errors
    ///
    /// The OS error; [`ChannelError::Lacks`]`(`[`Seek`](Feature::Seek)`)`.
    fn seek(&self, pos: SeekFrom) -> io::Result<u64> {
        let _ = pos;
        Err(ChannelError::Lacks(Feature::Seek).into())
    }

    /// Chooses whether small writes leave at once instead of being collected. Where nothing is collected, nothing happens.
    ///
    /// # Errors
    ///
    /// The OS error.
    fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        let _ = nodelay;
        Ok(())
    }

    /// Fills `bufs` entirely, parking also where [`set_nonblocking`](Self::set_nonblocking) forbids it to a single read.
    ///
    /// What `bufs` covers afterwards is unspecified: they were moved forward. This holds for all methods of this name.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the end comes first; otherwise those of [`readv`](Self::readv). Some was read then, perhaps.
    fn readv_all(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<()> {
        all::or_eof(self.readv_all_eof(bufs)?)
    }

    /// Fills `bufs` as [`readv_all`](Self::readv_all) does; returns false if there was nothing more at all to read.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the end comes after a part; otherwise those of [`readv`](Self::readv).
    fn readv_all_eof(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<bool> {
        all::read(self, bufs, |bufs| self.readv(bufs))
    }

    /// Fills `bufs` as [`readv_all`](Self::readv_all) does, and appends all descriptors that came with the data to `fds`.
    ///
    /// # Errors
    ///
    /// Those of `readv_all` and [`readv_with_fds`](Self::readv_with_fds). Descriptors that came are closed then.
    fn readv_all_with_fds(&self, bufs: &mut [IoSliceMut<'_>], fds: &mut Vec<OwnedFd>) -> io::Result<()> {
        all::or_eof(self.readv_all_eof_with_fds(bufs, fds)?)
    }

    /// Fills `bufs` as [`readv_all_eof`](Self::readv_all_eof) does, and appends all descriptors that came with the data to
    /// `fds`.
    ///
    /// # Errors
    ///
    /// Those of `readv_all_eof` and [`readv_with_fds`](Self::readv_with_fds). Descriptors that came are closed then.
    fn readv_all_eof_with_fds(&self, bufs: &mut [IoSliceMut<'_>], fds: &mut Vec<OwnedFd>) -> io::Result<bool> {
        // Not into `fds` at once, which the caller may keep beyond an error, or a kill.
        let mut came = Vec::new();
        let filled = all::read(self, bufs, |bufs| self.readv_with_fds(bufs, &mut came))?;
        fds.append(&mut came);
        Ok(filled)
    }

    /// Writes `bufs` entirely, parking also where [`set_nonblocking`](Self::set_nonblocking) forbids it to a single write.
    ///
    /// # Errors
    ///
    /// Those of [`writev`](Self::writev). Some was written then, perhaps.
    fn writev_all(&self, bufs: &mut [IoSlice<'_>]) -> io::Result<()> {
        all::write(self, bufs, |bufs| self.writev(bufs))
    }

    /// Writes `bufs` as [`writev_all`](Self::writev_all) does, and passes `fds` with the first byte.
    ///
    /// # Errors
    ///
    /// Those of `writev_all` and [`writev_with_fds`](Self::writev_with_fds).
    fn writev_all_with_fds(&self, bufs: &mut [IoSlice<'_>], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            // It says what it thinks of descriptors without data, and of descriptors.
            return self.writev_with_fds(bufs, fds).map(drop);
        }
        let mut unsent = fds;
        all::write(self, bufs, |bufs| {
            let count = self.writev_with_fds(bufs, unsent)?;
            unsent = &[];
            Ok(count)
        })
    }
}
