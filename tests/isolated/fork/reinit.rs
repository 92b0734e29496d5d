//! What `reinit_after_fork` makes of the child, and what is said where it was forgotten or cannot help.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitStatus;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use green::coroutine::{Coroutine, Step};
use green::hub::{HubHandle, ReinitError, reinit_after_fork, schedule_call};
use green::inherited::Inherited;
use green::net::resolve::{Resolver, set_resolver};
use green::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use green::pool::tpool;
use green::process::Command;
use green::signal::{SIGUSR1, Signals};
use green::sync::{Mutex, Once, Select, Semaphore, mpmc, mpsc};
use green::thread::Exit;
use green::{fs, io, thread, time};
use green_tests::{Mode, holds_in};

use super::{Forked, fork};
use crate::{expect_success, is_child, run_child, stderr};

/// Forks a child that makes green usable and then does `what`.
fn fork_anew(what: impl FnOnce()) -> Forked {
    fork(|| {
        reinit().unwrap();
        what();
    })
}

fn reinit() -> Result<(), ReinitError> {
    // SAFETY: called in the child, on the OS thread that has forked; the others were idle, but in the test that says so, where the
    // child uses nothing of theirs.
    unsafe { reinit_after_fork() }
}

/// Runs the test `name` of this module in a process of its own.
fn alone(name: &str, test: impl FnOnce()) {
    if is_child() { test() } else { expect_success(&run_child(&format!("fork::reinit::{name}"))) }
}

/// Uses whatever has OS threads, descriptors or locks for the whole process.
fn use_everything() {
    assert_eq!(thread::spawn(|| 1).join().unwrap(), 1);
    let sleepers: Vec<_> = (0..8)
        .map(|i| {
            thread::spawn(move || {
                // One of what is to work.
                thread::sleep(Duration::from_millis(i));
                i
            })
        })
        .collect();
    assert_eq!(sleepers.into_iter().map(|sleeper| sleeper.join().unwrap()).sum::<u64>(), 28);
    // Beside a green thread, so that the pools are used and the reactor is.
    let other = thread::spawn_local(thread::park);
    assert!(!fs::read("/etc/hosts").unwrap().is_empty());
    assert_eq!(tpool::execute(|| 2), 2);
    assert!(("localhost", 1).to_socket_addrs().unwrap().all(|address| address.ip().is_loopback()));
    assert!(Command::new("true").status().unwrap().success());
    let mut signals = Signals::new([SIGUSR1]).unwrap();
    // SAFETY: raises a signal that has a handler.
    unsafe { libc::raise(libc::SIGUSR1) };
    assert_eq!(signals.wait().unwrap(), SIGUSR1);
    let count = Arc::new(Mutex::new(0));
    let counters: Vec<_> = (0..4)
        .map(|_| {
            let count = Arc::clone(&count);
            thread::spawn(move || {
                for _ in 0..10 {
                    let mut count = count.lock().unwrap();
                    *count += 1;
                    thread::yield_now();
                }
            })
        })
        .collect();
    counters.into_iter().for_each(|counter| counter.join().unwrap());
    assert_eq!(*count.lock().unwrap(), 40);
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(3).unwrap());
    assert_eq!(receiver.recv(), Ok(3));
    assert!(time::timeout(Duration::from_millis(1), thread::park).is_err());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.accept().unwrap().0.write_all(b"d").unwrap());
    let mut got = String::new();
    TcpStream::connect(address).unwrap().read_to_string(&mut got).unwrap();
    assert_eq!(got, "d");
    let called = Arc::new(AtomicUsize::new(0));
    let (by_call, by_post) = (Arc::clone(&called), Arc::clone(&called));
    schedule_call(Duration::ZERO, move || {
        by_call.fetch_add(1, Ordering::Relaxed);
    });
    let here = HubHandle::current();
    let post = move || {
        by_post.fetch_add(1, Ordering::Relaxed);
    };
    let posted = thread::spawn(move || here.post(post).is_ok());
    assert!(posted.join().unwrap());
    while called.load(Ordering::Relaxed) < 2 {
        thread::yield_now();
    }
    other.thread().unpark();
    other.join().unwrap();
    io::stdout().write_all(b"").unwrap();
}

