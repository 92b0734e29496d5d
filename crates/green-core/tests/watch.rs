//! Watches of descriptors: FEATURES §5.4, A37, and the ways in which a watch ends.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use green_core::clock;
use green_core::io::Pollable;
use green_core::io::watch::{Condition, Next, Watch, watch};
use green_core::park::{sleep_until, yield_now};
use green_core::spawn::{Options, spawn_local};
use green_core::unpark::WaitReason;
use socket2::SockRef;

const IN: Condition = Condition::IN;
const OUT: Condition = Condition::OUT;
const PRI: Condition = Condition::PRI;
const ERR: Condition = Condition::ERR;
const HUP: Condition = Condition::HUP;
const NVAL: Condition = Condition::NVAL;

fn yield_until(done: impl Fn() -> bool) {
    while !done() {
        yield_now();
    }
}

/// What a watch was told.
type Heard = Rc<RefCell<Vec<Condition>>>;

/// Watches once: the closure notes what it is told, and ends the watch.
fn once<T: AsRawFd + 'static>(io: T, asked: Condition) -> (Heard, Watch) {
    let heard = Heard::default();
    let log = Rc::clone(&heard);
    let watch = watch(io, asked, move |_, fired| {
        log.borrow_mut().push(fired);
        Next::Remove
    });
    (heard, watch.unwrap())
}

/// Watches once, and expects exactly `expected` after `cause`, and nothing before it.
fn check<T: AsRawFd + 'static>(io: T, asked: Condition, cause: impl FnOnce(), expected: Condition) {
    let (heard, watch) = once(io, asked);
    for _ in 0..20 {
        yield_now();
    }
    assert_eq!(*heard.borrow(), [], "nothing has happened yet");
    cause();
    yield_until(|| !watch.is_active());
    assert_eq!(*heard.borrow(), [expected]);
}

/// Returns two ends of a TCP connection on the loopback.
fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Writes until there is no more room; returns how much went.
fn fill(mut stream: &UnixStream) -> usize {
    stream.set_nonblocking(true).unwrap();
    let mut count = 0;
    while let Ok(more) = stream.write(&[0; 4096]) {
        count += more;
    }
    count
}

#[test]
fn a37_in_on_data() {
    let (mut near, far) = UnixStream::pair().unwrap();
    check(far, IN, || near.write_all(b"!").unwrap(), IN);
}

#[test]
fn a37_in_on_a_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut client = None;
    check(listener, IN, || client = Some(TcpStream::connect(address).unwrap()), IN);
}

#[test]
fn a37_out_on_space() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let count = fill(&near);
    check(near, OUT, || far.read_exact(&mut vec![0; count]).unwrap(), OUT);
}

#[test]
fn a37_out_at_once_and_both_directions_together() {
    let (near, mut far) = UnixStream::pair().unwrap();
    check(near.try_clone().unwrap(), IN | PRI, || far.write_all(b"!").unwrap(), IN);
    let (heard, watch) = once(near, IN | OUT);
    yield_until(|| !watch.is_active());
    assert_eq!(*heard.borrow(), [IN | OUT]);
}

/// Both directions are waited for at once, and either wakes.
#[test]
fn a37_either_direction_wakes() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let count = fill(&near);
    check(near.try_clone().unwrap(), IN | OUT, || far.write_all(b"!").unwrap(), IN);
    (&near).read_exact(&mut [0]).unwrap();
    check(near, IN | OUT, || far.read_exact(&mut vec![0; count]).unwrap(), OUT);
}

#[test]
fn a37_hup_when_the_peer_closes() {
    let (reader, writer) = io::pipe().unwrap();
    check(reader, IN, || drop(writer), HUP);
    // Without being asked for, and with what was asked for if that holds too.
    let (near, far) = UnixStream::pair().unwrap();
    check(near, Condition::empty(), || drop(far), HUP);
    let (near, far) = UnixStream::pair().unwrap();
    check(near, IN, || drop(far), IN | HUP);
}

#[test]
fn a37_err_when_nobody_reads_any_more() {
    let (reader, writer) = io::pipe().unwrap();
    check(writer, Condition::empty(), || drop(reader), ERR);
}

#[test]
fn a37_err_on_a_reset() {
    let (near, far) = tcp_pair();
    check(
        near,
        PRI,
        || {
            SockRef::from(&far).set_linger(Some(Duration::ZERO)).unwrap();
            drop(far);
        },
        ERR | HUP,
    );
}

#[test]
fn a37_pri_on_urgent_data() {
    let (near, far) = tcp_pair();
    check(near, PRI, || drop(SockRef::from(&far).send_out_of_band(b"!")), PRI);
}

