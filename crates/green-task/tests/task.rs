//! `Task`: FEATURES §5.4, A30 to A35, and more of what can go wrong.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use green_core::waitable::wait_any;
use green_task::{Failure, HubHandle, Pending, Task, WaitError, WorkerPanic};
use green_thread::yield_now;

/// Adds its name and OS thread to a log when it is dropped.
struct Tells(&'static str, Log);

type Log = Arc<Mutex<Vec<(&'static str, ThreadId)>>>;

impl Drop for Tells {
    fn drop(&mut self) {
        self.1.lock().unwrap().push((self.0, thread::current().id()));
    }
}

/// Yields until `done`.
fn yield_until(done: impl Fn() -> bool) {
    while !done() {
        yield_now();
    }
}

/// A30: one task whose completion launches four more. The pool reuses an OS thread that has nothing to do, so only those
/// workers that run at the same time are on different ones, which these do.
#[test]
fn a30_a_completion_launches_four_more() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Event {
        Worker(usize, ThreadId),
        Begin(usize, ThreadId),
        End(usize, ThreadId),
    }
    type Events = Arc<Mutex<Vec<Event>>>;

    fn launch(number: usize, together: Arc<Barrier>, events: &Events, more: impl FnOnce() + 'static) -> Pending {
        let (of_worker, of_completion) = (Arc::clone(events), Arc::clone(events));
        Task::new(number)
            .run(move |task: &mut Task<usize, ()>| {
                together.wait();
                of_worker.lock().unwrap().push(Event::Worker(*task.source(), thread::current().id()));
                Ok(())
            })
            .on_complete(move |task| {
                let here = thread::current().id();
                of_completion.lock().unwrap().push(Event::Begin(*task.source(), here));
                yield_now();
                more();
                of_completion.lock().unwrap().push(Event::End(*task.source(), here));
            })
    }

    let events = Events::default();
    let launched = Rc::new(RefCell::new(Vec::new()));
    let (more, log) = (Rc::clone(&launched), Arc::clone(&events));
    let main = launch(1, Arc::new(Barrier::new(1)), &events, move || {
        let together = Arc::new(Barrier::new(4));
        more.borrow_mut().extend((2..=5).map(|number| launch(number, Arc::clone(&together), &log, || {})));
    });
    main.wait();
    launched.take().iter().for_each(Pending::wait);

    let here = thread::current().id();
    let events = events.lock().unwrap().clone();
    // The others' workers may run before the completion that launched them has ended.
    assert!(matches!(events[..2], [Event::Worker(1, _), Event::Begin(1, _)]), "{events:?}");
    let workers: Vec<_> =
        events.iter().filter_map(|event| if let Event::Worker(_, id) = event { Some(*id) } else { None }).collect();
    assert_eq!(workers.len(), 5);
    assert!(!workers.contains(&here));
    assert_eq!(workers[1..].iter().collect::<HashSet<_>>().len(), 4);
    // Each completion ends before the next one begins, although it yields, and all are here.
    let completions: Vec<_> = events.iter().filter(|event| !matches!(event, Event::Worker(..))).collect();
    assert_eq!(completions.len(), 10);
    for pair in completions.chunks(2) {
        let [Event::Begin(begun, at), Event::End(ended, _)] = pair else { panic!("{events:?}") };
        assert!(begun == ended && *at == here, "{events:?}");
    }
}

/// A31: the OS thread of the completion is busy for 50 ms after the worker has finished.
#[test]
fn a31_a_completion_does_not_preempt() {
    let finished = Arc::new(AtomicBool::new(false));
    let completed = Rc::new(Cell::new(None));
    let (flag, at) = (Arc::clone(&finished), Rc::clone(&completed));
    let pending = Task::new(())
        .run(move |_: &mut Task<(), ()>| {
            flag.store(true, Ordering::SeqCst);
            Ok(())
        })
        .on_complete(move |_| at.set(Some(Instant::now())));
    while !finished.load(Ordering::SeqCst) {
        std::hint::spin_loop();
    }
    let busy = Instant::now() + Duration::from_millis(50);
    while Instant::now() < busy {
        std::hint::spin_loop();
    }
    assert_eq!(completed.get(), None);
    // The next idle sleep has to let it run before it ends.
    green_core::park::sleep_until(Instant::now() + Duration::from_millis(200));
    assert!(completed.get().is_some_and(|at| at >= busy));
    assert!(pending.is_over());
}

/// A32: the first error wins, and can be taken once.
#[test]
fn a32_the_first_error_wins_and_is_taken_once() {
    let told = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&told);
    let pending = Task::new(())
        .run(|task: &mut Task<(), u32, &str>| {
            task.set_error("first");
            task.set_error("second");
            Err("third")
        })
        .on_complete(move |task| {
            task.set_error("fourth");
            log.borrow_mut().push(task.take_error().map(|failure| format!("{failure:?}")));
            log.borrow_mut().push(task.take_error().map(|failure| format!("{failure:?}")));
            assert!(matches!(task.take(), Err(Failure::Nothing)));
        });
    pending.wait();
    assert_eq!(*told.borrow(), [Some("Error(\"first\")".to_owned()), None]);
}

