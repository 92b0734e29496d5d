//! A wait in several queues at once: one node in each, all of one green thread.

use std::marker::PhantomData;

use super::{DONE, IDLE, Node, SEVERAL, WaitQueue};
use crate::primitive::Ordering;
use crate::unpark::Unparker;

/// A wait in several queues. Dropped in the middle (`is_ready` panicked), it leaves them all.
pub(crate) struct Several<'a> {
    /// In one allocation, which stays where it is while the nodes are linked.
    nodes: Box<[Node]>,
    unparker: Unparker,
    queues: PhantomData<&'a WaitQueue>,
}

impl<'a> Several<'a> {
    pub(crate) fn new(count: usize) -> Self {
        let nodes: Box<[Node]> = (0..count).map(|_| Node::new()).collect();
        let unparker = Unparker::current();
        unparker.node().stand_for(&nodes);
        Self { nodes, unparker, queues: PhantomData }
    }

    /// Joins `queue` with the node at `index` if `blocked`, asked under the queue's lock, says so.
    pub(crate) fn enter(&mut self, index: usize, queue: &'a WaitQueue, blocked: impl FnOnce() -> bool) -> bool {
        queue.enter(&self.nodes[index], self.unparker, blocked)
    }

    /// Returns the index of a notification that has come.
    pub(crate) fn notified(&self) -> Option<usize> {
        self.nodes.iter().position(|node| node.state.load(Ordering::Acquire) == DONE)
    }

    /// Leaves all queues. Keeps the notification of `chosen`, or of the first that has one, and passes on those of all others; returns
    /// the index whose notification was kept, or `chosen`.
    pub(crate) fn leave(&mut self, mut chosen: Option<usize>) -> Option<usize> {
        for (index, node) in self.nodes.iter().enumerate() {
            if node.state.load(Ordering::Acquire) == IDLE {
                continue;
            }
            // SAFETY: a node that is not IDLE entered its queue by `enter`, whose borrow lasts as long as `'a`.
            let queue: &'a WaitQueue = unsafe { &*node.queue.get() };
            let notified = !queue.leave(node);
            if notified && *chosen.get_or_insert(index) != index {
                queue.notify_one();
            }
        }
        chosen
    }

    fn pass_on(&mut self) {
        // No index is this one, so every notification is passed on.
        self.leave(Some(usize::MAX));
    }
}

impl Node {
    /// Makes a green thread's own node lead to those by which it waits in several queues, for [`Node::for_each`].
    fn stand_for(&self, nodes: &[Node]) {
        let ends = nodes.as_ptr_range();
        self.previous.set(ends.start);
        self.next.set(ends.end);
        self.state.store(SEVERAL, Ordering::Relaxed);
    }

    fn stand_alone(&self) {
        self.state.store(IDLE, Ordering::Relaxed);
    }

    /// Calls `f` with each node by which the green thread of this node waits. Only its owner hub asks.
    #[cfg(not(loom))]
    pub(crate) fn for_each(&self, mut f: impl FnMut(&Node)) {
        if self.state.load(Ordering::Relaxed) != SEVERAL {
            return f(self);
        }
        let mut node = self.previous.get();
        while node != self.next.get() {
            // SAFETY: the two bound the nodes of a `Several`, which sets the state back before it is dropped; a frame
            // that is suspended for ever never drops its own (I8).
            f(unsafe { &*node });
            // SAFETY: `node` was not the end of the same allocation.
            node = unsafe { node.add(1) };
        }
    }
}

impl Drop for Several<'_> {
    fn drop(&mut self) {
        self.pass_on();
        self.unparker.node().stand_alone();
    }
}
