//! What the tests of semaphores, events, queues and selects share.

#![allow(dead_code, unused_macros, unused_imports, reason = "every test file takes what it needs of this")]

use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};

use green_thread as thread;

/// Runs a test on an OS thread, on a green thread of some hub, and on one of this OS thread's own.
pub(crate) fn everywhere(body: fn()) {
    body();
    for outcome in [thread::spawn(body).join(), thread::spawn_local(body).join()] {
        if let Err(payload) = outcome {
            resume_unwind(payload);
        }
    }
}

/// Somebody who runs: a green thread of some hub, of this hub, or an OS thread.
pub(crate) enum Runner<T> {
    Green(thread::JoinHandle<T>),
    Local(thread::LocalJoinHandle<T>),
    Os(std::thread::JoinHandle<T>),
}

impl<T: Send + 'static> Runner<T> {
    /// Starts one of the three kinds, by turns.
    pub(crate) fn start(turn: usize, body: impl FnOnce() -> T + Send + 'static) -> Self {
        match turn % 3 {
            0 => Self::Green(thread::spawn(body)),
            1 => Self::Local(thread::spawn_local(body)),
            _ => Self::Os(std::thread::spawn(body)),
        }
    }

    pub(crate) fn join(self) -> T {
        // An OS thread is waited for by yielding: it may need this one's green threads.
        if let Self::Os(handle) = &self {
            until(|| handle.is_finished());
        }
        let outcome = match self {
            Self::Green(handle) => handle.join(),
            Self::Local(handle) => handle.join(),
            Self::Os(handle) => handle.join(),
        };
        outcome.unwrap_or_else(|payload| resume_unwind(payload))
    }
}

/// Yields until `condition` holds.
pub(crate) fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
        std::thread::yield_now();
    }
}

/// What happened, in its order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, event: impl ToString) {
        self.0.lock().unwrap().push(event.to_string());
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// Fails to compile unless a type has the traits.
macro_rules! assert_is {
    ($type:ty: $($bound:tt)+) => {
        const _: fn() = || {
            fn item<T: ?Sized + $($bound)+>() {}
            item::<$type>();
        };
    };
}
pub(crate) use assert_is;

/// Fails to compile if a type has the trait.
macro_rules! assert_not {
    ($type:ty: $trait:path) => {
        const _: fn() = || {
            trait Ambiguous<A> {
                fn item() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            struct Implemented;
            impl<T: ?Sized + $trait> Ambiguous<Implemented> for T {}
            let _ = <$type as Ambiguous<_>>::item;
        };
    };
}
pub(crate) use assert_not;
