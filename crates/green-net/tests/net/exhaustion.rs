//! No file descriptor left.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use green_net::{TcpListener, TcpStream};
use green_thread as thread;

use crate::support::{alone, listener};

/// The codes of "too many open files", of the process and of the system.
const EMFILE: i32 = 24;

/// Takes every file descriptor that is left.
fn take_all() -> Vec<std::fs::File> {
    std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect()
}

#[test]
fn an_accept_loop_without_descriptors_does_not_spin_and_recovers() {
    alone("exhaustion::an_accept_loop_without_descriptors_does_not_spin_and_recovers", Some(64), || {
        let listener = listener();
        let addr = listener.local_addr().unwrap();
        // Everything that waiting needs is there once this connection has been waited for.
        let waker = thread::spawn(move || TcpStream::connect(addr).unwrap());
        listener.accept().unwrap();
        let mut waiting = vec![waker.join().unwrap(), TcpStream::connect(addr).unwrap()];
        let mut taken = take_all();

        let started = Instant::now();
        let mut errors = 0;
        for stream in listener.incoming() {
            match stream {
                Ok(_) => break,
                Err(error) => {
                    assert_eq!(error.raw_os_error(), Some(EMFILE));
                    errors += 1;
                    if started.elapsed() > Duration::from_millis(100) {
                        taken.clear();
                    }
                }
            }
        }
        // 0, 10, 20, 40 and 80 ms.
        assert!((2..10).contains(&errors), "{errors} errors in {:?}", started.elapsed());

        // A success ends it: the next failure is told at once again.
        waiting.push(TcpStream::connect(addr).unwrap());
        let _taken = take_all();
        let started = Instant::now();
        assert_eq!(listener.accept().unwrap_err().raw_os_error(), Some(EMFILE));
        assert!(started.elapsed() < Duration::from_millis(10));
    });
}

#[test]
fn other_green_threads_run_during_the_pause() {
    alone("exhaustion::other_green_threads_run_during_the_pause", Some(64), || {
        let listener = listener();
        let addr = listener.local_addr().unwrap();
        let _waiting = TcpStream::connect(addr).unwrap();
        let taken = take_all();
        listener.accept().unwrap_err();
        // It frees the descriptors when it runs, so the accept that pauses meanwhile has luck.
        let neighbour = thread::spawn_local(move || drop(taken));
        listener.accept().unwrap();
        neighbour.join().unwrap();
    });
}

#[test]
fn connect_and_bind_without_descriptors_are_errors() {
    alone("exhaustion::connect_and_bind_without_descriptors_are_errors", Some(64), || {
        let listener = listener();
        let addr = listener.local_addr().unwrap();
        let taken = take_all();
        assert_eq!(TcpStream::connect(addr).unwrap_err().raw_os_error(), Some(EMFILE));
        assert_eq!(TcpListener::bind("127.0.0.1:0").unwrap_err().raw_os_error(), Some(EMFILE));
        assert_eq!(listener.try_clone().unwrap_err().raw_os_error(), Some(EMFILE));
        listener.set_nonblocking(true).unwrap();
        drop(taken);
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}
