//! OS threads that are not ours: their end, their thread-locals, their destructors (I15).

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use green::thread;

#[test]
fn a_scope_borrows_a_foreign_os_threads_local() {
    thread_local! {
        static LENT: Cell<u64> = const { Cell::new(5) };
    }
    std::thread::spawn(|| {
        LENT.with(|lent| {
            // The root lends: its children may be anywhere, and its stack cannot go before they have ended.
            let address = std::ptr::from_ref(lent) as usize;
            let sum = thread::scope(|scope| {
                let children: Vec<_> = (0..10).map(|i| scope.spawn(move || address + i)).collect();
                children.into_iter().map(|child| child.join().unwrap() - address).sum::<usize>()
            });
            assert_eq!(sum, 45);
        });
        // A local green thread lends to children of its own hub only.
        let own = std::thread::current().id();
        thread::spawn_local(move || {
            thread::scope(|scope| {
                for _ in 0..10 {
                    scope.spawn(move || {
                        if std::env::var_os("GREEN").is_none() {
                            assert_eq!(std::thread::current().id(), own);
                        }
                    });
                }
            });
        })
        .join()
        .unwrap();
    })
    .join()
    .unwrap();
}

#[test]
fn a_foreign_os_thread_may_end_with_a_scope_parked() {
    // The scope's owner is a local green thread that is leaked in the middle of it; its child runs on the same hub
    // and is leaked with it, so that the borrow is never used again.
    struct Count(Arc<AtomicUsize>);
    impl Drop for Count {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let inner = Arc::clone(&drops);
    std::thread::spawn(move || {
        let handle = thread::spawn_local(move || {
            let lent = Count(inner);
            thread::scope(|scope| {
                scope.spawn(|| {
                    let _lent = &lent;
                    thread::park();
                });
            });
        });
        thread::yield_now();
        thread::yield_now();
        drop(handle);
    })
    .join()
    .unwrap();
    assert_eq!(drops.load(Ordering::SeqCst), 0, "a leaked stack is not unwound");
}

#[test]
fn green_calls_work_in_thread_local_destructors() {
    struct Late(Arc<AtomicUsize>);
    impl Drop for Late {
        fn drop(&mut self) {
            let seen = Arc::clone(&self.0);
            let child = thread::spawn(move || seen.fetch_add(1, Ordering::SeqCst));
            child.join().unwrap();
            // To see a sleep work in a destructor; nothing is ordered by it.
            thread::sleep(std::time::Duration::from_millis(1));
            thread::yield_now();
            let listener = green::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let client = std::net::TcpStream::connect(address).unwrap();
            let (server, _) = listener.accept().unwrap();
            drop((client, server));
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    thread_local! {
        static EARLY: RefCell<Option<Late>> = const { RefCell::new(None) };
        static LATER: RefCell<Option<Late>> = const { RefCell::new(None) };
    }
    let count = Arc::new(AtomicUsize::new(0));
    let inner = Arc::clone(&count);
    std::thread::spawn(move || {
        // One is registered before the hub's own guard and one after it, so one runs on each side of the close.
        EARLY.with(|slot| *slot.borrow_mut() = Some(Late(Arc::clone(&inner))));
        thread::spawn(|| ()).join().unwrap();
        LATER.with(|slot| *slot.borrow_mut() = Some(Late(inner)));
    })
    .join()
    .unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 4);
}

#[test]
fn many_short_os_threads_reuse_hubs() {
    for round in 0..200 {
        std::thread::spawn(move || {
            let local = thread::spawn_local(move || round);
            let parked = thread::spawn_local(thread::park);
            assert_eq!(local.join().unwrap(), round);
            drop(parked);
        })
        .join()
        .unwrap();
    }
}

#[test]
fn a_plain_spawn_of_a_local_green_thread_outlives_its_os_thread() {
    if !green_tests::holds_in(&[green_tests::Mode::Default]) {
        return;
    }
    // It borrows nothing, so it goes to a worker like any other, whoever spawned it (I14).
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let child = std::thread::spawn(move || {
        let local = thread::spawn_local(move || {
            thread::spawn(move || {
                thread::park();
                seen.fetch_add(1, Ordering::SeqCst)
            })
        });
        local.join().unwrap()
    })
    .join()
    .unwrap();
    child.thread().unpark();
    child.join().unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);
}
