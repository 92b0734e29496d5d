//! The state of a graph, under one lock.
//!
//! Whoever waits has a channel. For each key that is not known yet the graph keeps a sender of it; when the key becomes
//! known, the outcome is sent and the senders dropped. So each outcome reaches each of those who wait for it once, and
//! a channel whose senders are all gone tells that nothing more can come.
//!
//! Nothing of the user's runs under the lock: keys are numbers there (see [`names`](super::names)), values and failures
//! are shared, and what is taken out is dropped outside.

use std::collections::HashMap;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Weak};

use green_core::hub::on_leak;
use green_core::kill::Killed;
use green_core::primitive::Mutex;
use green_sync::mpsc::{Sender, channel};
use green_thread::{JoinHandle, ThreadId};

use super::error::{Collision, Failure, TaskError};
use super::names::{Name, Names};
use super::results::Results;

/// What became of a key. It is shared, so that what the user made is cloned and dropped without the lock.
pub(super) type Outcome<V> = Result<Arc<V>, Arc<Failure>>;

/// Some keys, each once.
pub(super) type Keys<K> = HashMap<usize, Name<K>>;

type Watchers<K, V> = Vec<Watcher<K, V>>;

/// A task's name and the results that it depends on.
type Begun<K, V> = (Name<K>, Results<K, V>);

/// Somebody who waits for a key.
struct Watcher<K, V> {
    sender: Sender<(Name<K>, Outcome<V>)>,
    /// Upgrades as long as they do.
    interest: Weak<()>,
}

/// What is left when an outcome has been told.
struct Settled<K, V> {
    _watchers: Watchers<K, V>,
    _unwanted: Vec<(Name<K>, Outcome<V>)>,
    _old: Option<Known<K, V>>,
}

pub(super) struct Graph<K, V> {
    names: Names<K>,
    state: Mutex<State<K, V>>,
}

/// By the numbers of the keys.
struct State<K, V> {
    outcomes: HashMap<usize, Known<K, V>>,
    turns: u64,
    tasks: HashMap<usize, Task<K>>,
    watchers: HashMap<usize, Watchers<K, V>>,
    /// True once nobody can spawn or post any more.
    closed: bool,
}

/// A key that has an outcome.
struct Known<K, V> {
    /// The number of the turn in which it came.
    turn: u64,
    name: Name<K>,
    outcome: Outcome<V>,
}

/// A task that has not ended.
struct Task<K> {
    name: Name<K>,
    deps: Arc<Keys<K>>,
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
        Graph { names: Names::default(), state: Mutex::new(state) }
    }
}

impl<K, V> State<K, V> {
    /// Notes what became of a key, and tells those who wait for it. Returns what is to be dropped without the lock.
    ///
    /// They are told under the lock, which they need to settle anything. If they were told without it, the first of them
    /// could end at once, and its outcome reach the second before this one. A send waits for nobody.
    fn settle(&mut self, name: &Name<K>, outcome: Outcome<V>) -> Settled<K, V> {
        let watchers = self.watchers.remove(&name.number).unwrap_or_default();
        // Whoever has stopped waiting does not want it.
        let send = |watcher: &Watcher<K, V>| watcher.sender.send((name.clone(), outcome.clone())).err();
        let unwanted = watchers.iter().filter_map(send).map(|error| error.0).collect();
        self.turns += 1;
        let known = Known { turn: self.turns, name: name.clone(), outcome };
        let old = self.outcomes.insert(name.number, known);
        Settled { _watchers: watchers, _unwanted: unwanted, _old: old }
    }

    fn missing(&self, task: &Task<K>) -> Vec<Name<K>> {
        task.deps.values().filter(|name| !self.outcomes.contains_key(&name.number)).cloned().collect()
    }
}

impl<K, V> Graph<K, V> {
    /// Lets those who wait for what nobody makes know that nobody will.
    pub(super) fn close(&self) {
        let dropped: Vec<_> = {
            let mut state = self.state.lock();
            let State { watchers, tasks, closed, .. } = &mut *state;
            *closed = true;
            watchers.extract_if(|number, _| !tasks.contains_key(number)).collect()
        };
        drop(dropped);
    }