/// `test_fork`: the parent has waited for the listener, in vain, and so has a green thread of it that is still waiting.
/// `test_fork_simple`: the child accepts from it, and so does the parent.
#[test]
fn a_listener_that_was_waited_for_accepts_in_the_child_and_in_the_parent() {
    alone("a_listener_that_was_waited_for_accepts_in_the_child_and_in_the_parent", || {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
        let address = listener.local_addr().unwrap();
        let waiting = thread::spawn_local(thread::park);
        assert!(time::timeout(Duration::from_millis(10), || listener.accept()).is_err());
        let child = fork_anew(|| {
            listener.accept().unwrap().0.write_all(b"a").unwrap();
            let same = Arc::clone(&listener);
            thread::spawn(move || same.accept().unwrap().0.write_all(b"b").unwrap()).join().unwrap();
        });
        let mut got = String::new();
        for _ in 0..2 {
            std::net::TcpStream::connect(address).unwrap().read_to_string(&mut got).unwrap();
        }
        assert_eq!(got, "ab");
        child.expect_success();
        let accepts = thread::spawn(move || listener.accept().map(drop));
        let _client = TcpStream::connect(address).unwrap();
        accepts.join().unwrap().unwrap();
        waiting.thread().unpark();
        waiting.join().unwrap();
    });
}

#[test]
fn everything_works_in_the_child_and_on_in_the_parent() {
    alone("everything_works_in_the_child_and_on_in_the_parent", || {
        use_everything();
        fork_anew(use_everything).expect_success();
        use_everything();
    });
}

/// Several processes that serve: each is forked from one that has forked already, and forks on.
#[test]
fn children_fork_too() {
    alone("children_fork_too", || {
        use_everything();
        let children: Vec<_> = (0..3)
            .map(|_| {
                fork_anew(|| {
                    use_everything();
                    fork_anew(use_everything).expect_success();
                    use_everything();
                })
            })
            .collect();
        children.into_iter().for_each(Forked::expect_success);
        use_everything();
    });
}

/// An OS thread on which green was never used, in a process where it was.
#[test]
fn an_os_thread_that_had_no_hub_gets_one_in_the_child() {
    alone("an_os_thread_that_had_no_hub_gets_one_in_the_child", || {
        thread::spawn(|| ()).join().unwrap();
        std::thread::spawn(|| {
            fork_anew(use_everything).expect_success();
            fork(|| {
                expect_refusal(|| drop(thread::spawn(|| ()).join()));
                expect_refusal(nap);
                expect_refusal(|| drop(thread::spawn_local(|| ()).join()));
                reinit().unwrap();
                use_everything();
            })
            .expect_success();
        })
        .join()
        .unwrap();
    });
}

fn nap() {
    // To be refused.
    thread::sleep(Duration::from_millis(1));
}

/// Fails unless `f` panics and says what to call.
#[track_caller]
fn expect_refusal(f: impl FnOnce()) {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("refused");
    let message = payload.downcast_ref::<String>().expect("a message");
    assert!(message.contains("reinit_after_fork"), "{message}");
}

