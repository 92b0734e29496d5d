//! Channels as std's `Read` and `Write`.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};

use super::{Buffer, Channel, Command, File, Null, Pipe, Socket};

/// Implements `Read` and `Write` for what is, or refers to, a channel.
macro_rules! stream {
    ($($channel:ty),*) => {$(
        impl Read for $channel {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                self.readv(&mut [IoSliceMut::new(buf)])
            }

            fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.readv(bufs)
            }
        }

        impl Write for $channel {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                self.writev(&[IoSlice::new(buf)])
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.writev(bufs)
            }

            /// Does nothing: a channel keeps nothing back.
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
    )*};
}

stream!(dyn Channel + '_, &(dyn Channel + '_));
stream!(Socket, &Socket, File, &File, Pipe, &Pipe, Command, &Command, Buffer, &Buffer, Null, &Null);
