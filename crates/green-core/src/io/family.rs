//! Accepting connections without blocking the hub, while the listener's flags stay the user's.
//!
//! `accept` has no "do not wait" flag, so the listener itself must not block. But `O_NONBLOCK` belongs to the open
//! file, which clones share and which the user can look at and give away. Hence all clones of one listener form a
//! **family** with one state:
//!
//! | state | who set `O_NONBLOCK` | how a connection is taken |
//! |---|---|---|
//! | `Users` | the user or nobody | `accept`, if the user has set it; otherwise on as `Ours` first |
//! | `Ours` | this module (and perhaps the user too) | `accept`, which does not wait |
//! | `Lent` | the user or nobody, for ever | `poll`, then `accept` if there is a connection |
//!
//! A family starts as `Users` if this process opened the listener through us, otherwise as `Lent`: somebody else may
//! hold the open file, and would see a listener that stopped blocking. It becomes `Lent` for the same reason as soon as
//! one member's fd leaves our hands, borrowed or owned; if the flag was ours, it is taken off before the fd is out. So
//! nobody can look at the flag and find anything but what the user did, and the last member to go need not restore
//! anything: nobody is left to see it. (Restoring it then would even harm: a forked child that shares the listener
//! would block.)
//!
//! The race that `poll, then accept` survives: two members find the same connection and the slower one blocks its hub.
//! Therefore a `Lent` family takes turns. The race it does not survive is one with a stranger, such as another process
//! on the same listener; there the hub waits for the next connection. Rejected: the flag on `Lent` listeners too (a
//! stranger's blocking accept fails), and `poll` for all (processes that share a listener from before their fork would
//! block each other all the time).
//!
//! The other thing that a family shares is its **back-off**. With no file descriptor left, `accept` fails at once and
//! leaves the connection in the queue, so that a loop which ignores errors would spin. The first such error is returned
//! at once, as std does; if the next attempt meets it again, it is made once more after a pause, which doubles from 10
//! ms to a second until an attempt succeeds.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock, RwLockWriteGuard};

use crate::io::Pollable;
use crate::mode::Facility;
use crate::park::{park_until, waiting_for};
use crate::sys::{self, Direction, NonBlocking};
use crate::unpark::{Outcome, WaitReason};
use crate::{clock, current, kill};

/// The first pause of an accept that meets `EMFILE` twice, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// A listening socket as one member of its family.
#[derive(Debug)]
pub struct Acceptor<L> {
    io: Pollable<L>,
    family: Arc<Family>,
}

/// What all clones of one listener share.
#[derive(Debug)]
struct Family {
    state: RwLock<State>,
    /// Held around `poll, then accept` so that one member does not take what the other has seen.
    turn: Mutex<()>,
    /// How many accepts in a row found no file descriptor.
    failures: AtomicU32,
}

#[derive(Debug)]
struct State {
    flag: Flag,
    /// What the user last asked for with `set_nonblocking`. Nothing is known once the fd is lent.
    user: NonBlocking,
}

/// Whose the open file's `O_NONBLOCK` is; see the table above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flag {
    Users,
    Ours,
    Lent,
}

impl<L: AsFd> Acceptor<L> {
    /// Takes a blocking listener that was opened just now and that nobody else knows.
    pub fn opened(io: L) -> Self {
        // A number that low is a standard stream to everybody else.
        let flag = if io.as_fd().as_raw_fd() <= 2 { Flag::Lent } else { Flag::Users };
        Self::with_flag(io, flag)
    }

    /// Takes a listener that came from elsewhere, with whatever flags it has.
    pub fn adopted(io: L) -> Self {
        Self::with_flag(io, Flag::Lent)
    }

    fn with_flag(io: L, flag: Flag) -> Self {
        let state = RwLock::new(State { flag, user: NonBlocking::Off });
        let family = Family { state, turn: Mutex::new(()), failures: AtomicU32::new(0) };
        Self { io: Pollable::new(io), family: Arc::new(family) }
    }

    /// Takes `clone`, which must be a duplicate of this listener's fd, into the family.
    pub fn join(&self, clone: L) -> Self {
        Self { io: Pollable::new(clone), family: Arc::clone(&self.family) }
    }

    /// Returns the listener, for calls that neither wait nor look at `O_NONBLOCK`.
    pub fn get_ref(&self) -> &L {
        self.io.get_ref()
    }

    /// Returns the listener, whose fd may now be used in any way.
    pub fn lend(&self) -> &L {
        self.family.lend(self.io.get_ref());
        self.io.get_ref()
    }

    /// Gives the listener away.
    pub fn into_inner(self) -> L {
        self.family.lend(self.io.get_ref());
        self.io.into_inner()
    }

