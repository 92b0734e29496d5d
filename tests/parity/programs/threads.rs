//! Threads: what they return, what they drop and when, names, tokens, scopes, locals.

use std::cell::{Cell, RefCell};
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::subject::thread;

use crate::log::{Dropped, Log};

/// Catches the panic of `f`, quietly where it can be.
fn caught<T>(log: &Log, what: &str, f: impl FnOnce() -> T) {
    match panic::catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => log.note(what, "no panic"),
        Err(payload) => log.panic(what, payload.as_ref()),
    }
}

pub(crate) fn values_and_panics(log: &Log) -> io::Result<()> {
    log.note("a value", thread::spawn(|| 7).join().map_err(|_| ()));
    let panicked = thread::spawn(|| panic!("a text")).join().unwrap_err();
    log.note("a text", panicked.downcast_ref::<&str>());
    let panicked = thread::spawn(|| panic!("a text with {}", 7)).join().unwrap_err();
    log.note("a formatted text", panicked.downcast_ref::<String>());
    let panicked = thread::spawn(|| panic::panic_any(7_u64)).join().unwrap_err();
    log.note("a value of its own", panicked.downcast_ref::<u64>());
    let panicked = thread::spawn(|| panic::resume_unwind(Box::new('x'))).join().unwrap_err();
    log.note("resumed", panicked.downcast_ref::<char>());
    let nested = thread::spawn(|| thread::spawn(|| thread::spawn(|| 3).join().unwrap() + 1).join().unwrap() + 1);
    log.note("nested", nested.join().unwrap());
    Ok(())
}

pub(crate) fn names(log: &Log) -> io::Result<()> {
    let name = || thread::current().name().map(str::to_owned);
    log.note("unnamed", thread::spawn(name).join().unwrap());
    let named = thread::Builder::new().name("a name".to_owned()).spawn(name)?;
    log.note("from outside", named.thread().name());
    log.note("from inside", named.join().unwrap());
    let long = "a name that is longer than what the kernel keeps of one".to_owned();
    log.note("long", thread::Builder::new().name(long).spawn(name)?.join().unwrap());
    log.note("empty", thread::Builder::new().name(String::new()).spawn(name)?.join().unwrap());
    let with_nul = || thread::Builder::new().name("a\0b".to_owned()).spawn(|| ()).is_ok();
    log.note("with a NUL it panics", panic::catch_unwind(with_nul).is_err());
    thread::scope(|scope| {
        let named = thread::Builder::new().name("scoped".to_owned()).spawn_scoped(scope, name);
        log.note("scoped", named.map(|handle| handle.join().unwrap()).map_err(|_| ()));
    });
    Ok(())
}

pub(crate) fn tokens(log: &Log) -> io::Result<()> {
    // A token that is there makes the next park return at once, however often it was given.
    let me = thread::current();
    me.unpark();
    me.unpark();
    thread::park();
    let started = Instant::now();
    thread::park_timeout(Duration::from_millis(20));
    log.note("the second token was none", started.elapsed() >= Duration::from_millis(15));
    thread::park_timeout(Duration::ZERO);

    let (turns, goal) = (AtomicUsize::new(0), 100);
    thread::scope(|scope| {
        let ping = scope.spawn(|| {
            while turns.load(Ordering::Acquire) < goal {
                thread::park();
                turns.fetch_add(1, Ordering::AcqRel);
            }
        });
        let mut seen = 0;
        while seen < goal {
            ping.thread().unpark();
            while turns.load(Ordering::Acquire) == seen {
                thread::yield_now();
            }
            seen += 1;
        }
        ping.thread().unpark();
    });
    log.note("turns", turns.into_inner() >= goal);
    Ok(())
}

pub(crate) fn scopes(log: &Log) -> io::Result<()> {
    let mut numbers = vec![1, 2, 3];
    let mut sum = 0;
    let length = thread::scope(|scope| {
        let length = scope.spawn(|| numbers.len());
        let inner = scope.spawn(|| {
            let inner = scope.spawn(|| numbers.iter().sum::<i32>());
            inner.join().unwrap()
        });
        sum += inner.join().unwrap();
        length.join().unwrap()
    });
    numbers.push(4);
    log.note("length, sum, numbers", (length, sum, numbers));
    // What is not joined has ended all the same.
    let count = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                thread::yield_now();
                count.fetch_add(1, Ordering::Relaxed);
            });
        }
    });
    log.note("all have ended", count.into_inner());
    let drops = log.clone();
    thread::scope(|scope| {
        scope.spawn(move || Dropped { what: "a result that nobody took", log: drops });
    });
    log.note("after", "the scope");
    Ok(())
}

pub(crate) fn scopes_pass_panics_on(log: &Log) -> io::Result<()> {
    caught(log, "a child that nobody joined", || thread::scope(|scope| drop(scope.spawn(|| panic!("child")))));
    caught(log, "a child that was joined", || thread::scope(|scope| scope.spawn(|| panic!("child")).join().is_err()));
    caught(log, "the closure itself", || thread::scope(|_| panic!("closure")));
    caught(log, "both", || {
        thread::scope(|scope| {
            scope.spawn(|| panic!("child"));
            panic!("closure")
        })
    });
    Ok(())
}

super::subject::thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(5) };
    static LIST: RefCell<Vec<u32>> = RefCell::new(vec![1]);
    static HELD: RefCell<Option<Dropped>> = const { RefCell::new(None) };
}

