//! OS threads: std itself.

pub(crate) use std::io::{Read, Write};
pub(crate) use std::net::{TcpListener, TcpStream};
use std::sync::OnceLock;
use std::thread::{self, Thread};
pub(crate) use std::thread::{JoinHandle, sleep, yield_now};

use crate::settings::Settings;

/// std's own size if nothing else was asked for.
static STACK: OnceLock<Option<usize>> = OnceLock::new();

/// Runs the driver.
pub(crate) fn run<F, T>(settings: &Settings, driver: F) -> T
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    STACK.get_or_init(|| settings.get("stack"));
    if settings.is_driven_by_main() { driver() } else { join(spawn(driver)) }
}

pub(crate) fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match STACK.get() {
        Some(Some(stack)) => thread::Builder::new().stack_size(*stack).spawn(f).expect("a thread"),
        _ => thread::spawn(f),
    }
}

pub(crate) fn join<T>(handle: JoinHandle<T>) -> T {
    handle.join().expect("no panic")
}

pub(crate) fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a free port")
}

/// What wakes a thread.
#[derive(Clone, Debug)]
pub(crate) struct Token(Thread);

impl Token {
    /// Returns the running one's.
    pub(crate) fn current() -> Self {
        Self(thread::current())
    }

    /// Waits to be woken; only for its owner.
    pub(crate) fn park(&self) {
        thread::park();
    }

    pub(crate) fn unpark(&self) {
        self.0.unpark();
    }
}
