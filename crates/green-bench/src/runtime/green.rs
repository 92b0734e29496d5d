//! `green`, as its users see it.

use green::config::Config;
pub(crate) use green::fs;
pub(crate) use green::io::{Read, Write};
pub(crate) use green::net::{TcpListener, TcpStream, UdpSocket};
pub(crate) use green::os::unix::net::UnixListener;
pub(crate) use green::pool::tpool::execute as unblock;
pub(crate) use green::sync::mpsc::{Receiver, channel};
pub(crate) use green::sync::{LazyLock, Mutex, OnceLock, RwLock};
use green::sync::{MutexGuard, RwLockReadGuard};
use green::thread::{self, Thread};
pub(crate) use green::thread::{JoinHandle, sleep, spawn, yield_now};

pub(crate) use super::Stream;
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

pub(crate) fn bind() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").expect("a free port")
}

#[inline(always)]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic")
}

#[inline(always)]
pub(crate) fn read_lock<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().expect("no panic")
}

/// Returns the next message; none once every sender is gone.
#[inline(always)]
pub(crate) fn receive<T>(receiver: &mut Receiver<T>) -> Option<T> {
    receiver.recv().ok()
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

/// Returns how many addresses a name has.
pub(crate) fn resolve(name: String) -> std::io::Result<usize> {
    Ok(green::net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), 80))?.count())
}

/// Runs a program with one argument, and returns what it wrote.
pub(crate) fn output_of(program: &std::path::Path, argument: &str) -> std::io::Result<Vec<u8>> {
    Ok(green::process::Command::new(program).arg(argument).output()?.stdout)
}
