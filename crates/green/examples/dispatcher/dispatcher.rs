//! A message dispatcher: one thread takes messages in, a pool works on them, and both are ended in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use green::pool::GreenPool;
use green::sync::Queue;
use green::thread::{self, JoinHandle};

/// A dispatcher that takes messages from a queue. What it runs on, green threads or OS threads, is not its business: that
/// is the mode of the program.
pub(crate) struct Dispatcher<M> {
    incoming: Arc<Queue<M>>,
    stopping: Arc<AtomicBool>,
    /// Returns the messages that it did not take in.
    poller: JoinHandle<Vec<M>>,
    pool: GreenPool,
}

impl<M: Send + 'static> Dispatcher<M> {
    /// Starts to call `handle` for each message, at most `size` at a time.
    pub(crate) fn start(incoming: Arc<Queue<M>>, size: usize, handle: impl Fn(M) + Send + Sync + 'static) -> Self {
        let (stopping, pool) = (Arc::new(AtomicBool::new(false)), GreenPool::new(size));
        let poller = thread::spawn({
            let (incoming, stopping, pool) = (Arc::clone(&incoming), Arc::clone(&stopping), pool.clone());
            move || poll(&incoming, &stopping, &pool, &Arc::new(handle))
        });
        Self { incoming, stopping, poller, pool }
    }

    /// Takes in no more messages, and closes the queue. Does not wait.
    pub(crate) fn stop(self) -> Stopped<M> {
        self.stopping.store(true, Ordering::Release);
        self.incoming.close();
        Stopped { poller: self.poller, pool: self.pool }
    }
}

/// A dispatcher that takes in nothing more. That there is one is what makes `wait` come after `stop`.
pub(crate) struct Stopped<M> {
    poller: JoinHandle<Vec<M>>,
    pool: GreenPool,
}

impl<M> Stopped<M> {
    /// Waits until all messages that were taken in have been handled, and returns the others.
    pub(crate) fn wait(self) -> Vec<M> {
        let rest = self.poller.join().expect("a handler's panic is its own");
        self.pool.wait_all().expect("the dispatcher is no handler");
        rest
    }
}

fn poll<M, H>(incoming: &Queue<M>, stopping: &AtomicBool, pool: &GreenPool, handle: &Arc<H>) -> Vec<M>
where
    M: Send + 'static,
    H: Fn(M) + Send + Sync + 'static,
{
    let mut rest = Vec::new();
    for message in incoming {
        if stopping.load(Ordering::Acquire) {
            rest.push(message);
            continue;
        }
        let handle = Arc::clone(handle);
        pool.spawn_n(move || handle(message));
        incoming.task_done().expect("it was taken just now");
    }
    rest
}
