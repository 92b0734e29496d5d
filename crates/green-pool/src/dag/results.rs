//! Results as they come.

use std::collections::VecDeque;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use green_sync::mpsc::Receiver;

use super::error::{Failure, PropagateError};
use super::names::Name;
use super::state::{Keys, Outcome};

/// An iterator over the results of some keys, in the order in which they come.
///
/// It waits for the next, and ends when all have come. It may be collected: into a
/// `Result<HashMap<K, V>, PropagateError<K>>`, say.
pub struct Results<K, V> {
    /// What has come and was not returned yet.
    come: VecDeque<(Name<K>, Outcome<V>)>,
    arrivals: Receiver<(Name<K>, Outcome<V>)>,
    /// What was not returned yet.
    missing: Keys<K>,
    /// Tells the graph that somebody still waits.
    _interest: Arc<()>,
}

impl<K, V> Results<K, V> {
    pub(super) fn new(
        come: VecDeque<(Name<K>, Outcome<V>)>,
        arrivals: Receiver<(Name<K>, Outcome<V>)>,
        missing: Arc<Keys<K>>,
        interest: Arc<()>,
    ) -> Results<K, V> {
        Results { come, arrivals, missing: Arc::unwrap_or_clone(missing), _interest: interest }
    }
}

impl<K, V> Iterator for Results<K, V>
where
    K: Eq + Hash + Clone,
    V: Clone,
{
    type Item = Result<(K, V), PropagateError<K>>;

    fn next(&mut self) -> Option<Self::Item> {
        let some = self.missing.values().next()?;
        if self.come.is_empty() {
            let next = match self.arrivals.recv() {
                Ok(next) => next,
                // The last handle to the graph is gone, and nothing that runs makes what is missing.
                Err(_) => (some.clone(), Err(Arc::new(Failure::Missing))),
            };
            self.come.push_back(next);
        }
        let (name, outcome) = self.come.front()?;
        // It stays there while it is cloned, which may unwind.
        let key = name.key().clone();
        let result = match outcome {
            Ok(value) => Ok((key, V::clone(value))),
            Err(failure) => Err(PropagateError::new(key, Arc::clone(failure))),
        };
        let returned = self.come.pop_front();
        self.missing.remove(&returned?.0.number);
        Some(result)
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
        f.debug_struct("Results").field("missing", &Missing(&self.missing)).finish_non_exhaustive()
    }
}

/// The keys without their numbers.
struct Missing<'a, K>(&'a Keys<K>);

impl<K: fmt::Debug> fmt::Debug for Missing<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.values().map(Name::key)).finish()
    }
}