/// A32: the result is moved out, and is not `Clone`.
#[test]
fn a32_the_result_is_moved_out() {
    let result = Rc::new(RefCell::new(None));
    let slot = Rc::clone(&result);
    let pending = Task::new("file").run(|_: &mut Task<_, Box<Mutex<u32>>>| Ok(Box::new(Mutex::new(7)))).on_complete(
        move |task| {
            assert!(task.result().is_some() && task.error().is_none());
            *slot.borrow_mut() = task.take().ok();
            assert!(task.take_result().is_none());
        },
    );
    pending.wait();
    assert_eq!(result.take().map(|result| *result.lock().unwrap()), Some(7));
}

fn traced(log: &Log) -> (Task<Tells, Tells, Tells>, Tells, Tells) {
    let tells = |name| Tells(name, Arc::clone(log));
    (Task::new(tells("source")), tells("worker"), tells("completion"))
}

fn work(task: &mut Task<Tells, Tells, Tells>) -> Result<Tells, Tells> {
    let log = Arc::clone(&task.source().1);
    task.set_error(Tells("error", Arc::clone(&log)));
    log.lock().unwrap().push(("work", thread::current().id()));
    Ok(Tells("result", log))
}

const ORDER: [&str; 5] = ["worker", "completion", "result", "error", "source"];

fn names(log: &Log) -> Vec<&'static str> {
    log.lock().unwrap().iter().map(|(name, _)| *name).collect()
}

/// A32: who is dropped when, and where.
#[test]
fn a32_everything_is_dropped_on_the_completions_thread_in_order() {
    let log = Log::default();
    let (task, worker, completion) = traced(&log);
    let calls = Arc::clone(&log);
    let pending = task
        .run(move |task| {
            let _worker = &worker;
            work(task)
        })
        .on_complete(move |task| {
            let _completion = &completion;
            task.source().1.lock().unwrap().push(("call", thread::current().id()));
            let _ = calls;
        });
    pending.wait();
    assert_eq!(names(&log), ["work", "worker", "call", "completion", "result", "error", "source"]);
    let here = thread::current().id();
    for (index, (name, id)) in log.lock().unwrap().iter().enumerate() {
        assert_eq!(*id == here, index > 0, "{name}");
    }
}

/// A32, when the completion panics.
#[test]
fn a32_a_completion_that_panics_drops_everything_in_order() {
    let log = Log::default();
    let (task, worker, completion) = traced(&log);
    let pending = task
        .run(move |task| {
            let _worker = &worker;
            work(task)
        })
        .on_complete(move |_| {
            let _completion = &completion;
            panic!("on purpose");
        });
    pending.wait();
    assert_eq!(names(&log)[1..], ORDER);
    // The hub is none the worse for it.
    Task::new(()).run(|_: &mut Task<(), ()>| Ok(())).on_complete(|_| {}).wait();
}

