//! The slots of a pool: who may run, who is inside, and who can be killed.
//!
//! Three counts, each with one duty:
//!
//! | count | counts | so that |
//! |---|---|---|
//! | `permits` | slots that are free, with those who wait for one in line | spawning waits, first come, first served |
//! | `inside` | jobs that have a slot, and spawners that are about to have one | `wait_all` knows when nobody is left |
//! | `members` | jobs that have started | they can be killed |
//!
//! A job is counted in `inside` from before it has its slot until after it has given it back. So when `inside` is zero
//! every slot is free, and a job whose turn to start has come is never taken for none. `inside` may be greater than
//! what runs, but no decision hangs on that: what runs is told by `permits`, which can be asked at any moment.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use green_core::identity::{self, IdentityRef};
use green_core::kill::{self, KillError};
use green_core::permits::Permits;
use green_core::primitive::Mutex;
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;

/// What all handles and jobs of a pool share.
pub(crate) struct Slots {
    /// The pool's name among the groups of green threads.
    number: NonZeroU64,
    pub(crate) permits: Permits,
    size: Mutex<usize>,
    /// Increments are `Relaxed`; decrements release what the job did, and the load of zero acquires it.
    inside: AtomicUsize,
    /// Where `wait_all` waits for `inside` to become zero.
    emptied: WaitQueue,
    /// How often all jobs were killed; changed under the lock of `members`.
    kills: AtomicUsize,
    members: Mutex<Members>,
}

/// How a job may go on.
pub(crate) enum Admission {
    /// It has a slot.
    Slot(Slot),
    /// It is to run in its spawner, which has one.
    Inline,
}

impl Slots {
    pub(crate) fn new(size: usize) -> Arc<Slots> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        Arc::new(Slots {
            number: NonZeroU64::new(number).expect("nobody makes that many pools"),
            permits: Permits::new(size),
            size: Mutex::new(size),
            inside: AtomicUsize::new(0),
            emptied: WaitQueue::new(),
            kills: AtomicUsize::new(0),
            members: Mutex::new(Members { seats: Vec::new(), free: NO_SEAT }),
        })
    }

    /// Takes a slot, or says that the caller's own will do; waits for one if there is none. A kill point if it waits.
    pub(crate) fn enter(self: &Arc<Slots>) -> Admission {
        if let Some(slot) = self.try_enter() {
            return Admission::Slot(slot);
        }
        if self.has_caller() {
            return Admission::Inline;
        }
        // Counted before it waits, so that nobody believes the pool empty between the wake-up and the slot.
        let stay = Stay::new(self);
        self.permits.acquire().expect("a pool's permits are never closed");
        Admission::Slot(Slot::new(stay))
    }

    /// Takes a slot if one is free that nobody waits for.
    pub(crate) fn try_enter(self: &Arc<Slots>) -> Option<Slot> {
        self.permits.try_acquire().ok()?;
        Some(Slot::new(Stay::new(self)))
    }

    /// Takes a slot after a wait for one of several things has found `permits` ready.
    pub(crate) fn claim(self: &Arc<Slots>) -> Option<Slot> {
        self.permits.claim().ok()?;
        Some(Slot::new(Stay::new(self)))
    }

    /// Returns true if the caller is a job of this pool.
    pub(crate) fn has_caller(&self) -> bool {
        identity::current_group() == Some(self.number)
    }

    /// Waits until nobody is inside; returns false if `deadline` passes first. A kill point if it waits.
    pub(crate) fn wait_empty(&self, deadline: Option<Instant>) -> bool {
        let is_empty = || self.inside.load(Ordering::Acquire) == 0;
        while !is_empty() {
            match self.emptied.wait_until(deadline, WaitReason::Jobs, || !is_empty()) {
                // It was empty at that moment, even if it is not any more.
                Outcome::Unparked => return true,
                Outcome::TimedOut => return is_empty(),
                Outcome::Interrupted => kill::deliver(),
            }
        }
        true
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.inside.load(Ordering::Acquire) == 0
    }

    pub(crate) fn size(&self) -> usize {
        *self.size.lock()
    }

    pub(crate) fn resize(&self, new: usize) {
        assert!(new <= Permits::MAX, "more slots than a pool can count");
        let mut size = self.size.lock();
        if new > *size {
            self.permits.release(new - *size);
        } else {
            self.permits.reduce(*size - new);
        }
        *size = new;
    }

    /// Returns the slots that are free, less the jobs that run beyond the size.
    pub(crate) fn free(&self) -> isize {
        self.permits.free()
    }

    /// Returns how many jobs have a slot.
    pub(crate) fn running(&self) -> usize {
        // The lock keeps the two numbers together.
        let size = self.size.lock();
        size.saturating_add_signed(self.permits.free().saturating_neg())
    }

    /// Kills every job that has its slot by now, but not the caller.
    pub(crate) fn kill(&self) -> Result<(), KillError> {
        if cfg!(panic = "abort") {
            return Err(KillError::PanicAbort);
        }
        let own = identity::current_id();
        let victims: Vec<_> = {
            let members = self.members.lock();
            self.kills.fetch_add(1, Ordering::Relaxed);
            members.iter().filter(|member| member.id() != own).cloned().collect()
        };
        victims.iter().try_for_each(|victim| victim.kill())
    }
}

