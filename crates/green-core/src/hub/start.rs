//! What is to start: the green threads that are queued for it, where they go, and the size of their stacks.

use std::cell::Cell;
use std::io;
use std::sync::Arc;

use super::Hub;
use crate::placement::Favourite;
use crate::record::Record;
use crate::run_queue::Runnable;
use crate::spawn::unstarted::{Task, Unstarted};
use crate::stack::{Stack, StackSize};
use crate::steal_ring::Owner;

impl Hub {
    /// Leaves a green thread that cannot be started to the loop, which drops its closure: a destructor must not run where
    /// the caller stands.
    pub(crate) fn refuse(&self, task: Arc<dyn Task>, error: io::Error) {
        self.set_live(self.live.get() + 1);
        self.unstartable.borrow_mut().push((task, error));
    }

    /// Queues an unstarted green thread that stays on this hub.
    ///
    /// # Errors
    ///
    /// `Other` if the OS thread is ending; the OS error if there is no stack for the hub's own loop, which is needed
    /// from here on.
    pub(crate) fn enqueue_local(&self, unstarted: Unstarted) -> io::Result<()> {
        self.prepare_to_start()?;
        self.enqueue_here(unstarted);
        Ok(())
    }

    /// Queues an unstarted green thread that stays on this hub, which is prepared for it.
    pub(super) fn enqueue_here(&self, unstarted: Unstarted) {
        self.set_live(self.live.get() + 1);
        self.run_queue.push_local(unstarted);
    }

    /// Makes sure that green threads can be started beside the root; fails as [`enqueue_local`](Self::enqueue_local).
    pub(super) fn prepare_to_start(&self) -> io::Result<()> {
        if self.closing.get() {
            return Err(io::Error::other("the OS thread is ending: nothing more can be started on its hub"));
        }
        self.prepare_loop()
    }

    /// Says how many green threads live here.
    #[inline]
    pub(crate) fn set_live(&self, live: usize) {
        self.live.set(live);
        self.shared.note_live(live);
    }

    /// Queues an unstarted green thread that another worker may take.
    #[inline(always)]
    pub(crate) fn enqueue_shared(&self, unstarted: Unstarted) {
        let owner = self.own_starts.get().expect("only from a worker may others take");
        self.shared.unstarted().push_own(owner, unstarted);
        self.enqueue_token();
    }

    /// Starts the oldest of the unstarted green threads that another worker may take, if there is one.
    #[inline(always)]
    pub(super) fn start_shared(&self, here: Option<&mut Option<Stack>>) -> Option<&'static Record> {
        let owner = self.own_starts.get()?;
        let Some(Unstarted { task, credit, .. }) = owner.pop() else { return self.start_behind(owner, here) };
        self.set_live(self.live.get() + 1);
        self.start(task, credit, here)
    }

    /// Does the same when the ring is empty, for what is behind it.
    #[cold]
    fn start_behind(&self, owner: &Owner<Unstarted>, here: Option<&mut Option<Stack>>) -> Option<&'static Record> {
        // Others may take all of it before we do; then we look behind it once more.
        if self.shared.unstarted().refill(owner) { self.start_shared(here) } else { None }
    }

    /// Queues a turn for the oldest of the unstarted green threads that another worker may take.
    pub(crate) fn enqueue_token(&self) {
        self.run_queue.push(Runnable::StartShared);
    }

    /// The worker that the spawns of this hub go to, if it is no worker itself.
    pub(crate) fn favourite(&self) -> &Cell<Option<Favourite>> {
        &self.favourite
    }

    /// Returns the stack size for so many bytes; most spawns ask for the same as the one before.
    pub(crate) fn stack_size(&self, bytes: usize) -> io::Result<StackSize> {
        if let Some((asked, size)) = self.last_size.get()
            && asked == bytes
        {
            return Ok(size);
        }
        let size = StackSize::new(bytes)?;
        self.last_size.set(Some((bytes, size)));
        Ok(size)
    }
}
