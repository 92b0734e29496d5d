//! Waits for several green threads or events with one deadline, as nova has them: A19 and A20; and A22, oslo's `ThreadGroup`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use green::sync::{Event, Mutex, Queue, Semaphore};
use green::thread::{self, Exit, Group, Killed, Remote};

const LONG: Duration = Duration::from_secs(60);

/// What became of a cell that was asked.
#[derive(Debug, PartialEq, Eq)]
enum Answer<T> {
    Came(T),
    RaisedException(String),
    DidNotRespond,
}

type Question<T> = Box<dyn FnOnce() -> T + Send>;

/// Asks all cells at once; whoever has not answered at the end of `patience` is killed.
fn scatter_gather<T: Send + 'static>(patience: Duration, cells: Vec<Question<T>>) -> (Vec<Answer<T>>, Vec<Remote>) {
    let deadline = Instant::now() + patience;
    let handles: Vec<_> = cells.into_iter().map(thread::spawn).collect();
    let remotes = handles.iter().map(thread::JoinHandle::remote).collect();
    let mut answers: Vec<_> = handles.iter().map(|_| Answer::DidNotRespond).collect();
    let mut finished = thread::finished(handles);
    while let Some((cell, result)) = finished.next_deadline(deadline) {
        answers[cell] = match result {
            Ok(value) => Answer::Came(value),
            Err(payload) => {
                Answer::RaisedException(payload.downcast_ref::<&str>().copied().unwrap_or_default().to_owned())
            }
        };
    }
    for (_, late) in finished.into_unfinished() {
        late.kill().expect("tests can unwind");
    }
    (answers, remotes)
}

#[test]
fn a19_scatter_gather_takes_as_long_as_its_timeout_and_no_longer() {
    let patience = Duration::from_millis(50);
    let start = Instant::now();
    let (answers, remotes) = scatter_gather(
        patience,
        vec![
            Box::new(|| 1),
            Box::new(|| {
                thread::sleep(Duration::from_secs(3600));
                2
            }),
            Box::new(|| resume_unwind(Box::new("cell mapping is broken"))),
            Box::new(|| {
                thread::yield_now();
                4
            }),
        ],
    );
    let elapsed = start.elapsed();
    let broken = Answer::RaisedException("cell mapping is broken".to_owned());
    assert_eq!(answers, [Answer::Came(1), Answer::DidNotRespond, broken, Answer::Came(4)]);
    assert!(elapsed >= patience && elapsed < LONG, "{elapsed:?}");
    remotes.iter().for_each(Remote::wait);
    let exits: Vec<_> = remotes.iter().map(|remote| remote.exit().unwrap()).collect();
    assert_eq!(exits, [Exit::Returned, Exit::Killed, Exit::Panicked, Exit::Returned]);
    // With nobody late it does not wait for the timeout.
    let start = Instant::now();
    let (answers, _) = scatter_gather::<u32>(LONG, vec![Box::new(|| 1), Box::new(|| 2)]);
    assert_eq!(answers, [Answer::Came(1), Answer::Came(2)]);
    assert!(start.elapsed() < LONG);
}

/// What an event of an instance says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Completed,
    Failed,
}

