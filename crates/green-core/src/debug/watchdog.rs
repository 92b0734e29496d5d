//! The watchdog: an OS thread that reports who holds up the green threads of another.
//!
//! # What a hub shows
//!
//! Every hub has a [`Pulse`]: the record that runs, written at each switch, and the time of the hub's last look at the
//! world. Both are single words that only the hub's OS thread writes, without order between them, so what is read is
//! a hint; a report needs two looks that agree. The flag by which a hub says that it sleeps is the third hint.
//!
//! A hub looks at the world after 64 hand-offs at the latest, and after each where they take long (`run_queue.rs`). So
//! an old look, of a hub that does not sleep, means that somebody runs and does not park.
//!
//! # Rejected
//!
//! - *A signal to the OS thread that is held up*, whose handler could take a backtrace: it interrupts system calls, of C
//!   libraries too, that nobody wrote to be interrupted.
//! - *Names by way of the running record*: what it runs is counted without atomics by its own hub. While a watchdog is on,
//!   green threads with a name are entered into a table when they start.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;
use std::{fmt, io};

use parking_lot::Mutex;

use crate::clock;
use crate::hub::shared::Shared;
use crate::identity::Identity;
use crate::per_process::PerProcess;
use crate::record::{Record, Running};
use crate::spawn::extras::contain;

/// How many watchdogs there are.
static WATCHING: AtomicUsize = AtomicUsize::new(0);
/// All hubs that ever were in this process.
static HUBS: PerProcess<Mutex<Vec<Watched>>> = PerProcess::new(Mutex::default);
/// The names of the green threads that started while there was a watchdog.
static NAMES: PerProcess<Mutex<HashMap<NonZeroU64, Arc<str>>>> = PerProcess::new(Mutex::default);

/// What a hub lets others see of what it does.
#[derive(Debug)]
pub(crate) struct Pulse {
    pub(crate) running: Running,
    /// The clock at its last look at the world, in ticks.
    seen: AtomicU64,
    is_worker: AtomicBool,
    /// The number of the OS thread's own green thread, which has that one's name.
    root: AtomicU64,
    os_thread: Mutex<Option<Thread>>,
}

impl Pulse {
    pub(crate) const fn new() -> Self {
        Self {
            running: Running::nobody(),
            seen: AtomicU64::new(0),
            is_worker: AtomicBool::new(false),
            root: AtomicU64::new(0),
            os_thread: Mutex::new(None),
        }
    }

    /// Notes whose hub it is from now on.
    pub(crate) fn begin(&self, is_worker: bool) {
        self.is_worker.store(is_worker, Ordering::Relaxed);
        *self.os_thread.lock() = Some(thread::current());
    }

    /// Notes who is the OS thread's own.
    pub(crate) fn note_root(&self, identity: &Identity) {
        self.root.store(identity.id().get(), Ordering::Relaxed);
    }

    /// Notes a look at the world.
    #[inline]
    pub(crate) fn beat(&self, now: u64) {
        self.seen.store(now, Ordering::Relaxed);
    }
}

#[derive(Clone, Copy, Debug)]
struct Watched {
    shared: &'static Shared,
    pulse: &'static Pulse,
}

/// Makes a new hub known.
pub(crate) fn add(shared: &'static Shared, pulse: &'static Pulse) {
    HUBS.lock().push(Watched { shared, pulse });
}

/// Returns true while there is a watchdog.
#[inline]
pub(crate) fn is_on() -> bool {
    WATCHING.load(Ordering::Relaxed) != 0
}

/// Notes the name of a green thread that starts.
#[cold]
pub(crate) fn note_start(identity: &Identity) {
    if let Some(name) = identity.name() {
        NAMES.lock().insert(identity.id(), name.into());
    }
}

/// Forgets the name of a green thread that has ended, or will never run again.
#[cold]
pub(crate) fn note_end(record: &Record) {
    if let Some(number) = NonZeroU64::new(record.number.load(Ordering::Relaxed)) {
        NAMES.lock().remove(&number);
    }
}

/// Watches all green threads from now on, and calls `report` whenever one of them holds up its OS thread for `limit`: it
/// computes, or it is in a call that blocks and is not green's.
///
/// Each hold-up is reported once, when it has lasted for `limit`, or for a quarter of that longer. So is a call of the hub's
/// ([`schedule_call`](crate::hub::schedule_call)) that takes so long, and an OS thread of the program's own that has local green
/// threads and does not let them run. An OS thread without green threads may do what it likes, and a hub with nothing to do
/// is not reported. Two that wait for each other by a lock of std's are a hold-up: the one that runs is reported.
///
/// `report` runs on the watchdog's OS thread; a panic in it is printed and goes no further. It must not wait for
/// green threads that may be the ones held up.
///
/// It costs an OS thread that wakes up four times in `limit`, and a lock at the start and the end of green threads that have
/// names. What is reported of a green thread that started before is its number alone. As with every clock, a process that was
/// stopped, or a machine too busy to run it, looks like a hold-up.
///
/// Follows eventlet's `debug.hub_blocking_detection` and gevent's monitoring thread.
///
/// # Errors
///
/// The OS error if the OS thread cannot be started; `InvalidInput` if `limit` is zero.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use std::time::Duration;
///
/// use green_core::debug;
/// use green_core::spawn::{self, Options};
///
/// let (sender, reports) = mpsc::channel();
/// let watchdog = debug::watchdog(Duration::from_millis(20), move |blocked| {
///     let _ = sender.send(blocked.to_string());
/// })?;
/// let options = Options { name: Some("calculator".into()), ..Options::default() };
/// let child = spawn::spawn(options, || std::thread::sleep(Duration::from_millis(200)))?;
/// let _ = child.join();
/// assert!(reports.recv_timeout(Duration::from_secs(60)).unwrap().contains("calculator"));
/// drop(watchdog);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn watchdog(limit: Duration, report: impl FnMut(&Blocked) + Send + 'static) -> io::Result<Watchdog> {
    if limit.is_zero() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a watchdog with no patience would report everybody"));
    }
    let stop = Arc::new(AtomicBool::new(false));
    WATCHING.fetch_add(1, Ordering::Relaxed);
    let guard = Counted;
    let watch = Watch { limit, report, looks: Vec::new() };
    let thread = thread::Builder::new().name("green-watchdog".to_owned()).spawn({
        let stop = Arc::clone(&stop);
        move || {
            let _guard = guard;
            watch.run(&stop);
        }
    })?;
    Ok(Watchdog { stop, thread: thread.thread().clone() })
}

