//! `may` with its default settings, the number of workers and, where asked, the stack size aside.

pub(crate) use std::io::{Read, Write};

use may::coroutine::{self, Coroutine};
pub(crate) use may::coroutine::{JoinHandle, sleep, yield_now};
pub(crate) use may::net::{TcpListener, TcpStream};

use crate::settings::Settings;

/// Runs the driver.
pub(crate) fn run<F, T>(settings: &Settings, driver: F) -> T
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    may::config().set_workers(settings.workers());
    if let Some(stack) = settings.get::<usize>("stack") {
        // In words.
        may::config().set_stack_size(stack / size_of::<usize>());
    }
    if settings.is_driven_by_main() { driver() } else { join(spawn(driver)) }
}

pub(crate) fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    // SAFETY: the workloads use no thread-local across a wait, and fit may's stacks.
    unsafe { coroutine::spawn(f) }
}

pub(crate) fn join<T>(handle: JoinHandle<T>) -> T {
    handle.join().expect("no panic")
}

pub(crate) fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a free port")
}

/// What wakes a coroutine.
#[derive(Clone, Debug)]
pub(crate) struct Token(Coroutine);

impl Token {
    /// Returns the running one's.
    pub(crate) fn current() -> Self {
        Self(coroutine::current())
    }

    /// Waits to be woken; only for its owner.
    pub(crate) fn park(&self) {
        coroutine::park();
    }

    pub(crate) fn unpark(&self) {
        self.0.unpark();
    }
}
