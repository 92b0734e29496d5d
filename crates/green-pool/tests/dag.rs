//! `Dag`: the cases of eventlet's `dagpool_test` by their names (E19), and those that it has no words for.

mod lookers;

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use green_pool::Dag;
use green_pool::dag::{Collision, Failure, PropagateError, Results, SpawnError};
use green_sync::Event;
use green_thread as thread;
use lookers::{Census, MOMENT, everywhere, timeout, until};

type Graph = Dag<&'static str, i32>;

/// Adds up what a task depends on.
fn sum(results: Results<&'static str, i32>) -> Result<i32, green_pool::dag::TaskError> {
    let mut sum = 0;
    for result in results {
        sum += result?.1;
    }
    Ok(sum)
}

fn set<const N: usize>(keys: [&'static str; N]) -> HashSet<&'static str> {
    keys.into()
}

fn sorted(mut keys: Vec<&'static str>) -> Vec<&'static str> {
    keys.sort_unstable();
    keys
}

/// eventlet's `test_init`.
#[test]
fn a_graph_may_begin_with_values() {
    let dag: Graph = [("a", 1), ("b", 2), ("a", 3)].into_iter().collect();
    assert_eq!(sorted(dag.keys()), ["a", "b"]);
    assert_eq!(dag.wait_all().unwrap(), HashMap::from([("a", 3), ("b", 2)]));
    assert_eq!((dag.running(), dag.waiting()), (0, 0));
    assert!(Graph::default().keys().is_empty());
}

/// eventlet's `test_wait_each_empty`.
#[test]
fn nothing_is_waited_for_nothing() {
    let dag = Graph::new();
    assert_eq!(dag.wait_each([]).count(), 0);
    assert_eq!(dag.wait_each_known().count(), 0);
    assert!(dag.wait_all().unwrap().is_empty());
}

/// eventlet's `test_wait_each_preload`.
#[test]
fn values_that_are_there_come_at_once_and_in_the_order_in_which_they_came() {
    let dag: Graph = [("a", 1), ("b", 2), ("c", 3)].into_iter().collect();
    dag.replace("a", 4).unwrap();
    let results: Vec<_> = dag.wait_each(["a", "b", "c", "b"]).map(Result::unwrap).collect();
    assert_eq!(results, [("b", 2), ("c", 3), ("a", 4)]);
    assert_eq!(dag.items().into_iter().map(|(key, value)| (key, value.unwrap())).collect::<Vec<_>>(), results);
}

/// eventlet's `test_wait_posted` and `test_wait_each_posted`.
#[test]
fn values_that_are_posted_come_one_by_one_to_each_of_those_who_wait() {
    everywhere(|| {
        let dag = Graph::new();
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let (dag, (arrive, arrived)) = (dag.clone(), channel());
                let waiter = thread::spawn(move || {
                    for result in dag.wait_each(["a", "b", "c"]) {
                        arrive.send(result.unwrap()).unwrap();
                    }
                });
                (waiter, arrived)
            })
            .collect();
        for pair in [("c", 3), ("a", 1), ("b", 2)] {
            dag.post(pair.0, pair.1).unwrap();
            for (_, arrived) in &waiters {
                let mut came = None;
                while came.is_none() {
                    thread::yield_now();
                    came = arrived.try_recv().ok();
                }
                assert_eq!(came, Some(pair));
            }
        }
        waiters.into_iter().for_each(|(waiter, _)| waiter.join().unwrap());
        assert_eq!(dag.get(&"a").unwrap(), 1);
        assert_eq!(dag.try_get(&"a").unwrap().unwrap(), 1);
        assert!(dag.try_get(&"z").is_none());
        assert!(timeout(MOMENT, || dag.get(&"z")).is_none());
    });
}

/// eventlet's `test_spawn_collision_preload`, `…_post`, `…_spawn`, and `test_post_collision_preload`, `…_post`, `…_spawn`,
/// `…_kill`.
#[test]
fn a_key_is_made_once() {
    let dag: Graph = [("preload", 1)].into_iter().collect();
    dag.post("post", 2).unwrap();
    dag.spawn("spawn", ["never"], sum).unwrap();
    dag.spawn("killed", ["never"], sum).unwrap();
    dag.kill(&"killed");
    assert!(dag.get(&"killed").is_err());
    for key in ["preload", "post", "spawn", "killed"] {
        let error = dag.spawn(key, [], |_| Ok(0)).unwrap_err();
        assert!(matches!(error, SpawnError::Collision(Collision(k)) if k == key));
        assert_eq!(error.to_string(), format!("the key {key:?} has a value or a task already"));
        assert_eq!(dag.post(key, 0), Err(Collision(key)));
    }
    dag.post("never", 3).unwrap();
    assert_eq!(dag.get(&"spawn").unwrap(), 3);
    assert_eq!(dag.post("spawn", 0), Err(Collision("spawn")));
}

/// eventlet's `test_post_replace_preload`, `…_post`, `…_spawn`, `…_kill`.
#[test]
fn a_value_is_replaced_on_demand_but_a_task_is_not() {
    let dag: Graph = [("preload", 1)].into_iter().collect();
    dag.post("post", 2).unwrap();
    dag.spawn("spawn", ["gate"], sum).unwrap();
    dag.spawn("killed", ["never"], sum).unwrap();
    dag.kill(&"killed");
    assert!(dag.get(&"killed").is_err());
    for key in ["preload", "post", "killed", "new"] {
        dag.replace(key, 7).unwrap();
        assert_eq!(dag.get(&key).unwrap(), 7);
    }
    assert_eq!(dag.replace("spawn", 7), Err(Collision("spawn")));
    dag.post("gate", 5).unwrap();
    assert_eq!(dag.get(&"spawn").unwrap(), 5);
    dag.replace("spawn", 7).unwrap();
    assert_eq!(dag.get(&"spawn").unwrap(), 7);
}

#[test]
fn a_task_may_post_its_own_value_early() {
    let dag = Graph::new();
    let (own, gate) = (dag.clone(), Arc::new(Event::<()>::new()));
    let opened = Arc::clone(&gate);
    dag.spawn("early", [], move |_| {
        own.post("early", 1)?;
        let _ = opened.wait();
        assert_eq!(own.post("early", 2), Err(Collision("early")));
        Ok(3)
    })
    .unwrap();
    assert_eq!(dag.get(&"early").unwrap(), 1);
    assert_eq!(dag.running(), 0);
    gate.send(()).unwrap();
    dag.spawn("late", ["early"], sum).unwrap();
    assert_eq!(dag.get(&"late").unwrap(), 1);
}

#[test]
fn a_task_starts_at_once_and_gets_results_as_they_come() {
    everywhere(|| {
        let dag = Graph::new();
        let (say, said): (Sender<String>, _) = channel();
        let said = || {
            loop {
                thread::yield_now();
                if let Ok(word) = said.try_recv() {
                    return word;
                }
            }
        };
        dag.spawn("all", ["a", "b", "c"], move |results| {
            say.send("started".to_owned())?;
            assert_eq!(results.len(), 3);
            for result in results {
                say.send(format!("{:?}", result?))?;
            }
            Ok(6)
        })
        .unwrap();
        assert_eq!(said(), "started");
        dag.post("b", 2).unwrap();
        assert_eq!(said(), r#"("b", 2)"#);
        dag.spawn("a", ["c"], |results| Ok(results.count() as i32)).unwrap();
        dag.post("c", 3).unwrap();
        assert_eq!(said(), r#"("c", 3)"#);
        assert_eq!(said(), r#"("a", 1)"#);
        assert_eq!(dag.get(&"all").unwrap(), 6);
    });
}

/// eventlet's `test_spawn_multiple`: what is known and who runs and waits, from one step to the next.
#[test]
fn a_chain_of_tasks_goes_on_step_by_step() {
    everywhere(|| {
        let dag = Graph::new();
        let gates: Vec<_> = (0..3).map(|_| Arc::new(Event::<()>::new())).collect();
        for (gate, (key, deps)) in gates.iter().zip([("b", &["a"][..]), ("c", &["a", "b"]), ("d", &["c"])]) {
            let gate = Arc::clone(gate);
            let task = move |results| {
                let sum = sum(results)?;
                let _ = gate.wait();
                Ok(sum + 1)
            };
            dag.spawn(key, deps.iter().copied(), task).unwrap();
        }
        let state = || (sorted(dag.keys()), sorted(dag.running_keys()), dag.waiting());
        assert_eq!(state(), (vec![], vec!["b", "c", "d"], 3));
        dag.post("a", 1).unwrap();
        assert_eq!(state(), (vec!["a"], vec!["b", "c", "d"], 2));
        assert_eq!(dag.waiting_for_all(), HashMap::from([("c", set(["b"])), ("d", set(["c"]))]));
        for (gate, (key, value)) in gates.iter().zip([("b", 2), ("c", 4), ("d", 5)]) {
            assert!(dag.try_get(&key).is_none());
            gate.send(()).unwrap();
            assert_eq!(dag.get(&key).unwrap(), value);
            assert!(!dag.running_keys().contains(&key));
        }
        assert_eq!(state(), (vec!["a", "b", "c", "d"], vec![], 0));
    });
}

/// eventlet's `test_spawn_many` and `test_wait_each_all`.
#[test]
fn a_graph_is_worked_off_whatever_order_it_is_given_in() {
    everywhere(|| {
        let deps: [(&str, &[&'static str]); 6] = [
            ("g", &["e", "f"]),
            ("e", &["c", "d"]),
            ("f", &["a", "e"]),
            ("d", &["a", "b"]),
            ("c", &["b"]),
            ("b", &["a"]),
        ];
        let order = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&order);
        let dag = Dag::new();
        dag.spawn_many(deps.map(|(key, deps)| (key, deps.iter().copied())), move |key, results| {
            for result in results {
                result?;
            }
            log.lock().unwrap().push(*key);
            Ok(key.to_uppercase())
        })
        .unwrap();
        assert_eq!((dag.running(), dag.waiting()), (6, 6));
        dag.post("a", "A".to_owned()).unwrap();
        let all = dag.wait_all().unwrap();
        assert_eq!(all.len(), 7);
        assert_eq!(all["g"], "G");
        let order = order.lock().unwrap();
        let place = |key: &str| order.iter().position(|k| *k == key).unwrap();
        for (key, deps) in deps {
            assert!(deps.iter().filter(|dep| **dep != "a").all(|dep| place(dep) < place(key)), "{order:?}");
        }
        assert!(dag.spawn_many([("h", vec![]), ("g", vec![])], |_, _| Ok(String::new())).is_err());
        assert_eq!(dag.get(&"h").unwrap(), "", "those before the collision were started");
    });
}

#[test]
fn it_can_be_told_who_waits_for_what() {
    let dag = Graph::new();
    dag.spawn("c", ["a", "b"], sum).unwrap();
    dag.spawn("d", ["c"], sum).unwrap();
    let gate = Arc::new(Event::<()>::new());
    let opened = Arc::clone(&gate);
    dag.spawn("free", [], move |_| {
        let _ = opened.wait();
        Ok(0)
    })
    .unwrap();
    assert_eq!(sorted(dag.running_keys()), ["c", "d", "free"]);
    assert_eq!((dag.running(), dag.waiting()), (3, 2));
    assert_eq!(dag.waiting_for(&"c"), Some(set(["a", "b"])));
    assert_eq!(dag.waiting_for(&"free"), Some(set([])));
    assert_eq!(dag.waiting_for(&"a"), None);
    assert_eq!(dag.waiting_for_all(), HashMap::from([("c", set(["a", "b"])), ("d", set(["c"]))]));
    dag.post("a", 1).unwrap();
    assert_eq!(dag.waiting_for(&"c"), Some(set(["b"])));
    assert_eq!(dag.waiting_for(&"a"), Some(set([])));
    dag.post("b", 1).unwrap();
    assert_eq!(dag.get(&"d").unwrap(), 2);
    assert_eq!((sorted(dag.running_keys()), dag.waiting()), (vec!["free"], 0));
    gate.send(()).unwrap();
    dag.wait_all().unwrap();
    assert_eq!(dag.running(), 0);
}

/// eventlet's `test_kill`.
#[test]
fn a_killed_task_fails_those_who_depend_on_it() {
    everywhere(|| {
        let dag = Graph::new();
        dag.spawn("victim", ["never"], sum).unwrap();
        dag.spawn("heir", ["victim"], sum).unwrap();
        assert!(!dag.kill(&"nobody"));
        assert!(dag.kill(&"victim"));
        let error = dag.get(&"victim").unwrap_err();
        assert!(matches!(error.failure(), Failure::Killed));
        let error = dag.get(&"heir").unwrap_err();
        assert_eq!((error.key(), error.cause().unwrap().key()), (&"heir", &"victim"));
        assert!(!dag.kill(&"victim"));
    });
}

#[test]
fn a_task_that_is_killed_before_it_starts_drops_what_it_has() {
    let census = Census::default();
    for _ in 0..50 {
        let (dag, counted) = (Graph::new(), census.add());
        dag.spawn("victim", [], move |_| {
            let _counted = counted;
            loop {
                thread::park();
            }
        })
        .unwrap();
        assert!(dag.kill(&"victim"));
        assert!(matches!(dag.get(&"victim").unwrap_err().failure(), Failure::Killed));
        assert_eq!(census.alive(), 0, "it went before the news");
    }
}

/// eventlet's `test_propagate_exc` and `test_waitall_exc`.
#[test]
fn errors_are_chained_along_the_graph() {
    let dag = Graph::new();
    dag.spawn("a", [], |_| Err(std::io::Error::other("the disk is on fire").into())).unwrap();
    dag.spawn("b", ["a"], sum).unwrap();
    dag.spawn("c", ["b"], sum).unwrap();
    let error = dag.wait(["c"]).unwrap_err();
    let mut lines = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        lines.push(error.to_string());
        source = error.source();
    }
    let expected =
        [r#"the task of "c" failed"#, r#"the task of "b" failed"#, r#"the task of "a" failed"#, "the disk is on fire"];
    assert_eq!(lines, expected);
    let first = error.cause().and_then(PropagateError::cause).unwrap();
    assert_eq!(first.key(), &"a");
    assert!(first.cause().is_none());
    assert!(matches!(first.failure(), Failure::Error(error) if error.is::<std::io::Error>()));
    assert!(dag.wait_all().is_err());
    assert!(dag.try_get(&"b").unwrap().is_err());
}

/// eventlet's `test_wait_each_exc`: what came before a failure is had before it, and here what comes after it as well.
#[test]
fn a_failure_has_its_turn_among_the_results() {
    everywhere(|| {
        let dag: Graph = [("a", 1)].into_iter().collect();
        dag.spawn("b", ["go"], |_| Err("no".into())).unwrap();
        dag.spawn("c", ["b"], |results| Ok(results.filter(Result::is_err).count() as i32)).unwrap();
        let mut results = dag.wait_each(["a", "b", "c"]);
        assert_eq!(results.next().unwrap().unwrap(), ("a", 1));
        dag.post("go", 0).unwrap();
        let error = results.next().unwrap().unwrap_err();
        assert_eq!((*error.key(), error.failure().to_string()), ("b", "no".to_owned()));
        assert_eq!(results.next().unwrap().unwrap(), ("c", 1));
        assert!(results.next().is_none());
    });
}

/// eventlet's `test_post_get_exc`: an error that is posted as a value is one, and one that is posted as a failure fails
/// those who get it.
#[test]
fn a_failure_can_be_posted() {
    everywhere(|| {
        let dag: Dag<&str, Result<i32, &str>> = [("a", Err("a mere value"))].into_iter().collect();
        assert_eq!(dag.get(&"a").unwrap(), Err("a mere value"));

        let dag: Graph = [("a", 1)].into_iter().collect();
        dag.spawn("heir", ["a", "b"], sum).unwrap();
        dag.post_error("b", "the cable was cut").unwrap();
        let error = dag.get(&"heir").unwrap_err();
        let error = error.cause().unwrap();
        assert_eq!((*error.key(), error.failure().to_string()), ("b", "the cable was cut".to_owned()));
        assert_eq!(dag.get(&"b").unwrap_err().source().unwrap().to_string(), "the cable was cut");
        assert!(dag.wait(["a", "b"]).is_err() && dag.wait_all().is_err());
        assert_eq!(dag.wait(["a"]).unwrap()["a"], 1);
        assert_eq!(sorted(dag.keys()), ["a", "b", "heir"]);
        assert_eq!(dag.wait_each_failure(["a", "b"]).count(), 1);
        assert_eq!(dag.wait_each_success(["a", "b"]).collect::<Vec<_>>(), [("a", 1)]);

        // Once, as a value, and as a value it can be made good.
        for key in ["a", "b", "heir"] {
            assert_eq!(dag.post_error(key, "late"), Err(Collision(key)));
        }
        assert_eq!(dag.post("b", 2), Err(Collision("b")));
        dag.replace("b", 2).unwrap();
        assert_eq!(dag.get(&"b").unwrap(), 2);

        // A task may fail early, and go on.
        let own = dag.clone();
        dag.spawn("early", [], move |_| {
            own.post_error("early", "said early")?;
            Ok(0)
        })
        .unwrap();
        assert_eq!(dag.get(&"early").unwrap_err().failure().to_string(), "said early");
    });
}

#[test]
fn a_failure_goes_from_graph_to_graph() {
    let first = Graph::new();
    let second: Dag<u32, i32> = Dag::new();
    let theirs = first.clone();
    second.spawn(1, [], move |_| Ok(theirs.get(&"a")?)).unwrap();
    second.spawn(2, [1], |mut results| Ok(results.next().unwrap()?.1)).unwrap();
    first.post_error("a", "far away").unwrap();
    let mut lines = Vec::new();
    let error = second.get(&2).unwrap_err();
    let mut source: Option<&dyn Error> = Some(&error);
    while let Some(error) = source {
        lines.push(error.to_string());
        source = error.source();
    }
    assert_eq!(lines, ["the task of 2 failed", "the task of 1 failed", r#"the task of "a" failed"#, "far away"]);
}

#[test]
fn a_panic_is_a_failure_too_and_does_not_go_further_unless_it_is_passed_on() {
    let dag = Graph::new();
    dag.spawn("text", [], |_| panic!("no {}", 1)).unwrap();
    dag.spawn("other", [], |_| panic_any(7_u8)).unwrap();
    dag.spawn("copes", ["text", "other"], |results| Ok(results.filter(Result::is_err).count() as i32)).unwrap();
    assert_eq!(dag.get(&"copes").unwrap(), 2);
    let error = dag.get(&"text").unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), "it panicked: no 1");
    let error = dag.get(&"other").unwrap_err();
    assert!(matches!(error.failure(), Failure::Panicked(text) if text == "(no text)"));
}

#[test]
fn successes_and_failures_can_be_had_apart() {
    let dag: Graph = [("a", 1)].into_iter().collect();
    dag.spawn("b", [], |_| Err("no".into())).unwrap();
    dag.spawn("c", ["a"], sum).unwrap();
    dag.spawn("d", ["b"], sum).unwrap();
    let keys = ["a", "b", "c", "d"];
    let good: HashMap<_, _> = dag.wait_each_success(keys).collect();
    assert_eq!(good, HashMap::from([("a", 1), ("c", 1)]));
    let bad: HashSet<_> = dag.wait_each_failure(keys).map(|error| *error.key()).collect();
    assert_eq!(bad, set(["b", "d"]));
}

// What eventlet has no words for.

#[test]
fn tasks_go_on_without_their_graph_and_learn_that_nobody_will_post() {
    let census = Census::default();
    let (say, said) = channel();
    let dag = Graph::new();
    let gate = Arc::new(Event::<()>::new());
    let opened = Arc::clone(&gate);
    dag.spawn("slow", [], move |_| {
        let _ = opened.wait();
        Ok(4)
    })
    .unwrap();
    let counted = census.add();
    dag.spawn("heir", ["slow", "never"], move |results| {
        let _counted = counted;
        for result in results {
            say.send(result.map_err(|error| (*error.key(), error.failure().to_string())))?;
        }
        Ok(0)
    })
    .unwrap();
    drop(dag);
    gate.send(()).unwrap();
    until(|| census.alive() == 0);
    assert_eq!(said.recv().unwrap(), Ok(("slow", 4)));
    assert_eq!(said.recv().unwrap(), Err(("never", "nobody makes it".to_owned())));
}

#[test]
fn a_task_that_has_a_handle_may_spawn_others() {
    let dag: Dag<u64, u64> = Dag::new();
    fn fibonacci(dag: &Dag<u64, u64>, n: u64) {
        let own = dag.clone();
        let deps: Vec<_> = if n < 2 { vec![] } else { vec![n - 1, n - 2] };
        let wanted = deps.clone();
        // Whoever comes second finds it there.
        let _ = dag.spawn(n, deps, move |results| {
            wanted.iter().for_each(|n| fibonacci(&own, *n));
            let mut sum = if n < 2 { n } else { 0 };
            for result in results {
                sum += result?.1;
            }
            Ok(sum)
        });
    }
    fibonacci(&dag, 30);
    assert_eq!(dag.get(&30).unwrap(), 832_040);
}

/// Several wait for all of a chain, tasks and others: each has every result before those that needed it.
#[test]
fn no_result_overtakes_what_it_depends_on() {
    fn check(results: impl Iterator<Item = (u32, u32)>) -> u32 {
        results.map(|(key, _)| key).reduce(|last, key| if key == last + 1 { key } else { u32::MAX }).unwrap()
    }
    everywhere(|| {
        for _ in 0..50 {
            let dag: Dag<u32, u32> = Dag::new();
            for n in 1..8 {
                dag.spawn(n, [n - 1], |results| Ok(results.count() as u32)).unwrap();
            }
            let last = dag.wait_each(0..8);
            dag.spawn(100, 0..8, |results| Ok(check(results.map(Result::unwrap)))).unwrap();
            dag.post(0, 0).unwrap();
            assert_eq!((check(last.map(Result::unwrap)), dag.get(&100).unwrap()), (7, 7));
        }
    });
}

#[test]
fn a_wide_graph_is_worked_off() {
    let dag: Dag<u32, u64> = Dag::new();
    for n in (0..500).rev() {
        let deps = (0..n).rev().take(10);
        dag.spawn(n, deps, |results| Ok(1 + results.map(|result| result.map_or(0, |(_, n)| n % 7)).sum::<u64>()))
            .unwrap();
    }
    assert_eq!(dag.wait_all().unwrap().len(), 500);
    assert_eq!((dag.running(), dag.keys().len()), (0, 500));
}

// Keys whose methods are no mere computations. The graph calls them, and must hold nothing while it does.

type Act = Arc<dyn Fn(&'static str) + Send + Sync>;

/// What the keys of a test do in their methods, besides what these are for.
#[derive(Clone, Default)]
struct Conduct(Arc<Mutex<Option<Act>>>);

green_thread::thread_local! {
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

impl Conduct {
    fn set(&self, act: impl Fn(&'static str) + Send + Sync + 'static) {
        *self.0.lock().unwrap() = Some(Arc::new(act));
    }

    /// Does it, unless it is being done by the same green thread.
    fn act(&self, method: &'static str) {
        let act = self.0.lock().unwrap().clone();
        let Some(act) = act.filter(|_| !BUSY.replace(true)) else { return };
        let done = catch_unwind(AssertUnwindSafe(|| act(method)));
        BUSY.set(false);
        if let Err(payload) = done {
            resume_unwind(payload);
        }
    }
}

struct Key(u32, Conduct);

impl Key {
    fn number(&self) -> u32 {
        self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.1.act("hash");
        // All have one hash, so that all are compared.
        state.write_u32(7);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.1.act("eq");
        self.0 == other.0
    }
}

impl Eq for Key {}

impl Clone for Key {
    fn clone(&self) -> Key {
        self.1.act("clone");
        Key(self.0, self.1.clone())
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.1.act("drop");
    }
}

/// Does whatever a graph can be asked for, with the keys from `first` to `first + 3`.
fn use_all(dag: &Dag<Key, u32>, conduct: &Conduct, first: u32) {
    let key = |n| Key(first + n, conduct.clone());
    dag.spawn(key(0), [key(1), key(2)], |results| Ok(results.map(|result| result.unwrap().1).sum())).unwrap();
    dag.spawn(key(3), [key(0), key(4)], |results| Ok(results.map(|result| result.unwrap().1).sum())).unwrap();
    assert!(dag.waiting_for(&key(0)).is_some());
    assert!(dag.try_get(&key(1)).is_none());
    dag.post(key(1), 1).unwrap();
    assert!(dag.post(key(1), 1).is_err());
    dag.replace(key(2), 2).unwrap();
    assert_eq!(dag.get(&key(0)).unwrap(), 3);
    assert!(dag.kill(&key(3)));
    dag.post_error(key(4), "no").unwrap();
    let error = dag.get(&key(3)).unwrap_err();
    assert_eq!(error.key().number(), first + 3);
    dag.replace(key(3), 4).unwrap();
    let mine = |n| (first..first + 4).contains(&n);
    assert_eq!(dag.keys().iter().filter(|key| mine(key.number())).count(), 4);
    assert_eq!(dag.items().iter().filter(|(key, _)| mine(key.number())).count(), 4);
    assert_eq!(dag.wait((0..4).map(key)).unwrap().values().sum::<u32>(), 10);
    dag.waiting_for_all();
    dag.running_keys();
}

#[test]
fn the_methods_of_a_key_may_wait() {
    everywhere(|| {
        let (dag, conduct) = (Dag::new(), Conduct::default());
        conduct.set(|_| thread::yield_now());
        // All on one hub: a lock held in the meantime would hold it up for good.
        let users = [0, 10, 20].map(|first| {
            let (dag, conduct) = (dag.clone(), conduct.clone());
            thread::spawn_local(move || use_all(&dag, &conduct, first))
        });
        for user in users {
            user.join().unwrap();
        }
    });
}

#[test]
fn the_methods_of_a_key_may_use_the_graph() {
    let (dag, conduct) = (Dag::new(), Conduct::default());
    let again = (dag.clone(), conduct.clone());
    conduct.set(move |_| {
        let (dag, conduct) = &again;
        let _ = dag.replace(Key(90, conduct.clone()), 1);
        dag.keys();
        dag.running_keys();
        dag.waiting_for_all();
        dag.waiting_for(&Key(91, conduct.clone()));
    });
    use_all(&dag, &conduct, 0);
    assert!(dag.try_get(&Key(90, Conduct::default())).is_some());
    // The conduct has a handle to the graph, which has keys with the conduct.
    conduct.set(|_| {});
}

/// Whichever call of whichever method panics: the graph is as before, or as after.
#[test]
fn a_panic_in_a_method_of_a_key_leaves_the_graph_usable() {
    for method in ["hash", "eq", "clone"] {
        for last in 0.. {
            let (dag, conduct) = (Dag::new(), Conduct::default());
            dag.post(Key(0, conduct.clone()), 5).unwrap();
            dag.spawn(Key(1, conduct.clone()), [Key(2, conduct.clone())], |results| Ok(results.count() as u32))
                .unwrap();
            let calls = AtomicUsize::new(0);
            conduct.set(move |called| {
                if called == method && calls.fetch_add(1, Ordering::Relaxed) == last {
                    resume_unwind(Box::new("a key panicked"));
                }
            });
            let unwound = catch_unwind(AssertUnwindSafe(|| {
                let key = |n| Key(n, conduct.clone());
                let _ = dag.post(key(0), 6);
                let mut results = dag.wait_each([key(0), key(3)]);
                dag.replace(key(3), 7).unwrap();
                assert_eq!(results.next().unwrap().map(|(key, value)| (key.number(), value)).unwrap(), (0, 5));
                assert_eq!(results.next().unwrap().map(|(key, value)| (key.number(), value)).unwrap(), (3, 7));
                let _ = dag.spawn(key(4), [key(3), key(0)], |_| Ok(2));
                (dag.keys(), dag.running_keys(), dag.waiting_for(&key(1)))
            }));
            conduct.set(|_| {});
            let key = |n| Key(n, conduct.clone());
            assert_eq!(dag.get(&key(0)).unwrap(), 5);
            let _ = dag.post(key(3), 7);
            let _ = dag.spawn(key(4), [key(3), key(0)], |_| Ok(2));
            assert_eq!(dag.get(&key(4)).unwrap(), 2);
            assert_eq!(dag.running_keys().len(), 1);
            dag.post(key(2), 1).unwrap();
            assert_eq!(dag.get(&key(1)).unwrap(), 1);
            match unwound {
                Ok(_) => {
                    assert!(last > 0, "{method} is never called");
                    break;
                }
                Err(payload) => assert_eq!(payload.downcast_ref(), Some(&"a key panicked")),
            }
        }
    }
}

/// On a worker it goes on; with `GREEN_HUBS=0` it will never run again.
#[test]
fn a_task_that_has_begun_goes_on_or_has_failed_when_its_os_thread_has_ended() {
    let dag = std::thread::spawn(|| {
        let (dag, begun) = (Graph::new(), Arc::new(Event::<()>::new()));
        let begins = Arc::clone(&begun);
        dag.spawn("sum", ["late"], move |results| {
            begins.send(()).unwrap();
            sum(results)
        })
        .unwrap();
        begun.wait().unwrap();
        dag
    });
    let dag = dag.join().unwrap();
    dag.post("late", 3).unwrap();
    match dag.get(&"sum") {
        Ok(sum) => assert_eq!(sum, 3),
        Err(error) => assert!(matches!(error.failure(), Failure::Killed), "{error:?}"),
    }
}
