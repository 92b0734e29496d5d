//! What the server answers.

use super::date;
use super::files::{self, Found};
use super::request::Request;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;
use std::time::SystemTime;

/// An answer that is not sent yet.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Header lines of this answer alone.
    headers: Vec<(&'static str, String)>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    None,
    Text(String),
    Part(File, Range<u64>),
}

impl Answer {
    /// An answer that only tells its status.
    pub(crate) fn of_status(status: u16) -> Answer {
        let body = match status {
            304 => Body::None,
            _ => Body::Text(format!("{status} {}\n", reason(status))),
        };
        let kind = ("Content-Type", "text/plain; charset=utf-8".to_owned());
        Answer { status, headers: if matches!(body, Body::None) { Vec::new() } else { vec![kind] }, body }
    }

    /// Answers a request from the files below `root`.
    pub(crate) fn to(request: &Request, root: &Path) -> Answer {
        if request.method != "GET" && request.method != "HEAD" {
            return Answer::of_status(405).with("Allow", "GET, HEAD".to_owned());
        }
        match files::find(root, &request.target) {
            Ok(Found::File(file, metadata, kind)) => Answer::with_file(request, file, &metadata, kind),
            Ok(Found::Folder) => {
                let path = request.target.split(['?', '#']).next().unwrap_or_default();
                // Two slashes at the beginning would lead to another server.
                Answer::of_status(301).with("Location", format!("/{}/", path.trim_matches('/')))
            }
            Ok(Found::Nothing(status)) => Answer::of_status(status),
            Err(error) => {
                eprintln!("{}: {error}", request.target);
                Answer::of_status(500)
            }
        }
    }

    fn with_file(request: &Request, file: File, metadata: &Metadata, kind: &'static str) -> Answer {
        let modified = metadata.modified().map_or(0, date::seconds);
        let known = request.if_modified_since.as_deref().and_then(date::parse);
        if known.is_some_and(|known| modified <= known) {
            return Answer::of_status(304).with("Last-Modified", date::format(modified));
        }
        let length = metadata.len();
        let asked = request.range.as_deref().and_then(|text| range(text, length));
        let (status, part) = match asked {
            None => (200, 0..length),
            Some(Some(part)) => (206, part),
            Some(None) => return Answer::of_status(416).with("Content-Range", format!("bytes */{length}")),
        };
        let shown = (status == 206).then(|| format!("bytes {}-{}/{length}", part.start, part.end - 1));
        let headers = vec![
            ("Content-Type", kind.to_owned()),
            ("Last-Modified", date::format(modified)),
            ("Accept-Ranges", "bytes".to_owned()),
        ];
        let answer = Answer { status, headers, body: Body::Part(file, part) };
        match shown {
            Some(shown) => answer.with("Content-Range", shown),
            None => answer,
        }
    }

    fn with(mut self, name: &'static str, value: String) -> Answer {
        self.headers.push((name, value));
        self
    }

    /// Sends the answer; returns the length of its body.
    pub(crate) fn send(self, stream: &mut impl Write, head_only: bool, keep_alive: bool) -> io::Result<u64> {
        let length = match &self.body {
            Body::None => 0,
            Body::Text(text) => text.len() as u64,
            Body::Part(_, part) => part.end - part.start,
        };
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        head += &format!("Date: {}\r\n", date::format(date::seconds(SystemTime::now())));
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !matches!(self.body, Body::None) {
            head += &format!("Content-Length: {length}\r\n");
        }
        head += if keep_alive { "Connection: keep-alive\r\n\r\n" } else { "Connection: close\r\n\r\n" };
        match self.body {
            Body::Text(text) if !head_only => head += &text,
            Body::Part(mut file, part) if !head_only => {
                // A small file goes out together with its head.
                let mut bytes = head.into_bytes();
                file.seek(SeekFrom::Start(part.start))?;
                let mut part = file.take(length);
                if length <= 16 * 1024 {
                    part.read_to_end(&mut bytes)?;
                }
                stream.write_all(&bytes)?;
                io::copy(&mut part, stream)?;
                // A file that was cut in the meantime leaves a body that is too short: only the end can tell it.
                return if part.limit() == 0 { Ok(length) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
            _ => {}
        }
        stream.write_all(head.as_bytes())?;
        Ok(if head_only { 0 } else { length })
    }
}

/// Understands `bytes=1-5`, `bytes=1-` and `bytes=-5`: `None` if it is to be ignored, `Some(None)` if nothing is there.
fn range(text: &str, length: u64) -> Option<Option<Range<u64>>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let part = match (first.trim(), last.trim()) {
        ("", last) => length.saturating_sub(last.parse().ok()?)..length,
        (first, "") => first.parse().ok()?..length,
        (first, last) => {
            let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
            if last < first {
                return None;
            }
            first..last.saturating_add(1).min(length)
        }
    };
    Some((part.start < part.end).then_some(part))
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        301 => "Moved Permanently",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        414 => "URI Too Long",
        416 => "Range Not Satisfiable",
        431 => "Request Header Fields Too Large",
        505 => "HTTP Version Not Supported",
        _ => "Internal Server Error",
    }
}
