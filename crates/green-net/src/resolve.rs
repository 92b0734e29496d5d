//! Host names, looked up where nobody is kept waiting.
//!
//! The C library's `getaddrinfo` can take seconds and cannot be interrupted, so it runs on a pool of OS threads that
//! does nothing else (a slow name server must not hold up file access). Who asks for a name that is being looked up
//! already shares that lookup: the first one gives the job to the pool, and all of them wait for the answer.
//!
//! Nobody owes the others anything: an asker that is killed, or whose time is over, just leaves. The job goes on for the
//! others. If there are none by the time that a thread comes to it, it is dropped.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, TryLockError};
use std::time::{Duration, Instant};
use std::vec;

use green_core::blocking::Pool;
use green_core::mode::Facility;
use green_core::panic::drop_payload;
use green_core::park::waiting_for;
use green_core::per_process::PerProcess;
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;
use green_core::{clock, kill};

use crate::IpAddr;
use crate::addr::invalid;

/// Where names are looked up. More slow lookups than this wait for one another.
static NAMES: Pool = Pool::new("green-names", 256);

/// The lookups that one can still join, by host name. The child of a fork has none of those of its parent.
static LOOKUPS: PerProcess<Mutex<Lookups>> = PerProcess::new(Mutex::default);

/// Who makes new ones, for this process and its children; `None` for the C library. Used with the lock of the lookups held.
static RESOLVER: PerProcess<Chosen> = PerProcess::inheriting(inherit);

type Chosen = RwLock<Option<Arc<dyn Resolver>>>;

/// Returns the resolver of the parent: none if that had another OS thread which was just about to set one.
fn inherit(parents: Option<&Chosen>) -> Chosen {
    let resolver = parents.and_then(|chosen| match chosen.try_read() {
        Ok(resolver) => resolver.clone(),
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().clone(),
        Err(TryLockError::WouldBlock) => None,
    });
    RwLock::new(resolver)
}

/// Turns host names into addresses, in place of the C library.
///
/// [`set_resolver`] makes the whole process use one: a resolver that keeps answers, asks over HTTPS, or knows the
/// names of a test. Each call runs on an OS thread of the resolver's pool, so it may block as it likes. Questions for
/// a name that come while it is being looked up wait for that answer.
///
/// # Examples
///
/// ```
/// use std::io;
///
/// use green_net::resolve::{Resolver, SystemResolver, set_resolver};
/// use green_net::{SocketAddr, ToSocketAddrs};
///
/// struct Here;
///
/// impl Resolver for Here {
///     fn resolve(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
///         match host {
///             "database.test" => Ok(vec![([127, 0, 0, 1], 0).into()]),
///             _ => SystemResolver.resolve(host),
///         }
///     }
/// }
///
/// # fn main() -> io::Result<()> {
/// set_resolver(Here);
/// let addrs: Vec<_> = "database.test:5432".to_socket_addrs()?.collect();
/// assert_eq!(addrs, [([127, 0, 0, 1], 5432).into()]);
/// set_resolver(SystemResolver);
/// # Ok(())
/// # }
/// ```
pub trait Resolver: Send + Sync + 'static {
    /// Returns the addresses of `host`, which is no IP address, in the order in which they should be tried. Their port
    /// does not count.
    ///
    /// # Errors
    ///
    /// Whatever the askers are to get; an error of the OS keeps its code. A panic is an error to them, too.
    fn resolve(&self, host: &str) -> io::Result<Vec<SocketAddr>>;
}

/// The C library's resolver, asked as std asks it: name servers, `/etc/hosts` and whatever else the system is set to.
///
/// The process uses it unless [`set_resolver`] says otherwise. Nothing is read before the first name is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    /// Asks the C library. This blocks the OS thread.
    fn resolve(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
        (host, 0).to_socket_addrs().map(Iterator::collect)
    }
}

