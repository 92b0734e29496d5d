//! What passes between a green thread and whoever started, wakes, kills or awaits it, small enough for Miri, which looks for
//! data races, dangling borrows and stale reads in each schedule that it is given (`cargo xtask miri`).
//!
//! What is handed over is not atomic, or atomic and read relaxed: then a value of before shows that nothing has ordered the
//! two.

use std::cell::RefCell;
use std::future::poll_fn;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use green_thread::{self as thread, JoinHandle, Killed};

const MOMENT: Duration = Duration::from_millis(1);

/// A value whose drop is counted.
struct Token(Arc<AtomicUsize>);

impl Drop for Token {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_result_comes_to_whoever_joins() {
    let text = thread::spawn(|| "green".to_owned()).join().unwrap();
    let list = thread::spawn_local(move || vec![text]).join().unwrap();
    // A handle that goes to another OS thread.
    let child = thread::spawn(move || list);
    let other = std::thread::spawn(|| child.join().unwrap());
    while !other.is_finished() {
        // The child may be this hub's.
        thread::yield_now();
    }
    assert_eq!(other.join().unwrap(), ["green"]);
    let payload = thread::spawn(|| resume_unwind(Box::new("out".to_owned()))).join().unwrap_err();
    assert_eq!(*payload.downcast::<String>().unwrap(), "out");
}

#[test]
fn a_result_that_nobody_wants_is_dropped_once() {
    let drops = Arc::new(AtomicUsize::new(0));
    let token = || Token(Arc::clone(&drops));
    let (kept, dropped) = (token(), token());
    let first = thread::spawn(move || kept);
    drop(thread::spawn(move || dropped));
    let local = token();
    drop(thread::spawn_local(move || local));
    // Its result may come before, during or after this.
    let tired = first.join_timeout(MOMENT).map(|result| drop(result.unwrap())).err();
    drop(tired);
    while drops.load(Relaxed) < 3 {
        thread::yield_now();
    }
}

#[test]
fn a_scope_lends_and_takes_back() {
    for _ in 0..2 {
        let (mut list, mut count) = (vec![1], 0);
        thread::scope(|scope| {
            let child = scope.spawn(|| {
                thread::yield_now();
                list.push(2);
                list.len()
            });
            scope.spawn(|| count += 1);
            assert_eq!(child.join().unwrap(), 2);
        });
        assert_eq!((list, count), (vec![1, 2], 1));
    }
}

#[test]
fn a_token_to_park_carries_what_came_before() {
    let (value, rounds) = (Arc::new(AtomicUsize::new(0)), 3);
    let waiter = |value: Arc<AtomicUsize>| {
        move || {
            let mut seen = 0;
            while seen < rounds {
                thread::park_timeout(MOMENT);
                let now = value.load(Relaxed);
                assert!(now >= seen);
                seen = now;
            }
        }
    };
    let waiters: Vec<JoinHandle<()>> = (0..2).map(|_| thread::spawn(waiter(Arc::clone(&value)))).collect();
    for n in 1..=rounds {
        value.store(n, Relaxed);
        for waiter in &waiters {
            waiter.thread().unpark();
        }
        thread::yield_now();
    }
    for waiter in waiters {
        waiter.join().unwrap();
    }
    let (text, me) = (Arc::new(AtomicUsize::new(0)), thread::current());
    let other = std::thread::spawn({
        let text = Arc::clone(&text);
        move || {
            text.store(7, Relaxed);
            me.unpark();
        }
    });
    while !other.is_finished() && text.load(Relaxed) == 0 {
        thread::park();
    }
    other.join().unwrap();
    assert_eq!(text.load(Relaxed), 7);
}

#[test]
fn a_kill_comes_at_any_moment() {
    let drops = Arc::new(AtomicUsize::new(0));
    let victims: Vec<JoinHandle<usize>> = (0..4)
        .map(|n| {
            let token = Token(Arc::clone(&drops));
            thread::spawn(move || {
                let _token = token;
                for _ in 0..n {
                    thread::yield_now();
                }
                if n == 3 {
                    thread::sleep(Duration::from_secs(3600));
                }
                n
            })
        })
        .collect();
    let remotes: Vec<_> = victims.iter().map(JoinHandle::remote).collect();
    let killer = std::thread::spawn(move || {
        for remote in remotes {
            // The error is an end that came first.
            let _ = remote.kill();
        }
    });
    for (n, victim) in victims.into_iter().enumerate() {
        match victim.join() {
            Ok(result) => assert_eq!(result, n),
            Err(payload) => assert!(payload.is::<Killed>()),
        }
    }
    killer.join().unwrap();
    assert_eq!(drops.load(Relaxed), 4);
}

#[test]
fn links_hear_of_the_end_in_order() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let child = thread::spawn(thread::yield_now);
    for n in 0..2 {
        let heard = Arc::clone(&heard);
        child.on_exit(move || heard.lock().unwrap().push(n));
    }
    let shared = child.share();
    let other = std::thread::spawn({
        let shared = shared.clone();
        move || shared.join().is_ok()
    });
    assert!(shared.join().is_ok() && other.join().unwrap());
    while heard.lock().unwrap().len() < 2 {
        thread::yield_now();
    }
    assert_eq!(*heard.lock().unwrap(), [0, 1]);
}

#[test]
fn every_green_thread_has_locals_of_its_own() {
    thread::thread_local! {
        static LIST: RefCell<Vec<Token>> = const { RefCell::new(Vec::new()) };
        static NAME: RefCell<String> = RefCell::new("none".to_owned());
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let children: Vec<JoinHandle<usize>> = (0..3)
        .map(|n| {
            let drops = Arc::clone(&drops);
            thread::spawn(move || {
                LIST.with_borrow_mut(|list| list.push(Token(Arc::clone(&drops))));
                NAME.with_borrow_mut(|name| name.push_str(&n.to_string()));
                thread::yield_now();
                LIST.with_borrow_mut(|list| list.push(Token(drops)));
                assert_eq!(NAME.take(), format!("none{n}"));
                LIST.with_borrow(Vec::len)
            })
        })
        .collect();
    assert_eq!(thread::join_all(children).into_iter().map(Result::unwrap).sum::<usize>(), 6);
    assert_eq!(drops.load(Relaxed), 6);
}

#[test]
fn a_start_that_is_put_off_may_be_called_off() {
    let early = thread::spawn_after(MOMENT, || 1);
    let late = thread::spawn_after_local(Duration::from_secs(3600), || 2);
    assert!(late.cancel());
    assert_eq!(early.join().unwrap(), 1);
    assert!(late.join().unwrap_err().is::<Killed>());
}

#[test]
fn a_future_is_woken_from_anywhere() {
    for n in 0..2 {
        let letter = Arc::new(Mutex::new((None::<String>, None::<Waker>)));
        let reader = {
            let letter = Arc::clone(&letter);
            poll_fn(move |context| {
                let mut letter = letter.lock().unwrap();
                letter.1 = Some(context.waker().clone());
                letter.0.take().map_or(Poll::Pending, Poll::Ready)
            })
        };
        let writer = move || {
            let waker = {
                let mut letter = letter.lock().unwrap();
                letter.0 = Some("news".to_owned());
                letter.1.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        };
        if n == 0 {
            let writer = std::thread::spawn(writer);
            assert_eq!(thread::block_on(reader), "news");
            writer.join().unwrap();
        } else {
            let reader = thread::spawn_future(reader);
            thread::spawn(writer).join().unwrap();
            assert_eq!(reader.join().unwrap(), "news");
        }
    }
}