/// A33: the completion runs once, inline, and not again from the loop.
#[test]
fn a33_wait_inline_completes_exactly_once() {
    let (count, nested) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
    let (calls, within) = (Rc::clone(&count), Rc::clone(&nested));
    let me = green_thread::current().id();
    let (sender, receiver) = mpsc::channel::<()>();
    let pending = Task::new(()).run(move |_: &mut Task<(), ()>| receiver.recv().map_err(io::Error::other)).on_complete(
        move |_| {
            calls.set(calls.get() + 1);
            within.set(green_thread::current().id() == me);
        },
    );
    sender.send(()).unwrap();
    pending.wait_inline().unwrap();
    assert_eq!((count.get(), nested.get()), (1, true), "in the green thread that waited");
    // The hub's own call comes to nothing.
    for _ in 0..100 {
        yield_now();
    }
    pending.wait_inline().unwrap();
    pending.wait();
    assert_eq!(count.get(), 1);
}

/// A33, for a worker that has returned long ago.
#[test]
fn a33_wait_inline_takes_what_is_ready() {
    let returned = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&returned);
    let count = Rc::new(Cell::new(0));
    let calls = Rc::clone(&count);
    let pending = Task::new(Tells("source", Log::default()))
        .run(move |_: &mut Task<Tells, ()>| {
            flag.store(true, Ordering::SeqCst);
            Ok(())
        })
        .on_complete(move |_| calls.set(calls.get() + 1));
    while !returned.load(Ordering::SeqCst) {
        std::hint::spin_loop();
    }
    assert_eq!(count.get(), 0);
    pending.wait_inline().unwrap();
    assert_eq!(count.get(), 1);
}

/// A33, in a completion of the same hub, which no other completion can interrupt.
#[test]
fn a33_wait_inline_works_within_a_completion() {
    let log = Rc::new(RefCell::new(Vec::new()));
    let outer = Rc::clone(&log);
    let pending = Task::new(()).run(|_: &mut Task<(), ()>| Ok(())).on_complete(move |_| {
        let inner = Rc::clone(&outer);
        let nested =
            Task::new(()).run(|_: &mut Task<(), ()>| Ok(())).on_complete(move |_| inner.borrow_mut().push("inner"));
        nested.wait_inline().unwrap();
        outer.borrow_mut().push("outer");
    });
    pending.wait();
    assert_eq!(*log.borrow(), ["inner", "outer"]);
}

#[test]
fn wait_inline_refuses_what_would_never_end() {
    let own = Arc::new(Mutex::new(None::<Pending>));
    let refused = Rc::new(Cell::new(None));
    let (slot, result) = (Arc::clone(&own), Rc::clone(&refused));
    let pending = Task::new(()).run(|_: &mut Task<(), ()>| Ok(())).on_complete(move |_| {
        let own = slot.lock().unwrap().take().unwrap();
        result.set(own.wait_inline().err());
    });
    *own.lock().unwrap() = Some(pending.clone());
    pending.wait();
    assert_eq!(refused.get(), Some(WaitError::Itself));
    assert_eq!(io::Error::from(WaitError::Itself).kind(), io::ErrorKind::Deadlock);
}

#[test]
fn wait_inline_belongs_to_the_completions_os_thread() {
    let (sender, receiver) = mpsc::channel::<()>();
    let pending =
        Task::new(()).run(move |_: &mut Task<(), ()>| receiver.recv().map_err(io::Error::other)).on_complete(|_| {});
    let other = pending.clone();
    assert_eq!(thread::spawn(move || other.wait_inline()).join().unwrap(), Err(WaitError::OtherHub));
    sender.send(()).unwrap();
    // One that waits elsewhere for the end is told.
    let other = pending.clone();
    let elsewhere = thread::spawn(move || other.wait());
    pending.wait();
    elsewhere.join().unwrap();
}

