//! Green threads that need each other's results, in whatever order these come.
//!
//! Follows eventlet's `dagpool.DAGPool`. Each task has a key and names the keys that it depends on. It starts at once
//! and waits as it iterates over their results, so it can prepare itself meanwhile, and make use of each as it comes.
//!
//! # Failures
//!
//! A task may return an error, panic, or be killed. Whoever asks for its result gets a [`PropagateError`] with its key.
//! A task that passes that on by `?` fails with it in its turn, so that [`source`](std::error::Error::source) leads
//! from the last key along the graph to where it began.
//!
//! # Waiting for what never comes
//!
//! A key may be waited for before anybody has spawned or posted it. Cycles, and keys that were forgotten, make their
//! tasks wait for ever; [`Dag::waiting_for`] tells who waits for what. Once the last handle to the graph is gone,
//! nobody can post anything any more, and tasks that wait for a key that nobody makes get an error.

mod error;
mod names;
mod results;
mod state;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use green_thread::Builder;

pub use error::{Collision, Failure, PropagateError, SpawnError, TaskError};
pub use results::Results;

use names::Name;
use state::{Ending, Graph};

/// A graph of tasks, each a green thread, and of the values that they made.
///
/// A clone is a handle to the same graph; a task may use one to spawn others. The methods of keys and values may do what
/// any code may do, such as to wait, or to use the graph. A key that was ever used is kept as long as the graph.
///
/// # Examples
///
/// ```
/// use green_pool::Dag;
///
/// let dag = Dag::new();
/// // The order does not matter: each waits for what it needs.
/// dag.spawn("sum", ["left", "right"], |results| {
///     let mut sum = 0;
///     for result in results {
///         let (_key, value) = result?;
///         sum += value;
///     }
///     Ok(sum)
/// })?;
/// dag.spawn("left", [], |_| Ok(3))?;
/// dag.post("right", 4)?;
/// assert_eq!(dag.get(&"sum")?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Dag<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    owner: Arc<Owner<K, V>>,
}

/// A task. When it is dropped, what it has captured goes before the news of its end.
struct Work<F, K, V> {
    f: F,
    results: Results<K, V>,
    ending: Ending<K, V>,
}

impl<F, K, V> Work<F, K, V>
where
    K: 'static,
    V: 'static,
    F: FnOnce(Results<K, V>) -> Result<V, TaskError>,
{
    fn run(self) {
        let Work { f, results, ending } = self;
        ending.run(|| f(results));
    }
}

/// The handles' share in the graph; tasks have shares of their own.
struct Owner<K, V>(Arc<Graph<K, V>>);

