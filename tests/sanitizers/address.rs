//! For AddressSanitizer and LeakSanitizer.

use std::hint::black_box;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use green::thread;

/// Returns the address of a local variable, after which nobody may use it.
///
/// (There must be no `black_box` in it, which is assembler: of such a function AddressSanitizer leaves the variables where
/// they are.)
#[inline(never)]
fn dangling() -> *mut u64 {
    static PLACE: AtomicPtr<u64> = AtomicPtr::new(ptr::null_mut());
    let mut local = std::process::id().into();
    PLACE.store(&raw mut local, Ordering::Relaxed);
    PLACE.load(Ordering::Relaxed)
}

#[test]
fn a_use_after_return_is_reported() {
    let child = thread::spawn(|| {
        let pointer = dangling();
        // Others run meanwhile: the fake stack is put aside and taken up again.
        thread::spawn(thread::yield_now).join().unwrap();
        // SAFETY: there is none. That is what is to be reported.
        black_box(unsafe { pointer.read_volatile() })
    });
    let _ = child.join();
}

#[test]
fn a_write_beyond_a_local_is_reported() {
    let child = thread::spawn(|| {
        let mut local = black_box([0_u8; 16]);
        thread::yield_now();
        let end = local.as_mut_ptr().wrapping_add(black_box(local.len()));
        // SAFETY: there is none. That is what is to be reported.
        unsafe { end.write_volatile(1) };
        black_box(local)
    });
    let _ = child.join();
}

/// Makes something that nobody has.
#[inline(never)]
fn lose() {
    black_box(Box::leak(Box::new([0_u64; 100])));
}

/// Overwrites what calls have left on the stack.
#[inline(never)]
fn sweep() {
    black_box([0_u64; 4096]);
}

#[test]
fn a_leak_is_reported() {
    thread::spawn(|| {
        lose();
        sweep();
    })
    .join()
    .unwrap();
}

#[test]
fn what_a_suspended_stack_has_is_no_leak() {
    let child = thread::spawn(|| {
        let kept = black_box(Box::new([0_u64; 100]));
        thread::park();
        kept
    });
    thread::spawn(thread::yield_now).join().unwrap();
    // It stays parked beyond the end of the program.
    std::mem::forget(child);
}

/// The same stack is used again and again, by frames that end in the middle: by a panic, a kill and a last switch.
#[test]
fn a_stack_that_is_used_again_is_clean() {
    for round in 0..200 {
        let child = thread::spawn_local(move || {
            let local = black_box([round; 64]);
            thread::yield_now();
            assert!(round % 3 != 0, "unwinds");
            thread::park();
            local
        });
        thread::yield_now();
        if round % 3 == 1 {
            let _ = child.kill();
        } else {
            child.thread().unpark();
        }
        let _ = child.join();
        let bytes = thread::spawn_local(|| {
            let mut bytes = vec![1_u8; 4096];
            let mut copy = [0_u8; 4096];
            copy.copy_from_slice(&bytes);
            bytes.clear();
            black_box(copy)[17]
        });
        assert_eq!(bytes.join().unwrap(), 1);
    }
}
