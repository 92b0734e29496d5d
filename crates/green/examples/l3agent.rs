//! A network agent in the manner of OpenStack's: workers take router updates from a shared queue, one at a time for each
//! router, the most urgent first, and try again what fails.
//!
//! Each line of standard input is an update, `<router> <priority> <timestamp>`. Routers from 900 on cannot be reached. The
//! agent ends when its input has ended and everything is done.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to whoever started it")]

#[path = "l3agent/agent.rs"]
mod agent;
#[path = "l3agent/exclusive.rs"]
mod exclusive;

use std::rc::Rc;
use std::time::Duration;

use agent::TRIES;
use exclusive::{Exclusive, Update};
use green::io;
use green::sync::PriorityQueue;
use green::thread;
use green::{eprintln, println};

fn main() {
    let (queue, exclusive) = (Rc::new(PriorityQueue::new(None)), Rc::new(Exclusive::default()));
    let agent = thread::spawn_local({
        let (queue, exclusive) = (Rc::clone(&queue), Rc::clone(&exclusive));
        move || agent::run(&queue, &exclusive, work)
    });
    for line in io::stdin().lines().map_while(Result::ok) {
        match parse(&line) {
            Some(update) => queue.put(update).expect("it is closed below"),
            None => eprintln!("not an update: {line}"),
        }
    }
    queue.close();
    agent.join().expect("the agent does not panic");
    println!("{} superseded", exclusive.superseded());
}

/// Works on a router, which takes a moment.
fn work(update: &Update) -> bool {
    let Update { router, timestamp, tries, .. } = update;
    println!("router {router}: begin {timestamp}");
    thread::sleep(Duration::from_millis(1));
    let reached = *router < 900;
    match (reached, tries + 1) {
        (true, _) => println!("router {router}: end {timestamp}"),
        (false, TRIES) => println!("router {router}: given up {timestamp}"),
        (false, _) => println!("router {router}: failed {timestamp}"),
    }
    reached
}

fn parse(line: &str) -> Option<Update> {
    let mut words = line.split_whitespace();
    let router = words.next()?.parse().ok()?;
    let priority = words.next()?.parse().ok()?;
    let timestamp = words.next()?.parse().ok()?;
    Some(Update { priority, timestamp, router, tries: 0 })
}
