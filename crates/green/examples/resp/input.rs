//! The requests in what a client has sent so far: arrays of bulk strings, or inline ones as typed into telnet.
//!
//! Redis looks for the end of a line with C's `strchr`, so a NUL hides everything behind it; here too.

use super::rt;
use super::split::split_args;
use rt::io::{self, ErrorKind, Read};
use rt::ops::Range;

/// The longest line without its end, in bytes.
const MAX_LINE: usize = 64 * 1024;
/// The longest bulk string, in bytes (`proto-max-bulk-len`).
const MAX_BULK: i64 = 512 * 1024 * 1024;
/// What an idle connection that only ever sent short requests holds.
const MIN_BUFFER: usize = 512;
/// The most that a connection keeps between requests.
const MAX_IDLE_BUFFER: usize = 16 * 1024;

/// Bytes received, and the request that they have filled in so far.
#[derive(Debug)]
pub(super) struct Input {
    /// Initialised throughout; `start..filled` is what has not been consumed.
    buffer: Vec<u8>,
    /// Where the current request begins.
    start: usize,
    /// How far the current request has been understood.
    scanned: usize,
    filled: usize,
    /// Bulk strings that the current request still lacks; zero between requests.
    missing: usize,
    /// The announced length of the bulk string at `scanned`, once read.
    bulk: Option<usize>,
    /// The current request's arguments, from `start`, or in `unquoted` for an inline request.
    args: Vec<Range<usize>>,
    unquoted: Vec<u8>,
}

/// A complete request of at least one argument, the first of which names the command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    bytes: &'a [u8],
    args: &'a [Range<usize>],
}

impl<'a> Request<'a> {
    /// Returns the number of arguments, the command's name included.
    pub(super) fn len(&self) -> usize {
        self.args.len()
    }

    /// Returns argument `index`; 0 is the command's name.
    pub(super) fn arg(&self, index: usize) -> &'a [u8] {
        &self.bytes[self.args[index].clone()]
    }

    /// Returns the arguments from `index` on.
    pub(super) fn args_from(&self, index: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let Request { bytes, args } = *self;
        args[index..].iter().map(move |range| &bytes[range.clone()])
    }
}

/// Why a client's bytes are not requests. The connection cannot go on after one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProtocolError {
    MultibulkLength,
    BulkLength,
    NotABulk(u8),
    LongInline,
    LongMultibulkCount,
    LongBulkCount,
    UnbalancedQuotes,
}

impl Input {
    pub(super) fn new() -> Input {
        Input {
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            filled: 0,
            missing: 0,
            bulk: None,
            args: Vec::new(),
            unquoted: Vec::new(),
        }
    }