#[test]
fn without_the_call_every_wait_is_refused_and_no_green_thread_of_the_parent_runs() {
    alone("without_the_call_every_wait_is_refused_and_no_green_thread_of_the_parent_runs", || {
        let ran = Arc::new(AtomicUsize::new(0));
        let runs = |_| {
            let ran = Arc::clone(&ran);
            move || {
                thread::yield_now();
                ran.fetch_add(1, Ordering::Relaxed);
            }
        };
        // Some that have not begun, some that are in the middle, and one in a channel.
        let begun: Vec<_> = (0..4).map(|i| thread::spawn_local(runs(i))).collect();
        thread::yield_now();
        let fresh: Vec<_> = (0..4).map(|i| thread::spawn_local(runs(i))).collect();
        let before = ran.load(Ordering::Relaxed);
        fork(|| {
            expect_refusal(thread::yield_now);
            expect_refusal(thread::park);
            expect_refusal(nap);
            expect_refusal(|| drop(thread::spawn(|| ())));
            expect_refusal(|| drop(thread::spawn_local(|| ())));
            expect_refusal(|| drop(HubHandle::current()));
            expect_refusal(|| {
                schedule_call(Duration::ZERO, || ());
            });
            expect_refusal(|| {
                let (_sender, receiver) = mpsc::channel::<()>();
                let _ = receiver.recv();
            });
            let error = thread::Builder::new().spawn(|| ()).unwrap_err();
            assert!(error.to_string().contains("reinit_after_fork"), "{error}");
            assert_eq!(ran.load(Ordering::Relaxed), before);
            // What does not wait may be used.
            assert!(!fs::read("/etc/hosts").unwrap().is_empty());
            let lock = Mutex::new(1);
            assert_eq!(*lock.lock().unwrap(), 1);
        })
        .expect_success();
        begun.into_iter().chain(fresh).for_each(|thread| thread.join().unwrap());
        assert_eq!(ran.load(Ordering::Relaxed), 8);
    });
}

/// Notes its drop in a pipe, so that the parent learns of one in the child.
struct Owned(std::io::PipeWriter);

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.write_all(b"dropped").unwrap();
    }
}

#[test]
fn what_the_parents_green_threads_own_is_not_dropped_in_the_child() {
    alone("what_the_parents_green_threads_own_is_not_dropped_in_the_child", || {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let (begin, begun) = std::sync::mpsc::channel();
        let owns = || {
            let owned = Owned(writer.try_clone().unwrap());
            let begin = begin.clone();
            move || {
                let _owned = owned;
                begin.send(()).unwrap();
                thread::park();
            }
        };
        let mut handles =
            vec![thread::spawn(owns()), thread::spawn(owns()), thread::spawn_after(Duration::from_secs(60), owns())];
        let mut local = vec![thread::spawn_local(owns())];
        for _ in 0..3 {
            while begun.try_recv().is_err() {
                thread::yield_now();
            }
        }
        // This one has not begun.
        local.push(thread::spawn_local(owns()));
        fork_anew(|| {
            use_everything();
            for _ in 0..100 {
                thread::yield_now();
            }
            // Neither a word to them nor the end of the handles does anything.
            for handle in &handles {
                handle.thread().unpark();
            }
            let _ = handles[0].kill();
            let _ = local[0].kill();
            let abandoned = handles.remove(0).join().unwrap_err();
            assert!(abandoned.is::<thread::Abandoned>(), "{abandoned:?}");
            let abandoned = local.remove(0).join().unwrap_err();
            assert!(abandoned.is::<thread::Abandoned>(), "{abandoned:?}");
            let handle = handles.remove(0);
            assert!(handle.is_finished() && handle.remote().is_finished());
            assert!(handle.share().join().is_err());
            drop((std::mem::take(&mut handles), std::mem::take(&mut local)));
            use_everything();
        })
        .expect_success();
        drop(writer);
        // They live, in the parent: whatever there is to be read is from the child.
        assert!(!green_tests_readable(&reader), "something was dropped in the child");
        for handle in handles {
            handle.kill().unwrap();
            drop(handle.join());
        }
        for handle in local {
            handle.kill().unwrap();
            drop(handle.join());
        }
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "dropped".repeat(5));
    });
}

