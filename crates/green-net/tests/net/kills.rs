//! Kills and deadlines that come while a socket is waited for.

use std::any::Any;
use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use green_core::kill::{Alarm, Killed};
use green_net::{TcpStream, ToSocketAddrs};
use green_thread as thread;

use crate::support::{Sign, fill, give_way, listener, narrow_pair, pair};
use crate::timeouts::deaf_address;

/// Sets its sign when dropped: the proof that a stack was unwound.
struct OnDrop(Sign);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.give();
    }
}

/// Kills a green thread that runs `wait`, which would wait for ever, and checks that its destructors have run.
pub(crate) fn kill_in<T: Send + 'static>(wait: impl FnOnce() -> T + Send + 'static) {
    let (started, unwound) = (Sign::default(), Sign::default());
    let guard = OnDrop(unwound.clone());
    let victim = thread::spawn({
        let started = started.clone();
        move || {
            let _guard = guard;
            started.give();
            wait()
        }
    });
    started.wait();
    give_way();
    victim.kill().unwrap();
    let payload: Box<dyn Any + Send> = victim.join().err().expect("it was killed");
    assert!(payload.is::<Killed>());
    assert!(unwound.is_given());
}

#[test]
fn a_reader_can_be_killed_and_the_stream_used_on() {
    let (mut client, server) = pair();
    let server = Arc::new(server);
    let theirs = Arc::clone(&server);
    kill_in(move || (&*theirs).read(&mut [0; 1]));
    client.write_all(b"x").unwrap();
    assert_eq!((&*server).read(&mut [0; 8]).unwrap(), 1);
}

#[test]
fn a_writer_can_be_killed() {
    let (_client, server) = narrow_pair();
    fill(&server);
    kill_in(move || (&server).write_all(&[0; 1_000_000]));
}

#[test]
fn an_accept_can_be_killed_and_no_connection_is_lost() {
    let listener = Arc::new(listener());
    let theirs = Arc::clone(&listener);
    kill_in(move || theirs.accept());
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert_eq!(listener.accept().unwrap().1, client.local_addr().unwrap());
}

#[test]
fn a_connect_can_be_killed() {
    let (addr, _queued, _listener) = deaf_address();
    kill_in(move || TcpStream::connect(addr));
}

#[test]
fn a_killed_reader_leaves_the_others_their_turn() {
    let (mut client, server) = pair();
    let server = Arc::new(server);
    let reader = |server: &Arc<TcpStream>| {
        let server = Arc::clone(server);
        thread::spawn(move || (&*server).read(&mut [0; 1]).unwrap())
    };
    let (first, second, third) = (reader(&server), reader(&server), reader(&server));
    give_way();
    second.kill().unwrap();
    assert!(second.join().is_err());
    client.write_all(b"xy").unwrap();
    assert_eq!(first.join().unwrap(), 1);
    assert_eq!(third.join().unwrap(), 1);
}

#[test]
fn a_killed_asker_leaves_the_name_to_the_others() {
    let askers: Vec<_> =
        (0..10).map(|_| thread::spawn(|| ("localhost", 1).to_socket_addrs().unwrap().count())).collect();
    for victim in askers.iter().step_by(2) {
        victim.kill().unwrap();
    }
    for (i, asker) in askers.into_iter().enumerate() {
        // Whoever had its answer before the kill came has it.
        assert!(asker.join().map_or(i % 2 == 0, |count| count > 0));
    }
}

#[test]
fn a_deadline_ends_a_wait_and_the_stream_works_on() {
    let (mut client, mut server) = pair();
    let deadline = Instant::now() + Duration::from_millis(20);
    let alarm = Alarm::set(deadline).unwrap();
    let payload = catch_unwind(AssertUnwindSafe(|| server.read(&mut [0; 1]))).unwrap_err();
    assert!(alarm.has_fired() && alarm.owns(&*payload));
    assert!(Instant::now() >= deadline);
    drop(alarm);
    client.write_all(b"x").unwrap();
    assert_eq!(server.read(&mut [0; 8]).unwrap(), 1);
}

#[test]
fn a_deadline_ends_an_accept_and_a_connect() {
    let (addr, _queued, _deaf) = deaf_address();
    let listener = listener();
    for wait in [&(|| drop(listener.accept())) as &dyn Fn(), &|| drop(TcpStream::connect(addr))] {
        let alarm = Alarm::set(Instant::now() + Duration::from_millis(20)).unwrap();
        let payload = catch_unwind(AssertUnwindSafe(wait)).unwrap_err();
        assert!(alarm.owns(&*payload));
    }
}
