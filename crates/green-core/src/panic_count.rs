//! Keeps std's count of panics in progress right for every green thread (I13).
//!
//! std counts them per OS thread; `std::thread::panicking` and lock poisoning go by that count. A green thread may park
//! in a destructor while it unwinds, and then the count, which is its own, would be seen by whoever runs next: a
//! neighbour that merely locks and unlocks a `std::sync::Mutex` would poison it. So the count has to be taken down
//! before such a green thread is left, and put up again when it is resumed. std offers no call for that; but entering
//! an unwinding puts it up by one and catching it takes it down by one, on the OS thread where that happens.
//!
//! # Unwind tokens
//!
//! A [`Token`] is a small stack that goes round this loop for ever, and is suspended in one of two places:
//!
//! ```text
//!            ┌── leave() ◀── suspended, IDLE (owes the count +1) ◀─────────────┐
//!            ▼                                                                 │
//!   catch_unwind {                                                             │
//!       resume_unwind                                       count + 1          │
//!         └▶ drop(Pause) ── leave() ◀── suspended, UNWINDING (owes it −1)      │
//!   }  caught                                               count − 1 ─────────┘
//! ```
//!
//! Resuming a token that is unwinding takes the count of this OS thread down by one, and leaves the token idle; resuming
//! it again puts the count up. [`suspend`] does the first once per panic in progress (there are several if a destructor
//! that runs in an unwinding panics and is caught), [`restore`] the second.
//!
//! A token is needed first while it unwinds, and it cannot begin to where it is needed: that would put up the count that
//! is to be taken down. So it is born on an OS thread that does nothing else, and ends at once with its count one too
//! high, which nobody is there to see. The process-wide sum, which std keeps to make the common answer cheap, is right
//! all the time. Tokens that are not in use wait in [`SPARE`], unwinding; there are as many as green threads were ever
//! parked in an unwinding at one moment, and they are kept for ever.
//!
//! # What it leans on
//!
//! Only on what std documents: `panicking` is true from `resume_unwind` until the unwinding was caught. That the token
//! changes OS threads while it unwinds is harmless because an unwinding keeps its state on its stack and in its
//! exception object. The compiler must not carry the *address* of a thread-local across [`leave`], though, and might,
//! if the loop, the increment and the decrement were inlined into one function with `std`'s own code (LTO). Hence three
//! functions that are never inlined: one with nothing but the loop, one with the catching, which runs once per entry,
//! and one with the throwing. The tests below passed in debug and release builds, at opt-levels 0, 1, 3 and z, with thin and
//! with fat LTO (rustc 1.95, x86-64), and run in whatever the crate is tested as. A pair of `suspend` and `restore` costs
//! 1.7 to 2.5 µs in a release build, the first token about 100 µs.
//!
//! If a token cannot be made, because there is no memory or no OS thread to be had, the green thread is left with its
//! count up. Its neighbours then are wrongly told that they panic until it is resumed: a nuisance, but a smaller one
//! than a destructor that cannot finish.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use crate::context::{self, Entry, Slot};
use crate::process_lock::{Held, ProcessLock, keep};
use crate::stack::{StackPool, StackSize};

/// An unwinding takes 2.5 KiB of it in a debug build; the rest is for dynamic linkers that bind symbols lazily and save
/// large vector registers meanwhile. Only touched pages cost memory.
const STACK_SIZE: usize = 32 << 10;

/// Tokens that are unwinding and not in use.
static SPARE: ProcessLock<Vec<Token>> = ProcessLock::new(Vec::new());

/// Takes the lock of the spare tokens, until the value is dropped: for a fork.
pub(crate) fn hold() -> Held {
    keep(SPARE.lock())
}

/// The tokens of one suspension, all of them idle; most often none.
#[derive(Debug, Default)]
#[must_use = "the count must be put up again"]
pub(crate) struct Tokens(Vec<Token>);

/// Takes the panic count of this OS thread down to zero, on behalf of a green thread that is about to be left.
#[inline]
pub(crate) fn suspend() -> Tokens {
    // Under Miri each stack has a count of its own.
    if cfg!(miri) || !thread::panicking() {
        return Tokens(Vec::new());
    }
    suspend_panics()
}

/// Puts the panic count up again for the green thread that was just resumed.
#[inline]
pub(crate) fn restore(tokens: Tokens) {
    if !tokens.0.is_empty() {
        restore_panics(tokens);
    }
}

