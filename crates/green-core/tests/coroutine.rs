//! Coroutines: resuming, ending, dropping, and how they live with greenlets and green threads.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use green_core::coroutine::{Coroutine, ResumeError, Step, generator};
use green_core::greenlet::{self, Greenlet};
use green_core::kill::Killed;
use green_core::park::{no_switch, yield_now};
use green_core::spawn::{LocalJoiner, spawn, spawn_local};

fn local<T: 'static>(f: impl FnOnce() -> T + 'static) -> LocalJoiner<T> {
    spawn_local(Default::default(), f).expect("a green thread")
}

struct Counted(Rc<Cell<u32>>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// A suspended coroutine whose frame counts its drop.
fn waiting(drops: &Rc<Cell<u32>>) -> Coroutine<(), (), ()> {
    let counted = Counted(Rc::clone(drops));
    let mut coroutine = generator(move |out| {
        let _counted = counted;
        out.suspend(());
    });
    assert_eq!(coroutine.resume(()), Step::Yield(()));
    coroutine
}

#[test]
fn values_go_in_and_out() {
    let mut running_sum = Coroutine::new(|out, first: i32| {
        let mut sum = first;
        while sum < 100 {
            sum += out.suspend(sum.to_string());
        }
        sum
    });
    assert_eq!(running_sum.resume(1), Step::Yield("1".into()));
    assert_eq!(running_sum.resume(2), Step::Yield("3".into()));
    assert!(!running_sum.is_done());
    assert_eq!(running_sum.resume(200), Step::Done(203));
    assert!(running_sum.is_done());
}

#[test]
fn what_has_ended_is_not_resumed() {
    let mut short = Coroutine::<u8, (), u8>::new(|_, n| n);
    assert_eq!(short.resume(1), Step::Done(1));
    assert!(matches!(short.try_resume(2), Err(ResumeError::Done)));
    let panic = catch_unwind(AssertUnwindSafe(|| short.resume(2))).unwrap_err();
    assert_eq!(*panic.downcast::<String>().unwrap(), "the coroutine has ended");
}

#[test]
fn a_panic_goes_on_in_resume() {
    let mut failing = Coroutine::<(), u8, ()>::new(|out, ()| {
        out.suspend(1);
        panic!("in the body");
    });
    assert_eq!(failing.resume(()), Step::Yield(1));
    let panic = catch_unwind(AssertUnwindSafe(|| failing.resume(()))).unwrap_err();
    assert_eq!(*panic.downcast::<&str>().unwrap(), "in the body");
    assert!(failing.is_done());
}

#[test]
fn no_stack_is_an_error_that_can_be_tried_again() {
    let mut huge = Coroutine::<u8, (), u8>::with_stack_size(usize::MAX, |_, n| n);
    for _ in 0..2 {
        assert!(matches!(huge.try_resume(1), Err(ResumeError::Stack(_))));
        assert!(!huge.is_done());
    }
}

#[test]
fn values_are_dropped_once_wherever_they_are() {
    let drops = Rc::new(Cell::new(0));
    let new = || Counted(Rc::clone(&drops));
    let mut c = Coroutine::new(|out, first: Counted| {
        let second = out.suspend(first);
        drop(second);
        out.suspend(out.suspend(Counted(Rc::default())))
    });
    drop(c.resume(new()));
    assert_eq!(drops.get(), 1);
    drop(c.resume(new()));
    assert_eq!(drops.get(), 2);
    let Step::Yield(held) = c.resume(new()) else { panic!("not done yet") };
    drop(c);
    assert_eq!(drops.get(), 2);
    drop(held);
    assert_eq!(drops.get(), 3);
}

#[test]
fn dropping_unwinds_the_body_at_once() {
    let drops = Rc::new(Cell::new(0));
    drop(waiting(&drops));
    assert_eq!(drops.get(), 1);
    let fresh = {
        let counted = Counted(Rc::clone(&drops));
        generator(move |out| {
            let _counted = &counted;
            out.suspend(1);
        })
    };
    drop(fresh);
    assert_eq!(drops.get(), 2);
}

#[test]
fn dropping_while_unwinding_works() {
    let drops = Rc::new(Cell::new(0));
    let coroutine = waiting(&drops);
    let panic = catch_unwind(AssertUnwindSafe(move || {
        let _coroutine = coroutine;
        panic!("outside");
    }));
    assert_eq!(*panic.unwrap_err().downcast::<&str>().unwrap(), "outside");
    assert_eq!(drops.get(), 1);
}

#[test]
fn a_panic_while_dropped_stays_there() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("not while unwinding");
            }
        }
    }
    let mut c = generator(|out| {
        let _ = catch_unwind(AssertUnwindSafe(|| out.suspend(1)));
        let _panics = Panics;
    });
    c.next();
    drop(c);
}

