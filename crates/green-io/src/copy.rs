//! Copying from a reader to a writer.

use std::io::{self, BufReader, Read, Write};

/// How much is read at once: with more, the time for a byte does not get less.
const SIZE: usize = 64 * 1024;

/// Copies everything from a reader to a writer, and returns how much that was.
///
/// What was read is written at once, before more is read.
///
/// Corresponds to [`std::io::copy`].
///
/// **Differences**: std recognises its own files, sockets and pipes, and lets the kernel move the data
/// (`copy_file_range`, `sendfile`, `splice`). To recognise types takes specialisation, which std keeps to itself; a
/// reader of this library's own is read through a buffer of 64 KiB. For whole files, `fs::copy` uses the kernel.
///
/// # Errors
///
/// The first error of the reader or the writer, but for `Interrupted`, after which the call is made again. What was
/// read and not yet written then is lost.
///
/// # Examples
///
/// ```
/// let mut reader: &[u8] = b"to be copied";
/// let mut writer = Vec::new();
/// assert_eq!(green_io::copy(&mut reader, &mut writer)?, 12);
/// assert_eq!(writer, b"to be copied");
/// # std::io::Result::Ok(())
/// ```
pub fn copy<R, W>(reader: &mut R, writer: &mut W) -> io::Result<u64>
where
    R: Read + ?Sized,
    W: Write + ?Sized,
{
    // std's own loop, which uses the reader's buffer if it has one. It still sees what the two are, so for std's types the
    // kernel helps.
    io::copy(&mut BufReader::with_capacity(SIZE, reader), writer)
}
