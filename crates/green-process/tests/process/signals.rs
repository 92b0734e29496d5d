//! Signals as events.

use std::io::{ErrorKind, Read};
use std::mem;
use std::os::unix::process::ExitStatusExt;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use green_core::kill::Killed;
use green_process::signal::{
    SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, Signal, Signals, ctrl_c,
};
use green_process::{Command, Stdio, id};
use green_thread as thread;

use crate::support::{alone, give_way, own_signal, raise, send, until};

/// How long a wake-up may take before it is a timeout's doing. No test waits that long.
const LONG: Duration = Duration::from_secs(20);

/// Checks that a signal ends a wait of a green thread, with `neighbour` on the same hub.
fn check_wake(n: i32, neighbour: impl FnOnce(Arc<AtomicBool>) + Send + 'static) {
    let signal = own_signal(n);
    let mut signals = Signals::new([signal]).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let theirs = Arc::clone(&done);
    let waiter = thread::spawn(move || {
        let neighbour = thread::spawn(move || neighbour(theirs));
        let start = Instant::now();
        let found = signals.wait_timeout(LONG).unwrap();
        done.store(true, Ordering::Release);
        neighbour.join().unwrap();
        (found, start.elapsed())
    });
    let sender = std::thread::spawn(move || {
        // Long enough that the hub has gone to sleep, if it wants to.
        std::thread::sleep(Duration::from_millis(20));
        send(signal, id());
    });
    let (found, elapsed) = waiter.join().unwrap();
    assert_eq!(found, Some(signal));
    assert!(elapsed < LONG / 2, "{elapsed:?}");
    sender.join().unwrap();
}

#[test]
fn a_signal_wakes_a_sleeping_hub() {
    check_wake(0, |_| {});
}

#[test]
fn a_signal_is_noticed_by_a_busy_hub() {
    check_wake(1, |done| {
        while !done.load(Ordering::Acquire) {
            thread::yield_now();
        }
    });
}

#[test]
fn a_signal_wakes_a_plain_os_thread() {
    let signal = own_signal(2);
    let mut signals = Signals::new([signal]).unwrap();
    let waiter = std::thread::spawn(move || signals.wait_timeout(LONG).unwrap());
    give_way();
    send(signal, id());
    assert_eq!(waiter.join().unwrap(), Some(signal));
}

#[test]
fn every_listener_gets_every_signal() {
    let signal = own_signal(3);
    let listeners: Vec<Signals> = (0..10).map(|_| Signals::new([signal]).unwrap()).collect();
    let (green, plain): (Vec<_>, Vec<_>) = listeners.into_iter().enumerate().partition(|(n, _)| n % 2 == 0);
    let green: Vec<_> =
        green.into_iter().map(|(_, mut signals)| thread::spawn(move || signals.wait_timeout(LONG).unwrap())).collect();
    let plain: Vec<_> = plain
        .into_iter()
        .map(|(_, mut signals)| std::thread::spawn(move || signals.wait_timeout(LONG).unwrap()))
        .collect();
    give_way();
    send(signal, id());
    for waiter in green {
        assert_eq!(waiter.join().unwrap(), Some(signal));
    }
    for waiter in plain {
        assert_eq!(waiter.join().unwrap(), Some(signal));
    }
}

#[test]
fn what_arrives_before_the_wait_is_kept_once_for_each_kind() {
    let [low, high] = [own_signal(4), own_signal(5)];
    let mut signals = Signals::new([high, low]).unwrap();
    for signal in [high, low, high, high, low] {
        raise(signal);
    }
    assert_eq!(signals.wait().unwrap(), low);
    assert_eq!(signals.wait().unwrap(), high);
    assert_eq!(signals.wait_timeout(Duration::from_millis(1)).unwrap(), None);
    assert_eq!(signals.try_wait(), None);
    raise(low);
    assert_eq!(signals.try_wait(), Some(low));
    assert_eq!(signals.wait_until(Instant::now()).unwrap(), None);
    raise(high);
    assert_eq!(signals.next().unwrap().unwrap(), high);
}

#[test]
fn a_listener_hears_its_own_signals_only() {
    let [one, other] = [own_signal(6), own_signal(7)];
    let (mut first, mut second) = (Signals::new([one]).unwrap(), Signals::new([other]).unwrap());
    raise(one);
    assert_eq!(second.try_wait(), None);
    assert_eq!(first.try_wait(), Some(one));
    let mut late = Signals::new([one]).unwrap();
    assert_eq!(late.try_wait(), None, "what came before it is not its own");
}

