//! Answers in the two versions of the protocol, collected until they are worth a write.

use super::input::ProtocolError;
use super::rt;
use rt::io::{self, Write};

/// What an idle connection may keep for its next answers.
const MAX_IDLE_BUFFER: usize = 16 * 1024;

/// The answers that have not been sent yet.
#[derive(Debug)]
pub(super) struct Reply {
    out: Vec<u8>,
    /// Whether the client asked for RESP3 by `HELLO 3`.
    pub(super) resp3: bool,
}

impl Reply {
    pub(super) fn new() -> Reply {
        Reply { out: Vec::new(), resp3: false }
    }

    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// Sends everything collected so far.
    pub(super) fn flush_to(&mut self, stream: &mut impl Write) -> io::Result<()> {
        stream.write_all(&self.out)?;
        self.out.clear();
        if self.out.capacity() > MAX_IDLE_BUFFER {
            self.out = Vec::new();
        }
        Ok(())
    }

    pub(super) fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// Answers with an error. Line ends, which the client may have sent, become spaces, and a NUL ends the message.
    pub(super) fn error(&mut self, message: impl AsRef<[u8]>) {
        self.error_as("ERR", message.as_ref());
    }

    /// Answers with an error of another kind than `ERR`.
    pub(super) fn error_as(&mut self, kind: &str, message: &[u8]) {
        let message = message.split(|&byte| byte == 0).next().unwrap_or_default();
        self.out.push(b'-');
        self.out.extend_from_slice(kind.as_bytes());
        self.out.push(b' ');
        self.out.extend(message.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
        self.out.extend_from_slice(b"\r\n");
    }

    pub(super) fn protocol_error(&mut self, error: ProtocolError) {
        let what = match error {
            ProtocolError::MultibulkLength => "invalid multibulk length",
            ProtocolError::BulkLength => "invalid bulk length",
            ProtocolError::LongInline => "too big inline request",
            ProtocolError::LongMultibulkCount => "too big mbulk count string",
            ProtocolError::LongBulkCount => "too big bulk count string",
            ProtocolError::UnbalancedQuotes => "unbalanced quotes in request",
            ProtocolError::NotABulk(byte) => {
                let mut message = b"Protocol error: expected '$', got '".to_vec();
                message.extend([byte, b'\'']);
                return self.error(message);
            }
        };
        self.error(format!("Protocol error: {what}"));
    }

    pub(super) fn integer(&mut self, value: i64) {
        self.number(b':', value);
    }

    pub(super) fn bulk(&mut self, bytes: &[u8]) {
        self.number(b'$', bytes.len() as i64);
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// Answers with a text for people: `INFO`'s.
    pub(super) fn verbatim(&mut self, text: &str) {
        if self.resp3 {
            self.number(b'=', text.len() as i64 + 4);
            self.out.extend_from_slice(b"txt:");
            self.out.extend_from_slice(text.as_bytes());
            self.out.extend_from_slice(b"\r\n");
        } else {
            self.bulk(text.as_bytes());
        }
    }

    pub(super) fn null(&mut self) {
        self.out.extend_from_slice(if self.resp3 { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// Begins an array; its `length` elements follow as answers of their own.
    pub(super) fn array(&mut self, length: usize) {
        self.number(b'*', length as i64);
    }

    /// Begins a map of `length` keys, each followed by its value. RESP2 has none and makes it a flat array.
    pub(super) fn map(&mut self, length: usize) {
        if self.resp3 {
            self.number(b'%', length as i64);
        } else {
            self.array(length * 2);
        }
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.push(kind);
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b"\r\n");
    }

    fn number(&mut self, kind: u8, value: i64) {
        // Twenty digits and a sign always fit.
        let mut digits = [0; 24];
        let mut rest = &mut digits[..];
        let written = write!(rest, "{value}").map(|()| 24 - rest.len()).unwrap_or_default();
        self.line(kind, &digits[..written]);
    }
}