#[test]
fn one_that_will_not_end_is_leaked() {
    let tries = Rc::new(Cell::new(0));
    let count = Rc::clone(&tries);
    let mut c = Coroutine::<(), u32, ()>::new(move |out, ()| {
        loop {
            if catch_unwind(AssertUnwindSafe(|| out.suspend(count.get()))).is_err() {
                count.set(count.get() + 1);
            }
        }
    });
    assert_eq!(c.resume(()), Step::Yield(0));
    drop(c);
    assert!(tries.get() > 1);
}

#[test]
fn one_suspended_in_a_destructor_during_an_unwinding_is_leaked() {
    struct Suspends<'a>(&'a green_core::coroutine::Yielder<(), u8>);
    impl Drop for Suspends<'_> {
        fn drop(&mut self) {
            assert!(std::thread::panicking());
            self.0.suspend(2);
            assert!(std::thread::panicking());
        }
    }
    let make = || {
        Coroutine::<(), u8, ()>::new(|out, ()| {
            let _suspends = Suspends(out);
            panic!("on the way");
        })
    };
    let mut c = make();
    assert_eq!(c.resume(()), Step::Yield(2));
    assert!(!std::thread::panicking(), "only the coroutine unwinds");
    assert!(catch_unwind(AssertUnwindSafe(|| c.resume(()))).is_err());

    let mut c = make();
    assert_eq!(c.resume(()), Step::Yield(2));
    drop(c);
}

#[test]
fn generators_are_iterators() {
    assert_eq!(generator(|out| (1..4).for_each(|n| out.suspend(n))).sum::<i32>(), 6);
    let mut fused = generator(|out| out.suspend('x'));
    assert_eq!((fused.next(), fused.next(), fused.next()), (Some('x'), None, None));
}

#[test]
fn generators_nest() {
    fn hanoi(n: u32, from: char, to: char, over: char) -> Coroutine<(), (char, char), ()> {
        generator(move |out| {
            if n > 0 {
                hanoi(n - 1, from, over, to).for_each(|step| out.suspend(step));
                out.suspend((from, to));
                hanoi(n - 1, over, to, from).for_each(|step| out.suspend(step));
            }
        })
    }
    let steps: Vec<_> = hanoi(6, 'a', 'c', 'b').collect();
    assert_eq!(steps.len(), 63);
    assert_eq!(&steps[..3], [('a', 'b'), ('a', 'c'), ('b', 'c')]);
}

#[test]
fn ten_thousand_are_suspended_at_once() {
    let mut all: Vec<_> = (0..10_000)
        .map(|n| {
            Coroutine::with_stack_size(16 << 10, move |out: &green_core::coroutine::Yielder<u32, u32>, first| {
                let mut sum = first;
                loop {
                    sum += out.suspend(sum + n);
                    if sum > 1_000_000 {
                        return;
                    }
                }
            })
        })
        .collect();
    for (n, c) in (0..).zip(&mut all) {
        assert_eq!(c.resume(1), Step::Yield(n + 1));
    }
    for (n, c) in (0..).zip(&mut all) {
        assert_eq!(c.resume(2), Step::Yield(n + 3));
    }
}

#[test]
fn a_park_in_a_coroutine_parks_its_green_thread() {
    let log = Rc::new(RefCell::new(Vec::new()));
    let lines = Rc::clone(&log);
    let thread = local(move || {
        let more = Rc::clone(&lines);
        let mut c = generator(move |out| {
            more.borrow_mut().push("before");
            yield_now();
            more.borrow_mut().push("after");
            out.suspend(());
        });
        c.next();
        lines.borrow_mut().push("resumed");
    });
    while log.borrow().is_empty() {
        yield_now();
    }
    thread.join().unwrap();
    assert_eq!(*log.borrow(), ["before", "after", "resumed"]);
}

#[test]
fn a_coroutine_works_inside_no_switch() {
    let drops = Rc::new(Cell::new(0));
    no_switch(|| drop(waiting(&drops)));
    assert_eq!(drops.get(), 1);
}

#[test]
fn a_greenlet_that_is_left_inside_a_coroutine_goes_on_there() {
    let main = greenlet::current();
    let g = Greenlet::new(move |_| {
        let items = generator(move |out| {
            let sent = main.switch("from within").take::<i32>().unwrap();
            out.suspend(sent);
            out.suspend(sent + 1);
        });
        items.sum::<i32>()
    });
    assert_eq!(g.switch(()).take::<&str>().unwrap(), "from within");
    assert_eq!(g.switch(20).take::<i32>().unwrap(), 41);
}

