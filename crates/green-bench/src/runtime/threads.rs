//! OS threads: std itself.

pub(crate) use std::fs;
pub(crate) use std::io::{Read, Write};
pub(crate) use std::net::{TcpListener, TcpStream, UdpSocket};
pub(crate) use std::os::unix::net::UnixListener;
pub(crate) use std::sync::mpsc::{Receiver, channel};
pub(crate) use std::sync::{LazyLock, Mutex, OnceLock, RwLock};
use std::sync::{MutexGuard, RwLockReadGuard};
use std::thread::{self, Thread};
pub(crate) use std::thread::{JoinHandle, sleep, yield_now};

pub(crate) use super::Stream;
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

/// Returns how many addresses a name has.
pub(crate) fn resolve(name: String) -> std::io::Result<usize> {
    Ok(std::net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), 80))?.count())
}

/// Runs a program with one argument, and returns what it wrote.
pub(crate) fn output_of(program: &std::path::Path, argument: &str) -> std::io::Result<Vec<u8>> {
    Ok(std::process::Command::new(program).arg(argument).output()?.stdout)
}
