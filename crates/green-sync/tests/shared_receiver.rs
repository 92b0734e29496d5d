//! One receiver that several green threads of an OS thread share, by `recv` and by `Select`: each message and the end reach them.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use green_core::park::no_switch;
use green_sync::{Select, mpmc, mpsc};
use green_thread as thread;
use green_thread::LocalJoinHandle;

/// The ways to get a message from a receiver.
trait Receive: 'static {
    fn recv(&self) -> Option<u32>;
    fn select(&self) -> Option<u32>;
}

impl Receive for mpsc::Receiver<u32> {
    fn recv(&self) -> Option<u32> {
        self.recv().ok()
    }

    fn select(&self) -> Option<u32> {
        Select::new().on(self, |message| message.ok()).wait()
    }
}

impl Receive for mpmc::Receiver<u32> {
    fn recv(&self) -> Option<u32> {
        self.recv().ok()
    }

    fn select(&self) -> Option<u32> {
        Select::new().on(self, |message| message.ok()).wait()
    }
}

/// Starts a green thread here for each of `ways`, which all wait before this returns.
fn wait_by<R: Receive>(receiver: R, ways: &[fn(&R) -> Option<u32>]) -> Vec<LocalJoinHandle<Option<u32>>> {
    let receiver = Rc::new(receiver);
    let waits = ways.iter().map(|&way| {
        let receiver = Rc::clone(&receiver);
        thread::spawn_local(move || way(&receiver))
    });
    let waits = waits.collect();
    settle();
    waits
}

/// Lets all others run until they wait.
fn settle() {
    for _ in 0..8 {
        thread::yield_now();
    }
}

#[track_caller]
fn results(waits: Vec<LocalJoinHandle<Option<u32>>>) -> Vec<Option<u32>> {
    settle();
    let mut results: Vec<_> =
        waits.into_iter().map(|wait| wait.try_join().expect("nobody waits on").unwrap()).collect();
    results.sort_unstable();
    results
}

/// Each of `ways` gets a message, if these come one by one, and all at once; and the end.
#[track_caller]
fn check<R: Receive, S>(make: impl Fn() -> (S, R), send: impl Fn(&S, u32), ways: &[fn(&R) -> Option<u32>]) {
    let numbers = 0..ways.len() as u32;
    for pause in [settle, || ()] {
        let (sender, receiver) = make();
        let waits = wait_by(receiver, ways);
        for number in numbers.clone() {
            send(&sender, number);
            pause();
        }
        assert_eq!(results(waits), numbers.clone().map(Some).collect::<Vec<_>>());
    }
    let (sender, receiver) = make();
    let waits = wait_by(receiver, ways);
    drop(sender);
    assert_eq!(results(waits), vec![None; ways.len()]);
}

#[track_caller]
fn check_all<R: Receive, S>(make: impl Fn() -> (S, R), send: impl Fn(&S, u32)) {
    check(&make, &send, &[R::select, R::select]);
    check(&make, &send, &[R::select, R::recv]);
    check(&make, &send, &[R::recv, R::select]);
    check(&make, &send, &[R::select, R::recv, R::select]);
    check(&make, &send, &[R::recv, R::select, R::recv, R::select]);
}

#[test]
fn all_who_wait_for_an_unbounded_channel_get_something() {
    check_all(mpsc::channel::<u32>, |sender, n| sender.send(n).unwrap());
}

#[test]
fn all_who_wait_for_a_bounded_channel_get_something() {
    check_all(|| mpsc::sync_channel::<u32>(8), |sender, n| sender.send(n).unwrap());
}

#[test]
fn all_who_wait_for_a_channel_of_several_receivers_get_something() {
    check_all(mpmc::channel::<u32>, |sender, n| sender.send(n).unwrap());
}

/// Between the end of a turn and the moment when the next in line runs, another takes a turn that comes to nothing, and one more.
#[test]
fn a_turn_that_comes_to_nothing_loses_nobody() {
    let (sender, receiver) = mpsc::channel();
    let (receiver, got) = (Rc::new(receiver), Rc::new(RefCell::new(Vec::new())));
    let start = |way: fn(&mpsc::Receiver<u32>) -> u32| {
        let (receiver, got) = (Rc::clone(&receiver), Rc::clone(&got));
        thread::spawn_local(move || {
            let message = way(&receiver);
            got.borrow_mut().push(message);
        });
    };
    start(|receiver| receiver.recv().unwrap());
    settle();
    start(|receiver| receiver.recv().unwrap());
    settle();
    sender.send(1).unwrap();
    // The first runs before it, and the second, who is told then, after it.
    start(|receiver| {
        no_switch(|| receiver.recv_timeout(Duration::ZERO)).expect_err("nothing is there");
        receiver.recv().unwrap()
    });
    settle();
    for message in [2, 3] {
        sender.send(message).unwrap();
        settle();
    }
    assert_eq!(*got.borrow(), [1, 2, 3]);
}
