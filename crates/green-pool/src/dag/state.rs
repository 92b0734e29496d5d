//! The state of a graph, under one lock.
//!
//! Whoever waits has a channel. For each key that is not known yet the graph keeps a sender of it; when the key becomes
//! known, the outcome is sent and the senders dropped. So each outcome reaches each of those who wait for it once, and
//! a channel whose senders are all gone tells that nothing more can come.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Weak};

use green_core::kill::Killed;
use green_core::primitive::Mutex;
use green_sync::mpsc::{Sender, channel};
use green_thread::{JoinHandle, ThreadId};

use super::error::{Collision, Failure, PropagateError, TaskError};
use super::results::Results;

/// What became of a key. The value is shared, so that it is cloned without the lock.
pub(super) type Outcome<K, V> = Result<Arc<V>, PropagateError<K>>;

type Watchers<K, V> = Vec<Watcher<K, V>>;

/// Somebody who waits for a key.
struct Watcher<K, V> {
    sender: Sender<(K, Outcome<K, V>)>,
    /// Upgrades as long as they do.
    interest: Weak<()>,
}

/// What is left when an outcome has been told.
struct Settled<K, V> {
    _watchers: Watchers<K, V>,
    _unwanted: Vec<(K, Outcome<K, V>)>,
    _old: Option<Outcome<K, V>>,
}

pub(super) struct Graph<K, V> {
    state: Mutex<State<K, V>>,
}

struct State<K, V> {
    /// With the number of the turn in which each came.
    outcomes: HashMap<K, (u64, Outcome<K, V>)>,
    turns: u64,
    tasks: HashMap<K, Task<K>>,
    watchers: HashMap<K, Watchers<K, V>>,
    /// True once nobody can spawn or post any more.
    closed: bool,
}

/// A task that has not ended.
struct Task<K> {
    deps: HashSet<K>,
    /// The green thread, once it is known.
    thread: Option<Arc<JoinHandle<()>>>,
    /// Who runs it, once it has begun.
    runner: Option<ThreadId>,
    /// True if it is to be killed as soon as its thread is known.
    killed: bool,
    /// True if it was dropped before its thread was known: by a spawn that failed, or by the end of an OS thread.
    dropped: bool,
}

impl<K, V> Default for Graph<K, V> {
    fn default() -> Self {
        let state = State {
            outcomes: HashMap::new(),
            turns: 0,
            tasks: HashMap::new(),
            watchers: HashMap::new(),
            closed: false,
        };
        Graph { state: Mutex::new(state) }
    }
}

impl<K: Eq + Hash, V> Graph<K, V> {
    /// Lets those who wait for what nobody makes know that nobody will.
    pub(super) fn close(&self) {
        let dropped: Vec<_> = {
            let mut state = self.state.lock();
            let State { watchers, tasks, closed, .. } = &mut *state;
            *closed = true;
            watchers.extract_if(|key, _| !tasks.contains_key(key)).collect()
        };
        drop(dropped);
    }
}

impl<K: Eq + Hash + Clone, V> State<K, V> {
    /// Returns a channel on which those of `keys` that are known have come, and the others will.
    fn watch(&mut self, keys: &HashSet<K>) -> Results<K, V> {
        let (sender, receiver) = channel();
        let interest = Arc::new(());
        let mut known = Vec::new();
        for key in keys {
            match self.outcomes.get(key) {
                Some((turn, outcome)) => known.push((*turn, key, outcome)),
                // Only a task that had not begun its wait can meet a graph that is closed.
                None if self.closed && !self.tasks.contains_key(key) => {}
                None => {
                    let watchers = self.watchers.entry(key.clone()).or_default();
                    if watchers.len() == watchers.capacity() {
                        // Those who gave up, at a deadline say, are not to pile up until the key comes.
                        watchers.retain(|watcher| watcher.interest.strong_count() > 0);
                        // So that this costs each a constant time in the long run.
                        watchers.reserve(watchers.len() + 1);
                    }
                    watchers.push(Watcher { sender: sender.clone(), interest: Arc::downgrade(&interest) });
                }
            }
        }
        known.sort_by_key(|(turn, ..)| *turn);
        for (_, key, outcome) in known {
            // The receiver is here.
            let _ = sender.send((key.clone(), outcome.clone()));
        }
        Results::new(receiver, keys.clone(), interest)
    }

