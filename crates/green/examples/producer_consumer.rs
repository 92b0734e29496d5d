//! Producers and consumers around a queue that gives out the most urgent first.
//!
//! `cargo run --example producer_consumer -- 3 2 10`: three producers with ten jobs each, two consumers.
//!
//! Jobs have a priority from 0, the most urgent, up; of equal ones the older goes first. The queue has room for a few jobs,
//! so producers wait for consumers and the other way round. In the end the program says how many jobs each consumer has
//! done.
//!
//! With `-` for the number of jobs they come from standard input, one in a line: a priority and what to do. Nobody takes one
//! before all are there; so they come out in the order of their priorities.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to whoever started it")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use green::io;
use green::sync::PriorityQueue;
use green::thread;

/// How many jobs may lie in the queue when producers are at work.
const ROOM: usize = 4;

/// What is to be done. The derived order is that of the fields: priority, then age.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Job {
    priority: u32,
    number: usize,
    text: String,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let result = match &args[..] {
        [producers, consumers, jobs] => match (producers.parse(), consumers.parse(), jobs.parse()) {
            (Ok(producers), Ok(consumers), Ok(jobs)) if consumers > 0 => run(producers, consumers, jobs),
            (_, Ok(consumers), Err(_)) if jobs == "-" && consumers > 0 => run_from_input(consumers),
            _ => return usage(),
        },
        _ => return usage(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!(
        "usage: producer_consumer <producers> <consumers, 1 or more> <jobs each, or - for those of standard input>"
    );
    ExitCode::from(2)
}

/// Lets producers and consumers work at the same time.
fn run(producers: usize, consumers: usize, jobs: usize) -> io::Result<()> {
    let queue = PriorityQueue::new(Some(ROOM));
    let numbers = AtomicUsize::new(0);
    let done = thread::scope(|scope| {
        let (queue, numbers) = (&queue, &numbers);
        let consumers: Vec<_> = (0..consumers).map(|_| scope.spawn(move || consume(queue, |_| {}))).collect();
        let producers: Vec<_> = (0..producers)
            .map(|producer| {
                scope.spawn(move || {
                    for job in 0..jobs {
                        let number = numbers.fetch_add(1, Ordering::Relaxed);
                        let priority = ((job * 7 + producer * 3) % 5) as u32;
                        let put = queue.put(Job { priority, number, text: format!("job {job} of {producer}") });
                        put.expect("it is closed after the last one");
                    }
                })
            })
            .collect();
        for producer in producers {
            producer.join().expect("a producer does not panic");
        }
        // Who waits for a job now gets what is left, and then an end.
        queue.close();
        consumers.into_iter().map(|consumer| consumer.join().expect("a consumer does not panic")).collect::<Vec<_>>()
    });
    for (consumer, jobs) in done.iter().enumerate() {
        println!("consumer {consumer} has done {jobs}");
    }
    println!("{} jobs are done", done.iter().sum::<usize>());
    Ok(())
}

/// Does the jobs of standard input, the most urgent first.
fn run_from_input(consumers: usize) -> io::Result<()> {
    let queue = PriorityQueue::new(None);
    for (number, line) in io::stdin().lines().enumerate() {
        let line = line?;
        let job = line.split_once(' ').and_then(|(priority, text)| Some((priority.parse().ok()?, text.to_owned())));
        let Some((priority, text)) = job else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("not a priority and a job: {line}")));
        };
        queue.put(Job { priority, number, text }).map_err(|_| io::ErrorKind::BrokenPipe)?;
    }
    queue.close();
    thread::scope(|scope| {
        for _ in 0..consumers {
            scope.spawn(|| consume(&queue, |job| green::println!("{}: {}", job.priority, job.text)));
        }
    });
    Ok(())
}

/// Does jobs until there will be no more, and returns how many.
fn consume(queue: &PriorityQueue<Job>, work: impl Fn(&Job)) -> usize {
    let done = queue.iter().inspect(work);
    // A job that computes lets the others have a go.
    done.inspect(|_| thread::yield_now()).count()
}
