//! One client: a thread that reads what it says, and one that writes what it is to hear.

use super::room::{Line, Room, Seat};
use super::stream::Stream;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

const LONGEST_LINE: u64 = 1024;
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
const STACK_SIZE: usize = 64 * 1024;

/// How a conversation ended.
enum End {
    /// The client closed its side, or the room was closed.
    Gone,
    Quit(String),
    LineTooLong,
    /// The other thread has given up, or the connection broke.
    Broken,
}

/// Talks to a client until one of both has enough.
pub(crate) fn serve(room: &Room, stream: Stream) -> io::Result<()> {
    stream.prepare(WRITE_TIMEOUT)?;
    let stream = Arc::new(stream);
    let Some((seat, lines)) = room.enter(&stream) else { return Ok(()) };
    thread::scope(|scope| {
        let writer = thread::Builder::new().stack_size(STACK_SIZE);
        writer.spawn_scoped(scope, || {
            if send(&mut &*stream, &lines).is_err() {
                // Ends the reader too, and whoever waits for room in the outbox.
                stream.shutdown(Shutdown::Both);
            }
            drop(lines);
        })?;
        let end = converse(room, &seat, &mut BufReader::new(&*stream)).unwrap_or(End::Broken);
        // The last sender goes with the seat: the writer sends what is left and ends.
        match end {
            End::Gone => seat.leave(""),
            End::Quit(word) => seat.leave(&word),
            End::Broken => seat.leave("connection lost"),
            End::LineTooLong => {
                seat.reply("! that line is too long");
                seat.leave("too long a line");
            }
        }
        io::Result::Ok(())
    })?;
    stream.shutdown(Shutdown::Both);
    Ok(())
}

/// Writes lines as they come, those that come together in one piece.
fn send(stream: &mut impl Write, lines: &Receiver<Line>) -> io::Result<()> {
    let mut stream = BufWriter::new(stream);
    while let Ok(line) = lines.recv() {
        writeln!(stream, "{line}")?;
        // Those that came meanwhile go out together with it.
        while let Ok(line) = lines.try_recv() {
            writeln!(stream, "{line}")?;
        }
        stream.flush()?;
    }
    Ok(())
}

fn converse(room: &Room, seat: &Seat<'_>, input: &mut impl BufRead) -> io::Result<End> {
    if !seat.reply("name?") {
        return Ok(End::Broken);
    }
    let mut line = Vec::new();
    let mut named = false;
    loop {
        line.clear();
        input.take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() || room.is_closed() {
            return Ok(End::Gone);
        }
        if !line.ends_with(b"\n") && line.len() as u64 == LONGEST_LINE {
            return Ok(End::LineTooLong);
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if named && text.is_empty() {
            continue;
        }
        let heard = match text.strip_prefix('/') {
            Some(command) => {
                let (command, rest) = command.split_once(' ').unwrap_or((command, ""));
                match (command, rest.trim()) {
                    ("quit", word) => return Ok(End::Quit(word.to_owned())),
                    ("who", _) => seat.reply(&format!("* here: {}", seat.who())),
                    _ if !named => seat.reply("! say your name first"),
                    ("me", "") | ("msg", "") => seat.reply("! say what"),
                    ("me", deed) => {
                        seat.act(deed);
                        true
                    }
                    ("name", name) => seat.take_name(name).map_or_else(|refusal| seat.reply(refusal), |()| true),
                    ("msg", rest) => {
                        let (to, words) = rest.split_once(' ').unwrap_or((rest, ""));
                        seat.whisper(to, words.trim()) || seat.reply(&format!("! nobody is called {to}"))
                    }
                    _ => seat.reply(&format!("! unknown command /{command}")),
                }
            }
            None if named => {
                seat.say(text);
                true
            }
            None => match seat.take_name(text) {
                Ok(()) => {
                    named = true;
                    true
                }
                Err(refusal) => seat.reply(refusal),
            },
        };
        if !heard {
            return Ok(End::Broken);
        }
    }
}
