//! `Builder`, which names a green thread and sizes its stack before it is started.

use std::io;
use std::time::Duration;

use green_core::spawn::{self, Options};
use green_core::waitable::Timer;

use crate::{JoinHandle, LocalJoinHandle};

/// Configures a green thread and starts it.
///
/// Corresponds to [`std::thread::Builder`]. Unlike [`spawn`](crate::spawn), it returns an error if the green thread
/// cannot be made.
///
/// # Examples
///
/// ```
/// use green_thread as thread;
///
/// let child = thread::Builder::new()
///     .name("worker".into())
///     .stack_size(64 * 1024)
///     .spawn(|| thread::current().name().map(str::len))?;
/// assert_eq!(child.join().unwrap(), Some(6));
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "must eventually spawn the thread"]
#[derive(Debug)]
pub struct Builder {
    name: Option<String>,
    stack_size: Option<usize>,
}

impl Builder {
    /// Returns a builder with no name and the default stack size.
    ///
    /// # Examples
    ///
    /// ```
    /// let child = green_thread::Builder::new().spawn(|| 1)?;
    /// assert_eq!(child.join().unwrap(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[expect(clippy::new_without_default, reason = "std's Builder has no Default either")]
    pub fn new() -> Builder {
        Builder { name: None, stack_size: None }
    }

    /// Names the green thread; panic messages and dumps show the name.
    ///
    /// The name must not contain a NUL: [`Builder::spawn`] panics then.
    ///
    /// # Examples
    ///
    /// ```
    /// let child = green_thread::Builder::new().name("parser".into()).spawn(|| {})?;
    /// assert_eq!(child.thread().name(), Some("parser"));
    /// # child.join().unwrap();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn name(mut self, name: String) -> Builder {
        self.name = Some(name);
        self
    }

    /// Sets the size of the stack in bytes; it is rounded up to what the platform can map.
    ///
    /// A stack is virtual memory until it is used, so the default is as large as std's. Choose less to have very many
    /// green threads.
    ///
    /// # Examples
    ///
    /// ```
    /// let child = green_thread::Builder::new().stack_size(32 * 1024).spawn(|| "small")?;
    /// assert_eq!(child.join().unwrap(), "small");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stack_size(mut self, size: usize) -> Builder {
        self.stack_size = Some(size);
        self
    }

    /// Starts a green thread that runs `f`.
    ///
    /// Corresponds to [`std::thread::Builder::spawn`]; see [`spawn`](crate::spawn).
    ///
    /// # Errors
    ///
    /// If no stack is to be had, or if the configuration in the environment (`GREEN_*`) is not valid.
    ///
    /// # Panics
    ///
    /// If the name contains a NUL.
    ///
    /// # Examples
    ///
    /// ```
    /// let child = green_thread::Builder::new().spawn(|| String::from("done"))?;
    /// assert_eq!(child.join().unwrap(), "done");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        spawn::spawn(self.into_options(), f).map(JoinHandle::new)
    }

    /// Starts a green thread that runs `f` on this OS thread; see [`spawn_local`](crate::spawn_local).
    ///
    /// # Errors
    ///
    /// As [`Builder::spawn`].
    ///
    /// # Panics
    ///
    /// If the name contains a NUL.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::rc::Rc;
    ///
    /// let text = Rc::new("not Send");
    /// let child = green_thread::Builder::new().spawn_local({
    ///     let text = Rc::clone(&text);
    ///     move || text
    /// })?;
    /// assert!(Rc::ptr_eq(&text, &child.join().unwrap()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn spawn_local<F, T>(self, f: F) -> io::Result<LocalJoinHandle<T>>
    where
        F: FnOnce() -> T + 'static,
        T: 'static,
    {
        spawn::spawn_local(self.into_options(), f).map(LocalJoinHandle::new)
    }

    /// Starts a green thread that nobody can join; see [`spawn_detached`](crate::spawn_detached).
    ///
    /// # Errors
    ///
    /// As [`Builder::spawn`].
    ///
    /// # Panics
    ///
    /// If the name contains a NUL.
    ///
    /// # Examples
    ///
    /// ```
    /// let parent = green_thread::current();
    /// green_thread::Builder::new().name("courier".into()).spawn_detached(move || parent.unpark())?;
    /// green_thread::park();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn spawn_detached<F>(self, f: F) -> io::Result<()>
    where
        F: FnOnce() + Send + 'static,
    {
        spawn::spawn_detached(self.into_options(), f)
    }

    /// Starts a green thread that runs `f` when `delay` has passed; see [`spawn_after`](crate::spawn_after).
    ///
    /// # Errors
    ///
    /// If the configuration in the environment (`GREEN_*`) is not valid. That there is no stack is found out when it is to
    /// start: then [`join`](JoinHandle::join) returns the error.
    ///
    /// # Panics
    ///
    /// If the name contains a NUL.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let later = green_thread::Builder::new().spawn_after(Duration::from_millis(1), || "late")?;
    /// assert_eq!(later.join().unwrap(), "late");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn spawn_after<F, T>(self, delay: Duration, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        spawn::spawn_at(self.into_options(), Timer::after(delay).deadline(), f).map(JoinHandle::new)
    }

    /// Starts a green thread that runs `f` on this OS thread when `delay` has passed, if the caller has not ended by
    /// then; see [`spawn_after_local`](crate::spawn_after_local).
    ///
    /// # Errors
    ///
    /// As [`Builder::spawn_after`].
    ///
    /// # Panics
    ///
    /// If the name contains a NUL.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let later = green_thread::Builder::new().spawn_after_local(Duration::from_millis(1), || "late")?;
    /// assert_eq!(later.join().unwrap(), "late");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn spawn_after_local<F, T>(self, delay: Duration, f: F) -> io::Result<LocalJoinHandle<T>>
    where
        F: FnOnce() -> T + 'static,
        T: 'static,
    {
        spawn::spawn_local_at(self.into_options(), Timer::after(delay).deadline(), f).map(LocalJoinHandle::new)
    }

    /// Hands the settings to core, after the check that std makes of the name.
    pub(crate) fn into_options(self) -> Options {
        if let Some(name) = &self.name {
            assert!(!name.contains('\0'), "thread name may not contain interior null bytes");
        }
        Options { name: self.name, stack_size: self.stack_size }
    }
}
