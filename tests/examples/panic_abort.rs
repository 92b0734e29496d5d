//! What holds in a program that is compiled with `panic = "abort"`: everything but what needs unwinding, which is
//! refused with an error. `cargo xtask test` runs it in the profile `panic-abort`.

use std::time::Duration;

use green::coroutine::generator;
use green::greenlet::{self, Greenlet};
use green::thread;
use green::time::{TimeoutError, timeout};

fn main() {
    let parked = thread::spawn(thread::park);
    assert_eq!(parked.kill(), Err(thread::KillError::PanicAbort));
    let refused: std::io::Error = parked.kill().unwrap_err().into();
    assert_eq!(refused.kind(), std::io::ErrorKind::Unsupported);
    let outcome = timeout(Duration::from_secs(1), || unreachable!("a refused timeout runs nothing"));
    assert_eq!(outcome, Err(TimeoutError::Unsupported));
    // The refused kill did nothing.
    assert!(!parked.is_finished());
    parked.thread().unpark();
    parked.join().expect("nobody panicked");
    // To see a sleep work; nothing is ordered by it.
    thread::sleep(Duration::from_millis(1));
    let sum = thread::scope(|scope| scope.spawn(|| 2 + 2).join().expect("nobody panicked"));
    assert_eq!(sum, 4);
    suspended_stacks_are_leaked();
    thread::spawn(suspended_stacks_are_leaked).join().expect("nobody panicked");
    std::thread::spawn(suspended_stacks_are_leaked).join().expect("nobody panicked");
}

/// Must never be dropped: its stack cannot be unwound.
struct Stays;

impl Drop for Stays {
    fn drop(&mut self) {
        unreachable!("there is no unwinding");
    }
}

/// Values travel as ever; what is dropped suspended, or asked to end from elsewhere, stays as it is.
fn suspended_stacks_are_leaked() {
    let numbers = generator(|out| {
        (0..3).for_each(|n| out.suspend(n));
    });
    assert_eq!(numbers.sum::<i32>(), 3);
    let mut dropped = generator(|out| {
        let _stays = Stays;
        out.suspend(1);
    });
    assert_eq!(dropped.next(), Some(1));
    drop(dropped);

    let main = greenlet::current();
    let waiting = Greenlet::new(move |_| {
        let _stays = Stays;
        main.switch("here");
    });
    assert!(waiting.switch(()).is::<&str>());
    assert!(waiting.backtrace().is_some());
    let remote = waiting.remote().expect("it is no main greenlet");
    assert!(!remote.kill(), "it would have to be unwound");
    Greenlet::new(|_| ()).switch(());
    drop(waiting);
}
