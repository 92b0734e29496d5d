//! A message dispatcher in the manner of oslo.messaging: the same code on green threads, and on OS threads with `GREEN=off`.
//!
//! Each line of standard input is a message. `fail` is one whose handler panics, `stop` ends the intake, as the end of the
//! input does.

#![allow(clippy::print_stdout, reason = "a program talks to whoever started it")]

#[path = "dispatcher/dispatcher.rs"]
mod dispatcher;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use dispatcher::Dispatcher;
use green::io;
use green::println;
use green::sync::Queue;
use green::thread;

/// How many messages are worked on at once.
const POOL: usize = 64;

fn main() {
    // Bounded: who produces faster than the handlers work has to wait.
    let incoming = Arc::new(Queue::new(Some(16)));
    let dispatcher = Dispatcher::start(Arc::clone(&incoming), POOL, handle);
    let mut lines = io::stdin().lines().map_while(Result::ok);
    let told_to_stop = lines.any(|line| line == "stop" || incoming.put(line).is_err());
    if !told_to_stop {
        // All have been taken in.
        incoming.join();
    }
    let rest = dispatcher.stop().wait();
    println!("stopped, {} not taken in", rest.len());
}

fn handle(message: String) {
    if message == "fail" {
        // As a panic, without a message on standard error.
        resume_unwind(Box::new("the handler failed"));
    }
    thread::sleep(Duration::from_millis(1));
    println!("handled {message}");
}