#[test]
fn killing_a_greenlet_inside_a_coroutine_unwinds_both() {
    let drops = Rc::new(Cell::new(0));
    let (count, main) = (Rc::clone(&drops), greenlet::current());
    let g = Greenlet::new(move |_| {
        let _outer = Counted(Rc::clone(&count));
        generator(move |_: &green_core::coroutine::Yielder<(), ()>| {
            let _inner = Counted(count);
            main.switch(());
        })
        .for_each(drop);
    });
    g.switch(());
    assert_eq!(drops.get(), 0);
    assert!(g.kill().is_exit());
    assert_eq!(drops.get(), 2);
}

#[test]
fn greenlets_may_share_a_coroutine() {
    let numbers = Rc::new(RefCell::new(generator(|out| (0..i32::MAX).for_each(|n| out.suspend(n)))));
    let take = |numbers: &Rc<RefCell<Coroutine<(), i32, ()>>>| numbers.borrow_mut().next().unwrap();
    let (theirs, main) = (Rc::clone(&numbers), greenlet::current());
    let g = Greenlet::new(move |_| {
        assert_eq!(take(&theirs), 1);
        main.switch(());
        assert_eq!(take(&theirs), 3);
    });
    assert_eq!(take(&numbers), 0);
    g.switch(());
    assert_eq!(take(&numbers), 2);
    g.switch(());
    assert_eq!(take(&numbers), 4);
}

#[test]
fn only_its_own_green_thread_resumes_it() {
    let drops = Rc::new(Cell::new(0));
    let mut c = waiting(&drops);
    let mut c = local(move || {
        assert!(matches!(c.try_resume(()), Err(ResumeError::OtherThread)));
        assert!(catch_unwind(AssertUnwindSafe(|| c.next())).is_err());
        c
    })
    .join()
    .unwrap();
    assert_eq!(c.resume(()), Step::Done(()));
    assert_eq!(drops.get(), 1);
}

#[test]
fn one_that_was_not_resumed_may_move() {
    let mut c = generator(|out| out.suspend(5));
    assert_eq!(local(move || c.next()).join().unwrap(), Some(5));
}

#[test]
fn dropped_by_another_green_thread_it_is_unwound_at_home() {
    let drops = Rc::new(Cell::new(0));
    let c = waiting(&drops);
    local(move || drop(c)).join().unwrap();
    assert_eq!(drops.get(), 0);
    Greenlet::new(|_| ()).switch(());
    assert_eq!(drops.get(), 1);
}

#[test]
fn the_end_of_a_green_thread_unwinds_even_forgotten_ones() {
    let drops = Rc::new(Cell::new(0));
    let count = Rc::clone(&drops);
    let mut kept = local(move || {
        std::mem::forget(waiting(&count));
        waiting(&count)
    })
    .join()
    .unwrap();
    assert_eq!(drops.get(), 2);
    assert!(kept.is_done());
    assert_eq!(kept.next(), None);
}

#[test]
fn a_borrowed_local_stays_while_a_coroutine_may_use_it() {
    green_core::thread_local! {
        static NOTE: Note = Note(Cell::new("alive"));
    }
    struct Note(Cell<&'static str>);
    impl Drop for Note {
        fn drop(&mut self) {
            self.0.set("dropped");
        }
    }
    struct Reads<'a>(&'a Note, Rc<Cell<&'static str>>);
    impl Drop for Reads<'_> {
        fn drop(&mut self) {
            self.1.set(self.0.0.get());
        }
    }
    let read = Rc::new(Cell::new("not read"));
    let cell = Rc::clone(&read);
    let moved = local(move || {
        let mut c = generator(move |out| {
            NOTE.with(|note| {
                let _reads = Reads(note, cell);
                out.suspend(());
            });
        });
        c.next();
        c
    })
    .join()
    .unwrap();
    assert_eq!(read.get(), "alive");
    assert!(moved.is_done());
}

#[test]
fn a_kill_of_the_green_thread_unwinds_the_coroutine_it_is_in() {
    let drops = Rc::new(Cell::new(0));
    let count = Rc::clone(&drops);
    let thread = local(move || {
        generator(move |out| {
            let _counted = Counted(count);
            out.suspend(());
            loop {
                yield_now();
            }
        })
        .for_each(drop);
    });
    yield_now();
    thread.kill().unwrap();
    assert!(thread.join().unwrap_err().is::<Killed>());
    assert_eq!(drops.get(), 1);
}

#[test]
fn they_work_on_worker_hubs() {
    let threads: Vec<_> = (0..32_u64)
        .map(|n| {
            let body = move || {
                generator(move |out| {
                    for i in 0..100 {
                        yield_now();
                        out.suspend(n * i);
                    }
                })
                .sum::<u64>()
            };
            spawn(Default::default(), body).unwrap()
        })
        .collect();
    for (n, thread) in (0..).zip(threads) {
        assert_eq!(thread.join().unwrap(), n * 4950);
    }
}
