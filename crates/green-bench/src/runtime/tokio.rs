//! tokio, current-thread and multi-thread.

use std::sync::Arc;
// These wait for nobody once they are filled.
pub(crate) use std::sync::{LazyLock, OnceLock};

use tokio::runtime::Builder;
use tokio::sync::{MutexGuard, Notify, RwLockReadGuard};

pub(crate) use tokio::fs;
use tokio::io::{AsyncRead, AsyncWrite};
pub(crate) use tokio::io::{AsyncReadExt as Read, AsyncWriteExt as Write};
pub(crate) use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixListener};
pub(crate) use tokio::spawn;
pub(crate) use tokio::sync::mpsc::{UnboundedReceiver as Receiver, unbounded_channel as channel};
pub(crate) use tokio::sync::{Mutex, RwLock};
pub(crate) use tokio::task::{JoinHandle, yield_now};
pub(crate) use tokio::time::sleep;

use crate::settings::Settings;

/// A connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// Runs the driver.
pub(crate) fn run<F, T>(settings: &Settings, driver: F) -> T
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let mut builder =
        if settings.runtime == "tokio-ct" { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    // The current-thread runtime has one worker whatever this says.
    let runtime = builder.worker_threads(settings.workers()).enable_all().build().expect("a runtime");
    let result = if settings.is_driven_by_main() {
        runtime.block_on(driver)
    } else {
        runtime.block_on(async { join(spawn(driver)).await })
    };
    // Its sleepers are neither waited for nor dropped.
    std::mem::forget(runtime);
    result
}

pub(crate) async fn join<T>(handle: JoinHandle<T>) -> T {
    handle.await.expect("no panic")
}

pub(crate) async fn unblock<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(f).await.expect("no panic")
}

pub(crate) fn listen() -> TcpListener {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    TcpListener::from_std(listener).expect("a runtime")
}

pub(crate) fn bind() -> UdpSocket {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.set_nonblocking(true).expect("a socket");
    UdpSocket::from_std(socket).expect("a runtime")
}

#[inline(always)]
pub(crate) async fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().await
}

#[inline(always)]
pub(crate) async fn read_lock<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().await
}

/// Returns the next message; none once every sender is gone.
#[inline(always)]
pub(crate) async fn receive<T>(receiver: &mut Receiver<T>) -> Option<T> {
    receiver.recv().await
}

/// What wakes a task: tokio's tasks have no tokens of their own.
#[derive(Clone, Debug)]
pub(crate) struct Token(Arc<Notify>);

impl Token {
    /// Returns a new one.
    pub(crate) fn current() -> Self {
        Self(Arc::new(Notify::new()))
    }

    /// Waits to be woken; only for its owner.
    pub(crate) async fn park(&self) {
        self.0.notified().await;
    }

    pub(crate) fn unpark(&self) {
        self.0.notify_one();
    }
}

/// Returns how many addresses a name has.
pub(crate) async fn resolve(name: String) -> std::io::Result<usize> {
    Ok(tokio::net::lookup_host((name.as_str(), 80)).await?.count())
}

/// Runs a program with one argument, and returns what it wrote.
pub(crate) async fn output_of(program: &std::path::Path, argument: &str) -> std::io::Result<Vec<u8>> {
    Ok(tokio::process::Command::new(program).arg(argument).output().await?.stdout)
}