#[test]
fn a_listener_can_be_used_on_one_thread_after_another() {
    let signal = own_signal(8);
    let mut signals = Signals::new([signal]).unwrap();
    for _ in 0..10 {
        let green = thread::spawn(move || {
            assert_eq!(signals.wait_timeout(LONG).unwrap(), Some(signal));
            signals
        });
        send(signal, id());
        signals = green.join().unwrap();
        let plain = std::thread::spawn(move || {
            assert_eq!(signals.wait_timeout(LONG).unwrap(), Some(signal));
            signals
        });
        send(signal, id());
        signals = plain.join().unwrap();
    }
}

#[test]
fn a_waiter_can_be_killed_and_the_listener_used_on() {
    let signal = own_signal(9);
    let mut signals = Signals::new([signal]).unwrap();
    thread::scope(|scope| {
        let victim = scope.spawn(|| signals.wait());
        give_way();
        victim.kill().unwrap();
        assert!(victim.join().map(drop).unwrap_err().is::<Killed>());
    });
    raise(signal);
    assert_eq!(signals.wait().unwrap(), signal);
}

#[test]
fn no_signal_is_lost_between_two_waits() {
    let signal = own_signal(10);
    let mut signals = Signals::new([signal]).unwrap();
    let seen = Arc::new(AtomicU32::new(0));
    let theirs = Arc::clone(&seen);
    let waiter = thread::spawn(move || {
        for _ in 0..500 {
            assert_eq!(signals.wait_timeout(LONG).unwrap(), Some(signal));
            theirs.fetch_add(1, Ordering::Release);
        }
    });
    for n in 0..500 {
        until("the signal before", || seen.load(Ordering::Acquire) == n);
        send(signal, id());
    }
    waiter.join().unwrap();
}

#[test]
fn the_default_action_stays_off_when_nobody_listens_any_more() {
    drop(Signals::new([SIGUSR1]).unwrap());
    raise(SIGUSR1);
    let mut again = Signals::new([SIGUSR1]).unwrap();
    assert_eq!(again.try_wait(), None);
    raise(SIGUSR1);
    assert_eq!(again.try_wait(), Some(SIGUSR1));
}

