//! A port forwarder: each connection to one address becomes one to another, and what either side says goes to the other.
//!
//! `cargo run --example forwarder -- 127.0.0.1:8080 example.org:80`
//!
//! It says where it listens on standard output, and stops when standard input ends: it accepts nobody any more, and lets the
//! connections there are come to their end. Two green threads carry a connection, one in each direction. When a side says
//! that it has no more to say, the other side is told just that, and may go on answering for as long as it likes.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to whoever started it")]

use std::process::ExitCode;

use green::io;
use green::net::serve::{Builder, ServeError};
use green::net::{Shutdown, TcpListener, TcpStream};
use green::thread;

/// Enough for a loop around two system calls, whose buffer is on the heap.
const STACK_SIZE: usize = 64 * 1024;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [listen, target] = &args[..] else {
        eprintln!("usage: forwarder <address to listen on> <address to forward to>");
        return ExitCode::from(2);
    };
    match run(listen, target.clone()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot forward: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(listen: &str, target: String) -> io::Result<()> {
    let listener = TcpListener::bind(listen)?;
    println!("forwarding {}", listener.local_addr()?);
    let server = Builder::new()
        .stack_size(STACK_SIZE)
        .on_error(|error| match error {
            ServeError::Handler(error) => eprintln!("a connection ends: {error}"),
            error => eprintln!("{error}"),
        })
        // Looked up and connected to anew each time: the target may move, or be away for a while.
        .serve(listener, move |near, _| forward(&near, &TcpStream::connect(&target)?))?;
    for line in io::stdin().lines() {
        line?;
    }
    server.stop()?;
    server.wait();
    println!("stopped");
    Ok(())
}

/// Carries what either side says to the other, until both have no more to say.
fn forward(near: &TcpStream, far: &TcpStream) -> io::Result<()> {
    // What has come in small pieces goes on in small pieces.
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    thread::scope(|scope| {
        let back = thread::Builder::new().stack_size(STACK_SIZE).spawn_scoped(scope, || carry(far, near))?;
        let there = carry(near, far);
        let back = back.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        there.and(back)
    })
}

/// Carries one direction to its end. The other goes on: who takes no more may still have something to say.
fn carry(mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
    let result = io::copy(&mut from, &mut to);
    // Half a close: there is no more to come.
    let told = to.shutdown(Shutdown::Write).or_else(ignore_gone);
    if result.is_err() {
        from.shutdown(Shutdown::Read).or_else(ignore_gone)?;
    }
    result.map(drop).and(told)
}

/// Passes over the error of telling somebody who has gone already.
fn ignore_gone(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotConnected { Ok(()) } else { Err(error) }
}
