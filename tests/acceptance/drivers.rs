//! A8, A16, A17: native OS threads beside the hub, and drivers that know nothing of green threads.

use std::cell::Cell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use green::debug::{self, Watchdog};
use green::pool::tpool::{self, Blocking, Pool};
use green::sync::{self, Queue};
use green::thread;

/// How often something is tried that another program on this machine may disturb.
const ATTEMPTS: u32 = 10;

/// A8: a heartbeat by a native OS thread shares a connection with green threads, and wakes them.
#[test]
fn a8_a_native_thread_shares_locks_and_queues_with_green_ones() {
    let connection = Arc::new(sync::Mutex::new(Vec::new()));
    let replies = Arc::new(Queue::new(None));
    let stop = Arc::new((sync::Mutex::new(false), sync::Condvar::new()));
    let heartbeat = {
        let (connection, replies, stop) = (Arc::clone(&connection), Arc::clone(&replies), Arc::clone(&stop));
        std::thread::spawn(move || {
            let mut beats = 0_usize;
            while !*stop.0.lock().unwrap() {
                connection.lock().unwrap().push("beat".to_owned());
                replies.put(beats).unwrap();
                beats += 1;
                // Woken by a green thread.
                let _ = stop.1.wait_timeout(stop.0.lock().unwrap(), Duration::from_micros(200)).unwrap();
            }
            replies.close();
            beats
        })
    };
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let (connection, replies) = (Arc::clone(&connection), Arc::clone(&replies));
            thread::spawn(move || {
                let mut got = Vec::new();
                // Woken by the native thread.
                while let Ok(reply) = replies.get() {
                    let mut connection = connection.lock().unwrap();
                    // Others want the lock meanwhile.
                    thread::yield_now();
                    connection.push(format!("{worker} got {reply}"));
                    got.push(reply);
                }
                got
            })
        })
        .collect();
    while connection.lock().unwrap().len() < 200 {
        thread::yield_now();
    }
    *stop.0.lock().unwrap() = true;
    stop.1.notify_all();
    let got: Vec<_> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
    let beats = heartbeat.join().unwrap();
    assert_eq!(got.len(), beats, "none is lost");
    assert_eq!(got.into_iter().collect::<HashSet<_>>(), (0..beats).collect(), "and none comes twice");
    assert_eq!(connection.lock().unwrap().len(), 2 * beats);
}

/// A driver whose queries block the OS thread that makes them.
struct Driver;

impl Driver {
    const QUERY: Duration = Duration::from_millis(100);

    fn query(&mut self, n: u32) -> u32 {
        // A query that takes its time.
        std::thread::sleep(Self::QUERY);
        n + 1
    }
}

/// Runs `queries` beside a ticker of the same hub, and returns by how much the ticker was late at worst.
fn drift_beside(queries: impl FnOnce() + 'static) -> Duration {
    const TICK: Duration = Duration::from_millis(2);
    let (end, ended) = channel::<()>();
    let ticker = thread::spawn_local(move || {
        let mut worst = Duration::ZERO;
        while ended.try_recv().is_err() {
            let due = Instant::now() + TICK;
            // A ticker ticks.
            thread::sleep(TICK);
            worst = worst.max(due.elapsed());
        }
        worst
    });
    let queries = thread::spawn_local(move || {
        // The ticker has begun.
        thread::sleep(TICK);
        queries();
        end.send(()).unwrap();
    });
    queries.join().unwrap();
    ticker.join().unwrap()
}

/// Fails unless the ticker is less than 20 ms late, or late without any query too: other programs take the processor.
fn check_drift(queries: fn()) {
    const LIMIT: Duration = Duration::from_millis(20);
    let mut calm = 0;
    for _ in 0..ATTEMPTS {
        if drift_beside(queries) < LIMIT {
            return;
        }
        // Time is the subject: as long as a query, and not one.
        calm += u32::from(drift_beside(|| thread::sleep(Driver::QUERY)) < LIMIT);
        assert!(calm < 4, "the ticker is late beside queries, and without them it is not");
    }
}

/// A16: the neighbours of a query go on, whichever way it is made.
#[test]
fn a16_a_blocking_driver_does_not_hold_up_the_ticker() {
    check_drift(|| assert_eq!(tpool::execute(|| Driver.query(1)), 2));
    check_drift(|| {
        let driver = Blocking::new(Driver);
        assert_eq!(driver.with(|driver| driver.query(2)), 3);
    });
}

/// What a watchdog calls a hold-up.
const LIMIT: Duration = Duration::from_millis(20);

