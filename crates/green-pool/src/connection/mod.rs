//! Pools of connections: to a database, to a server that is asked often.
//!
//! Follows eventlet's `db_pool.ConnectionPool`. A [`Connector`] says how a connection is made, brought back into its
//! first state, and closed. The pool does the rest: so many at most, the one that was used last is used next, and one
//! that has been idle for too long, or is too old, is closed.
//!
//! # When a connection is closed
//!
//! - When it comes back from a thread that panicked or was killed, or whose time was up: a request may have been under
//!   way, and its answer would be taken for that of the next one.
//! - When it comes back broken, cannot be reset, or has reached its age.
//! - When it has been idle for too long. A green thread sleeps until the next time that this can be so; there is none
//!   while nothing lies idle.
//! - When one that was idle turns out to be broken as it is needed; then a new one is made.

mod connector;
mod expiry;
mod guard;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use green_core::clock;
use green_core::kill::Alarm;

use crate::resource::{self, Order, Pool};

pub use crate::resource::GetError;
pub use connector::{ConnectError, Connector};
pub use guard::Connection;

use expiry::Expiry;

/// A pool of connections.
///
/// A clone is a handle to the same pool.
///
/// # Examples
///
/// ```
/// use std::io;
/// use std::time::Duration;
/// use green_pool::connection::{Builder, Connector};
///
/// struct Database;
///
/// impl Connector for Database {
///     type Connection = Vec<String>;
///     type Error = io::Error;
///
///     fn connect(&self) -> io::Result<Vec<String>> {
///         Ok(Vec::new())
///     }
///
///     fn reset(&self, connection: &mut Vec<String>) -> io::Result<()> {
///         connection.clear(); // A rollback.
///         Ok(())
///     }
/// }
///
/// let pool = Builder::new(4).max_idle(Duration::from_secs(10)).build(Database);
/// let mut connection = pool.get()?;
/// connection.push("SELECT 1".to_owned());
/// drop(connection);
/// assert_eq!(pool.idle(), 1);
/// assert!(pool.get()?.is_empty());
/// # Ok::<(), green_pool::connection::ConnectError<io::Error>>(())
/// ```
pub struct ConnectionPool<C: Connector> {
    pool: Connections<C>,
    keeper: Arc<Keeper<C>>,
}

/// The pool under it.
type Connections<C> = Pool<Kept<C>, ConnectError<<C as Connector>::Error>>;

/// A connection, and what decides how long it is kept. However it goes, the connector closes it.
struct Kept<C: Connector> {
    /// There until it is closed or detached.
    connection: Option<C::Connection>,
    made: Instant,
    /// When it came back; never, if it is new.
    idle_since: Option<Instant>,
    keeper: Arc<Keeper<C>>,
}

impl<C: Connector> Kept<C> {
    fn connection(&mut self) -> &mut C::Connection {
        self.connection.as_mut().expect("a connection is there until it is closed")
    }

    fn is_broken(&mut self) -> bool {
        let keeper = Arc::clone(&self.keeper);
        keeper.connector.is_broken(self.connection())
    }

    fn reset(&mut self) -> Result<(), C::Error> {
        let keeper = Arc::clone(&self.keeper);
        keeper.connector.reset(self.connection())
    }

    /// Returns when it is to be closed if it stays idle.
    fn end(&self) -> Option<Instant> {
        let limits = &self.keeper.limits;
        // A limit that is too far away to be counted is none.
        let idle = limits.max_idle.and_then(|limit| self.idle_since?.checked_add(limit));
        let age = limits.max_age.and_then(|limit| self.made.checked_add(limit));
        match (idle, age) {
            (Some(idle), Some(age)) => Some(idle.min(age)),
            (one, other) => one.or(other),
        }
    }

    fn is_over(&self) -> bool {
        self.end().is_some_and(|end| end <= clock::now())
    }
}

impl<C: Connector> Drop for Kept<C> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.keeper.connector.close(connection);
        }
    }
}

/// How connections are made and when they are closed.
struct Keeper<C> {
    connector: C,
    limits: Limits,
    expiry: Arc<Expiry>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Limits {
    max_idle: Option<Duration>,
    max_age: Option<Duration>,
    connect_timeout: Option<Duration>,
}

impl<C: Connector> Keeper<C> {
    fn connect(self: &Arc<Self>) -> Result<Kept<C>, ConnectError<C::Error>> {
        let connect = || self.connector.connect().map_err(ConnectError::Failed);
        let connection = match self.limits.connect_timeout.and_then(clock::after) {
            None => connect()?,
            Some(deadline) => {
                let alarm = Alarm::set(deadline).map_err(|_| ConnectError::Unsupported)?;
                match catch_unwind(AssertUnwindSafe(connect)) {
                    Ok(connection) => connection?,
                    Err(payload) if alarm.owns(&*payload) => return Err(ConnectError::TimedOut),
                    Err(payload) => resume_unwind(payload),
                }
            }
        };
        Ok(Kept { connection: Some(connection), made: clock::now(), idle_since: None, keeper: Arc::clone(self) })
    }
}

impl<C> Drop for Keeper<C> {
    fn drop(&mut self) {
        self.expiry.stop();
    }
}

impl<C: Connector> ConnectionPool<C> {
    /// Creates a pool of up to `max` connections, which are kept for ever and may take any time to be made.
    /// [`Builder`] has other choices.
    pub fn new(max: usize, connector: C) -> ConnectionPool<C> {
        Builder::new(max).build(connector)
    }