/// Makes all lookups of this process that begin from now on use `resolver`.
///
/// Those under way go on as they are, and answer those who asked before.
pub fn set_resolver<R: Resolver>(resolver: R) {
    let resolver: Arc<dyn Resolver> = Arc::new(resolver);
    let before = {
        let mut lookups = lookups();
        lookups.clear();
        RESOLVER.write().unwrap_or_else(PoisonError::into_inner).replace(resolver)
    };
    // It may have a destructor that looks a name up.
    drop(before);
}

/// Looks up `host` as [`ToSocketAddrs`](crate::ToSocketAddrs) does for `(host, port)`, for at most `timeout`.
///
/// A lookup that nobody waits for any more goes on alone and harms nobody.
///
/// # Errors
///
/// `TimedOut` when the time is over; `InvalidInput` if `timeout` is zero; otherwise the resolver's error.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use green_net::resolve::lookup_host_timeout;
///
/// # fn main() -> std::io::Result<()> {
/// let mut addrs = lookup_host_timeout("localhost", 80, Duration::from_secs(5))?;
/// assert!(addrs.all(|addr| addr.ip().is_loopback() && addr.port() == 80));
/// # Ok(())
/// # }
/// ```
pub fn lookup_host_timeout(host: &str, port: u16, timeout: Duration) -> io::Result<vec::IntoIter<SocketAddr>> {
    if timeout.is_zero() {
        return Err(invalid("cannot set a 0 duration timeout"));
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)].into_iter());
    }
    lookup(host, port, clock::after(timeout)).map(Vec::into_iter)
}

/// Returns the addresses of `host`, with `port`.
pub(crate) fn lookup(host: &str, port: u16, deadline: Option<Instant>) -> io::Result<Vec<SocketAddr>> {
    let mut addrs = join(host).wait(deadline)?;
    for addr in &mut addrs {
        addr.set_port(port);
    }
    Ok(addrs)
}

type Lookups = BTreeMap<String, Arc<Lookup>>;

fn lookups() -> MutexGuard<'static, Lookups> {
    LOOKUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the lookup of `host` that is under way, or begins one.
fn join(host: &str) -> Arc<Lookup> {
    let (lookup, resolver) = {
        let mut lookups = lookups();
        if let Some(lookup) = lookups.get(host) {
            return Arc::clone(lookup);
        }
        let lookup = Arc::<Lookup>::default();
        lookups.insert(host.to_owned(), Arc::clone(&lookup));
        (lookup, RESOLVER.read().unwrap_or_else(PoisonError::into_inner).clone())
    };
    let job = Job { lookup: Arc::clone(&lookup), host: host.to_owned(), resolver };
    NAMES.detach(move || job.run());
    lookup
}

/// One question and those who wait for the answer.
#[derive(Default)]
struct Lookup {
    answer: OnceLock<Result<Vec<SocketAddr>, Failure>>,
    askers: WaitQueue,
}

impl Lookup {
    /// Parks until there is an answer.
    fn wait(&self, deadline: Option<Instant>) -> io::Result<Vec<SocketAddr>> {
        loop {
            if let Some(answer) = self.answer.get() {
                return answer.clone().map_err(|failure| failure.to_error());
            }
            let wait = || self.askers.wait_until(deadline, WaitReason::Resolve, || self.answer.get().is_none());
            match waiting_for(Facility::Net, wait) {
                Outcome::Unparked => {}
                Outcome::TimedOut => return Err(io::Error::new(io::ErrorKind::TimedOut, "name lookup timed out")),
                Outcome::Interrupted => kill::deliver(),
            }
        }
    }
}

/// The pool's part of a lookup.
struct Job {
    lookup: Arc<Lookup>,
    host: String,
    /// `None` for the C library.
    resolver: Option<Arc<dyn Resolver>>,
}