/// Starts a watchdog that passes on the reports of the green thread `name`, after it has called `at_once`.
fn watch(name: &'static str, at_once: impl Fn() + Send + 'static) -> (Watchdog, Receiver<Duration>) {
    let (sender, reports) = channel();
    let watchdog = debug::watchdog(LIMIT, move |blocked| {
        if blocked.name() == Some(name) {
            at_once();
            let _ = sender.send(blocked.span());
        }
    });
    (watchdog.unwrap(), reports)
}

fn spawn_local_named<T: 'static>(name: &str, f: impl FnOnce() -> T + 'static) -> thread::LocalJoinHandle<T> {
    thread::Builder::new().name(name.to_owned()).spawn_local(f).unwrap()
}

/// A16: made as C code makes it, a call stops the ticker beside it, and is reported.
#[test]
fn a16_a_raw_call_freezes_the_ticker_and_is_reported() {
    let (_watchdog, reports) = watch("raw driver", || ());
    let ended = Rc::new(Cell::new(false));
    let ticker = thread::spawn_local({
        let ended = Rc::clone(&ended);
        move || {
            let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
            while !ended.get() {
                thread::yield_now();
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
            longest
        }
    });
    let driver = spawn_local_named("raw driver", move || {
        // The call goes on until somebody has noticed.
        let span = reports.recv_timeout(Duration::from_secs(60)).unwrap();
        ended.set(true);
        span
    });
    assert!(driver.join().unwrap() >= LIMIT);
    // It takes two looks to find out, a quarter of the limit apart.
    let longest = ticker.join().unwrap();
    assert!(longest >= LIMIT / 4, "the ticker went on: {longest:?}");
}

/// A16: as many queries at once as the pool has threads take as long as one.
#[test]
fn a16_twenty_queries_take_as_long_as_one() {
    let pool = Arc::new(Pool::new(20, Duration::from_secs(10)));
    let fast = (0..ATTEMPTS).any(|_| {
        let begin = Instant::now();
        let queries: Vec<_> = (0..20)
            .map(|n| {
                let pool = Arc::clone(&pool);
                thread::spawn(move || pool.execute(move || Driver.query(n)))
            })
            .collect();
        let sum: u32 = queries.into_iter().map(|query| query.join().unwrap()).sum();
        assert_eq!(sum, (1..=20).sum());
        assert!(begin.elapsed() >= Driver::QUERY);
        begin.elapsed() < 3 * Driver::QUERY
    });
    assert!(fast, "twenty queries take as long as three, each time");
}

/// A row of a database with a lock that a C library waits for.
#[derive(Default)]
struct Row {
    locked: Mutex<bool>,
    unlocked: Condvar,
}

impl Row {
    fn lock(&self) {
        let locked = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut locked = self.unlocked.wait_while(locked, |locked| *locked).unwrap_or_else(PoisonError::into_inner);
        *locked = true;
    }

    fn unlock(&self) {
        *self.locked.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.unlocked.notify_one();
    }
}

/// A17: one holds a row and lets others run; another waits for the row inside the library. The first can still go on.
#[test]
fn a17_a_row_lock_that_is_held_across_a_switch_does_not_stop_the_process() {
    let row: Arc<Row> = Arc::default();
    let (lock, held) = channel();
    let first = {
        let row = Arc::clone(&row);
        thread::spawn_local(move || {
            let own = Arc::clone(&row);
            tpool::execute(move || own.lock());
            lock.send(()).unwrap();
            for _ in 0..10 {
                // The library waits meanwhile, for as long as a lock may be held.
                thread::sleep(Duration::from_millis(1));
            }
            tpool::execute(move || row.unlock());
        })
    };
    let second = thread::spawn_local(move || {
        while held.try_recv().is_err() {
            thread::yield_now();
        }
        tpool::execute(move || {
            row.lock();
            row.unlock();
        });
    });
    first.join().unwrap();
    second.join().unwrap();
}

/// A17: by a raw call, the one that waits for the row stops the one that has it, and is reported. The report gives up the row,
/// as the timeout of a data base would.
#[test]
fn a17_a_row_lock_that_a_raw_call_waits_for_is_reported() {
    let row: Arc<Row> = Arc::default();
    let (_watchdog, reports) = watch("raw waiter", {
        let row = Arc::clone(&row);
        move || row.unlock()
    });
    row.lock();
    let holder = thread::spawn_local({
        let row = Arc::clone(&row);
        move || {
            thread::yield_now();
            // Too late: the other was let in by the report, which comes a moment after that.
            assert!(reports.recv_timeout(Duration::from_secs(60)).unwrap() >= LIMIT);
            row.lock();
            row.unlock();
        }
    });
    let waiter = spawn_local_named("raw waiter", move || {
        row.lock();
        row.unlock();
    });
    waiter.join().unwrap();
    holder.join().unwrap();
}
