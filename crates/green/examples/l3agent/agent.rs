//! The agent's loop: a pool of workers over one queue. The pool is the loop's only brake.

use std::rc::Rc;

use green::pool::GreenPool;
use green::sync::PriorityQueue;

use super::exclusive::{Exclusive, Primary, Update};

/// How often an update is tried.
pub(crate) const TRIES: u32 = 5;

/// How many workers there are: one for each router, within limits.
const FEWEST: usize = 8;
const MOST: usize = 32;

/// Processes what comes until the queue is closed and empty. `work` returns whether it succeeded.
pub(crate) fn run(
    queue: &Rc<PriorityQueue<Update>>,
    exclusive: &Rc<Exclusive>,
    work: impl Fn(&Update) -> bool + 'static,
) {
    let (pool, work) = (GreenPool::new(FEWEST), Rc::new(work));
    while !(queue.is_closed() && queue.is_empty()) {
        let (queue, exclusive, work, same) = (Rc::clone(queue), Rc::clone(exclusive), Rc::clone(&work), pool.clone());
        // Waits while all workers are busy, be it with routers or with waiting for something to do.
        pool.spawn_local(move || {
            let Ok(update) = queue.get() else { return };
            if let Some(primary) = exclusive.enter(update) {
                process(primary, &queue, &*work);
                same.resize(exclusive.routers().clamp(FEWEST, MOST));
            }
        });
    }
    pool.wait_all().expect("the agent is not one of its workers");
}

/// Works on one router until there is nothing more to do.
fn process(mut primary: Primary, queue: &PriorityQueue<Update>, work: &impl Fn(&Update) -> bool) {
    while let Some(update) = primary.next() {
        if work(&update) {
            primary.processed(&update);
        } else if update.tries + 1 < TRIES {
            let again = Update { tries: update.tries + 1, ..update };
            // The queue takes no more: it is tried here.
            if let Err(refused) = queue.try_put(again) {
                primary.again(refused.into_inner());
            }
        }
    }
}