    /// Returns a channel on which those of `keys` that are known have come, and the others will.
    fn watch_names(&self, keys: Arc<Keys<K>>) -> Results<K, V> {
        let (sender, receiver) = channel();
        let interest = Arc::new(());
        let (mut known, mut gone) = (Vec::new(), Watchers::new());
        {
            let mut state = self.state.lock();
            let State { outcomes, tasks, watchers, closed, .. } = &mut *state;
            for number in keys.keys() {
                match outcomes.get(number) {
                    Some(Known { turn, name, outcome }) => known.push((*turn, name.clone(), outcome.clone())),
                    // Only a task that had not begun its wait can meet a graph that is closed.
                    None if *closed && !tasks.contains_key(number) => {}
                    None => {
                        let watchers = watchers.entry(*number).or_default();
                        if watchers.len() == watchers.capacity() {
                            // Those who gave up, at a deadline say, are not to pile up until the key comes.
                            gone.extend(watchers.extract_if(.., |watcher| watcher.interest.strong_count() == 0));
                            // So that this costs each a constant time in the long run.
                            watchers.reserve(watchers.len() + 1);
                        }
                        watchers.push(Watcher { sender: sender.clone(), interest: Arc::downgrade(&interest) });
                    }
                }
            }
        }
        drop(gone);
        known.sort_by_key(|(turn, ..)| *turn);
        let known = known.into_iter().map(|(_, name, outcome)| (name, outcome)).collect();
        Results::new(known, receiver, keys, interest)
    }

    /// Notes the green thread of a task; it may have ended.
    pub(super) fn started(&self, name: &Name<K>, thread: JoinHandle<()>) {
        let thread = Arc::new(thread);
        let (killed, dropped) = {
            let mut state = self.state.lock();
            let Some(task) = state.tasks.get_mut(&name.number) else { return };
            task.thread = Some(Arc::clone(&thread));
            (task.killed, task.dropped)
        };
        if dropped {
            self.lose(name);
        } else if killed {
            // Where nothing can be unwound, it goes on.
            let _ = thread.kill();
        }
    }

    /// Forgets a task that could not be started.
    pub(super) fn not_started(&self, name: &Name<K>) {
        let task = self.state.lock().tasks.remove(&name.number);
        drop(task);
    }

    /// Notes the end of a task, unless it has posted its value itself.
    fn end(&self, name: &Name<K>, outcome: Outcome<V>) {
        let _dropped_without_the_lock = {
            let mut state = self.state.lock();
            let Some(task) = state.tasks.remove(&name.number) else { return };
            (state.settle(name, outcome), task)
        };
    }

    /// Notes that a task was dropped: it will not end any more.
    fn lose(&self, name: &Name<K>) {
        {
            let mut state = self.state.lock();
            let Some(task) = state.tasks.get_mut(&name.number) else { return };
            if task.thread.is_none() {
                // Whoever spawns it has still to say whether there ever was a green thread.
                task.dropped = true;
                return;
            }
        }
        self.end(name, Err(Arc::new(Failure::Killed)));
    }

    /// Returns what is known, in the order in which it came.
    pub(super) fn outcomes(&self) -> Vec<(Name<K>, Outcome<V>)> {
        let mut known: Vec<_> = {
            let state = self.state.lock();
            state.outcomes.values().map(|known| (known.turn, known.name.clone(), known.outcome.clone())).collect()
        };
        known.sort_by_key(|(turn, ..)| *turn);
        known.into_iter().map(|(_, name, outcome)| (name, outcome)).collect()
    }

    pub(super) fn running(&self) -> Vec<Name<K>> {
        self.state.lock().tasks.values().map(|task| task.name.clone()).collect()
    }

    /// Returns which tasks wait for which keys.
    pub(super) fn waiting_for_all(&self) -> Vec<(Name<K>, Vec<Name<K>>)> {
        let state = self.state.lock();
        let tasks = state.tasks.values().map(|task| (task.name.clone(), state.missing(task)));
        tasks.filter(|(_, missing)| !missing.is_empty()).collect()
    }

    /// Waits for the keys that have an outcome or a task.
    pub(super) fn watch_known(&self) -> Results<K, V> {
        let keys: Keys<K> = {
            let state = self.state.lock();
            let outcomes = state.outcomes.values().map(|known| &known.name);
            let names = outcomes.chain(state.tasks.values().map(|task| &task.name));
            names.map(|name| (name.number, name.clone())).collect()
        };
        self.watch_names(Arc::new(keys))
    }
}

impl<K: Eq + Hash + Clone, V> Graph<K, V> {
    fn names(&self, keys: impl IntoIterator<Item = K>) -> Arc<Keys<K>> {
        let names = keys.into_iter().map(|key| self.names.name(&key));
        Arc::new(names.map(|name| (name.number, name)).collect())
    }

    pub(super) fn watch(&self, keys: impl IntoIterator<Item = K>) -> Results<K, V> {
        self.watch_names(self.names(keys))
    }

    /// Notes a task that is about to be started, and returns its name and its results.
    pub(super) fn begin(&self, key: K, deps: impl IntoIterator<Item = K>) -> Result<Begun<K, V>, Collision<K>> {
        let (name, deps) = (self.names.name(&key), self.names(deps));
        let task = Task {
            name: name.clone(),
            deps: Arc::clone(&deps),
            thread: None,
            runner: None,
            killed: false,
            dropped: false,
        };
        {
            let mut state = self.state.lock();
            if state.outcomes.contains_key(&name.number) || state.tasks.contains_key(&name.number) {
                return Err(Collision(key));
            }
            state.tasks.insert(name.number, task);
        }
        Ok((name, self.watch_names(deps)))
    }