impl Job {
    fn run(self) {
        if !self.is_wanted() {
            return;
        }
        let answer = match &self.resolver {
            // Through std, so that answers and errors are std's. The port is each asker's own matter.
            None => SystemResolver.resolve(&self.host),
            Some(resolver) => catch_unwind(AssertUnwindSafe(|| resolver.resolve(&self.host))).unwrap_or_else(panicked),
        };
        self.lookup.answer.get_or_init(|| answer.map_err(Failure::from));
        // Before the askers wake, so that who asks from here on gets a new answer. The map's part in the lookup, and
        // this one, are dropped outside of the lock.
        let listed = self.unlist(&mut lookups());
        drop(listed);
        self.lookup.askers.notify_all();
    }

    /// Returns false, and lets nobody join any more, if all askers have gone.
    fn is_wanted(&self) -> bool {
        let mut lookups = lookups();
        let listed = lookups.get(&self.host).is_some_and(|listed| Arc::ptr_eq(listed, &self.lookup));
        // This job has a part, and so has the list. Nobody gets another one while the lock is held.
        if Arc::strong_count(&self.lookup) > 1 + usize::from(listed) {
            return true;
        }
        self.unlist(&mut lookups);
        false
    }

    /// Takes the lookup off the list, unless it is a later one for the same host.
    fn unlist(&self, lookups: &mut Lookups) -> Option<Arc<Lookup>> {
        let listed = lookups.get(&self.host)?;
        if Arc::ptr_eq(listed, &self.lookup) { lookups.remove(&self.host) } else { None }
    }
}

/// Says to the askers that their resolver has panicked. The panic hook has told the rest.
fn panicked(payload: Box<dyn Any + Send>) -> io::Result<Vec<SocketAddr>> {
    drop_payload(payload);
    Err(io::Error::other("the resolver panicked"))
}

/// An `io::Error` that several askers can have.
#[derive(Clone)]
struct Failure {
    kind: io::ErrorKind,
    code: Option<i32>,
    message: String,
}

impl Failure {
    fn to_error(&self) -> io::Error {
        match self.code {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(self.kind, self.message.clone()),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self { kind: error.kind(), code: error.raw_os_error(), message: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a job that the pool does not know, and what it is for.
    fn job(host: &str) -> (Arc<Lookup>, Job) {
        let lookup = Arc::<Lookup>::default();
        (Arc::clone(&lookup), Job { lookup, host: host.to_owned(), resolver: None })
    }

    #[test]
    fn an_answer_is_no_longer_listed() {
        // A number in a form that only the C library knows, and that no other test uses.
        let host = "127.0.1";
        assert!(lookup(host, 1, None).is_ok());
        assert!(!lookups().contains_key(host));
    }

    #[test]
    fn a_lookup_of_the_same_name_that_came_later_stays_listed() {
        let host = "127.0.2";
        let (first, first_job) = job(host);
        let (later, _later_job) = job(host);
        lookups().insert(host.to_owned(), Arc::clone(&later));
        first_job.run();
        assert!(first.answer.get().is_some());
        assert!(lookups().remove(host).is_some_and(|listed| Arc::ptr_eq(&listed, &later)));
    }

    #[test]
    fn a_job_whose_askers_have_gone_is_not_done() {
        let host = "127.0.3";
        let (lookup, job) = job(host);
        lookups().insert(host.to_owned(), Arc::clone(&lookup));
        let weak = Arc::downgrade(&lookup);
        drop(lookup);
        job.run();
        assert!(weak.upgrade().is_none(), "nobody has it any more");
        assert!(!lookups().contains_key(host));
    }

    #[test]
    fn failures_are_told_alike_to_all() {
        let coded = Failure::from(io::Error::from_raw_os_error(2));
        assert_eq!(coded.to_error().raw_os_error(), Some(2));
        let told = Failure::from(io::Error::new(io::ErrorKind::InvalidInput, "no such name"));
        assert_eq!(told.to_error().to_string(), "no such name");
        assert_eq!(told.to_error().kind(), io::ErrorKind::InvalidInput);
    }
}
