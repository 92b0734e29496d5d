//! What a green thread and its handle share: the closure first, the result later.
//!
//! | stage    | touched by                                          | left for                          |
//! |----------|-----------------------------------------------------|-----------------------------------|
//! | Waiting  | the runner                                          | Running, or Ended if abandoned    |
//! | Running  | the runner                                          | Ended                             |
//! | Ended    | the runner until `Identity::done` is stored, then the one joiner | Taken                |
//! | Taken    | nobody                                              | —                                 |
//!
//! `done` is stored with `Release` after the stage and loaded with `Acquire` before it, so the joiner sees the result.
//! There is at most one joiner at a time because `join` consumes the handle.
//!
//! # Who drops a result that nobody takes
//!
//! `complete` sets DONE and the handle's drop sets DETACHED, in one word; whoever comes second sees the other's bit and drops
//! the result. So when the last reference goes, which may be a mere name of the green thread on any OS thread, nothing of the
//! closure or the result is left: a handle that was leaked instead of dropped keeps the packet for ever, and so does a runner
//! that never completes. One allocation thus serves the closure, the result, and the identity.

use std::any::Any;
use std::cell::UnsafeCell;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use super::exit::Exit;
use super::extras::{Extras, contain};
use super::identity_ref::Identified;
use super::unstarted::Task;
use crate::current;
use crate::identity::{Ends, Identity};
use crate::kill::Shield;

enum Stage<F, T> {
    Waiting(F),
    Running,
    Ended(thread::Result<T>),
    Taken,
}

/// What a handle asks of the packet.
pub(crate) trait Join<T>: Identified {
    /// Moves the result out.
    ///
    /// # Safety
    ///
    /// `identity().is_done()` has returned true, and the caller is the only handle (see the module's table).
    unsafe fn take(&self) -> thread::Result<T>;

    /// Gives up the right to the result: the handle is going. Never unwinds.
    ///
    /// # Safety
    ///
    /// The caller is the only handle, and does not use it again.
    unsafe fn detach(&self);

    /// Returns itself without the result's type.
    fn as_identified(&self) -> &dyn Identified;
}

/// The shared state of one spawned green thread.
pub(crate) struct Packet<F, T> {
    identity: Identity,
    stage: UnsafeCell<Stage<F, T>>,
    extras: Extras,
}

// With the counts of its `Arc` it just fits a chunk of 144 bytes.
const _: () = assert!(size_of::<Packet<(), ()>>() <= 120);

impl<F, T> Packet<F, T> {
    /// Makes one where it stays: `Arc::new` would make it on the stack and move it, which waits for what was just written.
    #[inline(always)]
    pub(crate) fn shared(identity: Identity, f: F) -> Arc<Self> {
        let place = Arc::<Self>::new_uninit();
        let packet = Self { identity, stage: UnsafeCell::new(Stage::Waiting(f)), extras: Extras::new() };
        // Not by `Arc::get_mut`, which locks the count of the weak ones.
        // SAFETY: nobody else has the place yet, and it has the room and the alignment of a packet.
        unsafe { Arc::as_ptr(&place).cast::<Self>().cast_mut().write(packet) };
        // SAFETY: it was just written.
        unsafe { place.assume_init() }
    }

    /// Replaces the stage and returns the old one.
    ///
    /// # Safety
    ///
    /// The caller is the one whom the module's table names for the present stage.
    unsafe fn replace(&self, stage: Stage<F, T>) -> Stage<F, T> {
        // SAFETY: the caller has the stage to itself.
        let cell = unsafe { &mut *self.stage.get() };
        std::mem::replace(cell, stage)
    }

    /// Drops a result that nobody will take. A panic of its destructor ends the process, as in std.
    ///
    /// # Safety
    ///
    /// The caller has seen both DONE and DETACHED, and was the later of the two.
    unsafe fn discard(&self) {
        // SAFETY: the runner is done with the stage and the handle will not touch it, so it is the caller's.
        let stage = unsafe { self.replace(Stage::Taken) };
        abort_on_unwind(|| drop(stage));
    }
}

/// Calls `f`. A backtrace ends at a frame of this name: what is below it is not the user's affair.
#[inline(never)]
pub(super) fn __rust_begin_short_backtrace<F: FnOnce() -> T, T>(f: F) -> T {
    let result = f();
    // Keeps the call from becoming a jump, which would leave no frame.
    std::hint::black_box(());
    result
}

impl<F, T> Task for Packet<F, T>
where
    F: FnOnce() -> T,
{
    fn run(&self) {
        // SAFETY: only the runner calls this, and nobody else touches the stage before `done`.
        let stage = unsafe { self.replace(Stage::Running) };
        let Stage::Waiting(f) = stage else { unreachable!("a task runs once") };
        let result = catch_unwind(AssertUnwindSafe(|| __rust_begin_short_backtrace(f)));
        self.identity.set_exit(match &result {
            Ok(_) => Exit::Returned,
            Err(payload) => self.extras.exit_of(&**payload),
        });
        // SAFETY: as above.
        let _running = unsafe { self.replace(Stage::Ended(result)) };
    }

    fn end_quietly(&self) -> bool {
        self.identity.end_quietly()
    }

    fn exit(&self) {
        // Most have nothing to do, and are spared the lock.
        if !self.identity.close_exits_if_none() {
            self.extras.run_links(&self.identity);
        }
    }

    fn complete(&self) {
        let done = self.identity.set_done();
        if done.ends == Ends::Second {
            // SAFETY: the handle went before.
            unsafe { self.discard() };
        }
        if done.has_wakers {
            self.extras.wake_all();
        }
    }

    fn abandon(&self, payload: Box<dyn Any + Send>) {
        self.identity.set_exit(self.extras.exit_of_unrun(&*payload));
        // SAFETY: only the runner calls this, before `done`: instead of `run`, or after the running stack was given up for ever.
        let stage = unsafe { self.replace(Stage::Ended(Err(payload))) };
        // The closure is dropped here, on the runner's OS thread; a panic of its destructor is its own affair.
        contain(|| drop(stage));
    }
}

impl<F, T> Identified for Packet<F, T> {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn extras(&self) -> Option<&Extras> {
        Some(&self.extras)
    }
}

impl<F, T> Join<T> for Packet<F, T> {
    unsafe fn take(&self) -> thread::Result<T> {
        // SAFETY: `done` makes the stage the joiner's, and the caller is the only one.
        let stage = unsafe { self.replace(Stage::Taken) };
        match stage {
            Stage::Ended(result) => result,
            _ => unreachable!("a green thread that is done has a result, which is taken once"),
        }
    }

    unsafe fn detach(&self) {
        if self.identity.set_detached() == Ends::Second {
            // The result may park as it is dropped. A kill or an alarm of whoever drops the handle must not unwind that, for
            // it would end the process.
            let _shield = current::existing().map(|_| Shield::new());
            // SAFETY: the runner has completed, and the caller is the handle on its way out.
            unsafe { self.discard() };
        }
    }

    fn as_identified(&self) -> &dyn Identified {
        self
    }
}

/// Runs `f`; a panic in it ends the process, as std's does when a thread's result panics on drop.
pub(super) fn abort_on_unwind(f: impl FnOnce()) {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if std::thread::panicking() {
                let _ = std::io::stderr().write_all(b"fatal runtime error: thread result panicked on drop, aborting\n");
                std::process::abort();
            }
        }
    }
    let bomb = Bomb;
    f();
    std::mem::forget(bomb);
}
