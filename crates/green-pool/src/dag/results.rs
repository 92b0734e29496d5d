//! Results as they come.

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use green_sync::mpsc::Receiver;

use super::error::{Failure, PropagateError};
use super::state::Outcome;

/// An iterator over the results of some keys, in the order in which they come.
///
/// It waits for the next, and ends when all have come. It may be collected: into a
/// `Result<HashMap<K, V>, PropagateError<K>>`, say.
pub struct Results<K, V> {
    arrivals: Receiver<(K, Outcome<K, V>)>,
    /// What has not come yet.
    missing: HashSet<K>,
    /// Tells the graph that somebody still waits.
    _interest: Arc<()>,
}

impl<K, V> Results<K, V> {
    pub(super) fn new(arrivals: Receiver<(K, Outcome<K, V>)>, missing: HashSet<K>, interest: Arc<()>) -> Results<K, V> {
        Results { arrivals, missing, _interest: interest }
    }
}

impl<K, V> Iterator for Results<K, V>
where
    K: Eq + Hash + Clone,
    V: Clone,
{
    type Item = Result<(K, V), PropagateError<K>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.missing.is_empty() {
            return None;
        }
        let Ok((key, outcome)) = self.arrivals.recv() else {
            // The last handle to the graph is gone, and nothing that runs makes what is missing.
            let key = self.missing.iter().next()?.clone();
            self.missing.remove(&key);
            return Some(Err(PropagateError::new(key, Failure::Missing)));
        };
        self.missing.remove(&key);
        Some(outcome.map(|value| (key, Arc::unwrap_or_clone(value))))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.missing.len(), Some(self.missing.len()))
    }
}

impl<K, V> ExactSizeIterator for Results<K, V>
where
    K: Eq + Hash + Clone,
    V: Clone,
{
}

impl<K: fmt::Debug, V> fmt::Debug for Results<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Results").field("missing", &self.missing).finish_non_exhaustive()
    }
}
