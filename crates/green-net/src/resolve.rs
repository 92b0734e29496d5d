//! Host names, looked up where nobody is kept waiting.
//!
//! The C library's `getaddrinfo` can take seconds and cannot be interrupted, so it runs on a pool of OS threads that
//! does nothing else (a slow name server must not hold up file access). Green threads that ask for a name that is being
//! looked up already share that lookup: one of them leads, which means that it has given the job to the pool, and the
//! others wait for the answer.
//!
//! A killed asker just leaves. If it is the leader and its job was not begun yet, the pool drops the job, whose
//! destructor sees to it that another asker takes the lead; a job that was begun goes on alone and answers the others.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use green_core::blocking::Pool;
use green_core::kill;
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;

/// Where names are looked up. More slow lookups than this wait for one another.
static NAMES: Pool = Pool::new("green-names", 64);

/// The lookups that one can still join, by host name.
static LOOKUPS: Mutex<BTreeMap<String, Arc<Lookup>>> = Mutex::new(BTreeMap::new());

/// One call of `getaddrinfo` and those who wait for it.
#[derive(Default)]
struct Lookup {
    answer: OnceLock<Result<Vec<SocketAddr>, Failure>>,
    /// Whether there is a [`Job`] for it. The queue's lock orders it for those who wait.
    has_leader: AtomicBool,
    askers: WaitQueue,
}

/// An `io::Error` that several askers can have.
#[derive(Clone)]
struct Failure {
    kind: io::ErrorKind,
    code: Option<i32>,
    message: String,
}

/// The leader's duty: to ask the C library, or to leave that to somebody else.
struct Job {
    lookup: Arc<Lookup>,
    host: String,
}

/// Returns the addresses of `host`, with `port`.
pub(crate) fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let lookup = Arc::clone(lookups().entry(host.to_owned()).or_default());
    let mut addrs = lookup.resolve(host)?;
    for addr in &mut addrs {
        addr.set_port(port);
    }
    Ok(addrs)
}

fn lookups() -> MutexGuard<'static, BTreeMap<String, Arc<Lookup>>> {
    LOOKUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lookup {
    /// Waits for the answer, or leads if nobody does.
    fn resolve(self: Arc<Self>, host: &str) -> io::Result<Vec<SocketAddr>> {
        loop {
            if let Some(answer) = self.answer.get() {
                return answer.clone().map_err(|failure| failure.to_error());
            }
            if self.has_leader.swap(true, Ordering::AcqRel) {
                self.wait();
            } else {
                let job = Job { lookup: Arc::clone(&self), host: host.to_owned() };
                NAMES.run_abandonable(WaitReason::Resolve, move || job.run());
            }
        }
    }

    /// Parks until there is an answer or nobody leads any more.
    fn wait(&self) {
        let is_under_way = || self.answer.get().is_none() && self.has_leader.load(Ordering::Acquire);
        match self.askers.wait_until(None, WaitReason::Resolve, is_under_way) {
            Outcome::Interrupted => kill::deliver(),
            Outcome::Unparked | Outcome::TimedOut => {}
        }
    }
}

impl Job {
    /// Asks the C library, through std so that the errors are std's. The port is each asker's own matter.
    fn run(self) {
        let answer = (self.host.as_str(), 0).to_socket_addrs();
        let answer = answer.map(Vec::from_iter).map_err(Failure::from);
        self.lookup.answer.get_or_init(|| answer);
    }
}

/// Tells the askers, with an answer or without one, after making sure that who comes from here on begins anew.
impl Drop for Job {
    fn drop(&mut self) {
        let mut lookups = lookups();
        if lookups.get(&self.host).is_some_and(|listed| Arc::ptr_eq(listed, &self.lookup)) {
            lookups.remove(&self.host);
        }
        drop(lookups);
        self.lookup.has_leader.store(false, Ordering::Release);
        self.lookup.askers.notify_all();
    }
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

    #[test]
    fn a_job_that_is_dropped_leaves_the_lead_to_another_asker() {
        let host = "localhost";
        let lookup = Arc::new(Lookup::default());
        lookup.has_leader.store(true, Ordering::Release);
        drop(Job { lookup: Arc::clone(&lookup), host: host.to_owned() });
        assert!(lookup.answer.get().is_none());
        assert!(!Arc::clone(&lookup).resolve(host).unwrap().is_empty());
        assert!(lookup.answer.get().is_some());
    }

    #[test]
    fn an_answer_is_no_longer_listed() {
        // A number in a form that only the C library knows, and that no other test uses.
        let host = "127.0.1";
        let _ = lookup(host, 1);
        assert!(!lookups().contains_key(host));
    }

    #[test]
    fn a_lookup_of_the_same_name_that_came_later_stays_listed() {
        let host = "a name that is never asked for";
        let later = Arc::new(Lookup::default());
        lookups().insert(host.to_owned(), Arc::clone(&later));
        drop(Job { lookup: Arc::default(), host: host.to_owned() });
        assert!(lookups().remove(host).is_some_and(|listed| Arc::ptr_eq(&listed, &later)));
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
