//! Reads requests from a connection, one after the other.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The longest head of a request, with all its lines.
const LONGEST_HEAD: usize = 16 * 1024;
/// The longest path with its query.
const LONGEST_TARGET: usize = 4096;
const MOST_HEADERS: usize = 64;
/// A head that has begun has to be complete by then, however slowly it comes.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// What the server looks at in a request.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) keep_alive: bool,
    pub(crate) has_body: bool,
    pub(crate) if_modified_since: Option<String>,
    pub(crate) range: Option<String>,
}

/// Why there is no request.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The client is gone, or had nothing more to ask for too long. No answer is due.
    Silent,
    /// An answer with this status is due, and then the end.
    Status(u16),
}

impl From<io::Error> for Refusal {
    fn from(_: io::Error) -> Refusal {
        Refusal::Silent
    }
}

/// What a connection has received and nobody has looked at yet.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    buffer: Vec<u8>,
}

impl Requests {
    /// Waits for the next request, for `idle` at most until it begins.
    pub(crate) fn next(&mut self, stream: &TcpStream, idle: Duration) -> Result<Request, Refusal> {
        let mut deadline = Instant::now() + if self.buffer.is_empty() { idle } else { HEAD_TIMEOUT };
        loop {
            if !self.buffer.is_empty() {
                if let Some((request, length)) = parse(&self.buffer)? {
                    self.buffer.drain(..length);
                    return Ok(request);
                }
                if self.buffer.len() >= LONGEST_HEAD {
                    let line = self.buffer.iter().position(|byte| *byte == b'\n');
                    return Err(Refusal::Status(if line.is_some() { 431 } else { 414 }));
                }
            }
            let had_begun = !self.buffer.is_empty();
            match self.read(stream, deadline) {
                Ok(0) => return Err(if had_begun { Refusal::Status(400) } else { Refusal::Silent }),
                Ok(_) if had_begun => {}
                Ok(_) => deadline = Instant::now() + HEAD_TIMEOUT,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(if had_begun { Refusal::Status(408) } else { Refusal::Silent });
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn read(&mut self, mut stream: &TcpStream, deadline: Instant) -> io::Result<usize> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let before = self.buffer.len();
        self.buffer.resize(before + 4096, 0);
        let result = stream.read(&mut self.buffer[before..]);
        self.buffer.truncate(before + *result.as_ref().unwrap_or(&0));
        result
    }
}

/// Understands a request; `None` if its end is not there yet.
fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => {
            let too_long = head.path.is_some_and(|target| target.len() > LONGEST_TARGET);
            return if too_long { Err(Refusal::Status(414)) } else { Ok(None) };
        }
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::Status(431)),
        Err(httparse::Error::Version) => return Err(Refusal::Status(505)),
        Err(_) => return Err(Refusal::Status(400)),
    };
    let target = head.path.unwrap_or_default();
    if target.len() > LONGEST_TARGET {
        return Err(Refusal::Status(414));
    }
    let mut request = Request {
        method: head.method.unwrap_or_default().to_owned(),
        target: target.to_owned(),
        keep_alive: head.version == Some(1),
        ..Request::default()
    };
    let mut hosts = 0;
    for header in head.headers.iter() {
        let value = String::from_utf8_lossy(header.value);
        let value = value.trim();
        match header.name.to_ascii_lowercase().as_str() {
            "host" => hosts += 1,
            "connection" => {
                for word in value.split(',').map(str::trim) {
                    if word.eq_ignore_ascii_case("close") {
                        request.keep_alive = false;
                    } else if word.eq_ignore_ascii_case("keep-alive") {
                        request.keep_alive = true;
                    }
                }
            }
            "content-length" => request.has_body |= value != "0",
            "transfer-encoding" => request.has_body = true,
            "if-modified-since" => request.if_modified_since = Some(value.to_owned()),
            "range" => request.range = Some(value.to_owned()),
            _ => {}
        }
    }
    // HTTP/1.1 asks for exactly one.
    if hosts > 1 || (hosts == 0 && head.version == Some(1)) {
        return Err(Refusal::Status(400));
    }
    Ok(Some((request, length)))
}