#[test]
fn a37_nval_on_a_bad_descriptor() {
    for number in [-1, 1_000_000] {
        let number: RawFd = number;
        let told = Rc::new(Cell::new(0));
        let count = Rc::clone(&told);
        let watch = watch(number, IN | OUT, move |fd, fired| {
            assert_eq!((*fd, fired), (number, NVAL));
            count.set(count.get() + 1);
            Next::Keep
        })
        .unwrap();
        yield_until(|| !watch.is_active());
        assert_eq!(told.get(), 1, "once, whatever the closure says");
    }
}

#[test]
fn a37_a_watch_persists_until_its_closure_removes_it() {
    let (mut near, far) = UnixStream::pair().unwrap();
    let bytes = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&bytes);
    let watch = watch(far, IN, move |mut far: &UnixStream, fired| {
        assert_eq!(fired, IN);
        let mut byte = [0];
        far.read_exact(&mut byte).unwrap();
        log.borrow_mut().push(byte[0]);
        if byte[0] == b'.' { Next::Remove } else { Next::Keep }
    })
    .unwrap();
    // One event for several bytes is several calls: the condition lasts.
    near.write_all(b"abc").unwrap();
    yield_until(|| bytes.borrow().len() == 3);
    assert!(watch.is_active());
    near.write_all(b"d.e").unwrap();
    yield_until(|| !watch.is_active());
    assert_eq!(*bytes.borrow(), b"abcd.");
    let mut rest = [0];
    assert!(matches!(near.read(&mut rest), Ok(0) | Err(_)), "the watched end is closed");
}

#[test]
fn a_condition_that_lasts_leaves_turns_to_the_others() {
    let (near, _far) = UnixStream::pair().unwrap();
    let calls = Rc::new(Cell::new(0_u64));
    let count = Rc::clone(&calls);
    let watch = watch(near, OUT, move |_, _| {
        count.set(count.get() + 1);
        Next::Keep
    })
    .unwrap();
    // Timers, descriptors and other green threads of this hub.
    sleep_until(clock::now() + Duration::from_millis(5));
    let (reader, mut writer) = io::pipe().unwrap();
    let other = spawn_local(Options::default(), move || {
        Pollable::new(reader).wait_readable(None, WaitReason::Read).unwrap();
    })
    .unwrap();
    yield_now();
    writer.write_all(b"!").unwrap();
    other.join().unwrap();
    assert!(calls.get() > 10);
    drop(watch);
    let after = calls.get();
    yield_now();
    yield_now();
    assert_eq!(calls.get(), after);
}

#[test]
fn several_watches_of_one_descriptor_each_get_their_own() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let near = Rc::new(near);
    let (readable, first) = once(Rc::clone(&near), IN);
    let (also, second) = once(Rc::clone(&near), IN | PRI);
    let (writable, third) = once(Rc::clone(&near), OUT);
    yield_until(|| !third.is_active());
    assert_eq!((readable.borrow().len(), also.borrow().len()), (0, 0));
    far.write_all(b"!").unwrap();
    yield_until(|| !first.is_active() && !second.is_active());
    assert_eq!((&*readable.borrow(), &*also.borrow(), &*writable.borrow()), (&vec![IN], &vec![IN], &vec![OUT]));
    // Beside a green thread that waits for the same socket.
    (&*near).read_exact(&mut [0]).unwrap();
    let (heard, watch) = once(Rc::clone(&near), IN);
    let socket = Rc::clone(&near);
    let reader = spawn_local(Options::default(), move || {
        Pollable::new(socket.try_clone().unwrap()).wait_readable(None, WaitReason::Read).unwrap();
    })
    .unwrap();
    yield_now();
    far.write_all(b"!").unwrap();
    reader.join().unwrap();
    yield_until(|| !watch.is_active());
    assert_eq!(*heard.borrow(), [IN]);
}

#[test]
fn plain_files_cannot_be_watched() {
    for path in ["/proc/self/exe", "/"] {
        let error = watch(File::open(path).unwrap(), IN, |_, _| Next::Keep).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert!(error.to_string().contains("plain file"), "{error}");
    }
}

#[test]
fn a_panic_ends_one_watch_alone() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let near = Rc::new(near);
    let panics = watch(Rc::clone(&near), IN, |_, _| panic!("on purpose")).unwrap();
    let (heard, other) = once(near, IN);
    far.write_all(b"!").unwrap();
    yield_until(|| !panics.is_active() && !other.is_active());
    assert_eq!(*heard.borrow(), [IN]);
}