    /// Does what the user's `set_nonblocking` asks, for the whole family.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        let user = if nonblocking { NonBlocking::On } else { NonBlocking::Off };
        let mut state = self.family.state.write();
        if state.flag != Flag::Ours {
            sys::set_nonblocking(self.io.get_ref().as_fd(), user)?;
        }
        state.user = user;
        Ok(())
    }

    /// Parks until `take`, the accept call, has a connection or fails.
    ///
    /// It returns `WouldBlock` instead of parking if the user made the listener non-blocking, and after `SO_RCVTIMEO`.
    pub fn accept<R>(&self, mut take: impl FnMut(&L) -> io::Result<R>) -> io::Result<R> {
        let io = self.io.get_ref();
        let mut limit = None;
        let mut paused = false;
        loop {
            let error = match self.family.attempt(io, &mut take) {
                Ok(connection) => {
                    self.family.failures.store(0, Ordering::Relaxed);
                    let hub = current::hub();
                    hub.spend_io();
                    // The next spawn of this green thread is for the connection: placement spreads those.
                    hub.note_accept();
                    return Ok(connection);
                }
                Err(error) => error,
            };
            let waits = error.kind() == io::ErrorKind::WouldBlock;
            if !waits && (paused || !is_exhaustion(&error)) {
                return Err(error);
            }
            // The flag and the timeout count as they were when the call began to wait, as in the kernel.
            let limit = match limit {
                Some(limit) => limit,
                None if self.family.is_users_nonblocking(io)? => {
                    // As for a read: who asks again and again must not keep the peer out.
                    current::hub().spend_io();
                    return Err(error);
                }
                None => *limit.insert(Limit::of(io)?),
            };
            if waits {
                if !self.io.wait(Direction::Read, limit.deadline, WaitReason::Accept)? {
                    return Err(error);
                }
            } else {
                let Some(pause) = self.family.pause_after_failure() else {
                    return Err(error);
                };
                sleep(limit.cut(clock::now() + pause));
                paused = true;
            }
        }
    }
}

impl Family {
    /// Calls `take` if it is sure not to wait.
    fn attempt<L: AsFd, R>(&self, io: &L, take: &mut impl FnMut(&L) -> io::Result<R>) -> io::Result<R> {
        let mut state = self.state.read();
        if state.blocks() {
            drop(state);
            let mut changing = self.state.write();
            if changing.blocks() {
                sys::set_nonblocking(io.as_fd(), NonBlocking::On)?;
                changing.flag = Flag::Ours;
            }
            state = RwLockWriteGuard::downgrade(changing);
        }
        if state.flag != Flag::Lent {
            // Still under the lock, or the flag could be taken off in front of the call.
            return take(io);
        }
        drop(state);
        let _turn = self.turn.lock();
        let listener = (io.as_fd().as_raw_fd(), Direction::Read);
        if sys::poll_fds(Some(listener), -1, Some(Duration::ZERO))? {
            take(io)
        } else {
            Err(io::Error::from_raw_os_error(libc::EAGAIN))
        }
    }

    /// Makes sure that the open file's flag is the user's, now and for ever.
    fn lend<L: AsFd>(&self, io: &L) {
        if self.state.read().flag == Flag::Lent {
            return;
        }
        let mut state = self.state.write();
        if state.flag == Flag::Ours && state.user == NonBlocking::Off {
            let result = sys::set_nonblocking(io.as_fd(), NonBlocking::Off);
            debug_assert!(result.is_ok(), "the flags of an open fd can be set");
        }
        state.flag = Flag::Lent;
    }

    /// Returns whether the user asked for a listener that never waits.
    fn is_users_nonblocking<L: AsFd>(&self, io: &L) -> io::Result<bool> {
        let state = self.state.read();
        match state.flag {
            Flag::Users | Flag::Ours => Ok(state.user == NonBlocking::On),
            Flag::Lent => sys::is_nonblocking(io.as_fd()),
        }
    }

    /// Counts an accept that found no file descriptor, and returns how long to pause before another one: not at all the
    /// first time.
    fn pause_after_failure(&self) -> Option<Duration> {
        let before = self.failures.fetch_add(1, Ordering::Relaxed);
        let doublings = before.checked_sub(1)?.min(16);
        Some((PAUSE.0 * (1 << doublings)).min(PAUSE.1))
    }
}

impl State {
    /// Whether an accept would wait in the kernel and we may do something about it.
    fn blocks(&self) -> bool {
        self.flag == Flag::Users && self.user == NonBlocking::Off
    }
}

/// How long one call of accept may wait: `SO_RCVTIMEO`, counted from the moment it began to.
#[derive(Clone, Copy)]
struct Limit {
    deadline: Option<Instant>,
}

impl Limit {
    fn of<L: AsFd>(io: &L) -> io::Result<Self> {
        let timeout = sys::receive_timeout(io.as_fd())?;
        Ok(Self { deadline: timeout.and_then(clock::after) })
    }

    fn cut(self, until: Instant) -> Instant {
        self.deadline.map_or(until, |deadline| deadline.min(until))
    }
}

