//! One connection, from its first request to its last.

use super::answer::Answer;
use super::request::{Refusal, Requests};
use super::server::Server;
use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long, and for how many bytes, to hear out a client that is not to be answered any more.
const LINGER: (Duration, usize) = (Duration::from_secs(1), 256 * 1024);

/// Answers until the client leaves, errs, or the server stops.
pub(crate) fn serve(server: &Server, stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    let mut requests = Requests::default();
    loop {
        let request = match requests.next(stream, server.idle()) {
            Ok(request) => request,
            Err(Refusal::Silent) => return Ok(()),
            Err(Refusal::Status(status)) => {
                server.log(|| format!("{status} -"));
                Answer::of_status(status).send(&mut &*stream, false, false)?;
                return linger(stream);
            }
        };
        // Nobody reads a body here, so nothing behind it can be found.
        let keep_alive = request.keep_alive && !request.has_body && !server.is_stopping();
        let answer = Answer::to(&request, server.root());
        let status = answer.status;
        let length = answer.send(&mut &*stream, request.method == "HEAD", keep_alive)?;
        server.log(|| format!("{status} {} {} {length}", request.method, request.target));
        if !keep_alive {
            return linger(stream);
        }
    }
}

/// Reads what still comes: closing with unread bytes would reset the connection, and the answer could be lost.
fn linger(mut stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    let (time, mut bytes) = LINGER;
    let deadline = Instant::now() + time;
    let mut buffer = [0; 4096];
    while bytes > 0 {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(count) => bytes = bytes.saturating_sub(count),
        }
    }
    Ok(())
}