/// A place inside, with or without a slot.
struct Stay(Arc<Slots>);

impl Stay {
    fn new(slots: &Arc<Slots>) -> Stay {
        slots.inside.fetch_add(1, Ordering::Relaxed);
        Stay(Arc::clone(slots))
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        if self.0.inside.fetch_sub(1, Ordering::Release) == 1 {
            self.0.emptied.notify_all();
        }
    }
}

/// The right to run in a pool; dropping it gives it back, however the job ended and whether or not it has started.
pub(crate) struct Slot {
    stay: Stay,
    /// Its number in `members`.
    seat: usize,
    /// How often all jobs had been killed when it was taken.
    kills: usize,
}

impl Slot {
    fn new(stay: Stay) -> Slot {
        let kills = stay.0.kills.load(Ordering::Relaxed);
        Slot { stay, seat: NO_SEAT, kills }
    }

    /// Makes the calling green thread, which has just started, a member. Unwinds if all jobs were killed meanwhile.
    pub(crate) fn start(&mut self) {
        let slots = &self.stay.0;
        let identity = identity::current();
        identity.join_group(slots.number);
        let is_killed = {
            let mut members = slots.members.lock();
            self.seat = members.add(Seat::Member(identity));
            slots.kills.load(Ordering::Relaxed) != self.kills
        };
        if is_killed {
            kill_caller();
        }
    }

    /// Keeps a seat for a job that will start elsewhere, where it takes it.
    pub(crate) fn reserve(&mut self) -> Reservation {
        let slots = &self.stay.0;
        self.seat = slots.members.lock().add(Seat::Reserved);
        Reservation { slots: Arc::clone(slots), seat: self.seat, kills: self.kills }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let slots = &self.stay.0;
        if self.seat != NO_SEAT {
            // The last reference to a green thread may free it: not under the lock.
            let _member = slots.members.lock().remove(self.seat);
        }
        slots.permits.release(1);
    }
}

/// A job's seat, while its slot is in other hands.
pub(crate) struct Reservation {
    slots: Arc<Slots>,
    seat: usize,
    kills: usize,
}

impl Reservation {
    /// Makes the calling green thread a member, as [`Slot::start`] does.
    pub(crate) fn start(self) {
        let identity = identity::current();
        identity.join_group(self.slots.number);
        let is_killed = {
            let mut members = self.slots.members.lock();
            members.seats[self.seat] = Seat::Member(identity);
            self.slots.kills.load(Ordering::Relaxed) != self.kills
        };
        if is_killed {
            kill_caller();
        }
    }
}

#[cold]
fn kill_caller() {
    // It was refused where it cannot be.
    let _ = identity::current().kill();
    kill::deliver();
}

/// The jobs that have started, each on a seat that it keeps; free seats form a list.
struct Members {
    seats: Vec<Seat>,
    free: usize,
}

enum Seat {
    /// Free, with the next free one.
    Free(usize),
    Reserved,
    Member(IdentityRef),
}

const NO_SEAT: usize = usize::MAX;

impl Members {
    fn add(&mut self, taken: Seat) -> usize {
        let index = self.free;
        match self.seats.get_mut(index) {
            Some(seat) => {
                if let Seat::Free(next) = *seat {
                    self.free = next;
                }
                *seat = taken;
                index
            }
            None => {
                self.seats.push(taken);
                self.seats.len() - 1
            }
        }
    }

    fn remove(&mut self, index: usize) -> Seat {
        let seat = std::mem::replace(&mut self.seats[index], Seat::Free(self.free));
        self.free = index;
        seat
    }

    fn iter(&self) -> impl Iterator<Item = &IdentityRef> {
        self.seats.iter().filter_map(|seat| match seat {
            Seat::Member(member) => Some(member),
            _ => None,
        })
    }
}
