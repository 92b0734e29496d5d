//! Names, resolved off the hub.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

use green_net::resolve::{Resolver, SystemResolver, lookup_host_timeout, set_resolver};
use green_net::{TcpStream, ToSocketAddrs};
use green_thread as thread;

use crate::support::give_way;

#[test]
fn a_name_resolves_while_other_green_threads_of_the_hub_run() {
    let ran = Rc::new(Cell::new(0));
    let ticker = thread::spawn_local({
        let ran = Rc::clone(&ran);
        move || ran.set(ran.get() + 1)
    });
    // A lookup can be over before its asker gets to park, but not every time. A thousand can be one after the other: those
    // who ask between the answer and the moment in which the pool's thread, which may be preempted there, unlists it.
    let end = Instant::now() + Duration::from_secs(10);
    while ran.get() == 0 {
        assert!(("localhost", 80).to_socket_addrs().unwrap().count() > 0);
        assert!(Instant::now() < end, "the lookups kept their hub busy");
    }
    ticker.join().unwrap();
}

#[test]
fn a_name_resolves_on_a_plain_os_thread() {
    let outside = std::thread::spawn(|| "localhost:80".to_socket_addrs().unwrap().count());
    assert!(outside.join().unwrap() > 0);
}

#[test]
fn many_lookups_at_once_all_get_their_own_port() {
    let lookups: Vec<_> = (1..=200_u16)
        .map(|port| thread::spawn(move || (port, ("localhost", port).to_socket_addrs().unwrap())))
        .collect();
    for lookup in lookups {
        let (port, addrs) = lookup.join().unwrap();
        let addrs: Vec<_> = addrs.collect();
        assert!(!addrs.is_empty());
        assert!(addrs.iter().all(|addr| addr.port() == port && addr.ip().is_loopback()));
    }
}

#[test]
fn every_asker_gets_the_error() {
    let expected = std::net::ToSocketAddrs::to_socket_addrs(&("", 1)).err().unwrap();
    let lookups: Vec<_> = (0..20).map(|_| thread::spawn(|| ("", 1).to_socket_addrs().err())).collect();
    for lookup in lookups {
        let error = lookup.join().unwrap().expect("an empty name does not resolve");
        assert_eq!(error.kind(), expected.kind());
        assert_eq!(error.to_string(), expected.to_string());
    }
}

/// The resolver of these tests: it knows names that end in `.test`, takes its time for some, and leaves the others to
/// the system.
struct Fake;

/// What the tests know of the questions that came, by host.
static ASKED: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());
/// Closed while questions for `slow….test` are to wait.
static GATE: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
/// Held by the one test that uses the gate.
static GATE_USER: Mutex<()> = Mutex::new(());

impl Resolver for Fake {
    fn resolve(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
        if !host.ends_with(".test") {
            return SystemResolver.resolve(host);
        }
        *ASKED.lock().unwrap().entry(host.to_owned()).or_default() += 1;
        if host.starts_with("slow") {
            drop(GATE.1.wait_while(GATE.0.lock().unwrap(), |is_open| !*is_open).unwrap());
        }
        match host {
            "refused.test" => Err(io::Error::from_raw_os_error(111)),
            "panic.test" => std::panic::panic_any("a panic that this test expects to see"),
            "none.test" => Ok(Vec::new()),
            _ => Ok(vec![([127, 0, 0, 1], 1).into(), (Ipv6Addr::LOCALHOST, 1).into()]),
        }
    }
}

/// Makes this process use the fake, for the rest of its life: what it does not know, the system does.
fn use_fake() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| set_resolver(Fake));
}

fn asked(host: &str) -> usize {
    ASKED.lock().unwrap().get(host).copied().unwrap_or(0)
}

