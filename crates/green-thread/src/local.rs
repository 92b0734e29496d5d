//! Thread-locals: one value for each green thread.
//!
//! The mechanism, its types and the macro are core's, because the green thread's record holds the values and its end
//! destroys them. They are std's in shape; std's own thread-locals would be shared by all green threads of a hub.

pub use green_core::local::{AccessError, LocalKey};
pub use green_core::thread_local;