/// A watchdog that is on; dropping it calls it off, though a report that is being made may still end.
///
/// To have one for as long as the process runs, [`forget`](std::mem::forget) it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let watchdog = green_core::debug::watchdog(Duration::from_secs(1), |blocked| eprintln!("{blocked}"))?;
/// std::mem::forget(watchdog);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "it is called off when it is dropped"]
pub struct Watchdog {
    stop: Arc<AtomicBool>,
    thread: Thread,
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Counts one watchdog out when it ends.
struct Counted;

impl Drop for Counted {
    fn drop(&mut self) {
        if WATCHING.fetch_sub(1, Ordering::Relaxed) == 1 {
            *NAMES.lock() = HashMap::new();
        }
    }
}

/// Who holds up an OS thread's green threads, as [`watchdog`] reports it.
pub struct Blocked {
    number: NonZeroU64,
    name: Option<Arc<str>>,
    os_thread: Thread,
    span: Duration,
    others: usize,
}

impl Blocked {
    /// Returns the number of the green thread that runs, as messages give it after the name.
    #[must_use]
    pub fn number(&self) -> NonZeroU64 {
        self.number
    }

    /// Returns its name, if it has one and started while there was a watchdog; for an OS thread of the program's own, that
    /// one's.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the OS thread that is held up.
    #[must_use]
    pub fn os_thread(&self) -> &Thread {
        &self.os_thread
    }

    /// Returns for how long at least the others could not run, so far.
    #[must_use]
    pub fn span(&self) -> Duration {
        self.span
    }

    /// Returns how many other green threads live on that OS thread.
    #[must_use]
    pub fn others(&self) -> usize {
        self.others
    }
}

impl fmt::Display for Blocked {
    /// Writes who, where and for how long.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name().unwrap_or("<unnamed>");
        let os_thread = self.os_thread.name().unwrap_or("<unnamed>");
        let Self { number, span, others, .. } = self;
        write!(
            f,
            "green thread '{name}' ({number}) has not parked for {span:?}, on OS thread '{os_thread}' with {others} others"
        )
    }
}

impl fmt::Debug for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocked")
            .field("number", &self.number)
            .field("name", &self.name)
            .field("os_thread", &self.os_thread.name())
            .field("span", &self.span)
            .field("others", &self.others)
            .finish()
    }
}

/// What was last seen of one hub.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    /// The time of the hub's look at the world and the number of who runs; none if nobody is held up there.
    shown: Option<(u64, u64)>,
    /// When that was first seen.
    since: u64,
    reported: bool,
}

struct Watch<R> {
    limit: Duration,
    report: R,
    looks: Vec<Look>,
}

impl<R: FnMut(&Blocked)> Watch<R> {
    fn run(mut self, stop: &AtomicBool) {
        let pause = (self.limit / 4).clamp(Duration::from_millis(1), Duration::from_secs(1));
        while !stop.load(Ordering::Acquire) {
            thread::park_timeout(pause);
            let hubs = HUBS.lock().clone();
            self.looks.resize(hubs.len(), Look::default());
            for (place, hub) in hubs.into_iter().enumerate() {
                let Some(blocked) = self.look(place, hub) else { continue };
                if stop.load(Ordering::Acquire) {
                    return;
                }
                contain(|| (self.report)(&blocked));
            }
        }
    }

    /// Looks at one hub; returns what is to be reported of it.
    fn look(&mut self, place: usize, Watched { shared, pulse }: Watched) -> Option<Blocked> {
        let number = pulse.running.number();
        let seen = pulse.seen.load(Ordering::Relaxed);
        let is_worker = pulse.is_worker.load(Ordering::Relaxed);
        // A root is not counted among those who live there.
        let others = shared.live().saturating_sub(usize::from(is_worker));
        let may_block = !shared.is_forked() && !shared.inbox().flag().is_asleep() && (is_worker || others > 0);
        let (shown, now) = (may_block.then_some((seen, number)), clock::ticks(clock::now()));
        let before = &mut self.looks[place];
        if before.shown != shown {
            *before = Look { shown, since: now, reported: false };
        }
        // Counted from our own look: the hub of an OS thread of the program's own may not have looked for hours, with nobody there.
        let span = Duration::from_nanos(now.saturating_sub(before.since));
        if shown.is_none() || before.reported || span < self.limit {
            return None;
        }
        before.reported = true;
        let number = NonZeroU64::new(number)?;
        let os_thread = pulse.os_thread.lock().clone()?;
        let known = NAMES.lock().get(&number).cloned();
        let is_root = pulse.root.load(Ordering::Relaxed) == number.get();
        let name = known.or_else(|| is_root.then(|| os_thread.name().map(Into::into)).flatten());
        Some(Blocked { number, name, os_thread, span, others })
    }
}
