//! The data: a map in shards, each under a lock that is held for one look-up and never across a blocking call.

use super::input::parse_integer;
use super::rt;
use rt::collections::HashMap;
use rt::sync::{Mutex, MutexGuard, PoisonError};
use rt::time::{SystemTime, UNIX_EPOCH};

/// Enough that two threads seldom meet at one lock.
const SHARDS: usize = 64;

/// Keys and their values, all strings, some with a time to end.
#[derive(Debug)]
pub(super) struct Store {
    shards: Vec<Mutex<Shard>>,
}

type Shard = HashMap<Box<[u8]>, Entry>;

#[derive(Debug)]
struct Entry {
    value: Vec<u8>,
    /// In milliseconds since the Unix epoch.
    expires: Option<i64>,
}

/// What `SET` may be told besides key and value.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SetOptions {
    pub(super) condition: Option<Condition>,
    pub(super) expires: Option<i64>,
    pub(super) keep_ttl: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    IfAbsent,
    IfPresent,
}

/// Why a value could not be added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddError {
    NotAnInteger,
    Overflow,
}

/// How long a key has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeToLive {
    NoKey,
    Forever,
    Milliseconds(i64),
}

impl Store {
    pub(super) fn new() -> Store {
        Store { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// Shows `key`'s value to `look`, which must be quick: others wait meanwhile.
    pub(super) fn get<R>(&self, key: &[u8], look: impl FnOnce(Option<&[u8]>) -> R) -> R {
        let mut shard = self.shard(key);
        look(live(&mut shard, key).map(|entry| entry.value.as_slice()))
    }

    /// Sets `key` if the condition allows it; returns whether it did. `look` sees the value from before.
    pub(super) fn set(&self, key: &[u8], value: &[u8], options: &SetOptions, look: impl FnOnce(Option<&[u8]>)) -> bool {
        let mut shard = self.shard(key);
        let present = live(&mut shard, key);
        look(present.as_ref().map(|entry| entry.value.as_slice()));
        let wanted = match options.condition {
            None => true,
            Some(Condition::IfAbsent) => present.is_none(),
            Some(Condition::IfPresent) => present.is_some(),
        };
        if !wanted {
            return false;
        }
        match present {
            Some(entry) => {
                entry.value.clear();
                entry.value.extend_from_slice(value);
                if !options.keep_ttl {
                    entry.expires = options.expires;
                }
            }
            None => {
                shard.insert(key.into(), Entry { value: value.to_vec(), expires: options.expires });
            }
        }
        true
    }

    /// Adds to the integer under `key`, 0 if there is none, and returns the sum.
    pub(super) fn add(&self, key: &[u8], delta: i64) -> Result<i64, AddError> {
        let mut shard = self.shard(key);
        match live(&mut shard, key) {
            Some(entry) => {
                let old = parse_integer(&entry.value).ok_or(AddError::NotAnInteger)?;
                let sum = old.checked_add(delta).ok_or(AddError::Overflow)?;
                entry.value = sum.to_string().into_bytes();
                Ok(sum)
            }
            None => {
                shard.insert(key.into(), Entry { value: delta.to_string().into_bytes(), expires: None });
                Ok(delta)
            }
        }
    }

    /// Removes `key`; returns whether it was there.
    pub(super) fn remove(&self, key: &[u8]) -> bool {
        let mut shard = self.shard(key);
        live(&mut shard, key).is_some() && shard.remove(key).is_some()
    }

    pub(super) fn time_to_live(&self, key: &[u8]) -> TimeToLive {
        let mut shard = self.shard(key);
        match live(&mut shard, key) {
            None => TimeToLive::NoKey,
            Some(Entry { expires: None, .. }) => TimeToLive::Forever,
            Some(Entry { expires: Some(at), .. }) => TimeToLive::Milliseconds((*at - unix_millis()).max(0)),
        }
    }

    /// Returns the number of keys, among them those that have expired but were not looked at since.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    pub(super) fn clear(&self) {
        for shard in &self.shards {
            // Freed after the lock is released.
            let _old = rt::mem::take(&mut *lock(shard));
        }
    }

    fn shard(&self, key: &[u8]) -> MutexGuard<'_, Shard> {
        // FNV-1a. The map inside hashes again with a secret; here a crowded shard only makes others wait.
        let hash = key
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        lock(&self.shards[(hash >> 32) as usize % SHARDS])
    }
}

/// Locks a shard. A poisoned one is whole: no change to a shard can panic half-way.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Finds `key`, and removes it if its time has come.
fn live<'a>(shard: &'a mut Shard, key: &[u8]) -> Option<&'a mut Entry> {
    if shard.get(key)?.expires.is_some_and(|at| at < unix_millis()) {
        shard.remove(key);
        return None;
    }
    shard.get_mut(key)
}

/// Returns the wall clock's time in milliseconds since the Unix epoch.
pub(super) fn unix_millis() -> i64 {
    // A clock set before 1970 counts as 1970.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