#[test]
fn a_panic_of_an_inline_completion_is_the_waiters() {
    let pending = Task::new(()).run(|_: &mut Task<(), ()>| Ok(())).on_complete(|_| panic!("on purpose"));
    assert!(catch_unwind(AssertUnwindSafe(|| pending.wait_inline())).is_err());
    assert!(pending.is_over());
    assert_eq!(pending.wait_inline(), Ok(()));
}

/// A kill ends the wait and not the task, whose completion the hub runs.
#[test]
fn a_killed_waiter_leaves_the_completion_to_the_hub() {
    let count = Rc::new(Cell::new(0));
    let calls = Rc::clone(&count);
    let (sender, receiver) = mpsc::channel::<()>();
    let pending = Task::new(())
        .run(move |_: &mut Task<(), ()>| receiver.recv().map_err(io::Error::other))
        .on_complete(move |_| calls.set(calls.get() + 1));
    let waiting = pending.clone();
    let waiter = green_thread::spawn_local(move || waiting.wait_inline());
    for _ in 0..10 {
        yield_now();
    }
    waiter.kill().unwrap();
    assert!(waiter.join().unwrap_err().is::<green_core::kill::Killed>());
    assert_eq!((count.get(), pending.is_over()), (0, false));
    sender.send(()).unwrap();
    pending.wait();
    assert_eq!(count.get(), 1);
}

/// A34: the completion runs on the hub that was named, and not on that of whoever started the task.
#[test]
fn a34_the_completion_is_routed_to_the_hub_that_was_named() {
    let (handles, hubs) = mpsc::channel();
    let (stop, stopped) = event();
    let other = thread::spawn(move || {
        handles.send(HubHandle::current()).unwrap();
        stopped();
        thread::current().id()
    });
    let hub = hubs.recv().unwrap();
    let ran_on = Arc::new(Mutex::new(None));
    let id = Arc::clone(&ran_on);
    let pending = Task::new(())
        .run(|_: &mut Task<(), ()>| Ok(()))
        .on_complete_at(&hub, move |_| *id.lock().unwrap() = Some(thread::current().id()));
    pending.wait();
    stop();
    assert_eq!(*ran_on.lock().unwrap(), Some(other.join().unwrap()));
}

/// Returns what ends a wait, and the wait: for an OS thread that runs what comes meanwhile.
fn event() -> (impl FnOnce() + Send, impl FnOnce() + Send) {
    let event = Arc::new(green_sync::Event::<()>::new());
    let other = Arc::clone(&event);
    (move || event.send(()).unwrap(), move || other.wait().copied().unwrap())
}

/// A34: a hub that is gone before the worker returns. The task is dropped by the worker's OS thread.
#[test]
fn a34_a_task_without_a_hub_is_dropped_where_it_was_worked_on() {
    let hub = thread::spawn(HubHandle::current).join().unwrap();
    let log = Log::default();
    let (task, worker, completion) = traced(&log);
    let pending = task
        .run(move |task| {
            let _worker = &worker;
            work(task)
        })
        .on_complete_at(&hub, move |_| {
            let _completion = &completion;
            unreachable!("there is no hub");
        });
    pending.wait();
    assert_eq!(names(&log)[1..], ORDER);
    let log = log.lock().unwrap();
    assert!(log.iter().all(|(_, id)| *id == log[0].1 && *id != thread::current().id()), "{log:?}");
}