    /// Returns a connection: the one that was used last, or else a new one. Waits if there are as many as there may be.
    /// A kill point.
    ///
    /// # Errors
    ///
    /// Those of making one.
    pub fn get(&self) -> Result<Connection<C>, ConnectError<C::Error>> {
        self.check(self.pool.get()?)
    }

    /// Returns a connection as [`get`](Self::get) does, but waits for `timeout` at the longest until it may have one.
    /// To make one may take longer.
    ///
    /// # Errors
    ///
    /// [`GetError::TimedOut`], and [`GetError::Create`] with the error of making one.
    pub fn get_timeout(&self, timeout: Duration) -> Result<Connection<C>, GetError<ConnectError<C::Error>>> {
        self.check(self.pool.get_timeout(timeout)?).map_err(GetError::Create)
    }

    /// Returns a connection if it may have one at once; a new one may have to be made.
    ///
    /// # Errors
    ///
    /// [`GetError::Exhausted`], and [`GetError::Create`] with the error of making one.
    pub fn try_get(&self) -> Result<Connection<C>, GetError<ConnectError<C::Error>>> {
        self.check(self.pool.try_get()?).map_err(GetError::Create)
    }

    /// Replaces what the pool gave if it has expired, or is broken.
    fn check(&self, guard: guard::Held<C>) -> Result<Connection<C>, ConnectError<C::Error>> {
        let mut slot = guard.into_slot();
        let mut next = slot.empty();
        // Out of the slot while it is looked at: if that unwinds, it is closed.
        while let Some(mut kept) = next {
            if kept.idle_since.is_none() || !(kept.is_over() || kept.is_broken()) {
                return Ok(Connection::new(slot.fill(kept), self));
            }
            drop(kept);
            // Another that is idle may be sound; only then is a new one made.
            next = slot.next();
        }
        let kept = slot.create()?;
        Ok(Connection::new(slot.fill(kept), self))
    }

    /// Sets how many connections there may be; see [`Pool::resize`](crate::Pool::resize).
    pub fn resize(&self, max: usize) {
        self.pool.resize(max);
    }

    /// Closes the idle connections.
    pub fn clear(&self) {
        self.pool.clear();
    }

    /// Returns how many connections could be had without waiting for others; see [`Pool::free`](crate::Pool::free).
    pub fn free(&self) -> isize {
        self.pool.free()
    }

    /// Returns how many connections lie idle.
    pub fn idle(&self) -> usize {
        self.pool.idle()
    }

    /// Returns how many wait for a connection.
    pub fn waiting(&self) -> usize {
        self.pool.waiting()
    }
}

impl<C: Connector> Clone for ConnectionPool<C> {
    fn clone(&self) -> Self {
        ConnectionPool { pool: self.pool.clone(), keeper: Arc::clone(&self.keeper) }
    }
}

impl<C: Connector> fmt::Debug for ConnectionPool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionPool")
            .field("free", &self.free())
            .field("idle", &self.idle())
            .field("waiting", &self.waiting())
            .field("limits", &self.keeper.limits)
            .finish()
    }
}

/// Chooses how a [`ConnectionPool`] is.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    max: usize,
    limits: Limits,
}

impl Builder {
    /// Starts with a pool of up to `max` connections that are kept for ever and may take any time to be made.
    pub fn new(max: usize) -> Builder {
        Builder { max, limits: Limits::default() }
    }

    /// Closes connections that have been idle for so long; with zero, each as it comes back.
    pub fn max_idle(mut self, max_idle: Duration) -> Builder {
        self.limits.max_idle = Some(max_idle);
        self
    }

    /// Closes connections of this age, as soon as nobody uses them; with zero, each as it comes back.
    pub fn max_age(mut self, max_age: Duration) -> Builder {
        self.limits.max_age = Some(max_age);
        self
    }

    /// Gives up making a connection after this time.
    pub fn connect_timeout(mut self, connect_timeout: Duration) -> Builder {
        self.limits.connect_timeout = Some(connect_timeout);
        self
    }

    /// Creates the pool. No connection is made before it is needed.
    pub fn build<C: Connector>(self, connector: C) -> ConnectionPool<C> {
        let keeper = Arc::new(Keeper { connector, limits: self.limits, expiry: Arc::default() });
        let maker = Arc::clone(&keeper);
        let made = resource::Builder::new(self.max).order(Order::Lifo).build(move || maker.connect());
        let Ok(pool) = made else { unreachable!("none is made in advance") };
        ConnectionPool { pool, keeper }
    }
}