impl<K, V> Drop for Owner<K, V> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<K, V> Dag<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Creates a graph without tasks and values. One with values is made by [`collect`](Iterator::collect) from pairs.
    #[must_use]
    pub fn new() -> Dag<K, V> {
        Dag { owner: Arc::new(Owner(Arc::default())) }
    }

    fn graph(&self) -> &Arc<Graph<K, V>> {
        &self.owner.0
    }

    /// Starts a task: a green thread that runs `f` with the results of the keys in `deps`, in the order in which they
    /// come. What `f` returns is the value of `key`.
    ///
    /// # Errors
    ///
    /// [`SpawnError::Collision`] if there is such a task, or a value, already; [`SpawnError::Thread`] if no green
    /// thread could be started.
    pub fn spawn<D, F>(&self, key: K, deps: D, f: F) -> Result<(), SpawnError<K>>
    where
        D: IntoIterator<Item = K>,
        F: FnOnce(Results<K, V>) -> Result<V, TaskError> + Send + 'static,
    {
        let graph = self.graph();
        let (name, results) = graph.begin(key, deps).map_err(SpawnError::Collision)?;
        let work = Work { f, results, ending: Ending::new(Arc::clone(graph), name.clone()) };
        match Builder::new().spawn(move || work.run()) {
            Ok(thread) => {
                graph.started(&name, thread);
                Ok(())
            }
            Err(error) => {
                graph.not_started(&name);
                Err(SpawnError::Thread(error))
            }
        }
    }

    /// Starts a task for each pair of a key and what it depends on; each runs `f` with its key.
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn), at the first; those before it were started.
    pub fn spawn_many<I, D, F>(&self, tasks: I, f: F) -> Result<(), SpawnError<K>>
    where
        I: IntoIterator<Item = (K, D)>,
        D: IntoIterator<Item = K>,
        F: Fn(&K, Results<K, V>) -> Result<V, TaskError> + Send + Sync + 'static,
    {
        let f = Arc::new(f);
        for (key, deps) in tasks {
            let (f, own) = (Arc::clone(&f), key.clone());
            self.spawn(key, deps, move |results| f(&own, results))?;
        }
        Ok(())
    }

    /// Sets the value of a key that nobody has made yet. A task may post its own value before it ends; what it returns
    /// does not count then.
    ///
    /// # Errors
    ///
    /// [`Collision`] if there is a value already, or another's task that will make it.
    pub fn post(&self, key: K, value: V) -> Result<(), Collision<K>> {
        self.graph().post(key, Ok(Arc::new(value)), |known| !known)
    }

    /// Makes a key that nobody has made yet fail, as a task of it that returned `error` would. Otherwise as
    /// [`post`](Self::post); [`replace`](Self::replace) may make it good.
    ///
    /// # Errors
    ///
    /// Those of `post`.
    pub fn post_error(&self, key: K, error: impl Into<TaskError>) -> Result<(), Collision<K>> {
        self.graph().post(key, Err(Arc::new(Failure::Error(error.into()))), |known| !known)
    }

    /// Sets the value of a key, in place of another if there is one. Those who have got that keep it.
    ///
    /// # Errors
    ///
    /// [`Collision`] if another's task will make it.
    pub fn replace(&self, key: K, value: V) -> Result<(), Collision<K>> {
        self.graph().post(key, Ok(Arc::new(value)), |_| true)
    }

    /// Waits for the value of a key. A kill point.
    ///
    /// # Errors
    ///
    /// How its task failed.
    pub fn get(&self, key: &K) -> Result<V, PropagateError<K>> {
        match self.wait_each([key.clone()]).next() {
            Some(result) => result.map(|(_, value)| value),
            None => unreachable!("one key has one result"),
        }
    }

    /// Returns the value of a key, or how its task failed, if either is known.
    pub fn try_get(&self, key: &K) -> Option<Result<V, PropagateError<K>>> {
        let outcome = self.graph().outcome(key)?;
        Some(outcome.map(Arc::unwrap_or_clone).map_err(|failure| PropagateError::new(key.clone(), failure)))
    }

    /// Waits for the values of all these keys. A kill point.
    ///
    /// # Errors
    ///
    /// The first failure, as soon as it comes.
    pub fn wait(&self, keys: impl IntoIterator<Item = K>) -> Result<HashMap<K, V>, PropagateError<K>> {
        self.wait_each(keys).collect()
    }

    /// Waits for the values of all keys that have one, or a task, at this moment. A kill point.
    ///
    /// # Errors
    ///
    /// The first failure, as soon as it comes.
    pub fn wait_all(&self) -> Result<HashMap<K, V>, PropagateError<K>> {
        self.wait_each_known().collect()
    }

    /// Returns an iterator over the results of these keys, each as it comes.
    pub fn wait_each(&self, keys: impl IntoIterator<Item = K>) -> Results<K, V> {
        self.graph().watch(keys)
    }

    /// Returns an iterator over the results of all keys that have one, or a task, at this moment, each as it comes.
    pub fn wait_each_known(&self) -> Results<K, V> {
        self.graph().watch_known()
    }

    /// Returns an iterator over those of these keys that get a value.
    pub fn wait_each_success(&self, keys: impl IntoIterator<Item = K>) -> impl Iterator<Item = (K, V)> {
        self.wait_each(keys).filter_map(Result::ok)
    }

    /// Returns an iterator over the failures of these keys.
    pub fn wait_each_failure(&self, keys: impl IntoIterator<Item = K>) -> impl Iterator<Item = PropagateError<K>> {
        self.wait_each(keys).filter_map(Result::err)
    }

    /// Returns the keys that have a value, or have failed, at this moment.
    pub fn keys(&self) -> Vec<K> {
        self.graph().outcomes().iter().map(|(name, _)| name.key().clone()).collect()
    }

    /// Returns what is known at this moment, in the order in which it came.
    pub fn items(&self) -> Vec<(K, Result<V, PropagateError<K>>)> {
        let known = self.graph().outcomes();
        let items = known.into_iter().map(|(name, outcome)| match outcome {
            Ok(value) => (name.key().clone(), Ok(Arc::unwrap_or_clone(value))),
            Err(failure) => (name.key().clone(), Err(PropagateError::new(name.key().clone(), failure))),
        });
        items.collect()
    }

    /// Returns how many tasks have not ended.
    pub fn running(&self) -> usize {
        self.graph().running().len()
    }

    /// Returns the keys of the tasks that have not ended.
    pub fn running_keys(&self) -> Vec<K> {
        keys(&self.graph().running())
    }

    /// Returns how many tasks cannot have all they depend on yet.
    pub fn waiting(&self) -> usize {
        self.graph().waiting_for_all().len()
    }

    /// Returns what the task of `key` depends on and is not known yet; nothing if it has ended, or has all. `None` if
    /// nobody has spawned or posted the key.
    pub fn waiting_for(&self, key: &K) -> Option<HashSet<K>> {
        self.graph().waiting_for(key).map(|names| keys(&names))
    }

    /// Returns which tasks wait for which keys: for finding out why nothing goes on.
    pub fn waiting_for_all(&self) -> HashMap<K, HashSet<K>> {
        let tasks = self.graph().waiting_for_all();
        tasks.iter().map(|(name, missing)| (name.key().clone(), keys(missing))).collect()
    }

    /// Kills the task of a key; returns false if there is none that has not ended. Those who wait for it get
    /// [`Failure::Killed`], when it has been unwound.
    pub fn kill(&self, key: &K) -> bool {
        self.graph().kill(key)
    }
}

fn keys<K: Clone, C: FromIterator<K>>(names: &[Name<K>]) -> C {
    names.iter().map(|name| name.key().clone()).collect()
}

impl<K, V> Default for Dag<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn default() -> Self {
        Dag::new()
    }
}

impl<K, V> FromIterator<(K, V)> for Dag<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Creates a graph with these values; the last counts for a key that comes twice.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(values: I) -> Self {
        let dag = Dag::new();
        for (key, value) in values {
            if dag.replace(key, value).is_err() {
                unreachable!("there is no task yet");
            }
        }
        dag
    }
}

impl<K, V> Clone for Dag<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn clone(&self) -> Self {
        Dag { owner: Arc::clone(&self.owner) }
    }
}

impl<K, V> fmt::Debug for Dag<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + fmt::Debug + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dag")
            .field("keys", &self.keys())
            .field("running", &self.running_keys())
            .field("waiting_for", &self.waiting_for_all())
            .finish()
    }
}