/// Why a wait for the events of an instance came to nothing.
#[derive(Debug, PartialEq, Eq)]
enum NotAll {
    Failed(&'static str),
    TimedOut,
}

/// The events that somebody waits for, by name.
#[derive(Default)]
struct InstanceEvents(Mutex<HashMap<&'static str, Arc<Event<Status>>>>);

impl InstanceEvents {
    /// Registers the events *before* `body` runs, since that is what makes them come, and then waits for all of them with one
    /// deadline. `may_go_on` is asked about each that failed.
    fn wait_for(
        &self,
        names: &[&'static str],
        deadline: Duration,
        body: impl FnOnce(),
        may_go_on: impl Fn(&'static str) -> bool,
    ) -> Result<(), NotAll> {
        let events: Vec<_> = {
            let mut registered = self.0.lock().unwrap();
            names.iter().map(|name| (*name, Arc::clone(registered.entry(name).or_default()))).collect()
        };
        body();
        let waits = || {
            for (name, event) in events {
                let status = event.wait().unwrap_or_else(|never| match *never {});
                if *status == Status::Failed && !may_go_on(name) {
                    return Err(NotAll::Failed(name));
                }
            }
            Ok(())
        };
        green::time::timeout(deadline, waits).unwrap_or(Err(NotAll::TimedOut))
    }

    /// Says that an event has come; returns false if nobody waits for it.
    fn send(&self, name: &'static str, status: Status) -> bool {
        let event = self.0.lock().unwrap().remove(name);
        event.is_some_and(|event| event.send(status).is_ok())
    }

    /// Tells everybody who waits that nothing will come any more.
    fn shut_down(&self) {
        for (_, event) in self.0.lock().unwrap().drain() {
            event.send(Status::Failed).expect("an event is sent by whoever took it out");
        }
    }
}

#[test]
fn a20_events_are_waited_for_with_one_deadline() {
    let events = Arc::new(InstanceEvents::default());
    let sender = RefCell::new(None);
    let send_from_outside = |names: &'static [(&'static str, Status)]| {
        let (events, sender) = (Arc::clone(&events), &sender);
        // The sender is an OS thread that knows nothing of green threads.
        move || {
            let send = move || names.iter().for_each(|(name, status)| assert!(events.send(name, *status)));
            sender.replace(Some(std::thread::spawn(send)));
        }
    };
    // Nothing of one wait may come into the next.
    let sent = || sender.take().unwrap().join().unwrap();
    let plug: &[&str] = &["plugged-1", "plugged-2"];
    let all = send_from_outside(&[("plugged-2", Status::Completed), ("plugged-1", Status::Completed)]);
    assert_eq!(events.wait_for(plug, LONG, all, |_| false), Ok(()));
    sent();
    // One fails: the callback decides.
    let one_fails: &[(&str, Status)] = &[("plugged-1", Status::Failed), ("plugged-2", Status::Completed)];
    let body = send_from_outside(one_fails);
    assert_eq!(events.wait_for(plug, LONG, body, |_| false), Err(NotAll::Failed("plugged-1")));
    sent();
    let body = send_from_outside(one_fails);
    assert_eq!(events.wait_for(plug, LONG, body, |name| name == "plugged-1"), Ok(()));
    sent();
    // One does not come.
    let body = send_from_outside(&[("plugged-1", Status::Completed)]);
    assert_eq!(events.wait_for(plug, Duration::from_millis(5), body, |_| false), Err(NotAll::TimedOut));
    sent();
    assert!(!events.send("never-registered", Status::Completed));
    // A shutdown fails all who wait.
    let waiters: Vec<_> = [["a", "b"], ["c", "d"]]
        .map(|names| {
            let events = Arc::clone(&events);
            thread::spawn(move || events.wait_for(&names, LONG, || (), |_| false))
        })
        .into_iter()
        .collect();
    while events.0.lock().unwrap().len() < 5 {
        // Four of the waiters', and the one that did not come before.
        thread::yield_now();
    }
    events.shut_down();
    let results: Vec<_> = waiters.into_iter().map(|waiter| waiter.join().unwrap()).collect();
    assert_eq!(results, [Err(NotAll::Failed("a")), Err(NotAll::Failed("c"))]);
}

/// A thread group with a capacity: `add` waits for room.
struct ThreadGroup {
    group: Group,
    room: Arc<Semaphore>,
}

impl ThreadGroup {
    fn new(capacity: usize) -> Self {
        Self { group: Group::new(), room: Arc::new(Semaphore::new(capacity)) }
    }

    fn add(&self, f: impl FnOnce() + Send + 'static) {
        self.room.acquire().expect("nobody closes it").forget();
        let handle = self.group.spawn(f);
        // The room is free again when the green thread has ended, however it did.
        let room = Arc::clone(&self.room);
        handle.on_exit(move || room.release());
    }
}

#[test]
fn a22_a_thread_group_has_a_capacity_and_stops() {
    let group = Arc::new(ThreadGroup::new(2));
    let queue = Arc::new(Queue::new(None));
    let running = Arc::new(AtomicUsize::new(0));
    // `add` waits while both places are taken.
    let adder = thread::spawn({
        let (group, queue, running) = (Arc::clone(&group), Arc::clone(&queue), Arc::clone(&running));
        move || {
            for n in 0..6 {
                let (queue, running) = (Arc::clone(&queue), Arc::clone(&running));
                group.add(move || {
                    assert!(running.fetch_add(1, Ordering::SeqCst) < 2);
                    thread::yield_now();
                    queue.put(n).unwrap();
                    running.fetch_sub(1, Ordering::SeqCst);
                });
            }
        }
    });
    let mut got: Vec<u32> = (0..6).map(|_| queue.get().unwrap()).collect();
    got.sort_unstable();
    assert_eq!(got, [0, 1, 2, 3, 4, 5]);
    adder.join().unwrap();
    group.group.join();
    assert!(group.group.is_empty());

    // `stop` by a member ends all but the member.
    let endless = group.group.spawn(thread::park);
    let caller = group.group.spawn({
        let group = Arc::clone(&group);
        move || group.group.stop().is_ok()
    });
    assert!(caller.join().unwrap());
    assert!(endless.join().unwrap_err().is::<Killed>());

    // A member that fails is no concern of the one who waits for the group.
    group.group.spawn(|| resume_unwind(Box::new("a member's own affair")));
    group.group.join();
}
