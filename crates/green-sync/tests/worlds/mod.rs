//! One test source, compiled against std and against green, and run by every mixture of OS threads and green threads.

#![allow(dead_code, unused_macros, unused_imports, reason = "every test file takes what it needs of this")]

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Makes each test five: `sync` and `thread` are std's in the first, green's in the others.
macro_rules! in_every_world {
    ($($(#[$attribute:meta])* fn $name:ident() $body:block)*) => {
        mod on_std {
            use super::*;
            use std::{sync, thread};
            $(#[test] $(#[$attribute])* fn $name() $body)*
        }
        mod from_an_os_thread {
            use super::*;
            use green_sync as sync;
            use green_thread as thread;
            $(#[test] $(#[$attribute])* fn $name() $body)*
        }
        mod from_a_green_thread {
            use super::*;
            use green_sync as sync;
            use green_thread as thread;
            $(#[test] fn $name() {
                $(#[$attribute])* fn body() $body
                $crate::worlds::on_a_green_thread(body);
            })*
        }
        mod on_one_hub {
            use super::*;
            use green_sync as sync;
            use $crate::worlds::local as thread;
            $(#[test] $(#[$attribute])* fn $name() $body)*
        }
        mod mixed {
            use super::*;
            use green_sync as sync;
            use $crate::worlds::mixed as thread;
            $(#[test] $(#[$attribute])* fn $name() $body)*
        }
    };
}
pub(crate) use in_every_world;

/// Runs a test on a green thread.
pub(crate) fn on_a_green_thread(body: fn()) {
    if let Err(payload) = green_thread::spawn(body).join() {
        resume_unwind(payload);
    }
}

/// Green threads of the spawner's hub.
pub(crate) mod local {
    pub(crate) use green_thread::{LocalJoinHandle as JoinHandle, panicking, spawn_local as spawn, yield_now};
}

/// OS threads and green threads by turns.
pub(crate) mod mixed {
    use std::sync::atomic::{AtomicUsize, Ordering};

    pub(crate) use green_thread::{panicking, yield_now};

    pub(crate) enum JoinHandle<T> {
        Green(green_thread::JoinHandle<T>),
        Os(std::thread::JoinHandle<T>),
    }

    impl<T> JoinHandle<T> {
        pub(crate) fn join(self) -> std::thread::Result<T> {
            match self {
                Self::Green(handle) => handle.join(),
                Self::Os(handle) => {
                    // std's join would keep this hub from running what the other one may wait for.
                    super::until(|| handle.is_finished());
                    handle.join()
                }
            }
        }

        pub(crate) fn is_finished(&self) -> bool {
            match self {
                Self::Green(handle) => handle.is_finished(),
                Self::Os(handle) => handle.is_finished(),
            }
        }
    }

    pub(crate) fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        static TURN: AtomicUsize = AtomicUsize::new(0);
        if TURN.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            JoinHandle::Green(green_thread::spawn(f))
        } else {
            JoinHandle::Os(std::thread::spawn(f))
        }
    }
}

/// Yields until `condition` holds.
pub(crate) fn until(condition: impl Fn() -> bool) {
    while !condition() {
        green_thread::yield_now();
    }
}

/// Lets others run for a while: what follows is likely to find them parked, and holds if it does not.
pub(crate) fn linger() {
    for _ in 0..50 {
        green_thread::yield_now();
    }
}

/// Counts drops.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count(Arc<AtomicUsize>);

impl Count {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// Returns a value whose drop is counted.
    pub(crate) fn token(&self) -> Token {
        Token(self.clone())
    }
}

#[derive(Debug)]
pub(crate) struct Token(Count);

impl Drop for Token {
    fn drop(&mut self) {
        self.0.add();
    }
}

/// Fails to compile if a type implements a trait.
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

/// Fails to compile unless a type implements a trait.
macro_rules! assert_is {
    ($type:ty: $($bound:tt)+) => {
        const _: fn() = || {
            fn item<T: ?Sized + $($bound)+>() {}
            item::<$type>();
        };
    };
}
pub(crate) use assert_is;
