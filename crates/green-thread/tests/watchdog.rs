//! The watchdog: who is reported, when, and who is not (eventlet's `test_block_detect`, gevent's monitoring thread).
//!
//! Every test has a watchdog of its own. They see each other's green threads, so each looks for names of its own.

mod modes;

use std::panic::panic_any;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use green_core::debug::{self, Watchdog};
use green_core::hub;
use green_thread as thread;

use modes::{Flag, Mode, skip_in};

const LIMIT: Duration = Duration::from_millis(40);
const LONG: Duration = Duration::from_secs(60);

/// What is kept of a report: name, number, span, others, and its text.
#[derive(Debug)]
struct Report {
    number: u64,
    span: Duration,
    others: usize,
    text: String,
}

/// Starts a watchdog that passes on the reports of the green threads whose names begin with `name`.
fn watch(name: &'static str, limit: Duration) -> (Watchdog, Receiver<Report>) {
    let (sender, reports) = channel();
    let watchdog = debug::watchdog(limit, move |blocked| {
        if blocked.name().is_some_and(|found| found.starts_with(name)) {
            let _ = sender.send(Report {
                number: blocked.number().get(),
                span: blocked.span(),
                others: blocked.others(),
                text: blocked.to_string(),
            });
        }
    });
    (watchdog.unwrap(), reports)
}

fn named(name: &str) -> thread::Builder {
    thread::Builder::new().name(name.to_owned())
}

/// eventlet's `test_block_detect`: a sleep of the OS thread is detected. Its `_with_itimer` form asks for a finer resolution
/// than a second, which is the only one here.
#[test]
fn a_native_sleep_is_reported_once() {
    skip_in!(Mode::Plain, "a_native_sleep_is_reported_once", "an OS thread holds up nobody");
    let (_watchdog, reports) = watch("native sleeper", LIMIT);
    let child = named("native sleeper").spawn(move || {
        // A wait by std, of which green knows nothing.
        let report = reports.recv_timeout(LONG).expect("a report");
        // Long enough for another report, if there were one for each look.
        std::thread::sleep(2 * LIMIT);
        assert!(reports.try_recv().is_err(), "it is reported once");
        report
    });
    let child = child.unwrap();
    let id = child.thread().id();
    let report = child.join().unwrap();
    assert!(report.span >= LIMIT, "{report:?}");
    assert!(report.text.contains("'native sleeper'") && report.text.contains(&report.number.to_string()), "{report:?}");
    assert!(format!("{id:?}").contains(&report.number.to_string()), "{id:?}, {report:?}");
}

