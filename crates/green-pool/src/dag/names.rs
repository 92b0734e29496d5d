//! Keys and their numbers.
//!
//! The graph itself goes by numbers, because what a key's `Hash`, `Eq` and `Clone` do is not ours: they may park, panic,
//! or use the graph. Here they are called while nothing is locked. The lock guards lists of numbers by hash; a key is
//! hashed before it is taken, compared with a copy of the list after it was left, and added only if the list is then
//! still as long as the copy. A list only grows, so whoever lost that race has just the new ones left to compare.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

use green_core::primitive::Mutex;

/// A key with its number: two that are equal have the same one.
#[derive(Debug)]
pub(super) struct Name<K> {
    pub(super) number: usize,
    key: Arc<K>,
}

impl<K> Name<K> {
    pub(super) fn key(&self) -> &K {
        &self.key
    }
}

impl<K> Clone for Name<K> {
    fn clone(&self) -> Name<K> {
        Name { number: self.number, key: Arc::clone(&self.key) }
    }
}

/// The names of all keys that were ever used; they live as long as this does.
pub(super) struct Names<K> {
    hasher: RandomState,
    known: Mutex<Known<K>>,
}

struct Known<K> {
    by_hash: HashMap<u64, Vec<Name<K>>>,
    count: usize,
}

impl<K> Default for Names<K> {
    fn default() -> Self {
        let known = Known { by_hash: HashMap::new(), count: 0 };
        Names { hasher: RandomState::new(), known: Mutex::new(known) }
    }
}

impl<K> Names<K> {
    /// Returns those with this hash, but for the first `seen`.
    fn with_hash(&self, hash: u64, seen: usize) -> Vec<Name<K>> {
        self.known.lock().by_hash.get(&hash).map_or_else(Vec::new, |names| names[seen..].to_vec())
    }
}

impl<K: Eq + Hash> Names<K> {
    /// Returns the name of a key that has one.
    pub(super) fn find(&self, key: &K) -> Option<Name<K>> {
        self.find_or_hash(key).ok()
    }

    /// Returns the name of a key, or its hash and how many others have that.
    fn find_or_hash(&self, key: &K) -> Result<Name<K>, (u64, usize)> {
        let hash = self.hasher.hash_one(key);
        let names = self.with_hash(hash, 0);
        let seen = names.len();
        names.into_iter().find(|name| name.key() == key).ok_or((hash, seen))
    }
}

impl<K: Eq + Hash + Clone> Names<K> {
    /// Returns the name of a key, which gets one if it has none.
    pub(super) fn name(&self, key: &K) -> Name<K> {
        let (hash, mut seen) = match self.find_or_hash(key) {
            Ok(name) => return name,
            Err(none) => none,
        };
        let key = Arc::new(key.clone());
        loop {
            {
                let mut known = self.known.lock();
                let Known { by_hash, count } = &mut *known;
                let names = by_hash.entry(hash).or_default();
                if names.len() == seen {
                    let name = Name { number: *count, key };
                    names.push(name.clone());
                    *count += 1;
                    return name;
                }
            }
            let others = self.with_hash(hash, seen);
            seen += others.len();
            if let Some(name) = others.into_iter().find(|name| *name.key() == *key) {
                return name;
            }
        }
    }
}