/// Whether the process or the system is out of what a new connection needs.
fn is_exhaustion(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

/// Parks until `until`, unless a kill or an alarm ends the wait.
fn sleep(until: Instant) {
    while clock::now() < until {
        match waiting_for(Facility::Net, || park_until(Some(until), WaitReason::AcceptBackoff)) {
            Outcome::TimedOut => return,
            Outcome::Unparked => {}
            Outcome::Interrupted => kill::deliver(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::*;

    fn listener() -> TcpListener {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
    }

    fn is_nonblocking(listener: &TcpListener) -> bool {
        sys::is_nonblocking(listener.as_fd()).unwrap()
    }

    /// Takes one connection through `acceptor`.
    fn take_one(acceptor: &Acceptor<TcpListener>) {
        let _peer = TcpStream::connect(acceptor.get_ref().local_addr().unwrap()).unwrap();
        acceptor.accept(TcpListener::accept).unwrap();
    }

    #[test]
    fn the_flag_is_set_by_the_first_accept_and_off_again_when_the_fd_is_seen() {
        let acceptor = Acceptor::opened(listener());
        assert!(!is_nonblocking(acceptor.get_ref()));
        take_one(&acceptor);
        assert!(is_nonblocking(acceptor.get_ref()));
        assert!(!is_nonblocking(acceptor.lend()));
        take_one(&acceptor);
        assert!(!is_nonblocking(acceptor.get_ref()));
    }

    #[test]
    fn a_member_that_leaves_takes_the_flag_off_for_all() {
        let acceptor = Acceptor::opened(listener());
        let clone = acceptor.join(acceptor.get_ref().try_clone().unwrap());
        take_one(&clone);
        assert!(is_nonblocking(acceptor.get_ref()));
        assert!(!is_nonblocking(&clone.into_inner()));
        take_one(&acceptor);
        assert!(!is_nonblocking(acceptor.get_ref()));
    }

    #[test]
    fn an_adopted_listener_keeps_its_flags() {
        let acceptor = Acceptor::adopted(listener());
        take_one(&acceptor);
        assert!(!is_nonblocking(acceptor.get_ref()));
    }

    #[test]
    fn the_users_flag_outlives_ours() {
        let acceptor = Acceptor::opened(listener());
        take_one(&acceptor);
        acceptor.set_nonblocking(true).unwrap();
        let error = acceptor.accept(TcpListener::accept).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert!(is_nonblocking(acceptor.lend()));
        acceptor.set_nonblocking(false).unwrap();
        assert!(!is_nonblocking(acceptor.get_ref()));
    }

    #[test]
    fn a_nonblocking_listener_stays_so_through_any_state() {
        let acceptor = Acceptor::opened(listener());
        acceptor.set_nonblocking(true).unwrap();
        assert!(is_nonblocking(acceptor.get_ref()));
        let would_block = || acceptor.accept(TcpListener::accept).unwrap_err().kind() == io::ErrorKind::WouldBlock;
        assert!(would_block());
        acceptor.lend();
        assert!(would_block());
    }

    #[test]
    fn receive_timeout_limits_accept() {
        for acceptor in [Acceptor::opened(listener()), Acceptor::adopted(listener())] {
            let timeout = Duration::from_millis(20);
            socket2::SockRef::from(acceptor.get_ref()).set_read_timeout(Some(timeout)).unwrap();
            let started = Instant::now();
            let error = acceptor.accept(TcpListener::accept).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
            assert!(started.elapsed() >= timeout);
        }
    }

    #[test]
    fn the_first_exhaustion_is_an_error_at_once_and_later_ones_pause() {
        let acceptor = Acceptor::opened(listener());
        let mut attempts = 0;
        let mut fail = |_: &TcpListener| -> io::Result<()> {
            attempts += 1;
            Err(io::Error::from_raw_os_error(libc::EMFILE))
        };
        let started = Instant::now();
        for _ in 0..3 {
            assert_eq!(acceptor.accept(&mut fail).unwrap_err().raw_os_error(), Some(libc::EMFILE));
        }
        // One attempt for the first call, two with a pause between them for each that follows: 10 ms, then 20 ms.
        assert_eq!(attempts, 5);
        assert!(started.elapsed() >= Duration::from_millis(30));
        take_one(&acceptor);
        assert_eq!(acceptor.family.pause_after_failure(), None);
    }

    #[test]
    fn the_pause_doubles_up_to_a_second() {
        let acceptor = Acceptor::opened(listener());
        let pauses: Vec<_> = (0..40).map(|_| acceptor.family.pause_after_failure()).collect();
        assert_eq!(pauses[..3], [None, Some(PAUSE.0), Some(PAUSE.0 * 2)]);
        assert!(pauses[10..].iter().all(|pause| *pause == Some(PAUSE.1)));
    }
}