#[test]
fn those_that_park_and_those_that_yield_are_not_reported() {
    skip_in!(Mode::Plain, "those_that_park_and_those_that_yield_are_not_reported", "nobody is watched");
    let (_watchdog, reports) = watch("blameless", LIMIT);
    let stop = Flag::default();
    // Each returns the longest time in which the machine did not run it.
    let yielder = |name: &str| {
        let stop = stop.clone();
        named(name).spawn(move || {
            let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
            while !stop.is_up() {
                thread::yield_now();
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
            longest
        })
    };
    let yielders = [yielder("blameless yielder").unwrap(), yielder("blameless too").unwrap()];
    // Time for many looks.
    let sleeper = named("blameless sleeper").spawn(|| thread::sleep(10 * LIMIT)).unwrap();
    sleeper.join().unwrap();
    stop.raise();
    let longest = yielders.into_iter().map(|yielder| yielder.join().unwrap()).max();
    let found: Vec<_> = reports.try_iter().collect();
    assert!(found.is_empty() || longest >= Some(LIMIT / 2), "{found:?}");
}

#[test]
fn a_hub_with_nothing_to_do_is_not_reported() {
    let (_watchdog, reports) = watch("", LIMIT);
    // Alone: what other tests do is reported here too, but no OS thread of theirs has this one's name.
    let idle = std::thread::Builder::new().name("idle".to_owned()).spawn(|| {
        thread::yield_now();
        // Being idle takes time.
        std::thread::sleep(4 * LIMIT);
    });
    idle.unwrap().join().unwrap();
    assert!(reports.try_iter().all(|report| !report.text.contains("OS thread 'idle'")));
}

/// An OS thread of the program's own is reported if it has green threads and does not let them run.
#[test]
fn a_root_that_holds_up_its_local_green_threads_is_reported() {
    let (_watchdog, reports) = watch("selfish root", LIMIT);
    let root = std::thread::Builder::new().name("selfish root".to_owned()).spawn(move || {
        let local = thread::spawn_local(|| ());
        let report = reports.recv_timeout(LONG).unwrap();
        local.join().unwrap();
        assert_eq!(report.others, 1);
    });
    root.unwrap().join().unwrap();
}

/// What an OS thread did before it had green threads is not held against it, however long ago its hub last looked at the world.
#[test]
fn a_root_is_not_reported_for_the_time_that_it_was_alone() {
    let (_watchdog, reports) = watch("long alone", LIMIT);
    let root = std::thread::Builder::new().name("long alone".to_owned()).spawn(move || {
        thread::yield_now();
        // Time alone.
        std::thread::sleep(3 * LIMIT);
        let begin = Instant::now();
        let local = thread::spawn_local(|| ());
        // Long enough for two looks, and not for a hold-up.
        std::thread::sleep(LIMIT * 2 / 3);
        let (is_reported, span) = (reports.try_recv().is_ok(), begin.elapsed());
        local.join().unwrap();
        assert!(!is_reported || span >= LIMIT, "reported after {span:?}");
    });
    root.unwrap().join().unwrap();
}

/// A green thread without a name does not get that of its OS thread.
#[test]
fn an_unnamed_one_stays_unnamed() {
    let (sender, reports) = channel();
    let watchdog = debug::watchdog(LIMIT, move |blocked| {
        if blocked.os_thread().name() == Some("has a name") {
            let _ = sender.send(blocked.name().map(str::to_owned));
        }
    });
    let root = std::thread::Builder::new().name("has a name".to_owned()).spawn(move || {
        thread::spawn_local(move || assert_eq!(reports.recv_timeout(LONG).unwrap(), None)).join().unwrap();
    });
    root.unwrap().join().unwrap();
    drop(watchdog);
}

#[test]
fn a_call_of_the_hubs_is_reported_as_the_hubs() {
    let (sender, reports) = channel();
    let watchdog = debug::watchdog(LIMIT, move |blocked| {
        if blocked.os_thread().name() == Some("called") {
            let _ = sender.send(blocked.number());
        }
    });
    let called = std::thread::Builder::new().name("called".to_owned()).spawn(move || {
        let (told, tell) = (Arc::new(Mutex::new(None)), channel());
        hub::schedule_call(Duration::ZERO, {
            let told = Arc::clone(&told);
            move || {
                *told.lock().unwrap() = Some(reports.recv_timeout(LONG).unwrap());
                tell.0.send(()).unwrap();
            }
        });
        // With a neighbour, the call is made by the hub's loop and not in the wait.
        let neighbour = thread::spawn_local(move || {
            while tell.1.try_recv().is_err() {
                thread::yield_now();
            }
        });
        neighbour.join().unwrap();
        assert!(told.lock().unwrap().is_some());
    });
    called.unwrap().join().unwrap();
    drop(watchdog);
}

#[test]
fn a_panic_in_a_report_is_not_the_end() {
    skip_in!(Mode::Plain, "a_panic_in_a_report_is_not_the_end", "nobody is reported");
    /// A payload whose destructor panics as well.
    struct Panics;

    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }

    let (sender, reports) = channel();
    let mut count = 0;
    let watchdog = debug::watchdog(LIMIT, move |blocked| {
        if blocked.name() == Some("often reported") {
            count += 1;
            sender.send(count).unwrap();
            match count {
                1 => panic!("on purpose"),
                2 => panic_any(Panics),
                _ => {}
            }
        }
    });
    let reports = Arc::new(Mutex::new(reports));
    for expected in 1..=3 {
        let reports = Arc::clone(&reports);
        let child = named("often reported").spawn(move || reports.lock().unwrap().recv_timeout(LONG).unwrap());
        assert_eq!(child.unwrap().join().unwrap(), expected);
    }
    drop(watchdog);
}

#[test]
fn a_watchdog_needs_patience() {
    let error = debug::watchdog(Duration::ZERO, |_| ()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}
