//! `may` with its default settings, the number of workers and, where asked, the stack size aside.

pub(crate) use std::io::{Read, Write};

// What may has none of: its own users call std's, and hold up a worker with a file.
pub(crate) use std::fs;
pub(crate) use std::sync::{LazyLock, OnceLock};

use may::coroutine::{self, Coroutine};
pub(crate) use may::coroutine::{JoinHandle, sleep, yield_now};
pub(crate) use may::net::{TcpListener, TcpStream, UdpSocket};
pub(crate) use may::os::unix::net::UnixListener;
pub(crate) use may::sync::mpsc::{Receiver, channel};
pub(crate) use may::sync::{Mutex, RwLock};
use may::sync::{MutexGuard, RwLockReadGuard};

pub(crate) use super::Stream;
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

/// There is no pool: the call is made in place.
pub(crate) fn unblock<T>(f: impl FnOnce() -> T) -> T {
    f()
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

/// Returns how many addresses a name has.
pub(crate) fn resolve(name: String) -> std::io::Result<usize> {
    Ok(std::net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), 80))?.count())
}

/// Runs a program with one argument, and returns what it wrote.
pub(crate) fn output_of(program: &std::path::Path, argument: &str) -> std::io::Result<Vec<u8>> {
    Ok(std::process::Command::new(program).arg(argument).output()?.stdout)
}