    /// Notes what became of a key, and tells those who wait for it. Returns what is to be dropped without the lock.
    ///
    /// They are told under the lock, which they need to settle anything. If they were told without it, the first of them
    /// could end at once, and its outcome reach the second before this one. A send waits for nobody.
    fn settle(&mut self, key: &K, outcome: Outcome<K, V>) -> Settled<K, V> {
        let watchers = self.watchers.remove(key).unwrap_or_default();
        // Whoever has stopped waiting does not want it.
        let send = |watcher: &Watcher<K, V>| watcher.sender.send((key.clone(), outcome.clone())).err();
        let unwanted = watchers.iter().filter_map(send).map(|error| error.0).collect();
        self.turns += 1;
        let old = self.outcomes.insert(key.clone(), (self.turns, outcome)).map(|(_, outcome)| outcome);
        Settled { _watchers: watchers, _unwanted: unwanted, _old: old }
    }

    fn missing(&self, task: &Task<K>) -> HashSet<K> {
        task.deps.iter().filter(|key| !self.outcomes.contains_key(*key)).cloned().collect()
    }
}

impl<K: Eq + Hash + Clone, V> Graph<K, V> {
    /// Notes a task that is about to be started, and returns its results.
    pub(super) fn begin(&self, key: &K, deps: &HashSet<K>) -> Result<Results<K, V>, Collision<K>> {
        let mut state = self.state.lock();
        if state.outcomes.contains_key(key) || state.tasks.contains_key(key) {
            return Err(Collision(key.clone()));
        }
        let task = Task { deps: deps.clone(), thread: None, runner: None, killed: false, dropped: false };
        state.tasks.insert(key.clone(), task);
        Ok(state.watch(deps))
    }

    /// Notes the green thread of a task; it may have ended.
    pub(super) fn started(&self, key: &K, thread: JoinHandle<()>) {
        let thread = Arc::new(thread);
        let (killed, dropped) = {
            let mut state = self.state.lock();
            let Some(task) = state.tasks.get_mut(key) else { return };
            task.thread = Some(Arc::clone(&thread));
            (task.killed, task.dropped)
        };
        if dropped {
            self.lose(key);
        } else if killed {
            // Where nothing can be unwound, it goes on.
            let _ = thread.kill();
        }
    }

    /// Forgets a task that could not be started.
    pub(super) fn not_started(&self, key: &K) {
        let task = self.state.lock().tasks.remove(key);
        drop(task);
    }

    /// Sets what became of a key, if `may`, which is told whether something has already, agrees.
    pub(super) fn post(
        &self,
        key: K,
        outcome: Outcome<K, V>,
        may: impl FnOnce(bool) -> bool,
    ) -> Result<(), Collision<K>> {
        let _dropped_without_the_lock = {
            let mut state = self.state.lock();
            let own = Some(green_thread::current().id());
            let is_anothers = state.tasks.get(&key).is_some_and(|task| task.runner != own);
            if is_anothers || !may(state.outcomes.contains_key(&key)) {
                return Err(Collision(key));
            }
            // Its own task is done as far as the graph goes.
            let task = state.tasks.remove(&key);
            (state.settle(&key, outcome), task)
        };
        Ok(())
    }

    /// Notes the end of a task, unless it has posted its value itself.
    fn end(&self, key: &K, outcome: Outcome<K, V>) {
        let _dropped_without_the_lock = {
            let mut state = self.state.lock();
            let Some(task) = state.tasks.remove(key) else { return };
            (state.settle(key, outcome), task)
        };
    }

    /// Notes that a task was dropped: it will not end any more.
    fn lose(&self, key: &K) {
        {
            let mut state = self.state.lock();
            let Some(task) = state.tasks.get_mut(key) else { return };
            if task.thread.is_none() {
                // Whoever spawns it has still to say whether there ever was a green thread.
                task.dropped = true;
                return;
            }
        }
        self.end(key, Err(PropagateError::new(key.clone(), Failure::Killed)));
    }

    pub(super) fn watch(&self, keys: &HashSet<K>) -> Results<K, V> {
        self.state.lock().watch(keys)
    }

    pub(super) fn outcome(&self, key: &K) -> Option<Outcome<K, V>> {
        self.state.lock().outcomes.get(key).map(|(_, outcome)| outcome.clone())
    }

    /// Returns what is known, in the order in which it came.
    pub(super) fn outcomes(&self) -> Vec<(K, Outcome<K, V>)> {
        let mut known: Vec<_> = {
            let state = self.state.lock();
            state.outcomes.iter().map(|(key, (turn, outcome))| (*turn, key.clone(), outcome.clone())).collect()
        };
        known.sort_by_key(|(turn, ..)| *turn);
        known.into_iter().map(|(_, key, outcome)| (key, outcome)).collect()
    }

