//! Starting later: a green thread that waits for the time of its start has a timer, and no stack.
//!
//! The timer is on the hub where it will start, or for what may start anywhere on some worker, so that it outlives the
//! one who asked for it. A kill or a cancel before its time makes the timer due: the green thread starts at once, sees the
//! kill, and ends without having run. Thus its closure is dropped where it would have run, its links run as any other's,
//! and there is one way to end.
//!
//! # A kill against the timer's being set
//!
//! Who sets the timer first says where it is ([`Extras::set_place`](super::extras::Extras::set_place)), and then looks for a
//! kill; who kills sets KILLED first, and then looks for the place. Both look at the place under its lock, so one of the two sees
//! the other, and to hasten twice is harmless.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::identity_ref::Identified;
use super::joiner::{Joiner, LocalJoiner};
use super::packet::Packet;
use super::unstarted::Task;
use super::{Options, erase, new_identity, os_thread};
use crate::clock;
use crate::config;
use crate::current;
use crate::hub::shared::{Message, Shared};
use crate::hub::workers;
use crate::mode::Mode;
use crate::stack::StackSize;
use crate::timer::TimerKey;
use crate::unpark::Unparker;

/// Where a delayed green thread waits for its time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// Among the timers of this hub.
    Timer(&'static Shared, TimerKey),
    /// On an OS thread of its own (`GREEN=off`).
    Sleeper(Unparker),
}

impl Place {
    /// Makes its time come now.
    pub(crate) fn hasten(self) {
        match self {
            Place::Timer(shared, key) => match current::existing() {
                Some(hub) if std::ptr::eq(hub.shared(), shared) => hub.hasten(key),
                _ => {
                    shared.send(Message::Hasten(key));
                }
            },
            Place::Sleeper(unparker) => unparker.unpark(),
        }
    }
}

/// Where a delayed green thread starts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    /// On the hub that has its timer.
    Here,
    /// The same, unless the green thread that asked for it has ended by then.
    HereWith(Unparker),
    /// On any worker; its timer is on one.
    Anywhere,
}

/// A green thread that waits for the time of its start.
pub(crate) struct Delayed {
    pub(crate) task: Arc<dyn Task>,
    pub(crate) size: StackSize,
    pub(crate) start: Start,
}

// SAFETY: one that is sent to another hub was made by `spawn_at`, whose bounds make the closure and the result `Send`;
// those of `spawn_local_at` stay among their hub's timers (I2).
unsafe impl Send for Delayed {}

impl fmt::Debug for Delayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delayed").field("identity", self.task.identity()).finish_non_exhaustive()
    }
}

/// Starts a green thread at `deadline`, whatever has become of the caller by then.
///
/// Until then it is a timer, and has no stack. If none is to be had then, the result is the error.
///
/// # Errors
///
/// `InvalidInput` for an invalid configuration or stack size; the OS error if no worker can be started.
pub fn spawn_at<F, T>(options: Options, deadline: Instant, f: F) -> io::Result<Joiner<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let config = config::get()?;
    let packet = Packet::shared(new_identity(options.name), f);
    // SAFETY: nothing is borrowed.
    let (task, join) = unsafe { erase(packet) };
    let size = options.stack_size.unwrap_or(config.stack_size());
    if config.mode() == Mode::Plain {
        os_thread::spawn(task, size, Some(deadline))?;
        return Ok(Joiner::new(join));
    }
    let hub = current::hub();
    let size = hub.stack_size(size)?;
    let deadline = clock::ticks(deadline);
    if config.hubs() == 0 {
        hub.delay_here(deadline, Delayed { task, size, start: Start::Here })?;
    } else if hub.is_worker() {
        hub.delay_here(deadline, Delayed { task, size, start: Start::Anywhere })?;
    } else {
        let workers = workers::get()?;
        let delayed = Box::new(Delayed { task, size, start: Start::Anywhere });
        workers.hubs()[workers.turn()].send(Message::Delay(deadline, delayed));
    }
    Ok(Joiner::new(join))
}

/// Starts a green thread at `deadline` on this OS thread's hub, unless the calling green thread has ended by then: if so, it
/// ends as if killed.
///
/// # Errors
///
/// As for [`spawn_at`], and if the OS thread is ending.
pub fn spawn_local_at<F, T>(options: Options, deadline: Instant, f: F) -> io::Result<LocalJoiner<T>>
where
    F: FnOnce() -> T + 'static,
    T: 'static,
{
    let config = config::get()?;
    let packet = Packet::shared(new_identity(options.name), f);
    // SAFETY: nothing is borrowed.
    let (task, join) = unsafe { erase(packet) };
    let hub = current::hub();
    let size = hub.stack_size(options.stack_size.unwrap_or(config.stack_size()))?;
    let start = Start::HereWith(Unparker::current());
    hub.delay_here(clock::ticks(deadline), Delayed { task, size, start })?;
    Ok(LocalJoiner::new(join))
}

/// Makes the time of a green thread come that has been killed or cancelled before its start.
#[cold]
pub(crate) fn hasten(place: &dyn Identified) {
    if let Some(place) = place.extras().and_then(|extras| extras.place()) {
        place.hasten();
    }
}