#[cold]
fn suspend_panics() -> Tokens {
    let mut idle = Vec::new();
    while thread::panicking() {
        let spare = SPARE.lock().pop();
        // Here an error has no other way out than the one that the module's text describes.
        let Some(token) = spare.or_else(|| Token::make().ok()) else {
            break;
        };
        token.resume();
        idle.push(token);
    }
    Tokens(idle)
}

#[cold]
fn restore_panics(tokens: Tokens) {
    for token in &tokens.0 {
        token.resume();
    }
    SPARE.lock().extend(tokens.0);
}

/// A stack that is suspended in an unwinding, or just before it.
#[derive(Debug)]
struct Token(&'static Place);

// SAFETY: a token has one owner, who alone touches the slots, and is handed to another OS thread only with
// synchronisation (`SPARE`'s lock, or the join of the thread that made it). Its stack is suspended then, keeps no
// address of a thread-local (see the module's text), and runs only code of this module and std's unwinding.
unsafe impl Send for Token {}

/// Where the two sides of a token are while they are suspended.
#[derive(Debug)]
struct Place {
    /// The context of the token.
    token: Slot,
    /// The context of whoever resumed it.
    user: Slot,
}

thread_local! {
    /// The token that begins its life on this OS thread.
    static NEWBORN: Cell<Option<&'static Place>> = const { Cell::new(None) };
}

impl Token {
    /// Makes a token that is unwinding.
    fn make() -> io::Result<Token> {
        // With `panic = "abort"` there is no unwinding to be parked in, and a `resume_unwind` would abort.
        if cfg!(panic = "abort") {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let thread = thread::Builder::new().name("green-unwind".to_owned()).spawn(Token::begin)?;
        thread.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
    }

    /// Begins a token's life, and with it an unwinding that this OS thread does not see the end of.
    fn begin() -> io::Result<Token> {
        let size = StackSize::new(STACK_SIZE)?;
        let stacks = StackPool::new();
        let stack = stacks.take(stacks.reserve(size)?)?;
        let place: &'static Place = Box::leak(Box::new(Place { token: Slot::empty(), user: Slot::empty() }));
        // SAFETY: the stack is never given back to a pool, so it stays mapped, and nothing else uses it (I8).
        unsafe { context::prepare::<Loop>(&place.token, &stack) };
        NEWBORN.set(Some(place));
        let token = Token(place);
        token.resume();
        Ok(token)
    }

    /// Lets the token run to its other place: changes the panic count of this OS thread by one.
    fn resume(&self) {
        // SAFETY: the token's owner is here alone, so `token` holds its suspended context and `user` is empty; the
        // stack lives for ever, and comes back here before this call returns. No lock is held, and the only
        // thread-local that is touched meanwhile is the panic count.
        unsafe { context::switch(&self.0.user, &self.0.token) };
    }
}

/// What runs on a token's stack.
struct Loop;

impl Entry for Loop {
    fn run() -> ! {
        let place = NEWBORN.take().expect("who prepares a token's stack names it");
        go_round(place)
    }
}

/// Nothing in here knows of a thread-local.
#[inline(never)]
fn go_round(place: &'static Place) -> ! {
    loop {
        unwind_once(place);
        leave(place);
    }
}

/// Begins an unwinding, is left in the middle of it, and catches it when resumed.
#[inline(never)]
fn unwind_once(place: &'static Place) {
    // The payload is of no size, so nothing is allocated for it or freed on another OS thread.
    let caught = catch_unwind(AssertUnwindSafe(|| throw(place)));
    debug_assert!(caught.is_err());
}

#[inline(never)]
fn throw(place: &'static Place) {
    let _pause = Pause(place);
    resume_unwind(Box::new(()));
}

/// Goes back to whoever resumed the token.
#[inline(never)]
fn leave(place: &'static Place) {
    // SAFETY: this runs on the token's stack, so `user` holds the suspended context of whoever resumed it, on this OS
    // thread, and `token` is empty.
    unsafe { context::switch(&place.token, &place.user) };
}

/// Leaves the token's stack from the middle of the unwinding.
struct Pause(&'static Place);

impl Drop for Pause {
    fn drop(&mut self) {
        leave(self.0);
    }
}

#[cfg(test)]
mod tests;