/// A34: a hub that goes before it got round to the completion. The task is dropped by the ending OS thread.
#[test]
fn a34_a_task_that_its_hub_has_not_completed_is_dropped_with_it() {
    let log = Log::default();
    let (task, worker, completion) = traced(&log);
    let trace = Arc::clone(&log);
    let (pending, id) = thread::spawn(move || {
        let here = HubHandle::current();
        let pending = task
            .run(move |task| {
                let _worker = &worker;
                work(task)
            })
            .on_complete_at(&here, move |_| {
                let _completion = &completion;
                unreachable!("nobody lets it run");
            });
        // Not by a wait of ours, which would let it run.
        while trace.lock().unwrap().is_empty() {
            thread::yield_now();
        }
        // Time for the worker to return, so that mostly the ending OS thread has the task. Either way the order holds.
        thread::sleep(Duration::from_millis(20));
        (pending, thread::current().id())
    })
    .join()
    .unwrap();
    pending.wait();
    assert_eq!(names(&log)[1..], ORDER);
    let log = log.lock().unwrap();
    assert!(log[1..].iter().all(|(_, dropped)| *dropped == id) || log[1..].iter().all(|(_, by)| *by == log[0].1));
}

/// A34: what need not be `Send` stays where it is, even if its OS thread ends first.
#[test]
fn a34_a_local_completion_is_dropped_by_its_own_os_thread() {
    let log = Log::default();
    let (sender, receiver) = mpsc::channel::<()>();
    let (task, worker, completion) = traced(&log);
    let (pending, id) = thread::spawn(move || {
        let completion = Rc::new(completion);
        let pending = task
            .run(move |task| {
                let _worker = &worker;
                receiver.recv().unwrap();
                work(task)
            })
            .on_complete(move |_| {
                let _completion = &completion;
                unreachable!("nobody lets it run");
            });
        (pending, thread::current().id())
    })
    .join()
    .unwrap();
    assert_eq!(*log.lock().unwrap(), [("completion", id)]);
    sender.send(()).unwrap();
    pending.wait();
    assert_eq!(names(&log), ["completion", "work", "worker", "result", "error", "source"]);
}

fn os_threads() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:")).unwrap();
    line.trim().parse().unwrap()
}

/// A35: 10,000 tasks in flight on a bounded number of OS threads, and each task's own steps in order.
#[test]
fn a35_ten_thousand_tasks_need_few_os_threads() {
    const TASKS: usize = 10_000;
    let completed = Rc::new(Cell::new(0));
    let worked = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let limit = green_core::config::get().unwrap().blocking_threads();
    let before = os_threads();
    let pending: Vec<_> = (0..TASKS)
        .map(|number| {
            let (worked, most, completed) = (Arc::clone(&worked), Arc::clone(&most), Rc::clone(&completed));
            Task::new(number)
                .run(move |task: &mut Task<usize, usize>| {
                    if task.source().is_multiple_of(500) {
                        most.fetch_max(os_threads(), Ordering::SeqCst);
                    }
                    worked.fetch_add(1, Ordering::SeqCst);
                    Ok(2 * task.source())
                })
                .on_complete(move |task| {
                    assert_eq!(task.take_result(), Some(2 * task.source()));
                    completed.set(completed.get() + 1);
                })
        })
        .collect();
    assert!(pending.iter().any(|pending| !pending.is_over()));
    pending.iter().for_each(Pending::wait);
    assert_eq!((worked.load(Ordering::SeqCst), completed.get()), (TASKS, TASKS));
    // Those of other tests of this binary come and go meanwhile.
    const OTHERS: usize = 200;
    assert!(most.load(Ordering::SeqCst) <= before + limit + OTHERS, "{most:?} OS threads");
}

#[test]
fn a_panic_of_the_worker_is_an_error() {
    let told = Rc::new(RefCell::new(String::new()));
    let text = Rc::clone(&told);
    let pending = Task::new(())
        .run(|_: &mut Task<(), ()>| panic!("on purpose, {}", 7))
        .on_complete(move |task| *text.borrow_mut() = task.take().unwrap_err().to_string());
    pending.wait();
    assert_eq!(*told.borrow(), "the worker panicked: on purpose, 7");
}

#[test]
fn an_error_before_a_panic_stays_the_first() {
    let told = Rc::new(Cell::new(None));
    let error = Rc::clone(&told);
    let pending = Task::new(())
        .run(|task: &mut Task<(), (), &str>| {
            task.set_error("before");
            panic!("on purpose")
        })
        .on_complete(move |task| {
            if let Some(Failure::Error(text)) = task.take_error() {
                error.set(Some(text));
            }
        });
    pending.wait();
    assert_eq!(told.get(), Some("before"));
}