fn green_tests_readable(reader: &std::io::PipeReader) -> bool {
    use std::os::fd::AsRawFd as _;
    let mut poll = libc::pollfd { fd: reader.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry, which the kernel writes to.
    unsafe { libc::poll(&raw mut poll, 1, 0) > 0 }
}

/// The child's OS thread ends as any: its hub closes, with the locals that the root has brought along, and so does the process, for
/// it was the last.
#[test]
fn the_childs_os_thread_ends_as_any() {
    green::thread_local! {
        static KEPT: RefCell<Option<Owned>> = const { RefCell::new(None) };
    }
    alone("the_childs_os_thread_ends_as_any", || {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let other = thread::spawn(thread::park);
        let child = std::thread::spawn(move || {
            KEPT.set(Some(Owned(writer)));
            let local = thread::spawn_local(thread::park);
            thread::yield_now();
            // SAFETY: the other OS threads are idle.
            let pid = unsafe { libc::fork() };
            if pid == 0 {
                // SAFETY: the call takes a number.
                unsafe { libc::alarm(30) };
                reinit().unwrap();
                thread::spawn_local(thread::yield_now).join().unwrap();
                // This one never ends.
                drop(thread::spawn_local(thread::park));
                thread::yield_now();
            }
            drop(local);
            Forked(pid)
        });
        let child = child.join().unwrap();
        child.expect_success();
        other.thread().unpark();
        other.join().unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "droppeddropped", "once in each process");
    });
}

/// What is inherited in the sense of the program: who this is, its locals, what it handed down.
#[test]
fn the_root_goes_on_as_the_same_thread() {
    green::thread_local! {
        static NAMES: RefCell<Vec<&'static str>> = RefCell::new(Vec::new());
    }
    static DEPTH: Inherited<u32> = Inherited::new();
    alone("the_root_goes_on_as_the_same_thread", || {
        let me = thread::current();
        NAMES.with_borrow_mut(|names| names.push("parent"));
        DEPTH.set(1);
        thread::spawn(|| ()).join().unwrap();
        // A token from before the fork is there after it.
        me.unpark();
        fork_anew(|| {
            thread::park();
            assert_eq!(thread::current().id(), me.id());
            NAMES.with_borrow_mut(|names| names.push("child"));
            NAMES.with_borrow(|names| assert_eq!(names[..], ["parent", "child"]));
            assert_eq!(DEPTH.get(), Some(1));
            let same = me.clone();
            let other = thread::spawn(move || same.unpark());
            thread::park();
            other.join().unwrap();
        })
        .expect_success();
        thread::park();
        NAMES.with_borrow(|names| assert_eq!(names[..], ["parent"]));
    });
}

/// Whoever waited in the parent does not swallow what is meant for the child's own.
#[test]
fn objects_for_which_the_parents_green_threads_wait_can_be_used_in_the_child() {
    alone("objects_for_which_the_parents_green_threads_wait_can_be_used_in_the_child", || {
        let (sender, receiver) = mpmc::channel::<u32>();
        let permits = Arc::new(Semaphore::new(0));
        let waits = |receiver: &mpmc::Receiver<u32>, permits: &Arc<Semaphore>| {
            let (receiver, permits) = (receiver.clone(), Arc::clone(permits));
            move || {
                let number = receiver.recv().unwrap();
                drop(permits.acquire());
                number
            }
        };
        let elsewhere: Vec<_> = (0..2).map(|_| thread::spawn(waits(&receiver, &permits))).collect();
        let here: Vec<_> = (0..2).map(|_| thread::spawn_local(waits(&receiver, &permits))).collect();
        let held = Arc::new(Mutex::new(()));
        let guard = held.lock().unwrap();
        let locks = |held: &Arc<Mutex<()>>| {
            let held = Arc::clone(held);
            move || drop(held.lock().unwrap())
        };
        let contender = thread::spawn_local(locks(&held));
        let gate = Arc::new(Semaphore::new(0));
        let passes = |gate: &Arc<Semaphore>| {
            let gate = Arc::clone(gate);
            move || drop(gate.acquire())
        };
        let at_the_gate = [thread::spawn_local(passes(&gate)), thread::spawn_local(passes(&gate))];
        // Those here wait from now on.
        thread::yield_now();
        fork_anew(|| {
            let own = thread::spawn_local(waits(&receiver, &permits));
            thread::yield_now();
            sender.send(7).unwrap();
            thread::yield_now();
            permits.add_permits(1);
            assert_eq!(own.join().unwrap(), 7);
            let own = thread::spawn_local(locks(&held));
            thread::yield_now();
            drop(guard);
            own.join().unwrap();
            thread::spawn(locks(&held)).join().unwrap();
            // A semaphore serves in the order of arrival, so it counts who waits.
            let own = thread::spawn_local(passes(&gate));
            thread::yield_now();
            assert_eq!(gate.balance(), -1);
            gate.add_permits(1);
            own.join().unwrap();
            assert!(gate.try_acquire().is_ok());
        })
        .expect_success();
        assert_eq!(gate.balance(), -2);
        gate.add_permits(2);
        at_the_gate.into_iter().for_each(|thread| thread.join().unwrap());
        permits.add_permits(4);
        (0..4).for_each(|number| sender.send(number).unwrap());
        let numbers = elsewhere.into_iter().map(|thread| thread.join().unwrap());
        assert_eq!(numbers.chain(here.into_iter().map(|thread| thread.join().unwrap())).sum::<u32>(), 6);
        // The guard went with the closure that has run in the child only.
        contender.join().unwrap();
    });
}

