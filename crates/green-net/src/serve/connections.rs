//! The connections of a server: how many there are, who handles them, and who waits for them to end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use green_core::kill::{self, KillError};
use green_core::permits::Permits;
use green_core::spawn::Joiner;
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;

/// What the handles of a server, the green thread that accepts, and the handlers share.
pub(super) struct Connections {
    state: Mutex<State>,
    /// Room for connections: each handler has some, and so has the green thread that accepts while it waits for one.
    room: Permits,
    /// Where those wait who want all of it to have ended.
    ended: WaitQueue,
}

#[derive(Default)]
struct State {
    /// The green thread that accepts, until it has ended.
    acceptor: Task,
    /// The handlers, and whoever has taken room and waits for a connection, by number.
    handlers: BTreeMap<u64, Task>,
    last_number: u64,
    stopping: bool,
    killing: bool,
}

/// How far a green thread has come, as far as its server knows.
#[derive(Default)]
enum Task {
    /// There is nothing for it to do yet.
    #[default]
    Waiting,
    /// It is being spawned, or has been, and its handle is about to be entered.
    Starting,
    Running(Joiner<()>),
    Ended,
}

impl Connections {
    pub(super) fn new(limit: usize) -> Self {
        // More than can be counted is no limit.
        let room = Permits::new(limit.min(Permits::MAX));
        Self { state: Mutex::default(), room, ended: WaitQueue::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Parks until there is room for a connection more, and takes it. A kill point.
    pub(super) fn take_room(self: &Arc<Self>) -> Room {
        self.room.acquire().expect("nobody closes it");
        let mut state = self.state();
        state.last_number += 1;
        let number = state.last_number;
        state.handlers.insert(number, Task::Waiting);
        Room { connections: Arc::clone(self), number }
    }

    /// Notes who handles the connection of `number`, unless it has ended already.
    pub(super) fn enter_handler(&self, number: u64, joiner: Joiner<()>) {
        let mut state = self.state();
        let killing = state.killing;
        if let Some(task) = state.handlers.get_mut(&number) {
            *task = Task::Running(joiner);
            if let (true, Task::Running(joiner)) = (killing, &*task) {
                // A kill of all came before this one had a handle. It cannot fail, since that one has not.
                let _ = joiner.kill();
            }
        }
    }

    /// Notes who accepts, unless that has ended already.
    pub(super) fn enter_acceptor(&self, joiner: Joiner<()>) {
        let mut state = self.state();
        if matches!(state.acceptor, Task::Waiting) {
            state.acceptor = Task::Running(joiner);
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.state().stopping
    }

    /// Returns how many connections are being handled.
    pub(super) fn count(&self) -> usize {
        let state = self.state();
        state.handlers.values().filter(|task| !matches!(task, Task::Waiting)).count()
    }

    /// Ends the accepting.
    pub(super) fn stop(&self) -> Result<(), KillError> {
        let mut state = self.state();
        state.stopping = true;
        match &state.acceptor {
            Task::Running(joiner) => joiner.kill(),
            Task::Waiting | Task::Starting | Task::Ended => Ok(()),
        }
    }

    /// Ends the accepting and all handlers.
    pub(super) fn kill(&self) -> Result<(), KillError> {
        self.stop()?;
        let mut state = self.state();
        state.killing = true;
        for task in state.handlers.values() {
            if let Task::Running(joiner) = task {
                joiner.kill()?;
            }
        }
        Ok(())
    }

    /// Parks until nobody accepts and no handler is left; returns false at `deadline`. A kill point.
    pub(super) fn wait(&self, deadline: Option<Instant>) -> bool {
        let is_busy = || {
            let state = self.state();
            !matches!(state.acceptor, Task::Ended) || !state.handlers.is_empty()
        };
        while is_busy() {
            match self.ended.wait_until(deadline, WaitReason::Join, is_busy) {
                Outcome::Unparked => {}
                Outcome::TimedOut => return !is_busy(),
                Outcome::Interrupted => kill::deliver(),
            }
        }
        true
    }
}

/// Room for one connection. Dropped when its handler has ended, or never began.
pub(super) struct Room {
    connections: Arc<Connections>,
    number: u64,
}

impl Room {
    /// Notes that a connection has come for which a handler is about to be spawned, and returns its number.
    pub(super) fn occupy(&self) -> u64 {
        self.connections.state().handlers.insert(self.number, Task::Starting);
        self.number
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let (task, nobody) = {
            let mut state = self.connections.state();
            let task = state.handlers.remove(&self.number);
            (task, state.handlers.is_empty())
        };
        // Outside of the lock, as it is the last handle of this very green thread perhaps.
        drop(task);
        self.connections.room.release(1);
        if nobody {
            self.connections.ended.notify_all();
        }
    }
}

/// The duty of the green thread that accepts: to say that it has ended. Dropped with its closure, whether that ran or not.
pub(super) struct Accepting(pub(super) Arc<Connections>);

impl Drop for Accepting {
    fn drop(&mut self) {
        let task = std::mem::replace(&mut self.0.state().acceptor, Task::Ended);
        drop(task);
        self.0.ended.notify_all();
    }
}
