//! What a sanitizer has to find on green threads, and what it must not take for an error.
//!
//! Empty in a usual build. `cargo xtask sanitize` runs each of these before it believes a silence: it knows by their names
//! what is to be reported.

#[cfg(green_asan)]
#[expect(unsafe_code, reason = "the errors that are to be reported")]
mod address;
#[cfg(green_tsan)]
#[expect(unsafe_code, reason = "the errors that are to be reported")]
mod thread;
