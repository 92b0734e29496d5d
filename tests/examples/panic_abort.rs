//! What holds in a program that is compiled with `panic = "abort"`: everything but what needs unwinding, which is
//! refused with an error. `cargo xtask test` runs it in the profile `panic-abort`.

use std::time::Duration;

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
}
