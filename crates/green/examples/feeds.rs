//! A feed dispatcher: each client sends the addresses of feeds, and gets their titles in the same order. All clients share
//! one pool, and each has a pile of its own.
//!
//! A request is a line of addresses; the answer has a line for each. A feed is whatever says its title, a line, to who
//! connects, within the patience: `feeds [<milliseconds>]`. The first line on standard output is the server's address; the
//! server ends with its standard input.

#![allow(clippy::print_stdout, reason = "a program talks to whoever started it")]

use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::time::Duration;

use green::net::{TcpListener, TcpStream, serve};
use green::pool::{GreenPile, GreenPool};
use green::println;
use green::time::timeout;

/// How many feeds are fetched at once, for all clients together.
const POOL: usize = 200;

fn main() -> io::Result<()> {
    let patience = std::env::args().nth(1).map_or(Ok(5000), |word| word.parse()).map_err(io::Error::other)?;
    let patience = Duration::from_millis(patience);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    let pool = GreenPool::new(POOL);
    let server = serve(listener, move |stream, _| dispatch(&stream, &pool, patience))?;
    green::io::stdin().lines().for_each(drop);
    server.stop()?;
    server.wait();
    println!("stopped");
    Ok(())
}

/// Serves one client.
fn dispatch(stream: &TcpStream, pool: &GreenPool, patience: Duration) -> io::Result<()> {
    let mut answer = BufWriter::new(stream);
    for request in BufReader::new(stream).lines() {
        let mut titles = GreenPile::with_pool(pool);
        for address in request?.split_whitespace().map(str::to_owned) {
            titles.spawn(move || timeout(patience, || title(&address)));
        }
        for title in titles {
            match title {
                Ok(Ok(Ok(title))) => writeln!(answer, "{title}")?,
                Ok(Ok(Err(error))) => writeln!(answer, "error: {error}")?,
                Ok(Err(late)) => writeln!(answer, "error: {late}")?,
                Err(_) => writeln!(answer, "error: it panicked")?,
            }
        }
        answer.flush()?;
    }
    Ok(())
}

fn title(address: &str) -> io::Result<String> {
    let mut title = String::new();
    BufReader::new(TcpStream::connect(address)?).read_line(&mut title)?;
    Ok(title.trim_end().to_owned())
}