    /// Sets what became of a key, if `may`, which is told whether something has already, agrees.
    pub(super) fn post(&self, key: K, outcome: Outcome<V>, may: impl FnOnce(bool) -> bool) -> Result<(), Collision<K>> {
        let name = self.names.name(&key);
        let own = Some(green_thread::current().id());
        let _dropped_without_the_lock = {
            let mut state = self.state.lock();
            let is_anothers = state.tasks.get(&name.number).is_some_and(|task| task.runner != own);
            if is_anothers || !may(state.outcomes.contains_key(&name.number)) {
                return Err(Collision(key));
            }
            // Its own task is done as far as the graph goes.
            let task = state.tasks.remove(&name.number);
            (state.settle(&name, outcome), task)
        };
        Ok(())
    }

    pub(super) fn outcome(&self, key: &K) -> Option<Outcome<V>> {
        let name = self.names.find(key)?;
        self.state.lock().outcomes.get(&name.number).map(|known| known.outcome.clone())
    }

    pub(super) fn waiting_for(&self, key: &K) -> Option<Vec<Name<K>>> {
        let name = self.names.find(key)?;
        let state = self.state.lock();
        match state.tasks.get(&name.number) {
            Some(task) => Some(state.missing(task)),
            None => state.outcomes.contains_key(&name.number).then(Vec::new),
        }
    }

    pub(super) fn kill(&self, key: &K) -> bool {
        let Some(name) = self.names.find(key) else { return false };
        let thread = {
            let mut state = self.state.lock();
            let Some(task) = state.tasks.get_mut(&name.number) else { return false };
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
pub(super) struct Ending<K, V> {
    graph: Arc<Graph<K, V>>,
    name: Name<K>,
}

impl<K, V> Ending<K, V> {
    pub(super) fn new(graph: Arc<Graph<K, V>>, name: Name<K>) -> Ending<K, V> {
        Ending { graph, name }
    }

    /// Runs the task.
    pub(super) fn run(self, f: impl FnOnce() -> Result<V, TaskError>)
    where
        K: 'static,
        V: 'static,
    {
        let (graph, name) = (Arc::clone(&self.graph), self.name.clone());
        let _leak = on_leak(move || graph.lose(&name));
        let runner = green_thread::current().id();
        if let Some(task) = self.graph.state.lock().tasks.get_mut(&self.name.number) {
            task.runner = Some(runner);
        }
        let failed = |failure| Err(Arc::new(failure));
        let (outcome, payload) = match catch_unwind(AssertUnwindSafe(f)) {
            Ok(Ok(value)) => (Ok(Arc::new(value)), None),
            Ok(Err(error)) => (failed(Failure::Error(error)), None),
            Err(payload) => (failed(Failure::of_unwinding(&*payload)), Some(payload)),
        };
        self.graph.end(&self.name, outcome);
        if let Some(payload) = payload.filter(|payload| payload.is::<Killed>()) {
            resume_unwind(payload);
        }
    }
}

impl<K, V> Drop for Ending<K, V> {
    fn drop(&mut self) {
        // Nothing is left to note if it ran.
        self.graph.lose(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph_with_task() -> (Arc<Graph<u32, u32>>, Ending<u32, u32>) {
        let graph = Arc::<Graph<u32, u32>>::default();
        let (name, _) = graph.begin(1, []).unwrap();
        let ending = Ending::new(Arc::clone(&graph), name);
        (graph, ending)
    }

    /// A spawn that fails drops the closure before it says so.
    #[test]
    fn a_task_that_could_not_be_started_leaves_its_key_free() {
        let (graph, ending) = graph_with_task();
        let name = ending.name.clone();
        drop(ending);
        graph.not_started(&name);
        assert!(graph.outcome(&1).is_none());
        assert!(graph.begin(1, []).is_ok());
    }

    #[test]
    fn a_task_that_is_lost_before_its_thread_is_known_is_a_failure() {
        let (graph, ending) = graph_with_task();
        let name = ending.name.clone();
        drop(ending);
        graph.started(&name, green_thread::spawn(|| {}));
        assert!(matches!(*graph.outcome(&1).unwrap().unwrap_err(), Failure::Killed));
    }

    #[test]
    fn those_who_have_given_up_do_not_pile_up() {
        let graph = Graph::<u32, u32>::default();
        let patient: Vec<_> = (0..100).map(|_| graph.watch([1])).collect();
        for _ in 0..10_000 {
            drop(graph.watch([1]));
        }
        let number = graph.names.find(&1).unwrap().number;
        assert!(graph.state.lock().watchers[&number].len() < 1000);
        graph.post(1, Ok(Arc::new(7)), |_| true).unwrap();
        for mut results in patient {
            assert_eq!(results.next().unwrap().unwrap(), (1, 7));
        }
    }
}
