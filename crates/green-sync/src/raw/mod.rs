//! Raw locks: the protocols under [`Mutex`](crate::Mutex) and [`RwLock`](crate::RwLock), without data and without poison.
//!
//! They implement the traits of `lock_api` 0.5, so that whoever wants its guards (mapped, owned by an `Arc`,
//! upgraded from outside) can have them with green waiting:
//!
//! ```
//! # fn main() {
//! use green_sync::raw::RawMutex;
//!
//! static NAMES: lock_api::Mutex<RawMutex, Vec<&str>> = lock_api::Mutex::new(Vec::new());
//!
//! NAMES.lock().push("green");
//! assert_eq!(*NAMES.lock(), ["green"]);
//! # }
//! ```

mod cell;
mod here;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "the end of an OS thread reaches a turn that is leaked with it")]
mod leak;
#[expect(unsafe_code, reason = "slots that pass from senders to the receiver")]
pub(crate) mod list;
mod mutex;
pub(crate) mod once;
mod rwlock;
#[cfg(all(test, loom))]
#[expect(unsafe_code, reason = "models look at what a lock guards")]
mod tests;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "the traits of lock_api")]
mod traits;

pub use mutex::RawMutex;
pub use rwlock::RawRwLock;
