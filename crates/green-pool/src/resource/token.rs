//! A pool of tokens.

use super::Pool;

/// An item that stands for nothing but the right to do something.
#[derive(Debug)]
#[non_exhaustive]
pub struct Token;

/// A pool of [`Token`]s: lets in so many at a time.
///
/// Follows eventlet's `TokenPool`. It is a semaphore that can be resized, and whose permits can be sent to other
/// threads.
///
/// # Examples
///
/// ```
/// use green_pool::TokenPool;
///
/// let two = TokenPool::with_tokens(2);
/// let Ok(first) = two.get();
/// let Ok(second) = two.get();
/// assert!(two.try_get().is_err());
/// drop(first);
/// assert!(two.try_get().is_ok());
/// # drop(second);
/// ```
pub type TokenPool = Pool<Token>;

impl TokenPool {
    /// Creates a pool of `count` tokens.
    #[must_use]
    pub fn with_tokens(count: usize) -> TokenPool {
        Pool::new(count, || Token)
    }
}
