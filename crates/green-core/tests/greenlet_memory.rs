//! Memory stays flat: stacks, handles and locals of what has ended are used again. Alone in its process, because it looks
//! at the whole process's memory.

#![cfg(target_os = "linux")]

mod memory;

use std::cell::RefCell;

use green_core::coroutine::generator;
use green_core::greenlet::{self, Greenlet};
use green_core::spawn::spawn_local;
use memory::resident;

/// Checks that many rounds of `f` need little more memory than a few.
fn check(what: &str, rounds: usize, f: impl Fn()) {
    (0..rounds / 10).for_each(|_| f());
    let before = resident();
    (0..rounds).for_each(|_| f());
    let grown = resident().saturating_sub(before);
    assert!(grown < 2048, "{what}: {grown} KiB more after {rounds} rounds");
}

fn suspended() -> Greenlet {
    let main = greenlet::current();
    let g = Greenlet::new(move |_| drop(main.switch(())));
    g.switch(());
    g
}

/// greenlet's `test_leaks`.
#[test]
fn memory_stays_flat() {
    check("greenlets that end", 20_000, || drop(Greenlet::new(|value| value).switch([0_u8; 100])));
    check("greenlets that are dropped suspended", 20_000, || drop(suspended()));
    check("coroutines that are dropped suspended", 20_000, || {
        generator(|out| out.suspend(vec![0_u8; 100])).next();
    });
    check("panics that pass through", 2_000, || {
        let g = Greenlet::new(|_| -> () { std::panic::resume_unwind(Box::new([0_u8; 100])) });
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| g.switch(()))).is_err());
    });

    green_core::thread_local! {
        static LIST: RefCell<Vec<u8>> = RefCell::new(vec![0; 1000]);
        static HELD: RefCell<Option<Greenlet>> = const { RefCell::new(None) };
    }
    // greenlet's `test_leaks`: unfinished greenlets at the end of a thread.
    check("OS threads that end with a suspended greenlet", 1_000, || {
        std::thread::spawn(|| std::mem::forget(suspended())).join().expect("no panic");
    });
    check("green threads that end with a suspended greenlet and locals", 5_000, || {
        let body = || {
            LIST.with_borrow_mut(|list| list.push(1));
            HELD.set(Some(suspended()));
        };
        spawn_local(Default::default(), body).expect("a green thread").join().expect("no panic");
    });
}