/// In the parent the one that receives has its turn, which in the child is nobody's.
#[test]
fn a_receiver_that_is_shared_with_the_parents_green_threads_can_be_used_in_the_child() {
    alone("a_receiver_that_is_shared_with_the_parents_green_threads_can_be_used_in_the_child", || {
        let recv = |receiver: &mpsc::Receiver<u32>| receiver.recv().unwrap();
        let select = |receiver: &mpsc::Receiver<u32>| Select::new().on(receiver, Result::unwrap).wait();
        let ways: [fn(&mpsc::Receiver<u32>) -> u32; 2] = [recv, select];
        for in_parent in ways {
            let (sender, receiver) = mpsc::channel();
            let receiver = Rc::new(receiver);
            let receives = |way: fn(&mpsc::Receiver<u32>) -> u32| {
                let receiver = Rc::clone(&receiver);
                thread::spawn_local(move || way(&receiver))
            };
            let mut waiting = vec![receives(in_parent), receives(select)];
            thread::yield_now();
            for in_child in ways {
                fork_anew(|| {
                    let own = [receives(in_child), receives(in_child)];
                    thread::yield_now();
                    (0..3).for_each(|number| sender.send(number).unwrap());
                    let own: u32 = own.into_iter().map(|own| own.join().unwrap()).sum();
                    assert_eq!(own + in_child(&receiver), 3);
                })
                .expect_success();
            }
            (0..2).for_each(|number| sender.send(number).unwrap());
            assert_eq!(waiting.drain(..).map(|thread| thread.join().unwrap()).sum::<u32>(), 1);
        }
    });
}

/// A listener for signals has a descriptor, which parent and child must not share.
#[test]
fn an_inherited_listener_hears_the_signals_of_its_own_process() {
    alone("an_inherited_listener_hears_the_signals_of_its_own_process", || {
        let mut signals = Signals::new([SIGUSR1]).unwrap();
        let other = thread::spawn_local(thread::park);
        let raise_and_wait = |signals: &mut Signals| {
            for _ in 0..3 {
                assert_eq!(signals.wait_timeout(Duration::from_millis(1)).unwrap(), None);
                // SAFETY: raises a signal that has a handler.
                unsafe { libc::raise(libc::SIGUSR1) };
                assert_eq!(signals.wait().unwrap(), SIGUSR1);
            }
        };
        raise_and_wait(&mut signals);
        let child = fork_anew(|| {
            let other = thread::spawn_local(thread::park);
            raise_and_wait(&mut signals);
            other.thread().unpark();
            other.join().unwrap();
        });
        raise_and_wait(&mut signals);
        child.expect_success();
        raise_and_wait(&mut signals);
        other.thread().unpark();
        other.join().unwrap();
    });
}

#[test]
fn a_green_thread_that_forks_may_only_exec_in_the_child() {
    if !holds_in(&[Mode::Default, Mode::Hubs0]) {
        return;
    }
    alone("a_green_thread_that_forks_may_only_exec_in_the_child", || {
        let forks = || {
            fork(|| {
                assert_eq!(reinit(), Err(ReinitError::GreenThread));
                expect_refusal(nap);
                let status = std::process::Command::new("true").status().unwrap();
                assert!(status.success());
            })
            .expect_success();
            use_everything();
        };
        thread::spawn(forks).join().unwrap();
        thread::spawn_local(forks).join().unwrap();
        use_everything();
    });
}