#[test]
fn a_closure_may_remove_itself_and_others_and_add_more() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let near = Rc::new(near);
    let (others, added) = (Rc::new(RefCell::new(Vec::new())), Heard::default());
    let (victims, log) = (Rc::clone(&others), Rc::clone(&added));
    let first = watch(Rc::clone(&near), IN, move |near, _| {
        // Its own watch is among them; what it captured must outlive that.
        victims.borrow_mut().clear();
        let log = Rc::clone(&log);
        let more = watch(Rc::clone(near), IN, move |_, fired| {
            log.borrow_mut().push(fired);
            Next::Remove
        });
        more.unwrap().detach();
        Next::Keep
    })
    .unwrap();
    let (heard, second) = once(Rc::clone(&near), HUP);
    others.borrow_mut().extend([first, second]);
    far.write_all(b"!").unwrap();
    yield_until(|| !added.borrow().is_empty());
    for _ in 0..20 {
        yield_now();
    }
    drop(far);
    for _ in 0..20 {
        yield_now();
    }
    assert_eq!((&*added.borrow(), &*heard.borrow()), (&vec![IN], &vec![]));
    assert_eq!(Rc::strong_count(&near), 1, "all of them are gone");
}

#[test]
fn a_closure_may_park_without_holding_up_others() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let near = Rc::new(near);
    let (released, release) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let (flag, wait) = (Rc::clone(&released), Rc::clone(&release));
    let parks = watch(Rc::clone(&near), IN, move |_, _| {
        yield_until(|| wait.get());
        flag.set(true);
        Next::Keep
    })
    .unwrap();
    far.write_all(b"!").unwrap();
    let (heard, other) = once(Rc::clone(&near), IN);
    yield_until(|| !other.is_active());
    assert_eq!((&*heard.borrow(), released.get()), (&vec![IN], false));
    // Removed in the middle of its closure, which ends, and is dropped then.
    drop(parks);
    assert_eq!(Rc::strong_count(&near), 2);
    release.set(true);
    yield_until(|| released.get() && Rc::strong_count(&near) == 1);
}

/// Adds its name to a log when it is dropped.
struct Tells(&'static str, mpsc::Sender<(&'static str, thread::ThreadId)>, Option<UnixStream>);

impl Drop for Tells {
    fn drop(&mut self) {
        self.1.send((self.0, thread::current().id())).unwrap();
    }
}

impl AsRawFd for Tells {
    fn as_raw_fd(&self) -> RawFd {
        self.2.as_ref().expect("the one that is watched has a socket").as_raw_fd()
    }
}

fn traced(sender: &mpsc::Sender<(&'static str, thread::ThreadId)>) -> (Watch, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    let closure = Tells("closure", sender.clone(), None);
    let watch = watch(Tells("socket", sender.clone(), Some(near)), IN, move |_, _| {
        let _closure = &closure;
        Next::Remove
    });
    (watch.unwrap(), far)
}

#[test]
fn the_closure_is_dropped_before_what_it_watches() {
    let here = thread::current().id();
    let ends: [fn(Watch, UnixStream); 3] = [
        |watch, _far| drop(watch),
        |watch, _far| {
            // Its green thread waits already.
            yield_now();
            drop(watch);
        },
        |watch, mut far| {
            far.write_all(b"!").unwrap();
            yield_until(|| !watch.is_active());
        },
    ];
    for end in ends {
        let (sender, dropped) = mpsc::channel();
        let (watch, far) = traced(&sender);
        drop(sender);
        end(watch, far);
        assert_eq!(dropped.iter().collect::<Vec<_>>(), [("closure", here), ("socket", here)]);
    }
}

#[test]
fn a_watch_ends_with_its_os_thread() {
    for started in [false, true] {
        let (sender, dropped) = mpsc::channel();
        let (id, mut far) = thread::spawn(move || {
            let (watch, far) = traced(&sender);
            if started {
                yield_now();
            }
            watch.detach();
            (thread::current().id(), far)
        })
        .join()
        .unwrap();
        assert_eq!(dropped.iter().collect::<Vec<_>>(), [("closure", id), ("socket", id)]);
        assert_eq!(far.read(&mut [0]).unwrap(), 0, "the descriptor is closed, although its green thread is leaked");
    }
}

#[test]
fn many_watches_come_and_go() {
    for _ in 0..20 {
        let mut pairs: Vec<_> = (0..100).map(|_| UnixStream::pair().unwrap()).collect();
        let heard = Rc::new(Cell::new(0));
        let watches: Vec<_> = pairs
            .iter()
            .map(|(near, _)| {
                let heard = Rc::clone(&heard);
                watch(near.try_clone().unwrap(), IN, move |_, _| {
                    heard.set(heard.get() + 1);
                    Next::Remove
                })
                .unwrap()
            })
            .collect();
        for (_, far) in &mut pairs {
            far.write_all(b"!").unwrap();
        }
        yield_until(|| heard.get() == 100);
        assert!(watches.iter().all(|watch| !watch.is_active()));
    }
}