/// Holds the slow answers back until it is dropped.
struct Closed(#[expect(dead_code, reason = "held")] MutexGuard<'static, ()>);

impl Closed {
    fn new() -> Self {
        let user = GATE_USER.lock().unwrap_or_else(PoisonError::into_inner);
        use_fake();
        *GATE.0.lock().unwrap() = false;
        Self(user)
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        *GATE.0.lock().unwrap() = true;
        GATE.1.notify_all();
    }
}

/// Waits by yielding until `host` was asked for.
fn wait_until_asked(host: &str) {
    while asked(host) == 0 {
        give_way();
    }
}

#[test]
fn a_resolver_answers_for_the_whole_process() {
    use_fake();
    let expected = [SocketAddr::from(([127, 0, 0, 1], 80)), SocketAddr::from((Ipv6Addr::LOCALHOST, 80))];
    let here: Vec<_> = ("known.test", 80).to_socket_addrs().unwrap().collect();
    let green: Vec<_> = thread::spawn(|| "known.test:80".to_socket_addrs().unwrap().collect()).join().unwrap();
    let timed: Vec<_> = lookup_host_timeout("known.test", 80, Duration::from_secs(30)).unwrap().collect();
    assert_eq!([here, green, timed], [expected, expected, expected]);
    assert_eq!(asked("known.test"), 3);
    // A number is no name.
    assert_eq!(lookup_host_timeout("10.0.0.1", 80, Duration::from_secs(30)).unwrap().count(), 1);
    assert_eq!(asked("10.0.0.1"), 0);
}

#[test]
fn a_resolver_s_failures_are_the_askers() {
    use_fake();
    assert_eq!(("refused.test", 1).to_socket_addrs().err().unwrap().raw_os_error(), Some(111));
    assert_eq!(("panic.test", 1).to_socket_addrs().err().unwrap().to_string(), "the resolver panicked");
    assert_eq!(("none.test", 1).to_socket_addrs().unwrap().count(), 0);
    let error = TcpStream::connect(("none.test", 1)).unwrap_err();
    assert_eq!(error.to_string(), "could not resolve to any addresses");
}

#[test]
fn equal_questions_share_one_answer() {
    let closed = Closed::new();
    let askers: Vec<_> = (1..=50_u16)
        .map(|port| thread::spawn(move || (port, ("slow-shared.test", port).to_socket_addrs().unwrap())))
        .collect();
    wait_until_asked("slow-shared.test");
    give_way();
    drop(closed);
    for asker in askers {
        let (port, mut addrs) = asker.join().unwrap();
        assert!(addrs.all(|addr| addr.port() == port));
    }
    // Most of them came in time to share. Who came after the answer asked anew.
    assert!(asked("slow-shared.test") < 50);
    let before = asked("slow-shared.test");
    let _ = ("slow-shared.test", 1).to_socket_addrs();
    assert_eq!(asked("slow-shared.test"), before + 1, "answers are not kept");
}

#[test]
fn a_lookup_waits_no_longer_than_its_timeout_and_goes_on_alone() {
    let closed = Closed::new();
    let started = Instant::now();
    let error = lookup_host_timeout("slow-timed.test", 1, Duration::from_millis(20)).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::TimedOut, "name lookup timed out"));
    assert!(started.elapsed() >= Duration::from_millis(20));
    wait_until_asked("slow-timed.test");
    // The next one joins what goes on.
    let joined = thread::spawn(|| ("slow-timed.test", 1).to_socket_addrs().unwrap().count());
    give_way();
    drop(closed);
    assert_eq!(joined.join().unwrap(), 2);
    let error = lookup_host_timeout("slow-timed.test", 1, Duration::ZERO).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_killed_asker_leaves_the_answer_to_the_others() {
    let closed = Closed::new();
    let ask = || thread::spawn(|| ("slow-killed.test", 1).to_socket_addrs().unwrap().count());
    let (first, second, third) = (ask(), ask(), ask());
    wait_until_asked("slow-killed.test");
    give_way();
    first.kill().unwrap();
    third.kill().unwrap();
    assert!(first.join().is_err());
    assert!(third.join().is_err());
    drop(closed);
    assert_eq!(second.join().unwrap(), 2);
}

#[test]
fn two_hundred_slow_names_hold_up_nobody() {
    let closed = Closed::new();
    let ran = Rc::new(Cell::new(0));
    let askers: Vec<_> = (0..200)
        .map(|n| {
            let ran = Rc::clone(&ran);
            thread::spawn_local(move || {
                ran.set(ran.get() + 1);
                let host = format!("slow-{n}.test");
                (host.as_str(), 1).to_socket_addrs().unwrap().count()
            })
        })
        .collect();
    // All ask on this one hub; the answers are held back, and yet this goes on and everybody gets to ask.
    while ran.get() < 200 {
        thread::yield_now();
    }
    // Nor do names wait that need not.
    assert_eq!(("known.test", 1).to_socket_addrs().unwrap().count(), 2);
    drop(closed);
    for asker in askers {
        assert_eq!(asker.join().unwrap(), 2);
    }
}

#[test]
fn answers_are_the_c_library_s() {
    use_fake();
    for host in ["localhost", "127.1", "0x7f.1", "2130706433", "::1", "fe80::1%lo", "no such host", "a..b", ""] {
        let ours = (host, 7).to_socket_addrs().map(Vec::from_iter).map_err(|error| error.to_string());
        let stds = std::net::ToSocketAddrs::to_socket_addrs(&(host, 7));
        assert_eq!(ours, stds.map(Vec::from_iter).map_err(|error| error.to_string()), "{host}");
    }
}
