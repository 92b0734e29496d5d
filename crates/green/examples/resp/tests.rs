//! Conversations without a socket. The expected bytes are what Redis 7.0.15 sent, asked over loopback.

mod connection;
mod data;
mod requests;

use super::Shared;
use super::command::Flow;
use super::input::parse_integer;
use super::rt;
use rt::io::{self, Read, Write};
use rt::net::{Ipv4Addr, SocketAddr};

/// A client that sends `input` in pieces and then leaves.
struct Client<'a> {
    input: &'a [u8],
    piece: usize,
    output: Vec<u8>,
}

impl Read for Client<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.piece.min(buffer.len());
        (&mut self.input).take(piece as u64).read(buffer)
    }
}

impl Write for Client<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn converse(input: &[u8], piece: usize) -> (Vec<u8>, Flow) {
    let shared = Shared::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let mut client = Client { input, piece, output: Vec::new() };
    let flow = shared.converse(&mut client, 1).unwrap();
    (client.output, flow)
}

/// Answers must not depend on how the request was cut up on its way.
#[track_caller]
fn check(input: &[u8], expected: &[u8], closes: bool) {
    let pieces = if input.len() > 4096 { &[1000, 16384][..] } else { &[1, 2, 7, usize::MAX] };
    for &piece in pieces {
        let (output, flow) = converse(input, piece);
        let (shown, wanted) = (output.escape_ascii(), expected.escape_ascii());
        assert!(output == expected, "in pieces of {piece}\n answered {shown}\n expected {wanted}");
        assert_eq!(matches!(flow, Flow::Close | Flow::Drop), closes, "in pieces of {piece}: {flow:?}");
    }
}

/// Checks an answer after which the connection goes on.
#[track_caller]
fn stays(input: &[u8], expected: &[u8]) {
    check(input, expected, false);
}

/// Checks an answer after which the server hangs up.
#[track_caller]
fn closes(input: &[u8], expected: &[u8]) {
    check(input, expected, true);
}

/// Writes each line as an array of its words.
fn asking(lines: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        bytes.extend(format!("*{}\r\n", line.split(' ').count()).bytes());
        for word in line.split(' ') {
            bytes.extend(format!("${}\r\n{word}\r\n", word.len()).bytes());
        }
    }
    bytes
}

#[test]
fn lines_are_bounded() {
    let inline = b"-ERR Protocol error: too big inline request\r\n";
    let array = b"-ERR Protocol error: too big mbulk count string\r\n";
    let bulk = b"-ERR Protocol error: too big bulk count string\r\n";
    let of = |start: &str, fill: &str, count: usize| [start, &fill.repeat(count)].concat().into_bytes();
    stays(&of("", "a", 65536), b"");
    closes(&of("", "a", 65537), inline);
    closes(&of("", "a", 70000), inline);
    closes(&of("PING\r\n", "a", 70000), &[b"+PONG\r\n", &inline[..]].concat());
    stays(&of("*", "1", 65535), b"");
    closes(&of("*", "1", 65536), array);
    stays(&of("*1\r\n$", "1", 65535), b"");
    closes(&of("*1\r\n$", "1", 65536), bulk);
    closes(&of("*1\r\n", "x", 65537), bulk);
}

#[test]
fn bulk_strings_may_be_longer_than_lines() {
    let value = "z".repeat(300_000);
    let answer = format!("${}\r\n{value}\r\n", value.len());
    stays(&asking(&[&format!("ECHO {value}")]), answer.as_bytes());
    let set_and_get = asking(&[&format!("SET a {value}"), "GET a"]);
    stays(&set_and_get, format!("+OK\r\n{answer}").as_bytes());
}

#[test]
fn many_requests_are_answered_in_order() {
    let lines: Vec<_> = (0..20_000).map(|n| format!("ECHO {n}")).collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let mut expected = String::new();
    for n in 0..20_000 {
        let n = n.to_string();
        expected += &format!("${}\r\n{n}\r\n", n.len());
    }
    stays(&asking(&lines), expected.as_bytes());
}

#[test]
fn a_shutdown_is_reported_after_earlier_answers() {
    let (output, flow) = converse(&asking(&["PING", "SHUTDOWN NOSAVE", "PING"]), usize::MAX);
    assert_eq!((&output[..], flow), (&b"+PONG\r\n"[..], Flow::Shutdown));
}

#[test]
fn a_browser_gets_nothing_not_even_earlier_answers() {
    for input in [
        &b"PING\r\nPOST / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"PING\r\nHost: x\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        assert_eq!(converse(input, usize::MAX), (Vec::new(), Flow::Drop));
    }
}

#[test]
fn a_key_expires() {
    let shared = Shared::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let ask = |lines: &[&str]| {
        let input = asking(lines);
        let mut client = Client { input: &input, piece: usize::MAX, output: Vec::new() };
        shared.converse(&mut client, 1).unwrap();
        String::from_utf8(client.output).unwrap()
    };
    assert_eq!(ask(&["SET a 1 PX 20", "SET b 2"]), "+OK\r\n+OK\r\n");
    while ask(&["EXISTS a"]) == ":1\r\n" {}
    assert_eq!(ask(&["GET a", "GET b", "TTL a", "DBSIZE"]), "$-1\r\n$1\r\n2\r\n:-2\r\n:1\r\n");
}

#[test]
fn integers_are_read_as_strictly_as_redis_does() {
    for (text, value) in [
        ("0", Some(0)),
        ("-1", Some(-1)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("", None),
        ("-", None),
        ("-0", None),
        ("+1", None),
        ("01", None),
        (" 1", None),
        ("1 ", None),
        ("1a", None),
    ] {
        assert_eq!(parse_integer(text.as_bytes()), value, "{text:?}");
    }
}
