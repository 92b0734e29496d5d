//! Green threads that are to start later, as entries of the hub's timers.

use std::io;
use std::sync::Arc;

use super::{Hub, TimerEvent, workers};
use crate::spawn::delay::{Delayed, Place, Start};
use crate::spawn::unstarted::Unstarted;
use crate::timer::TimerKey;

impl Hub {
    /// Starts a green thread at `deadline`, in ticks, for a spawner on this OS thread.
    ///
    /// # Errors
    ///
    /// As for [`enqueue_local`](Self::enqueue_local).
    pub(crate) fn delay_here(&self, deadline: u64, delayed: Delayed) -> io::Result<()> {
        self.prepare_to_start()?;
        self.delay(deadline, Box::new(delayed));
        Ok(())
    }

    /// Starts a green thread at `deadline`, in ticks.
    pub(super) fn delay(&self, deadline: u64, delayed: Box<Delayed>) {
        self.delayed.set(self.delayed.get() + 1);
        let task = Arc::clone(&delayed.task);
        let key = self.add_timer(deadline, TimerEvent::Start(delayed));
        if let Some(extras) = task.extras() {
            extras.set_place(Place::Timer(self.shared, key));
        }
        if task.identity().is_killed() {
            self.hasten(key);
        }
    }

    /// Starts the green thread now that has this timer, if it still has.
    pub(crate) fn hasten(&self, key: TimerKey) {
        let event = { self.timers.borrow_mut().cancel(key) };
        if let Some(TimerEvent::Start(delayed)) = event {
            self.start_delayed(*delayed);
        }
    }

    /// Queues a green thread whose time has come.
    pub(super) fn start_delayed(&self, delayed: Delayed) {
        let Delayed { task, size, start } = delayed;
        self.delayed.set(self.delayed.get() - 1);
        if let Start::HereWith(spawner) = start
            && spawner.live().is_none()
        {
            // It starts as one that was killed, and thus never runs its closure.
            task.identity().cancel();
        }
        let credit = match self.stacks.reserve(size) {
            Ok(credit) => credit,
            Err(error) => {
                self.set_live(self.live.get() + 1);
                return self.unstartable.borrow_mut().push((task, error));
            }
        };
        let unstarted = Unstarted { task, credit, since: self.seen() };
        if matches!(start, Start::Anywhere) {
            self.enqueue_shared(unstarted);
            workers::invite();
        } else {
            self.enqueue_here(unstarted);
        }
    }
}
