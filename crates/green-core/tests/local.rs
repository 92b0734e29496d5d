//! Green-thread locals: std's surface, a value per green thread, destructors at its end.

use std::cell::{Cell, OnceCell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use green_core::greenlet::{self, Greenlet};
use green_core::local::{AccessError, LocalKey};
use green_core::park::yield_now;
use green_core::spawn::{LocalJoiner, spawn, spawn_local};
use green_core::thread_local;

fn local<T: 'static>(f: impl FnOnce() -> T + 'static) -> LocalJoiner<T> {
    spawn_local(Default::default(), f).expect("a green thread")
}

/// Where destructors leave word, in the OS thread that all green threads here share.
mod word {
    use super::*;

    std::thread_local! {
        static WORDS: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn add(word: &'static str) {
        WORDS.with_borrow_mut(|words| words.push(word));
    }

    pub(super) fn take() -> Vec<&'static str> {
        WORDS.take()
    }
}

/// Leaves word when it is dropped.
struct Says(&'static str);

impl Drop for Says {
    fn drop(&mut self) {
        word::add(self.0);
    }
}

#[test]
fn every_form_of_the_macro() {
    mod inner {
        green_core::thread_local! {
            /// Documented.
            #[allow(dead_code, reason = "an attribute of its own")]
            pub static PUBLIC: u8 = 1;
            pub(crate) static CRATE: u8 = const { 2 };
            pub(in super) static IN: u8 = 3
        }
        green_core::thread_local!(
            pub(super) static ONE: u8 = const { 1 + 3 };
        );
        green_core::thread_local!(pub(super) static BARE: u8 = 5);
        green_core::thread_local!(pub(super) static CONST: u8 = const { 6 });
        green_core::thread_local! {}
        green_core::thread_local! {
            #[cfg(any())]
            pub(super) static CONST: Missing = missing();
            #[cfg(all())]
            pub(super) static SUM: u8 = const { 3 } + 4;
        }
    }
    let all = [&inner::PUBLIC, &inner::CRATE, &inner::IN, &inner::ONE, &inner::BARE, &inner::CONST, &inner::SUM];
    assert_eq!(all.map(|key: &LocalKey<u8>| key.with(|n| *n)), [1, 2, 3, 4, 5, 6, 7]);

    fn in_a_function<T: Copy>(_: T) -> usize {
        thread_local!(static CALLS: Cell<usize> = Cell::default());
        CALLS.set(CALLS.get() + 1);
        CALLS.get()
    }
    assert_eq!((in_a_function(0_u8), in_a_function('c')), (1, 2));
}

#[test]
fn cells_have_their_shortcuts() {
    thread_local! {
        static CELL: Cell<i32> = const { Cell::new(1) };
        static OPTION: Cell<Option<String>> = Cell::new(Some("a".into()));
    }
    CELL.set(2);
    assert_eq!((CELL.get(), CELL.replace(3), CELL.take(), CELL.get()), (2, 2, 3, 0));
    assert_eq!((OPTION.take().as_deref(), OPTION.take()), (Some("a"), None));
}

#[test]
fn ref_cells_have_their_shortcuts() {
    thread_local!(static LIST: RefCell<Vec<i32>> = RefCell::new(vec![1]));
    LIST.with_borrow_mut(|list| list.push(2));
    assert_eq!(LIST.with_borrow(Vec::len), 2);
    LIST.set(vec![3]);
    assert_eq!((LIST.replace(vec![4]), LIST.take(), LIST.take()), (vec![3], vec![4], vec![]));
    LIST.with_borrow(|_| assert!(catch_unwind(|| LIST.set(vec![])).is_err()));
}

#[test]
fn set_does_not_run_the_initialiser() {
    thread_local! {
        static CELL: Cell<i32> = panic!("not needed");
        static LIST: RefCell<Vec<i32>> = panic!("not needed");
    }
    CELL.set(1);
    LIST.set(vec![2]);
    assert_eq!((CELL.get(), LIST.take()), (1, vec![2]));
}

#[test]
fn errors_and_debug_are_as_stds() {
    thread_local!(static KEY: u8 = 0);
    assert_eq!(format!("{KEY:?}"), "LocalKey { .. }");
    fn is_error<T: std::error::Error + Copy + Eq + Send + Sync>() {}
    is_error::<AccessError>();
    fn is_shared<T: Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    is_shared::<LocalKey<Rc<u8>>>();
}

#[test]
fn each_green_thread_has_its_own() {
    thread_local!(static NUMBER: Cell<u32> = const { Cell::new(7) });
    NUMBER.set(1);
    let threads: Vec<_> = (0..100)
        .map(|n| {
            local(move || {
                assert_eq!(NUMBER.replace(n), 7);
                yield_now();
                assert_eq!(NUMBER.get(), n);
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(NUMBER.get(), 1);
}

#[test]
fn greenlets_share_their_green_threads() {
    thread_local!(static NUMBER: Cell<u32> = const { Cell::new(0) });
    Greenlet::new(|_| NUMBER.set(5)).switch(());
    assert_eq!(NUMBER.get(), 5);
}

#[test]
fn a_borrow_outlives_parks_and_other_keys() {
    thread_local! {
        static TEXT: RefCell<String> = RefCell::new("here".into());
        static A: OnceCell<Vec<u8>> = const { OnceCell::new() };
        static B: OnceCell<Vec<u8>> = const { OnceCell::new() };
    }
    TEXT.with(|text| {
        let before = std::ptr::from_ref(text);
        let other = local(|| {
            TEXT.with_borrow_mut(|text| text.push_str(" and gone"));
            yield_now();
            TEXT.take()
        });
        A.with(|a| a.set(vec![1; 100]).unwrap());
        yield_now();
        B.with(|b| b.set(vec![2; 100]).unwrap());
        assert_eq!(other.join().unwrap(), "here and gone");
        assert_eq!((*text.borrow()).as_str(), "here");
        TEXT.with(|again| assert_eq!(std::ptr::from_ref(again), before));
    });
}

#[test]
fn values_without_size_and_with_much_alignment_work() {
    #[repr(align(128))]
    struct Aligned(u8);
    thread_local! {
        static NOTHING: () = ();
        static NEVER: [u64; 0] = [];
        static ALIGNED: Aligned = const { Aligned(9) };
    }
    NOTHING.with(|()| ());
    NEVER.with(|array| assert!(array.is_empty()));
    ALIGNED.with(|aligned| assert_eq!((std::ptr::from_ref(aligned).addr() % 128, aligned.0), (0, 9)));
    assert_eq!(local(|| ALIGNED.with(|aligned| aligned.0)).join().unwrap(), 9);
}

#[test]
fn an_initialiser_that_panics_runs_again() {
    std::thread_local!(static TRIES: Cell<u32> = const { Cell::new(0) });
    thread_local! {
        static KEY: u32 = {
            TRIES.set(TRIES.get() + 1);
            assert!(TRIES.get() > 1, "the first time");
            TRIES.get()
        };
    }
    assert!(catch_unwind(|| KEY.with(|n| *n)).is_err());
    assert_eq!(KEY.with(|n| *n), 2);
}

/// Checks that a recursive initialiser does as std's: the outer value stays, and both are dropped in the end.
macro_rules! recursive_initialiser {
    ($test:ident, $($macro:ident)::+, $spawn:expr) => {
        #[test]
        fn $test() {
            static DROPS: AtomicUsize = AtomicUsize::new(0);
            struct Level(u32);
            impl Drop for Level {
                fn drop(&mut self) {
                    DROPS.fetch_add(1, Ordering::Relaxed);
                }
            }
            std::thread_local!(static DEPTH: Cell<u32> = const { Cell::new(0) });
            $($macro)::+! {
                static KEY: Level = {
                    let depth = DEPTH.replace(DEPTH.get() + 1);
                    if depth == 0 {
                        assert_eq!(KEY.with(|level| level.0), 1);
                    }
                    Level(depth)
                };
            }
            let seen = $spawn(|| KEY.with(|level| level.0));
            assert_eq!(seen, 0);
            assert_eq!(DROPS.load(Ordering::Relaxed), 2);
        }
    };
}

recursive_initialiser!(a_recursive_initialiser_sets_it_twice, green_core::thread_local, |f: fn() -> u32| {
    local(f).join().unwrap()
});
recursive_initialiser!(a_recursive_initialiser_in_std_does_so_too, std::thread_local, |f: fn() -> u32| {
    std::thread::spawn(f).join().unwrap()
});

#[test]
fn a_value_that_a_greenlet_uses_survives_a_second_initialisation() {
    thread_local! {
        static KEY: RefCell<Vec<&'static str>> = {
            if let Some(main) = SWITCH.take() {
                main.switch("within the initialiser");
            }
            RefCell::new(vec!["value"])
        };
        static SWITCH: Cell<Option<Greenlet>> = const { Cell::new(None) };
    }
    SWITCH.set(Some(greenlet::current()));
    let g = Greenlet::new(|_| KEY.with_borrow_mut(|list| list.push("of the greenlet")));
    assert_eq!(g.switch(()).take::<&str>().unwrap(), "within the initialiser");
    KEY.with(|ours| {
        ours.borrow_mut().push("ours");
        g.switch(());
        assert_eq!(*ours.borrow(), ["value", "ours"]);
    });
    assert_eq!(KEY.take(), ["value", "of the greenlet"]);
}

/// Checks the order of destructors, the same for std and for us.
macro_rules! destructor_order {
    ($test:ident, $($macro:ident)::+, $spawn:expr) => {
        #[test]
        fn $test() {
            static ORDER: std::sync::Mutex<String> = std::sync::Mutex::new(String::new());
            struct Named(char);
            impl Drop for Named {
                fn drop(&mut self) {
                    ORDER.lock().unwrap().push(self.0);
                    match self.0 {
                        'b' => {
                            // Destroyed already, destroyed next, and made only now.
                            ORDER.lock().unwrap().push(if C.try_with(|_| ()).is_err() { 'x' } else { '?' });
                            ORDER.lock().unwrap().push(if A.try_with(|_| ()).is_ok() { 'o' } else { '?' });
                            ORDER.lock().unwrap().push(if B.try_with(|_| ()).is_err() { 'x' } else { '?' });
                            D.with(|_| ());
                            ORDER.lock().unwrap().push(PLAIN.get());
                        }
                        'd' => assert_eq!(PLAIN.replace('!'), 'p'),
                        _ => assert!(PLAIN.get() != ' '),
                    }
                }
            }
            $($macro)::+! {
                static A: Named = Named('a');
                static B: Named = const { Named('b') };
                static C: Named = Named('c');
                static D: Named = const { Named('d') };
                static PLAIN: Cell<char> = const { Cell::new('p') };
            }
            $spawn(|| {
                A.with(|_| ());
                PLAIN.get();
                B.with(|_| ());
                C.with(|_| ());
                A.with(|_| ());
            });
            assert_eq!(*ORDER.lock().unwrap(), "cbxoxpda");
        }
    };
}

destructor_order!(destructors_run_in_order, green_core::thread_local, |f: fn()| local(f).join().unwrap());
destructor_order!(destructors_run_in_stds_order, std::thread_local, |f: fn()| std::thread::spawn(f).join().unwrap());
destructor_order!(destructors_run_in_order_on_an_os_thread, green_core::thread_local, |f: fn()| {
    std::thread::spawn(f).join().unwrap()
});

#[test]
fn destructors_may_park_and_others_run_meanwhile() {
    struct Parks(&'static str);
    impl Drop for Parks {
        fn drop(&mut self) {
            for _ in 0..3 {
                word::add(self.0);
                yield_now();
            }
        }
    }
    thread_local!(static PARKS: Cell<Option<Parks>> = const { Cell::new(None) });
    let threads = ["a", "b"].map(|name| local(move || PARKS.set(Some(Parks(name)))));
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(word::take(), ["a", "b", "a", "b", "a", "b"]);
}

#[test]
fn destructors_run_after_a_panic_and_a_kill() {
    thread_local!(static SAYS: Says = const { Says("gone") });
    assert!(local(|| SAYS.with(|_| panic!("with a local"))).join().is_err());
    assert_eq!(word::take(), ["gone"]);
    let killed = local(|| {
        SAYS.with(|_| {
            loop {
                yield_now();
            }
        })
    });
    yield_now();
    killed.kill().unwrap();
    assert!(killed.join().is_err());
    assert_eq!(word::take(), ["gone"]);
}

#[test]
fn access_after_destruction_panics_like_std() {
    struct Last;
    impl Drop for Last {
        fn drop(&mut self) {
            let panic = catch_unwind(AssertUnwindSafe(|| KEY.with(|_| ()))).unwrap_err();
            let text = panic.downcast_ref::<String>().unwrap();
            assert!(text.contains("during or after"), "{text}");
            assert_eq!(KEY.try_with(|_| ()).unwrap_err().to_string(), "already destroyed");
            word::add("checked");
        }
    }
    thread_local!(static KEY: Last = const { Last });
    local(|| KEY.with(|_| ())).join().unwrap();
    assert_eq!(word::take(), ["checked"]);
}

#[test]
fn a_greenlet_left_by_a_destructor_ends_before_the_next_destructor() {
    struct Leaves;
    impl Drop for Leaves {
        fn drop(&mut self) {
            let main = greenlet::current();
            let g = Greenlet::new(move |_| {
                FIRST.with(|first| {
                    struct Reads<'a>(&'a Says);
                    impl Drop for Reads<'_> {
                        fn drop(&mut self) {
                            word::add(self.0.0);
                        }
                    }
                    let _reads = Reads(first);
                    main.switch(());
                });
            });
            g.switch(());
            std::mem::forget(g);
        }
    }
    thread_local! {
        static FIRST: Says = const { Says("still there") };
        static SECOND: Leaves = const { Leaves };
    }
    local(|| {
        FIRST.with(|_| ());
        SECOND.with(|_| ());
    })
    .join()
    .unwrap();
    assert_eq!(word::take(), ["still there", "still there"]);
}

#[test]
fn a_result_that_is_dropped_last_leaves_nothing_to_the_next_green_thread() {
    green_core::thread_local! {
        static MARK: Cell<bool> = const { Cell::new(false) };
    }
    struct Marks;
    impl Drop for Marks {
        fn drop(&mut self) {
            MARK.set(true);
        }
    }
    // Nobody waits for the result, so it is dropped at the very end of the green thread.
    drop(local(|| Marks));
    yield_now();
    assert!(!local(|| MARK.get()).join().unwrap(), "the next one has the same record");
}

#[test]
fn values_do_not_leak_into_later_green_threads() {
    thread_local! {
        static DROPPED: Says = const { Says("end") };
        static PLAIN: Cell<u32> = const { Cell::new(0) };
    }
    for _ in 0..1000 {
        local(|| {
            assert_eq!(PLAIN.replace(1), 0);
            DROPPED.with(|_| ());
        })
        .join()
        .unwrap();
    }
    assert_eq!(word::take(), ["end"; 1000]);
}

#[test]
fn keys_are_numbered_from_many_os_threads_at_once() {
    thread_local!(static SHARED: Cell<usize> = const { Cell::new(0) });
    let threads: Vec<_> = (0..64)
        .map(|n| {
            spawn(Default::default(), move || {
                SHARED.set(n);
                yield_now();
                SHARED.get()
            })
            .unwrap()
        })
        .collect();
    for (n, thread) in (0..).zip(threads) {
        assert_eq!(thread.join().unwrap(), n);
    }
}