    /// Reads once from `stream`, as much as is there and fits; returns 0 at its end.
    pub(super) fn fill(&mut self, stream: &mut impl Read) -> io::Result<usize> {
        self.make_room();
        loop {
            match stream.read(&mut self.buffer[self.filled..]) {
                Ok(count) => {
                    self.filled += count;
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn make_room(&mut self) {
        // A read that filled the buffer suggests that a larger one would have saved a read.
        let was_full = self.filled == self.buffer.len();
        self.buffer.copy_within(self.start..self.filled, 0);
        self.filled -= self.start;
        self.scanned -= self.start;
        self.start = 0;

        let length = self.buffer.len();
        if self.filled == length || (was_full && length < MAX_IDLE_BUFFER) {
            self.buffer.resize((length * 2).max(MIN_BUFFER), 0);
        } else if self.filled == 0 && length > MAX_IDLE_BUFFER {
            self.buffer.truncate(MAX_IDLE_BUFFER);
            self.buffer.shrink_to_fit();
        }
    }

    /// Takes the next complete request, or `None` if more must be read first.
    pub(super) fn next(&mut self) -> Result<Option<Request<'_>>, ProtocolError> {
        while self.missing == 0 {
            self.args.clear();
            self.scanned = self.start;
            if self.start == self.filled {
                return Ok(None);
            }
            if self.buffer[self.start] != b'*' {
                if !self.scan_inline()? {
                    return Ok(None);
                }
                self.start = self.scanned;
                if !self.args.is_empty() {
                    return Ok(Some(Request { bytes: &self.unquoted, args: &self.args }));
                }
            } else {
                let Some(header) = self.scan_header(ProtocolError::LongMultibulkCount)? else {
                    return Ok(None);
                };
                self.missing = match parse_integer(&self.buffer[header.start + 1..header.end]) {
                    // Empty and null arrays are skipped without an answer.
                    Some(..=0) => 0,
                    Some(count) if count <= i64::from(i32::MAX) => count as usize,
                    _ => return Err(ProtocolError::MultibulkLength),
                };
                if self.missing == 0 {
                    self.start = self.scanned;
                }
            }
        }
        if !self.scan_bulks()? {
            return Ok(None);
        }
        let begin = rt::mem::replace(&mut self.start, self.scanned);
        Ok(Some(Request { bytes: &self.buffer[begin..self.scanned], args: &self.args }))
    }

    /// Finds the bulk strings that are still missing; false if not all of them are there yet.
    fn scan_bulks(&mut self) -> Result<bool, ProtocolError> {
        while self.missing > 0 {
            let length = match self.bulk {
                Some(length) => length,
                None => {
                    let Some(header) = self.scan_header(ProtocolError::LongBulkCount)? else {
                        return Ok(false);
                    };
                    let first = self.buffer[header.start];
                    if first != b'$' {
                        return Err(ProtocolError::NotABulk(first));
                    }
                    match parse_integer(&self.buffer[header.start + 1..header.end]) {
                        Some(length @ 0..=MAX_BULK) => *self.bulk.insert(length as usize),
                        _ => return Err(ProtocolError::BulkLength),
                    }
                }
            };
            // Two more for the line end, which Redis does not look at either.
            if self.filled - self.scanned < length + 2 {
                return Ok(false);
            }
            let begin = self.scanned - self.start;
            self.args.push(begin..begin + length);
            self.scanned += length + 2;
            self.bulk = None;
            self.missing -= 1;
        }
        Ok(true)
    }

    /// Takes the header line at `scanned`: its bytes, without the line end, which must be there in full.
    fn scan_header(&mut self, too_long: ProtocolError) -> Result<Option<Range<usize>>, ProtocolError> {
        let rest = &self.buffer[self.scanned..self.filled];
        match find_in_c_string(rest, b'\r') {
            Some(length) if length + 2 <= rest.len() => {
                let header = self.scanned..self.scanned + length;
                self.scanned += length + 2;
                Ok(Some(header))
            }
            None if rest.len() > MAX_LINE => Err(too_long),
            _ => Ok(None),
        }
    }

    /// Takes the line at `scanned` apart into `args`; false if its end is not there yet.
    fn scan_inline(&mut self) -> Result<bool, ProtocolError> {
        let rest = &self.buffer[self.scanned..self.filled];
        let Some(length) = find_in_c_string(rest, b'\n') else {
            return if rest.len() > MAX_LINE { Err(ProtocolError::LongInline) } else { Ok(false) };
        };
        let line = &rest[..length];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.scanned += length + 1;
        self.unquoted.clear();
        if split_args(line, &mut self.unquoted, &mut self.args) {
            Ok(true)
        } else {
            Err(ProtocolError::UnbalancedQuotes)
        }
    }
}

/// Finds `byte` before the first NUL.
fn find_in_c_string(bytes: &[u8], byte: u8) -> Option<usize> {
    let found = bytes.iter().position(|&b| b == byte || b == 0)?;
    (bytes[found] == byte).then_some(found)
}

/// Parses an integer as strictly as Redis: no sign but `-`, no leading zero, no space.
pub(super) fn parse_integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let canonical = match digits {
        [b'0'] => digits.len() == text.len(),
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !canonical {
        return None;
    }
    rt::str::from_utf8(text).ok()?.parse().ok()
}
