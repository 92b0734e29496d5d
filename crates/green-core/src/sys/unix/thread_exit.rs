//! Learning of the end of an OS thread before any thread-local is destroyed that a suspended frame may borrow.
//!
//! glibc destroys thread-locals in the reverse order in which their destructors were registered, by
//! `__cxa_thread_atexit_impl`, which std calls for each at its first use. A function that is registered *now* runs before
//! the destructors of all thread-locals used until now. So if the last registration is ours whenever a stack is left that
//! can be resumed later, then our function runs while everything that suspended frames borrow is still there; and what is
//! first used after that moment they do not know.
//!
//! To register once more for each switch would be slow, and need memory without end. So registrations are watched: this
//! module defines the symbol and passes the calls on. std refers to it weakly, and the linker takes the definition that is
//! in the program. Where it does not (a library that is loaded at run time into a program without green), `SEEN` tells,
//! and nothing is registered. Statically linked programs have glibc's own definition and cannot have ours.

use std::cell::Cell;

thread_local! {
    /// What to raise for a registration that is younger than the last of ours. Without a destructor of its own.
    static FRESH: Cell<Option<&'static Cell<bool>>> = const { Cell::new(None) };
}

/// What to do at the end of an OS thread.
pub(crate) trait AtEnd {
    #[cfg_attr(miri, expect(dead_code, reason = "Miri does not announce the end of an OS thread"))]
    fn run();
}

/// Has `fresh` raised on this OS thread whenever somebody has registered a destructor, instead of the one before; it is
/// raised at once, because somebody may have.
pub(crate) fn watch_registrations(fresh: Option<&'static Cell<bool>>) {
    FRESH.set(fresh);
    raise();
}

fn raise() {
    if let Some(fresh) = FRESH.get() {
        fresh.set(true);
    }
}

/// Has the end of this OS thread announced before any thread-local is destroyed that was used until now, where that is
/// possible.
#[cold]
#[inline(never)]
pub(crate) fn announce_end<E: AtEnd>() {
    imp::register::<E>();
}

#[cfg(all(target_env = "gnu", not(target_feature = "crt-static"), not(miri)))]
mod imp {
    use std::ffi::{c_int, c_void};
    use std::ptr;
    use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering::Relaxed};

    use super::{AtEnd, raise};

    type Destructor = unsafe extern "C" fn(*mut c_void);
    type Register = unsafe extern "C" fn(Destructor, *mut c_void, *mut c_void) -> c_int;

    /// True once a registration has come through here: then those of all that is linked with the program do, but not those of
    /// a plug-in with a std of its own.
    static SEEN: AtomicBool = AtomicBool::new(false);

    // SAFETY: the C run-time's start files define this symbol in every program and library; only its address is used.
    unsafe extern "C" {
        /// Stands for the program or library that this code is linked into, which stays loaded until it has run.
        static __dso_handle: u8;
    }

    /// Takes the place of glibc's function for whatever is linked into the program, and calls it.
    ///
    /// # Safety
    ///
    /// As for glibc's.
    // SAFETY: whoever calls the symbol means glibc's function, and gets what that does, with the same signature.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn __cxa_thread_atexit_impl(
        destructor: Destructor,
        object: *mut c_void,
        dso: *mut c_void,
    ) -> c_int {
        SEEN.store(true, Relaxed);
        raise();
        let Some(register) = glibcs() else { return -1 };
        // SAFETY: the caller's promise.
        unsafe { register(destructor, object, dso) }
    }

    /// Returns the function whose place ours takes.
    fn glibcs() -> Option<Register> {
        static FOUND: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
        let mut found = FOUND.load(Relaxed);
        if found.is_null() {
            // SAFETY: the name is a C string, and the handle one of the two that need no opening.
            found = unsafe { libc::dlsym(libc::RTLD_NEXT, c"__cxa_thread_atexit_impl".as_ptr()) };
            FOUND.store(found, Relaxed);
        }
        // SAFETY: the symbol of that name is a function of this type, and null is `None`.
        unsafe { std::mem::transmute::<*mut c_void, Option<Register>>(found) }
    }

    pub(super) fn register<E: AtEnd>() {
        let Some(register) = glibcs().filter(|_| SEEN.load(Relaxed)) else { return };
        let dso = (&raw const __dso_handle).cast_mut().cast();
        // SAFETY: `ended` takes any pointer, and belongs to the program or library that `dso` stands for.
        let result = unsafe { register(ended::<E>, ptr::null_mut(), dso) };
        debug_assert_eq!(result, 0, "glibc ends the process if there is no memory");
    }

    // SAFETY: it asks nothing of its caller; the type that glibc wants is unsafe.
    unsafe extern "C" fn ended<E: AtEnd>(_object: *mut c_void) {
        // This registration is used up, and destructors that run from here on may suspend something.
        raise();
        E::run();
    }
}

#[cfg(not(all(target_env = "gnu", not(target_feature = "crt-static"), not(miri))))]
mod imp {
    use super::AtEnd;

    pub(super) fn register<E: AtEnd>() {}
}
