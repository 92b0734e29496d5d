//! A web crawler: a pool fetches the pages of a site in waves, and the results come in the order of the links.
//!
//! The site is its own, on the loopback: `crawler <pages> [<at a time>]`. Page `n` links to the pages `2n + 1` and
//! `2n + 2`, and every seventh is not there.

#![allow(clippy::print_stdout, reason = "a program talks to whoever started it")]

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Write};
use std::time::Duration;

use green::net::{SocketAddr, TcpListener, TcpStream, serve};
use green::pool::GreenPool;
use green::{println, thread};

fn main() -> io::Result<()> {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<usize>().map_err(io::Error::other));
    let pages = numbers.next().unwrap_or(Ok(50))?;
    let pool = GreenPool::new(numbers.next().unwrap_or(Ok(10))?);

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let site = listener.local_addr()?;
    let server = serve(listener, move |stream, _| answer(&stream, pages))?;

    let (mut seen, mut wave, mut bytes) = (HashSet::from([0]), vec![0], 0);
    while !wave.is_empty() {
        let fetched = pool.imap(wave.clone(), move |page| fetch(site, page));
        let mut links = Vec::new();
        for (page, body) in wave.iter().zip(fetched) {
            match body.expect("to fetch does not panic") {
                Ok(body) => {
                    bytes += body.len();
                    println!("/{page}: {} bytes", body.len());
                    links.extend(body.lines().filter_map(|line| line.strip_prefix("link /")?.parse::<usize>().ok()));
                }
                Err(error) => println!("/{page}: {error}"),
            }
        }
        links.retain(|page| seen.insert(*page));
        wave = links;
    }
    println!("{bytes} bytes from {} pages", seen.len());
    server.stop()?;
    server.wait();
    Ok(())
}

fn fetch(site: SocketAddr, page: usize) -> io::Result<String> {
    let mut stream = TcpStream::connect(site)?;
    writeln!(stream, "GET /{page}")?;
    match io::read_to_string(stream)? {
        body if body.is_empty() => Err(io::Error::new(io::ErrorKind::NotFound, "not found")),
        body => Ok(body),
    }
}

/// Serves one page.
fn answer(mut stream: &TcpStream, pages: usize) -> io::Result<()> {
    let mut request = String::new();
    BufReader::new(stream).read_line(&mut request)?;
    let page = request.trim_end().strip_prefix("GET /").and_then(|page| page.parse::<usize>().ok());
    let Some(page) = page.filter(|page| page % 7 != 6) else { return Ok(()) };
    // The later pages are there first.
    thread::sleep(Duration::from_millis(3 - page as u64 % 3));
    writeln!(stream, "this is page {page}")?;
    for link in [2 * page + 1, 2 * page + 2].into_iter().filter(|link| *link < pages) {
        writeln!(stream, "link /{link}")?;
    }
    Ok(())
}
