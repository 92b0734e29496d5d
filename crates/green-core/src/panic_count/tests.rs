use std::hint::black_box;
use std::sync::Mutex as StdMutex;
use std::thread::panicking;

use super::*;

/// Calls `f` from a destructor that runs in an unwinding.
fn while_unwinding(f: impl FnOnce()) {
    struct Run<F: FnOnce()>(Option<F>);
    impl<F: FnOnce()> Drop for Run<F> {
        fn drop(&mut self) {
            let f = self.0.take().expect("a destructor runs once");
            f();
        }
    }
    let run = Run(Some(f));
    let caught = catch_unwind(AssertUnwindSafe(move || {
        let _run = run;
        resume_unwind(Box::new(17_u8));
    }));
    assert_eq!(caught.expect_err("an unwinding").downcast_ref(), Some(&17_u8));
}

/// Returns whether a mutex is poisoned if a guard lives through `f`.
fn poisons(f: impl FnOnce()) -> bool {
    let mutex = StdMutex::new(());
    let guard = mutex.lock().expect("a new mutex");
    f();
    drop(guard);
    black_box(&mutex).is_poisoned()
}

#[test]
fn there_is_nothing_to_suspend_outside_a_panic() {
    let tokens = suspend();
    assert!(tokens.0.is_empty());
    restore(tokens);
    assert!(!panicking());
}

#[test]
fn a_panic_is_hidden_between_suspend_and_restore() {
    while_unwinding(|| {
        for _ in 0..100 {
            assert!(panicking());
            let tokens = suspend();
            assert_eq!(tokens.0.len(), 1);
            assert!(!panicking());
            restore(tokens);
        }
        assert!(panicking());
    });
    assert!(!panicking());
}

#[test]
fn nested_panics_are_hidden_together() {
    while_unwinding(|| {
        while_unwinding(|| {
            while_unwinding(|| {
                let tokens = suspend();
                assert_eq!(tokens.0.len(), 3);
                assert!(!panicking());
                restore(tokens);
                assert!(panicking());
            });
            assert!(panicking());
        });
        assert!(panicking());
    });
    assert!(!panicking());
}

#[test]
fn a_neighbour_that_panics_meanwhile_is_counted_exactly() {
    while_unwinding(|| {
        let tokens = suspend();
        while_unwinding(|| {
            assert!(panicking());
            let inner = suspend();
            assert_eq!(inner.0.len(), 1);
            assert!(!panicking());
            restore(inner);
            assert!(panicking());
        });
        assert!(!panicking());
        restore(tokens);
        assert!(panicking());
    });
    assert!(!panicking());
}

#[test]
fn suspensions_may_end_in_any_order() {
    let mut first = None;
    let mut second = None;
    while_unwinding(|| {
        first = Some(suspend());
        // A neighbour begins to unwind and parks too; then the first is resumed before it.
        while_unwinding(|| {
            second = Some(suspend());
            restore(first.take().expect("suspended above"));
            assert!(panicking());
            first = Some(suspend());
            assert!(!panicking());
            restore(second.take().expect("suspended above"));
        });
        restore(first.take().expect("suspended again above"));
    });
    assert!(!panicking());
}

#[test]
fn std_locks_are_poisoned_by_their_own_panic_only() {
    while_unwinding(|| {
        let tokens = suspend();
        assert!(!poisons(|| {}), "a neighbour of one that unwinds");
        assert!(!poisons(|| while_unwinding(|| {})), "caught before the guard goes");
        let mutex = StdMutex::new(());
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _guard = mutex.lock();
            resume_unwind(Box::new(()));
        }));
        assert!(caught.is_err());
        assert!(mutex.is_poisoned(), "a neighbour that unwinds itself");
        restore(tokens);
    });
    // A guard that is dropped by an unwinding that was suspended meanwhile.
    let mutex = StdMutex::new(());
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _guard = mutex.lock();
        struct Park;
        impl Drop for Park {
            fn drop(&mut self) {
                restore(suspend());
            }
        }
        let _park = Park;
        resume_unwind(Box::new(()));
    }));
    assert!(caught.is_err());
    assert!(mutex.is_poisoned());
}

#[test]
fn tokens_serve_any_os_thread() {
    let threads: Vec<_> = (0..8)
        .map(|_| {
            thread::spawn(|| {
                for _ in 0..200 {
                    while_unwinding(|| {
                        let tokens = suspend();
                        assert!(!panicking());
                        thread::yield_now();
                        while_unwinding(|| assert!(panicking()));
                        assert!(!panicking());
                        restore(tokens);
                        assert!(panicking());
                    });
                    assert!(!panicking());
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no assertion fails");
    }
}

#[test]
fn a_real_panic_keeps_its_message_and_payload() {
    let caught = catch_unwind(|| {
        struct Park;
        impl Drop for Park {
            fn drop(&mut self) {
                let tokens = suspend();
                assert!(!panicking());
                restore(tokens);
            }
        }
        let _park = Park;
        panic!("a panic that this test expects to see: {}", black_box(4));
    });
    let payload = caught.expect_err("a panic");
    assert_eq!(payload.downcast_ref::<String>().map(String::as_str), Some("a panic that this test expects to see: 4"));
}
