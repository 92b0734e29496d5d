//! The child of a fork (E32, X5, A15): without `reinit_after_fork` it may exec, and anything else of ours is a clear error;
//! with it, green works there. Either way no green thread of the parent runs in it, and the parent is unharmed.

mod reinit;

use std::io::{Read as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use green::net::{TcpListener, TcpStream};
use green::pool::tpool::{self, Blocking};
use green::thread;

use crate::{expect_success, is_child, run_child};

/// Forks a child that does `what` and ends: with success unless it panics, and in half a minute at the most. Like any child it
/// copies what other OS threads are doing; the tests see to it that they are idle, but for the one that says so.
fn fork(what: impl FnOnce()) -> Forked {
    // SAFETY: see above.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "no fork");
    if pid > 0 {
        return Forked(pid);
    }
    // SAFETY: the call takes a number. It ends a child that hangs.
    unsafe { libc::alarm(30) };
    let status = if catch_unwind(AssertUnwindSafe(what)).is_ok() { 0 } else { 101 };
    // SAFETY: ends the child without running the parent's destructors.
    unsafe { libc::_exit(status) };
}

/// A child of this process.
#[must_use = "it is to be waited for"]
struct Forked(libc::pid_t);

impl Forked {
    /// Waits for its end, without green, and returns its status.
    fn wait(self) -> std::process::ExitStatus {
        let mut status = 0;
        loop {
            // SAFETY: waits for a child of ours that nobody else waits for, and writes to a local.
            let waited = unsafe { libc::waitpid(self.0, &raw mut status, 0) };
            if waited == self.0 {
                return std::os::unix::process::ExitStatusExt::from_raw(status);
            }
            assert_eq!(std::io::Error::last_os_error().kind(), std::io::ErrorKind::Interrupted);
        }
    }

    #[track_caller]
    fn expect_success(self) {
        let status = self.wait();
        assert!(status.success(), "the child of the fork: {status}");
    }
}

#[test]
fn the_child_of_a_fork_leaves_the_parents_poll_alone() {
    if is_child() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // A registration of this OS thread's hub: a second green thread makes it use the poll.
        let other = thread::spawn_local(thread::park);
        let mut client = std::net::TcpStream::connect(address).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let mut byte = [0];
        client.write_all(b"a").unwrap();
        let writer = std::thread::spawn({
            let mut client = client.try_clone().unwrap();
            move || client.write_all(b"b").unwrap()
        });
        server.read_exact(&mut byte).unwrap();
        server.read_exact(&mut byte).unwrap();
        writer.join().unwrap();

        // SAFETY: the child only drops a socket, catches a panic, and ends by `_exit`.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            drop(server);
            // The sleep is what is refused.
            let parked = std::panic::catch_unwind(|| thread::sleep(std::time::Duration::from_millis(1)));
            // SAFETY: ends the child without running the parent's destructors.
            unsafe { libc::_exit(if parked.is_err() { 3 } else { 4 }) };
        }
        let mut status = 0;
        // SAFETY: waits for the child made above.
        let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
        assert_eq!(waited, pid);
        assert_eq!(libc::WEXITSTATUS(status), 3, "a park in the child is refused");

        // The parent still hears of its socket.
        let reader = thread::spawn_local(move || {
            let mut byte = [0];
            server.read_exact(&mut byte).unwrap();
            byte[0]
        });
        thread::yield_now();
        client.write_all(b"c").unwrap();
        assert_eq!(reader.join().unwrap(), b'c');
        other.thread().unpark();
        other.join().unwrap();
        let _ = TcpStream::connect(address).unwrap();
        return;
    }
    expect_success(&run_child("fork::the_child_of_a_fork_leaves_the_parents_poll_alone"));
}

#[test]
fn a_blocking_call_in_the_child_of_a_fork_is_made_in_place() {
    if is_child() {
        // The parent's pool has a thread, which the child does not have.
        let object = Blocking::new(5);
        assert_eq!(object.with(|n| *n), 5);
        // SAFETY: the child makes calls in its only thread, and ends by `_exit`.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let here = std::thread::current().id();
            let in_place = tpool::execute(move || std::thread::current().id() == here);
            let same = object.with(|n| *n) == 5;
            // SAFETY: ends the child without running the parent's destructors.
            unsafe { libc::_exit(if in_place && same { 3 } else { 4 }) };
        }
        let mut status = 0;
        // SAFETY: waits for the child made above.
        let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
        assert_eq!((waited, libc::WEXITSTATUS(status)), (pid, 3));
        assert_eq!(object.with(|n| *n), 5, "the parent's still works");
        return;
    }
    expect_success(&run_child("fork::a_blocking_call_in_the_child_of_a_fork_is_made_in_place"));
}