pub(crate) fn locals(log: &Log) -> io::Result<()> {
    log.note("each has its own", {
        COUNT.set(6);
        let other = thread::spawn(|| COUNT.replace(8) + COUNT.get()).join().unwrap();
        (COUNT.get(), other, COUNT.take(), COUNT.get())
    });
    LIST.with_borrow_mut(|list| list.push(2));
    log.note("list", LIST.with_borrow(Vec::clone));
    log.note("replaced", LIST.replace(vec![9]));
    log.note("taken", (LIST.take(), LIST.with_borrow(Vec::len)));
    LIST.set(vec![1]);
    log.note("elsewhere", thread::spawn(|| LIST.with(|list| list.borrow().clone())).join().unwrap());
    log.note("tried", COUNT.try_with(Cell::get).is_ok());
    LIST.with(|list| {
        let _borrow = list.borrow_mut();
        caught(log, "borrowed twice", || LIST.with_borrow_mut(|_| ()));
    });
    COUNT.set(5);
    Ok(())
}

pub(crate) fn local_destructors(log: &Log) -> io::Result<()> {
    let held = log.clone();
    thread::spawn(move || {
        HELD.set(Some(Dropped { what: "a local", log: held.clone() }));
        held.note("in", "the closure");
    })
    .join()
    .unwrap();
    log.note("after", "join");
    let held = log.clone();
    let panicked = thread::spawn(move || {
        HELD.set(Some(Dropped { what: "a local of one that panics", log: held }));
        panic!("on purpose");
    });
    log.note("panicked", panicked.join().is_err());
    // A scope waits for its children's closures; that their locals are gone as well is promised by `join`.
    let held = log.clone();
    thread::scope(|scope| {
        let child = scope.spawn(|| HELD.set(Some(Dropped { what: "a local of a child", log: held })));
        child.join().unwrap();
        log.note("after", "the child");
    });
    Ok(())
}

pub(crate) fn drops_of_a_closure(log: &Log) -> io::Result<()> {
    let [captured, local, panicking] =
        ["captured", "local", "captured by one that panics"].map(|what| Dropped { what, log: log.clone() });
    let result = thread::spawn(move || {
        let _captured = &captured;
        local
    });
    let result = result.join().unwrap();
    log.note("joined", result.what);
    drop(result);
    let panicked = thread::spawn(move || {
        let _captured = &panicking;
        panic!("on purpose");
    });
    log.note("panicked", panicked.join().is_err());
    Ok(())
}

pub(crate) fn drops_of_an_unjoined_result(log: &Log) -> io::Result<()> {
    let result = Dropped { what: "the result", log: log.clone() };
    let handle = thread::spawn(move || result);
    while !handle.is_finished() {
        thread::yield_now();
    }
    log.note("it is", "finished");
    drop(handle);
    while log.lines().len() < 2 {
        thread::yield_now();
    }
    Ok(())
}

pub(crate) fn sleeps(log: &Log) -> io::Result<()> {
    for millis in [0, 1, 20] {
        let started = Instant::now();
        // What is tested is the sleep.
        thread::sleep(Duration::from_millis(millis));
        log.note("slept long enough", started.elapsed() >= Duration::from_millis(millis));
    }
    // The shortest there is.
    thread::sleep(Duration::from_nanos(1));
    Ok(())
}

pub(crate) fn finished(log: &Log) -> io::Result<()> {
    let handle = thread::spawn(thread::park);
    log.note("finished while it waits", handle.is_finished());
    handle.thread().unpark();
    while !handle.is_finished() {
        handle.thread().unpark();
        thread::yield_now();
    }
    log.note("joined", handle.join().is_ok());
    thread::scope(|scope| {
        let child = scope.spawn(thread::park);
        log.note("a child", child.is_finished());
        while !child.is_finished() {
            child.thread().unpark();
            thread::yield_now();
        }
    });
    Ok(())
}

pub(crate) fn identities(log: &Log) -> io::Result<()> {
    let me = thread::current().id();
    log.note("the same", me == thread::current().id());
    let (sender, receiver) = std::sync::mpsc::channel();
    let other = thread::spawn(move || sender.send(thread::current().id()));
    let outside = other.thread().id();
    other.join().unwrap().unwrap();
    log.note("inside as outside", receiver.recv() == Ok(outside));
    log.note("of another", outside == me);
    log.note("in a new one", thread::spawn(|| thread::current().id()).join().unwrap() == outside);
    log.shown("id", &me);
    Ok(())
}

/// Says whether its thread is unwinding when it is dropped.
struct Witness(Log);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.note("panicking", thread::panicking());
        // Waiting is allowed here, and changes nothing of it.
        thread::sleep(Duration::from_millis(1));
        self.0.note("panicking after a wait", thread::panicking());
        let inner = panic::catch_unwind(thread::panicking);
        self.0.note("inside a catch", inner.ok());
    }
}

pub(crate) fn panicking_in_drops(log: &Log) -> io::Result<()> {
    log.note("before", thread::panicking());
    drop(Witness(log.clone()));
    caught(log, "outer", || {
        let _witness = Witness(log.clone());
        panic!("on purpose")
    });
    log.note("after", thread::panicking());
    let witness = Witness(log.clone());
    let other = thread::spawn(move || {
        let _witness = witness;
        panic!("on purpose")
    });
    log.note("another panicked", other.join().is_err());
    Ok(())
}

pub(crate) fn builders(log: &Log) -> io::Result<()> {
    let handle = thread::Builder::new().stack_size(1 << 20).spawn(|| {
        let big = [1_u8; 200_000];
        std::hint::black_box(&big).iter().map(|byte| usize::from(*byte)).sum::<usize>()
    })?;
    log.note("a big stack", handle.join().unwrap());
    log.note("parallelism", thread::available_parallelism()?);
    Ok(())
}