#[test]
fn a_task_from_a_green_thread_completes_on_its_hub() {
    let threads: Vec<_> = (0..20)
        .map(|_| {
            green_thread::spawn(|| {
                let here = thread::current().id();
                let ran_on = Rc::new(Cell::new(None));
                let id = Rc::clone(&ran_on);
                let pending = Task::new(())
                    .run(|_: &mut Task<(), ()>| Ok(()))
                    .on_complete(move |_| id.set(Some(thread::current().id())));
                pending.wait();
                ran_on.get() == Some(here)
            })
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
}

#[test]
fn one_can_wait_for_the_first_of_several_tasks() {
    let (sender, receiver) = mpsc::channel::<()>();
    let late =
        Task::new(()).run(move |_: &mut Task<(), ()>| receiver.recv().map_err(io::Error::other)).on_complete(|_| {});
    let soon = Task::new(()).run(|_: &mut Task<(), ()>| Ok(())).on_complete(|_| {});
    let first = wait_any(&[&late, &soon], None, green_core::unpark::WaitReason::Select);
    assert_eq!(first, Ok(1));
    assert!(soon.is_over() && !late.is_over());
    sender.send(()).unwrap();
    late.wait();
}

#[test]
fn a_handle_that_is_dropped_changes_nothing() {
    let ran = Rc::new(Cell::new(false));
    let flag = Rc::clone(&ran);
    drop(Task::new(()).run(|_: &mut Task<(), ()>| Ok(())).on_complete(move |_| flag.set(true)));
    yield_until(|| ran.get());
}

/// A34, over and over: hubs that come and go while tasks are on their way to them.
#[test]
fn tasks_for_hubs_that_end_are_completed_or_dropped_once() {
    const ROUNDS: usize = 40;
    const TASKS: usize = 10;
    for round in 0..ROUNDS {
        let (handles, hubs) = mpsc::channel();
        let ending = thread::spawn(move || {
            handles.send(HubHandle::current()).unwrap();
            (0..round).for_each(|_| yield_now());
        });
        let hub = hubs.recv().unwrap();
        let log = Log::default();
        let pending: Vec<_> = (0..TASKS)
            .map(|_| {
                let (task, worker, completion) = traced(&log);
                task.run(move |task| {
                    let _worker = &worker;
                    work(task)
                })
                .on_complete_at(&hub, move |_| drop(completion))
            })
            .collect();
        pending.iter().for_each(Pending::wait);
        ending.join().unwrap();
        for name in ORDER {
            assert_eq!(names(&log).iter().filter(|other| **other == name).count(), TASKS, "{name}");
        }
    }
}

/// The OS thread of a completion ends while the completion is parked: it is leaked, and nobody waits for it any more.
#[test]
fn who_waits_for_a_completion_that_will_never_run_on_is_told() {
    let (sender, receiver) = mpsc::channel();
    let ending = thread::spawn(move || {
        let parked = Rc::new(Cell::new(false));
        let flag = Rc::clone(&parked);
        let pending = Task::new(()).run(|_: &mut Task<(), ()>| Ok(())).on_complete(move |_| {
            flag.set(true);
            loop {
                green_thread::park();
            }
        });
        sender.send(pending).unwrap();
        yield_until(|| parked.get());
    });
    let pending = receiver.recv().unwrap();
    pending.wait();
    ending.join().unwrap();
    assert!(pending.is_over());
}

/// It goes where errors go: into `Box<dyn Error + Send + Sync>`, and so into the likes of anyhow.
#[test]
fn a_failure_can_be_sent_and_shared() {
    fn check<T: std::error::Error + Send + Sync + 'static>() {}
    check::<Failure<std::io::Error>>();
    check::<WorkerPanic>();
}