/// With `GREEN=off` it is an OS thread's own stack, and goes on.
#[test]
fn a_spawned_os_thread_goes_on_in_the_child() {
    if !holds_in(&[Mode::Off]) {
        return;
    }
    alone("a_spawned_os_thread_goes_on_in_the_child", || {
        thread::spawn(|| fork_anew(use_everything).expect_success()).join().unwrap();
    });
}

/// The child of a green thread's fork does not go on with the others.
#[test]
fn a_green_thread_that_ends_in_the_child_ends_the_child() {
    const NAME: &str = "a_green_thread_that_ends_in_the_child_ends_the_child";
    if !holds_in(&[Mode::Default, Mode::Hubs0]) {
        return;
    }
    if !is_child() {
        let output = run_child(&format!("fork::reinit::{NAME}"));
        expect_success(&output);
        assert!(stderr(&output).contains("a green thread has forked and ended in the child"), "{}", stderr(&output));
        return;
    }
    let (mut reader, writer) = std::io::pipe().unwrap();
    let owned = Owned(writer);
    let other = thread::spawn_local(move || {
        thread::yield_now();
        drop(owned);
    });
    let forks = || {
        // SAFETY: the child has nothing to do but to end.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            // SAFETY: the call takes a number.
            unsafe { libc::alarm(30) };
        }
        pid
    };
    let ended = |pid| {
        let status: ExitStatus = Forked(pid).wait();
        assert_eq!(status.signal(), Some(libc::SIGABRT));
    };
    ended(thread::spawn_local(forks).join().unwrap());
    ended(thread::spawn(forks).join().unwrap());
    other.join().unwrap();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "dropped", "once, in the parent");
}

#[test]
fn inside_of_what_leads_back_to_the_old_hub_the_call_is_refused_and_outside_it_is_not() {
    alone("inside_of_what_leads_back_to_the_old_hub_the_call_is_refused_and_outside_it_is_not", || {
        use_everything();
        fork(|| {
            let entangled = Err(ReinitError::Entangled);
            assert_eq!(time::timeout(Duration::from_secs(9), reinit), Ok(entangled));
            assert_eq!(thread::no_switch(reinit), entangled);
            let shield = thread::Shield::new();
            assert_eq!(reinit(), entangled);
            drop(shield);
            let mut coroutine = Coroutine::<(), (), _>::new(|_, ()| reinit());
            assert_eq!(coroutine.resume(()), Step::Done(entangled));
            drop(coroutine);
            assert_eq!(reinit(), Ok(()));
            assert_eq!(reinit(), Ok(()), "there is nothing left to do");
            use_everything();
        })
        .expect_success();
        // A thread of a pool has to come back to the pool.
        tpool::execute(|| fork(|| assert_eq!(reinit(), Err(ReinitError::Entangled))).expect_success());
        assert_eq!(reinit(), Ok(()), "nor is there anything in a process that was not forked");
        use_everything();
    });
}

/// The root may be in the middle of an initialisation that would be given up if its OS thread ended: that goes on, and nobody
/// else's is taken for it.
#[test]
fn an_initialisation_of_the_root_goes_on_in_the_child() {
    static OURS: Once = Once::new();
    static ANOTHERS: Once = Once::new();
    alone("an_initialisation_of_the_root_goes_on_in_the_child", || {
        // Beside one that has begun, a root can be on a stack that is leaked.
        let mut coroutine = Coroutine::<(), (), ()>::new(|yielder, ()| yielder.suspend(()));
        assert_eq!(coroutine.resume(()), Step::Yield(()));
        fork(|| {
            let mut others = Vec::new();
            OURS.call_once(|| {
                drop(coroutine);
                reinit().unwrap();
                others.push(thread::spawn_local(|| ANOTHERS.call_once(thread::park)));
                others.push(thread::spawn_local(|| OURS.call_once(|| unreachable!("it has begun"))));
                thread::yield_now();
                assert!(others.iter().all(|other| !other.is_finished()));
            });
            others.pop().unwrap().join().unwrap();
            others[0].thread().unpark();
            others.pop().unwrap().join().unwrap();
            assert!(OURS.is_completed() && ANOTHERS.is_completed());
            use_everything();
        })
        .expect_success();
    });
}

