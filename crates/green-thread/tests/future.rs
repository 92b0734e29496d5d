//! `block_on`, `spawn_future` and join handles as futures: both directions of eventlet's asyncio bridge (E10, X2), with no
//! runtime but a mini executor of this file.

mod modes;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, IntoFuture, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use green_core::kill::Alarm;
use green_thread::{self as thread, Killed, block_on};
use modes::{Flag, quiet_panic, until};

const LONG: Duration = Duration::from_secs(3600);

fn endless() {
    loop {
        thread::park();
    }
}

/// A value that comes once, with every waker that was ever given: so wake-ups come late, twice and for nobody.
struct Letter<T>(Arc<Mutex<(Option<T>, Vec<Waker>)>>);

impl<T> Clone for Letter<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Letter<T> {
    fn new() -> Self {
        Self(Arc::new(Mutex::new((None, Vec::new()))))
    }

    fn send(&self, value: T) {
        let wakers = {
            let mut state = self.0.lock().unwrap();
            state.0 = Some(value);
            state.1.clone()
        };
        wakers.iter().for_each(Waker::wake_by_ref);
    }

    /// Wakes whoever has waited, for nothing.
    fn disturb(&self) {
        let wakers = self.0.lock().unwrap().1.clone();
        wakers.iter().for_each(Waker::wake_by_ref);
    }

    fn is_awaited(&self) -> bool {
        !self.0.lock().unwrap().1.is_empty()
    }