#[test]
fn some_signals_cannot_be_listened_for() {
    for number in [libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE] {
        let error = Signals::new([SIGWINCH, Signal::from_raw(number).unwrap()]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    // The C library keeps this one for itself.
    assert!(Signals::new([Signal::from_raw(32).unwrap()]).is_err());
    for number in [-1, 0, 65, i32::MAX, i32::MIN] {
        assert_eq!(Signal::from_raw(number), None);
    }
    assert_eq!(Signals::new([]).unwrap().wait_timeout(Duration::from_millis(1)).unwrap(), None);
}

#[test]
fn ctrl_c_ends_every_wait_for_it() {
    alone("signals::ctrl_c_ends_every_wait_for_it", None, || {
        let _first = Signals::new([SIGINT]).unwrap();
        let waiters: Vec<_> = (0..3).map(|_| thread::spawn(ctrl_c)).collect();
        let plain = std::thread::spawn(ctrl_c);
        let sent = std::thread::spawn(move || {
            // Until all of them listen: each says so only by its end.
            while !waiters.iter().all(thread::JoinHandle::is_finished) || !plain.is_finished() {
                std::thread::yield_now();
                send(SIGINT, id());
            }
            for waiter in waiters {
                waiter.join().unwrap().unwrap();
            }
            plain.join().unwrap().unwrap();
        });
        // The waiters may be on this very hub.
        until("the end of all waits", || sent.is_finished());
        sent.join().unwrap();
    });
}

#[test]
fn children_start_with_default_actions() {
    let _signals = Signals::new([SIGTERM, SIGHUP]).unwrap();
    for (signal, name) in [(SIGTERM, "TERM"), (SIGHUP, "HUP")] {
        let status = Command::new("sh").args(["-c", &format!("kill -{name} $$; sleep 60")]).status().unwrap();
        assert_eq!(status.signal(), Some(signal.as_raw()));
    }
}

#[test]
fn the_end_of_a_child_is_a_signal_too() {
    let mut signals = Signals::new([SIGCHLD]).unwrap();
    let mut child = Command::new("true").spawn().unwrap();
    until("the child's end", || {
        assert_eq!(signals.wait_timeout(LONG).unwrap(), Some(SIGCHLD));
        // Other tests have children, too.
        child.try_wait().unwrap().is_some()
    });
}

/// X6 of FEATURES: calls that the kernel interrupts go on.
#[test]
fn a_storm_of_signals_disturbs_nobody() {
    let signal = own_signal(11);
    let _signals = Signals::new([signal]).unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let theirs = Arc::clone(&over);
    let storm = std::thread::spawn(move || {
        while !theirs.load(Ordering::Acquire) {
            send(signal, id());
            std::thread::yield_now();
        }
    });
    let threads: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(|| {
                for _ in 0..5 {
                    // The sleep is what is disturbed.
                    thread::sleep(Duration::from_micros(300));
                    let mut child =
                        Command::new("sh").args(["-c", "sleep 0.01; echo x"]).stdout(Stdio::piped()).spawn().unwrap();
                    let mut text = String::new();
                    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
                    assert_eq!(text, "x\n");
                    assert!(child.wait().unwrap().success());
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    over.store(true, Ordering::Release);
    storm.join().unwrap();
}

/// What the kernel saves for a handler can be larger than what is left of a small stack.
#[test]
fn a_handler_does_not_need_the_green_stack() {
    let signal = own_signal(12);
    let mut signals = Signals::new([signal]).unwrap();
    // SAFETY: zeroes are a valid sigaction.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: nothing is set, and the kernel writes one sigaction.
    assert_eq!(unsafe { libc::sigaction(signal.as_raw(), ptr::null(), &raw mut action) }, 0);
    assert_ne!(action.sa_flags & libc::SA_ONSTACK, 0);
    assert_ne!(action.sa_flags & libc::SA_RESTART, 0);
    let small = thread::Builder::new().stack_size(16 << 10).spawn(move || raise(signal)).unwrap();
    small.join().unwrap();
    assert_eq!(signals.wait().unwrap(), signal);
}

/// If each handler could interrupt the one before, each would need room for what the kernel saves there, all at once.
#[test]
fn handlers_of_many_signals_do_not_pile_up() {
    let many: Vec<Signal> = (14..30).map(own_signal).collect();
    let mut signals = Signals::new(many.iter().copied()).unwrap();
    let raised = many.clone();
    let green = thread::spawn(move || {
        // SAFETY: zeroes are a valid set of signals.
        let mut set: libc::sigset_t = unsafe { mem::zeroed() };
        for signal in &raised {
            // SAFETY: the set is valid, and the number that of a signal.
            assert_eq!(unsafe { libc::sigaddset(&raw mut set, signal.as_raw()) }, 0);
        }
        // SAFETY: the set is valid; nothing parks until the mask is what it was.
        assert_eq!(unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) }, 0);
        raised.into_iter().for_each(raise);
        // All of them arrive here.
        // SAFETY: as above.
        assert_eq!(unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, ptr::null_mut()) }, 0);
    });
    green.join().unwrap();
    let mut noted: Vec<Signal> = std::iter::from_fn(|| signals.try_wait()).collect();
    noted.sort_by_key(|signal| signal.as_raw());
    assert_eq!(noted, many);
}

static OLD_HANDLER_CALLS: AtomicU32 = AtomicU32::new(0);

extern "C" fn old_handler(_signal: libc::c_int) {
    OLD_HANDLER_CALLS.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn a_handler_that_was_there_before_is_called_too() {
    let signal = own_signal(13);
    // SAFETY: the handler changes an atomic and nothing else, and lives as long as the program.
    unsafe { libc::signal(signal.as_raw(), old_handler as extern "C" fn(libc::c_int) as libc::sighandler_t) };
    let mut signals = Signals::new([signal]).unwrap();
    raise(signal);
    assert_eq!(signals.try_wait(), Some(signal));
    assert_eq!(OLD_HANDLER_CALLS.load(Ordering::Relaxed), 1);
}

/// A stopped process does not see time pass; afterwards all goes on, and the process can tell that it was stopped.
#[test]
fn a_process_that_was_stopped_goes_on() {
    alone("signals::a_process_that_was_stopped_goes_on", None, || {
        let mut signals = Signals::new([SIGCONT, SIGUSR2]).unwrap();
        let start = Instant::now();
        let script = format!("kill -STOP {0}; sleep 0.05; kill -CONT {0}; sleep 0.01; kill -USR2 {0}", id());
        let mut child = Command::new("sh").args(["-c", &script]).spawn().unwrap();
        // The sleep goes on over the stop.
        let sleeper = thread::spawn(|| thread::sleep(Duration::from_millis(30)));
        // On a slow machine both have come before the first look.
        let both = [signals.wait().unwrap(), signals.wait().unwrap()];
        assert!(both == [SIGCONT, SIGUSR2] || both == [SIGUSR2, SIGCONT], "{both:?}");
        assert!(start.elapsed() >= Duration::from_millis(50));
        sleeper.join().unwrap();
        assert!(child.wait().unwrap().success());
    });
}