/// What was to wake the root before it moved wakes it afterwards, after two forks too.
#[test]
fn a_future_of_the_root_goes_on_in_the_child() {
    alone("a_future_of_the_root_goes_on_in_the_child", || {
        let later = |n| thread::spawn_after(Duration::from_millis(1), move || n);
        fork(|| {
            let sum = thread::block_on(async {
                reinit().unwrap();
                let one = later(1).await.unwrap();
                // SAFETY: see `fork`, by which the child of this child ends too.
                let pid = unsafe { libc::fork() };
                if pid == 0 {
                    // SAFETY: the call takes a number.
                    unsafe { libc::alarm(30) };
                    reinit().unwrap();
                }
                let two = later(2).await.unwrap();
                if pid > 0 {
                    Forked(pid).expect_success();
                }
                one + two
            });
            assert_eq!(sum, 3);
        })
        .expect_success();
    });
}

/// Its closure has returned in the parent, and what comes after has not: in the child it has no result, and says so.
#[test]
fn a_green_thread_in_the_middle_of_its_end_is_abandoned_in_the_child() {
    alone("a_green_thread_in_the_middle_of_its_end_is_abandoned_in_the_child", || {
        let (ending, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let child = thread::spawn_local(|| ());
        child.link({
            let (ending, go_on) = (Arc::clone(&ending), Arc::clone(&go_on));
            move |_| {
                ending.add_permits(1);
                drop(go_on.acquire());
            }
        });
        drop(ending.acquire());
        let remote = child.remote();
        fork_anew(|| {
            assert_eq!(remote.exit(), Some(Exit::Abandoned));
            remote.wait();
        })
        .expect_success();
        assert_eq!(remote.exit(), None);
        go_on.add_permits(1);
        child.join().unwrap();
        assert_eq!(remote.exit(), Some(Exit::Returned));
    });
}

/// It comes back to a pool without jobs, whose other threads are not there: like any OS thread that has returned it ends, and as the
/// last one ends the process.
#[test]
fn a_job_that_ends_in_the_child_ends_the_child() {
    alone("a_job_that_ends_in_the_child_ends_the_child", || {
        let other = thread::spawn_local(thread::park);
        let start = Instant::now();
        // SAFETY: the child has nothing to do but to end.
        let pid = tpool::execute(|| unsafe { libc::fork() });
        assert!(Forked(pid).wait().success());
        assert!(start.elapsed() < Duration::from_secs(5), "it waited for jobs");
        assert_eq!(tpool::execute(|| 1), 1);
        other.thread().unpark();
        other.join().unwrap();
    });
}

/// A pool can be used by OS threads that never wait by green.
#[test]
fn a_pool_without_a_hub_is_the_childs_own_too() {
    alone("a_pool_without_a_hub_is_the_childs_own_too", || {
        let works = || {
            let job = tpool::spawn(|| ());
            let start = Instant::now();
            while !job.is_finished() {
                assert!(start.elapsed() < Duration::from_secs(5), "nobody does the job");
                std::thread::yield_now();
            }
        };
        works();
        fork_anew(works).expect_success();
        works();
    });
}

#[test]
fn other_os_threads_of_the_child_are_to_come_later() {
    alone("other_os_threads_of_the_child_are_to_come_later", || {
        use_everything();
        fork(|| {
            let (sender, receiver) = std::sync::mpsc::channel::<()>();
            let other = std::thread::spawn(move || receiver.recv());
            assert_eq!(reinit(), Err(ReinitError::OtherThreads));
            drop(sender);
            let _ = other.join().unwrap();
            // The kernel may list it for a moment longer.
            while reinit() == Err(ReinitError::OtherThreads) {
                std::thread::yield_now();
            }
            use_everything();
        })
        .expect_success();
    });
}

/// `fork_after_monkey_patch`: what was chosen to be green is so in the child, where the program's first thread goes on, and the
/// others are not there.
#[test]
fn a_choice_of_what_is_green_holds_in_the_child() {
    alone("a_choice_of_what_is_green_holds_in_the_child", || {
        let chosen = || format!("{:?}", green::config::get().unwrap());
        let before = chosen();
        let main = thread::current().id();
        let other = thread::spawn(thread::park);
        fork_anew(|| {
            assert_eq!(chosen(), before);
            assert_eq!(thread::current().id(), main);
            let gone = time::timeout(Duration::from_secs(9), || other.join().is_err());
            assert_eq!(gone, Ok(true));
            use_everything();
        })
        .expect_success();
    });
}

/// A resolver is the children's too, even if a fork comes in the middle of its being set: then the child may have the C library's.
#[test]
fn a_resolver_is_inherited() {
    struct Here(u16);

    impl Resolver for Here {
        fn resolve(&self, _host: &str) -> io::Result<Vec<SocketAddr>> {
            Ok(vec![([127, 0, 0, 1], self.0).into()])
        }
    }

    alone("a_resolver_is_inherited", || {
        let looks_up = |name: &str| (name, 7).to_socket_addrs().unwrap().all(|address| address.ip().is_loopback());
        let over = Arc::new(AtomicUsize::new(0));
        set_resolver(Here(0));
        assert!(looks_up("somewhere.test"));
        fork_anew(|| assert!(looks_up("somewhere.test"))).expect_success();
        let setter = std::thread::spawn({
            let over = Arc::clone(&over);
            move || {
                while over.load(Ordering::Relaxed) == 0 {
                    set_resolver(Here(1));
                }
            }
        });
        for _ in 0..60 {
            fork_anew(|| {
                assert!(looks_up("localhost"));
                set_resolver(Here(2));
                assert!(looks_up("somewhere.test"));
            })
            .expect_success();
        }
        over.store(1, Ordering::Relaxed);
        setter.join().unwrap();
    });
}

/// The library's own locks are in order in the child whatever the other OS threads were doing. They must not start any: std has
/// a lock around that, which nobody releases in the child.
#[test]
fn a_fork_in_the_middle_of_everything_leaves_the_locks_of_the_process_in_order() {
    const CHILDREN: usize = 40;
    if !holds_in(&[Mode::Default, Mode::Hubs0]) {
        return;
    }
    alone("a_fork_in_the_middle_of_everything_leaves_the_locks_of_the_process_in_order", || {
        let over = Arc::new(AtomicUsize::new(0));
        // The pool has all its threads before the first fork.
        let together = Arc::new(Barrier::new(5));
        let busy: Vec<_> = (0..4)
            .map(|i| {
                let (over, together) = (Arc::clone(&over), Arc::clone(&together));
                std::thread::spawn(move || {
                    tpool::execute(move || together.wait().is_leader());
                    while over.load(Ordering::Relaxed) == 0 {
                        // Stacks of several sizes come and go, and jobs of a pool.
                        let size = (16 << 10) << i;
                        let threads: Vec<_> = (0..50)
                            .map(|_| thread::Builder::new().stack_size(size).spawn(thread::yield_now).unwrap())
                            .collect();
                        threads.into_iter().for_each(|thread| thread.join().unwrap());
                        assert_eq!(thread::spawn(|| tpool::execute(|| 1)).join().unwrap(), 1);
                    }
                })
            })
            .collect();
        together.wait();
        let flag = Cell::new(false);
        for _ in 0..CHILDREN {
            // The threads of the pool are there from here on.
            use_everything();
            fork_anew(|| {
                flag.set(true);
                let threads: Vec<_> = (0..50).map(|_| thread::spawn(thread::yield_now)).collect();
                threads.into_iter().for_each(|thread| thread.join().unwrap());
                use_everything();
            })
            .expect_success();
        }
        assert!(!flag.get());
        over.store(1, Ordering::Relaxed);
        busy.into_iter().for_each(|thread| thread.join().unwrap());
    });
}