    async fn receive(self) -> T {
        poll_fn(|context| {
            let mut state = self.0.lock().unwrap();
            match state.0.take() {
                Some(value) => Poll::Ready(value),
                None => {
                    state.1.push(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// Runs tasks on the calling OS thread, by a condition variable of std: an executor that knows nothing of green threads.
#[derive(Clone, Default)]
struct Async(Arc<(Mutex<VecDeque<usize>>, Condvar)>);

struct TaskWaker(usize, Async);

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let (queue, bell) = &*self.1.0;
        queue.lock().unwrap().push_back(self.0);
        bell.notify_one();
    }
}

impl Async {
    fn run(&self, tasks: Vec<Pin<Box<dyn Future<Output = ()> + '_>>>) {
        let mut tasks: Vec<_> = tasks.into_iter().map(Some).collect();
        let (queue, bell) = &*self.0;
        queue.lock().unwrap().extend(0..tasks.len());
        while tasks.iter().any(Option::is_some) {
            let next = {
                let mut queue = bell.wait_while(queue.lock().unwrap(), |queue| queue.is_empty()).unwrap();
                queue.pop_front().unwrap()
            };
            let Some(task) = &mut tasks[next] else { continue };
            let waker = Waker::from(Arc::new(TaskWaker(next, self.clone())));
            if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                tasks[next] = None;
            }
        }
    }

    /// Runs one task on an OS thread of its own, which it blocks; the result comes by the letter.
    fn run_elsewhere<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> Letter<T> {
        let letter = Letter::new();
        let result = letter.clone();
        std::thread::spawn(move || {
            Async::default().run(vec![Box::pin(async move { letter.send(task.await) })]);
        });
        result
    }
}

#[test]
fn a_ready_future_does_not_wait() {
    assert_eq!(block_on(ready(5)), 5);
    assert_eq!(thread::spawn_future(async { 6 }).join().unwrap(), 6);
}

#[test]
fn a_wake_up_may_come_from_anywhere() {
    let letter = Letter::new();
    let waiter = thread::spawn_future(letter.clone().receive());
    std::thread::spawn({
        let letter = letter.clone();
        move || letter.send(1)
    });
    assert_eq!(waiter.join().unwrap(), 1);

    // The waiter is a plain OS thread, the sender a green one.
    let letter = Letter::new();
    let waiter = std::thread::spawn({
        let letter = letter.clone();
        move || block_on(letter.receive())
    });
    thread::spawn(move || letter.send(2)).join().unwrap();
    assert_eq!(waiter.join().unwrap(), 2);
}

#[test]
fn idle_wake_ups_are_polls_and_no_more() {
    let (letter, polls) = (Letter::new(), Arc::new(AtomicUsize::new(0)));
    let waiter = thread::spawn_future({
        let (letter, polls) = (letter.clone(), Arc::clone(&polls));
        async move {
            let mut receive = pin!(letter.receive());
            poll_fn(|context| {
                let poll = receive.as_mut().poll(context);
                // Only now has the letter the waker that `disturb` wakes.
                polls.fetch_add(1, Ordering::SeqCst);
                poll
            })
            .await
        }
    });
    for round in 1..=10 {
        until(|| polls.load(Ordering::SeqCst) >= round);
        letter.disturb();
    }
    letter.send(3);
    assert_eq!(waiter.join().unwrap(), 3);
    // The wakers outlive the wait and the green thread.
    letter.disturb();
}

/// The token of `thread::park` is none of `block_on`'s business.
#[test]
fn a_late_wake_up_and_the_park_token_stay_apart() {
    let letter = Letter::new();
    let child = thread::spawn({
        let letter = letter.clone();
        move || {
            let value = block_on(letter.clone().receive());
            letter.disturb();
            thread::park();
            let start = Instant::now();
            // What is tested is that it takes its time.
            thread::sleep(Duration::from_millis(2));
            assert!(start.elapsed() >= Duration::from_millis(2));
            value
        }
    });
    child.thread().unpark();
    until(|| letter.is_awaited());
    letter.send(4);
    assert_eq!(child.join().unwrap(), 4);
}

#[test]
fn block_on_nests() {
    let letter = Letter::new();
    let inner = letter.clone();
    let outer = thread::spawn(move || block_on(async move { block_on(async { block_on(inner.receive()) + 1 }) + 1 }));
    until(|| letter.is_awaited());
    letter.send(1);
    assert_eq!(outer.join().unwrap(), 3);
}

/// A future that wakes itself, as the `yield_now` of a runtime does, lets its neighbours run.
#[test]
fn a_future_that_wakes_itself_yields() {
    let done = Flag::new();
    let neighbour = thread::spawn_local({
        let done = done.clone();
        move || done.raise()
    });
    block_on(poll_fn(|context| {
        context.waker().wake_by_ref();
        if done.is_up() { Poll::Ready(()) } else { Poll::Pending }
    }));
    neighbour.join().unwrap();
}

#[test]
fn a_panic_passes_through() {
    let child = thread::spawn_future(async {
        ready(()).await;
        quiet_panic("in a future")
    });
    assert_eq!(child.join().unwrap_err().downcast_ref(), Some(&"in a future"));
}

/// E10: to kill the green thread is to cancel the future.
#[test]
fn a_kill_drops_the_future() {
    let (dropped, polled) = (Flag::new(), Flag::new());
    let child = thread::spawn_future({
        let (guard, polled) = (dropped.on_drop(), polled.clone());
        async move {
            let _guard = guard;
            polled.raise();
            pending::<()>().await;
        }
    });
    polled.wait();
    child.kill().unwrap();
    assert!(child.join().unwrap_err().is::<Killed>());
    assert!(dropped.is_up());
}

#[test]
fn a_deadline_drops_the_future() {
    let dropped = Flag::new();
    let guard = dropped.on_drop();
    let alarm = Alarm::set(Instant::now() + Duration::from_millis(1)).unwrap();
    let wait = AssertUnwindSafe(|| {
        block_on(async move {
            let _guard = guard;
            pending::<()>().await;
        });
    });
    let payload = catch_unwind(wait).unwrap_err();
    assert!(alarm.owns(&*payload));
    assert!(dropped.is_up());
}

/// E10: async code elsewhere awaits green threads: a value, a panic, a kill, in the order of their ends.
#[test]
fn async_code_awaits_green_threads() {
    let (slow, quick) = (thread::spawn(thread::park), thread::spawn_after(Duration::from_millis(1), || 5));
    let failing = thread::spawn(|| quiet_panic("awaited"));
    let killed = thread::spawn(endless);
    killed.kill().unwrap();
    let tasks = async move {
        let (log, parked) = (Mutex::new(Vec::new()), slow.thread().clone());
        let note = |name| log.lock().unwrap().push(name);
        Async::default().run(vec![
            Box::pin(async {
                slow.await.unwrap();
                note("slow");
            }),
            Box::pin(async {
                assert_eq!(quick.await.unwrap(), 5);
                note("quick");
                parked.unpark();
            }),
            Box::pin(async { assert_eq!(failing.await.unwrap_err().downcast_ref(), Some(&"awaited")) }),
            Box::pin(async { assert!(killed.await.unwrap_err().is::<Killed>()) }),
        ]);
        log.into_inner().unwrap()
    };
    assert_eq!(block_on(Async::run_elsewhere(tasks).receive()), ["quick", "slow"]);
}

/// The end and the first poll may come in any order, and on several OS threads at once.
#[test]
fn awaits_race_with_the_end() {
    let worlds: Vec<_> = (0..4)
        .map(|_| {
            let children: Vec<_> = (0..200).map(|n| thread::spawn(move || n)).collect();
            Async::run_elsewhere(async move {
                let mut sum = 0;
                for child in children {
                    sum += child.await.unwrap();
                }
                sum
            })
        })
        .collect();
    for world in worlds {
        assert_eq!(block_on(world.receive()), 19_900);
    }
}

/// The end is told after the last destructor: the result is there at the poll that follows.
#[test]
fn the_wake_up_comes_with_the_result() {
    struct Slow;
    impl Drop for Slow {
        fn drop(&mut self) {
            // A destructor that parks.
            thread::sleep(Duration::from_millis(2));
        }
    }
    green_thread::thread_local! {
        static SLOW: RefCell<Option<Slow>> = const { RefCell::new(None) };
    }
    let child = thread::spawn(|| {
        SLOW.set(Some(Slow));
        7
    });
    // A link that parks.
    child.on_exit(|| thread::sleep(Duration::from_millis(1)));
    let polls = AtomicUsize::new(0);
    let mut join = pin!(child.into_future());
    let value = block_on(poll_fn(|context| {
        polls.fetch_add(1, Ordering::SeqCst);
        join.as_mut().poll(context)
    }));
    assert_eq!(value.unwrap(), 7);
    assert!(polls.load(Ordering::SeqCst) <= 2);
}

#[test]
fn the_last_waker_counts() {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let counts: Vec<_> = (0..3).map(|_| Arc::new(Count(AtomicUsize::new(0)))).collect();
    let child = thread::spawn(thread::park);
    let thread = child.thread().clone();
    let remote = child.remote();
    let mut join = pin!(child.into_future());
    for count in &counts {
        for _ in 0..2 {
            let waker = Waker::from(Arc::clone(count));
            assert!(join.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
    }
    thread.unpark();
    remote.wait();
    // The wake-up is the green thread's last act, after those who join it were told.
    until(|| counts[2].0.load(Ordering::SeqCst) > 0);
    let told: Vec<_> = counts.iter().map(|count| count.0.load(Ordering::SeqCst)).collect();
    assert_eq!(told, [0, 0, 1]);
    assert_eq!(Arc::strong_count(&counts[0]), 1, "wakers that were replaced are dropped");
    let waker = Waker::noop();
    assert!(join.as_mut().poll(&mut Context::from_waker(waker)).is_ready());
    let again = catch_unwind(AssertUnwindSafe(|| join.as_mut().poll(&mut Context::from_waker(waker)).is_ready()));
    assert!(again.is_err(), "it is over");
}

/// E10: to drop the future is to detach the green thread, or to kill it, as one asks.
#[test]
fn dropping_a_join_detaches_or_kills() {
    let poll_once = |join: &mut thread::JoinFuture<()>| {
        let mut context = Context::from_waker(Waker::noop());
        assert!(Pin::new(join).poll(&mut context).is_pending());
    };
    let child = thread::spawn(thread::park);
    let (thread, remote) = (child.thread().clone(), child.remote());
    let mut join = child.into_future();
    poll_once(&mut join);
    drop(join);
    thread.unpark();
    remote.wait();
    assert_eq!(remote.exit(), Some(thread::Exit::Returned));

    let child = thread::spawn(endless).kill_on_drop();
    let remote = child.remote();
    let mut join = child.into_future();
    poll_once(&mut join);
    drop(join);
    remote.wait();
    assert_eq!(remote.exit(), Some(thread::Exit::Killed));
}

/// E10: a kill goes from green thread through async code to green thread.
#[test]
fn a_kill_goes_through_both_worlds() {
    let (inner, polled) = (Arc::new(Mutex::new(None)), Flag::new());
    let outer = thread::spawn_future({
        let (inner, polled) = (Arc::clone(&inner), polled.clone());
        async move {
            let child = thread::spawn(endless).kill_on_drop();
            *inner.lock().unwrap() = Some(child.remote());
            polled.raise();
            child.await
        }
    });
    polled.wait();
    outer.kill().unwrap();
    assert!(outer.join().unwrap_err().is::<Killed>());
    let remote = inner.lock().unwrap().take().unwrap();
    remote.wait();
    assert_eq!(remote.exit(), Some(thread::Exit::Killed));
}

#[test]
fn a_delayed_thread_can_be_awaited_and_called_off() {
    let timer = thread::spawn_after(LONG, || unreachable!("it was called off"));
    let remote = timer.remote();
    let waiter = thread::spawn_future(timer.into_future());
    // Time for the waiter to begin; it may also come later.
    thread::sleep(Duration::from_millis(1));
    remote.kill().unwrap();
    assert!(waiter.join().unwrap().unwrap_err().is::<Killed>());
}

/// Ping-pong between an executor's task and a green thread, each in its own world.
#[test]
fn the_two_worlds_take_turns() {
    let rounds = 200;
    let (there, back): (Vec<_>, Vec<_>) = (0..rounds).map(|_| (Letter::new(), Letter::new())).unzip();
    let green = thread::spawn({
        let (there, back) = (there.clone(), back.clone());
        move || {
            for (receive, send) in there.into_iter().zip(back) {
                let value: u32 = block_on(receive.receive());
                send.send(value + 1);
            }
        }
    });
    let last = Async::run_elsewhere(async move {
        let mut value = 0;
        for (send, receive) in there.into_iter().zip(back) {
            send.send(value);
            value = receive.receive().await;
        }
        value
    });
    assert_eq!(block_on(last.receive()), rounds);
    green.join().unwrap();
}

/// E19: one end for many, in both worlds.
#[test]
fn a_shared_handle_is_awaited_by_any_number() {
    let child = thread::spawn(|| {
        thread::park();
        String::from("for all")
    });
    let child = child.share();
    let elsewhere: Vec<_> = (0..3)
        .map(|_| {
            let child = child.clone();
            Async::run_elsewhere(async move { (&child).await.unwrap().len() })
        })
        .collect();
    let here: Vec<_> = (0..3)
        .map(|_| {
            let child = child.clone();
            thread::spawn(move || block_on(&child).unwrap().len() + child.join().unwrap().len())
        })
        .collect();
    let mut dropped = child.into_future();
    assert!(Pin::new(&mut dropped).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(dropped);
    child.thread().unpark();
    assert!(elsewhere.into_iter().all(|length| block_on(length.receive()) == 7));
    assert!(here.into_iter().all(|length| length.join().unwrap() == 14));
    assert_eq!(block_on(&child).unwrap(), "for all", "it is there any number of times");

    let failed = thread::spawn(|| quiet_panic("shared")).share();
    let error = block_on(&failed).unwrap_err();
    assert_eq!((error.exit(), error.message()), (thread::Exit::Panicked, Some("shared")));
}

/// One of this OS thread is awaited here, whatever its result is.
#[test]
fn a_local_handle_is_awaited_on_its_own_thread() {
    let child = thread::spawn_local(|| {
        thread::park();
        Rc::new(5)
    });
    let parked = child.thread().clone();
    // The wake-up comes from another OS thread.
    let other = std::thread::spawn(move || parked.unpark());
    assert_eq!(block_on(async { *child.await.unwrap() }), 5);
    other.join().unwrap();

    let failed = thread::spawn_local(|| quiet_panic("local"));
    assert_eq!(block_on(failed).unwrap_err().downcast_ref(), Some(&"local"));

    let killed = thread::spawn_local(endless);
    let remote = killed.remote();
    let killer = thread::spawn(move || remote.kill());
    assert!(block_on(killed).unwrap_err().is::<Killed>());
    killer.join().unwrap().unwrap();
}

/// Dropping the future detaches, here too, and drops the waker.
#[test]
fn dropping_a_local_or_shared_join_leaves_the_green_thread_alone() {
    let child = thread::spawn_local(thread::park);
    let (thread, remote) = (child.thread().clone(), child.remote());
    let flag = Arc::new(Waking(Flag::new()));
    let waker = Waker::from(Arc::clone(&flag));
    let mut join = child.into_future();
    assert!(Pin::new(&mut join).poll(&mut Context::from_waker(&waker)).is_pending());
    drop((join, waker));
    assert_eq!(Arc::strong_count(&flag), 1);
    thread.unpark();
    remote.wait();
    assert_eq!(remote.exit(), Some(thread::Exit::Returned));
    assert!(!flag.0.is_up(), "nobody waited any more");

    let shared = thread::spawn(thread::park).share();
    let waker = Waker::from(Arc::clone(&flag));
    let mut join = shared.into_future();
    assert!(Pin::new(&mut join).poll(&mut Context::from_waker(&waker)).is_pending());
    drop((join, waker));
    assert_eq!(Arc::strong_count(&flag), 1);
    shared.thread().unpark();
    shared.join().unwrap();
}

struct Waking(Flag);

impl Wake for Waking {
    fn wake(self: Arc<Self>) {
        self.0.raise();
    }
}

#[test]
fn auto_traits_are_what_async_code_asks_for() {
    fn movable<T: Send + Unpin>() {}
    movable::<thread::JoinFuture<Vec<u8>>>();
    movable::<thread::KillOnDrop<Vec<u8>>>();
    movable::<thread::SharedJoinFuture<'_, Vec<u8>>>();
    movable::<thread::SharedJoinHandle<Vec<u8>>>();
    movable::<thread::Finished<Vec<u8>>>();
    movable::<thread::Group>();
}

/// An executor may poll where it is woken: that is in the green thread that has ended.
#[test]
fn a_waker_may_poll_at_once() {
    struct Inline<F>(Mutex<Option<F>>, Flag);
    impl<F: FnOnce() + Send> Wake for Inline<F> {
        fn wake(self: Arc<Self>) {
            let poll = self.0.lock().unwrap().take();
            poll.into_iter().for_each(|poll| poll());
            self.1.raise();
        }
    }
    // The future of a handle, and beside it a shared handle of another green thread, which has the same end.
    let child = thread::spawn(|| {
        thread::park();
        8
    });
    let (parked, told, result) = (child.thread().clone(), Flag::new(), Arc::new(Mutex::new(None)));
    let join = Arc::new(Mutex::new(child.into_future()));
    let poll = {
        let (join, result) = (Arc::clone(&join), Arc::clone(&result));
        move || {
            let polled = Pin::new(&mut *join.lock().unwrap()).poll(&mut Context::from_waker(Waker::noop()));
            *result.lock().unwrap() = Some(polled);
        }
    };
    let waker = Waker::from(Arc::new(Inline(Mutex::new(Some(poll)), told.clone())));
    assert!(Pin::new(&mut *join.lock().unwrap()).poll(&mut Context::from_waker(&waker)).is_pending());
    parked.unpark();
    until(|| told.is_up());
    let polled = result.lock().unwrap().take();
    assert!(matches!(polled, Some(Poll::Ready(Ok(8)))), "{polled:?}");
}
