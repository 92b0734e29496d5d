//! `ThreadId`, the identifier that no two green threads share.

use std::num::NonZeroU64;

/// Identifies a green thread among all that this process ever starts.
///
/// Corresponds to [`std::thread::ThreadId`]. Numbers are never used twice, and have nothing to do with the operating
/// system's thread ids.
///
/// # Examples
///
/// ```
/// use green_thread as thread;
///
/// let child = thread::spawn(|| thread::current().id());
/// assert_ne!(child.join().unwrap(), thread::current().id());
/// ```
#[derive(Eq, PartialEq, Clone, Copy, Hash, Debug)]
pub struct ThreadId(NonZeroU64);

impl ThreadId {
    pub(crate) fn new(id: NonZeroU64) -> ThreadId {
        ThreadId(id)
    }
}