    /// Returns the keys that have an outcome or a task.
    pub(super) fn known(&self) -> HashSet<K> {
        let state = self.state.lock();
        state.outcomes.keys().chain(state.tasks.keys()).cloned().collect()
    }

    pub(super) fn running(&self) -> Vec<K> {
        self.state.lock().tasks.keys().cloned().collect()
    }

    pub(super) fn waiting_for(&self, key: &K) -> Option<HashSet<K>> {
        let state = self.state.lock();
        match state.tasks.get(key) {
            Some(task) => Some(state.missing(task)),
            None => state.outcomes.contains_key(key).then(HashSet::new),
        }
    }

    pub(super) fn waiting_for_all(&self) -> HashMap<K, HashSet<K>> {
        let state = self.state.lock();
        let tasks = state.tasks.iter().map(|(key, task)| (key.clone(), state.missing(task)));
        tasks.filter(|(_, missing)| !missing.is_empty()).collect()
    }

    pub(super) fn kill(&self, key: &K) -> bool {
        let thread = {
            let mut state = self.state.lock();
            let Some(task) = state.tasks.get_mut(key) else { return false };
            task.killed = true;
            task.thread.clone()
        };
        // Without the lock: one that has not started may be dropped here, and its end noted.
        if let Some(thread) = thread {
            // Where nothing can be unwound, it goes on.
            let _ = thread.kill();
        }
        true
    }
}

/// Owed by a task to those who wait for it, however it ends.
pub(super) struct Ending<K: Eq + Hash + Clone, V> {
    graph: Arc<Graph<K, V>>,
    key: K,
}

impl<K: Eq + Hash + Clone, V> Ending<K, V> {
    pub(super) fn new(graph: Arc<Graph<K, V>>, key: K) -> Ending<K, V> {
        Ending { graph, key }
    }

    /// Runs the task.
    pub(super) fn run(self, f: impl FnOnce() -> Result<V, TaskError>) {
        if let Some(task) = self.graph.state.lock().tasks.get_mut(&self.key) {
            task.runner = Some(green_thread::current().id());
        }
        let result = catch_unwind(AssertUnwindSafe(f));
        let failed = |failure| Err(PropagateError::new(self.key.clone(), failure));
        let (outcome, payload) = match result {
            Ok(Ok(value)) => (Ok(Arc::new(value)), None),
            Ok(Err(error)) => (failed(Failure::Error(error)), None),
            Err(payload) => (failed(Failure::of_unwinding(&*payload)), Some(payload)),
        };
        self.graph.end(&self.key, outcome);
        if let Some(payload) = payload.filter(|payload| payload.is::<Killed>()) {
            resume_unwind(payload);
        }
    }
}

impl<K: Eq + Hash + Clone, V> Drop for Ending<K, V> {
    fn drop(&mut self) {
        // Nothing is left to note if it ran.
        self.graph.lose(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph_with_task() -> (Arc<Graph<u32, u32>>, Ending<u32, u32>) {
        let graph = Arc::<Graph<u32, u32>>::default();
        assert!(graph.begin(&1, &HashSet::new()).is_ok());
        let ending = Ending::new(Arc::clone(&graph), 1);
        (graph, ending)
    }

    /// A spawn that fails drops the closure before it says so.
    #[test]
    fn a_task_that_could_not_be_started_leaves_its_key_free() {
        let (graph, ending) = graph_with_task();
        drop(ending);
        graph.not_started(&1);
        assert!(graph.outcome(&1).is_none());
        assert!(graph.begin(&1, &HashSet::new()).is_ok());
    }

    #[test]
    fn a_task_that_is_lost_before_its_thread_is_known_is_a_failure() {
        let (graph, ending) = graph_with_task();
        drop(ending);
        graph.started(&1, green_thread::spawn(|| {}));
        assert!(matches!(graph.outcome(&1).unwrap().unwrap_err().failure(), Failure::Killed));
    }

    #[test]
    fn those_who_have_given_up_do_not_pile_up() {
        let graph = Graph::<u32, u32>::default();
        let keys = HashSet::from([1]);
        let patient: Vec<_> = (0..100).map(|_| graph.watch(&keys)).collect();
        for _ in 0..10_000 {
            drop(graph.watch(&keys));
        }
        assert!(graph.state.lock().watchers[&1].len() < 1000);
        graph.post(1, Ok(Arc::new(7)), |_| true).unwrap();
        for mut results in patient {
            assert_eq!(results.next().unwrap().unwrap(), (1, 7));
        }
    }
}
