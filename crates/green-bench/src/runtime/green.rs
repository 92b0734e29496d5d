//! `green`, as its users see it.

use green::config::Config;
pub(crate) use green::io::{Read, Write};
pub(crate) use green::net::{TcpListener, TcpStream};
use green::thread::{self, Thread};
pub(crate) use green::thread::{JoinHandle, sleep, spawn, yield_now};

use crate::settings::Settings;

/// Runs the driver.
pub(crate) fn run<F, T>(settings: &Settings, driver: F) -> T
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let mut config = Config::builder().hubs(settings.workers());
    if let Some(stack) = settings.get("stack") {
        config = config.stack_size(stack);
    }
    config.build().expect("settings that are allowed").install().expect("the first settings");
    if settings.is_driven_by_main() { driver() } else { join(spawn(driver)) }
}

pub(crate) fn join<T>(handle: JoinHandle<T>) -> T {
    handle.join().expect("no panic")
}

pub(crate) fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a free port")
}

/// What wakes a green thread.
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
