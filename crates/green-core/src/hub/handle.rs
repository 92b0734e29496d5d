//! `HubHandle`: a hub by name, for other OS threads that have something to run on it.
//!
//! # The way of a post
//!
//! A *post* is a closure for a hub. The poster appends it to the hub's *letter box*, under the box's lock, and
//! sends one message to the inbox if the box was empty. The hub answers by starting a local green thread for the
//! oldest post; when that green thread is over, whatever way it ended, the next post gets one. So posts run in the
//! order of their arrival and **one at a time**, even if one of them parks; each has a green thread of its own, which
//! leaves nothing behind for the next one; and none pre-empts what runs on the hub when it arrives (I14: a post is on a
//! root's hub because somebody named that hub).
//!
//! # A post without a stack
//!
//! If no stack is to be had, the post goes back to where it was, at the head of the box, and a call of the hub's, which needs
//! no stack, tries again a little later: after a millisecond at first, then after pauses that double up to a tenth of a
//! second. So nothing that was posted is lost for want of memory, and the order stays. Rejected: to run it on the hub's loop,
//! where it could not park and has 256 KiB.
//!
//! # The end of a hub
//!
//! Hubs are reused by later OS threads, so a handle names a letter box and not the hub: each OS thread's hub gets a box
//! of its own. When the OS thread ends, the box is closed and emptied under its lock. From then on a post fails, and
//! gives the closure back to the poster; what was posted before, and has not begun, is dropped by the ending
//! OS thread. Nothing is dropped anywhere else, and no later hub gets a post that was not meant for it.
//!
//! # A root that waits in place
//!
//! A root with no green thread beside it does not switch when it waits, so nobody could run a post meanwhile. It is not
//! alone, therefore, while anybody has a handle ([`Hub::is_expecting`]). The count cannot fall behind its back: a handle
//! is made by the hub itself or from another handle, and a post that is on its way holds one until the hub has it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::shared::{Message, Shared};
use super::{Hub, schedule_call};
use crate::spawn;
use crate::{current, greenlet};

/// A closure on its way to a hub. It keeps the root from waiting in place, so it lives until the post has a green thread.
struct Post {
    f: Box<dyn FnOnce() + Send>,
    _hub: HubHandle,
}

/// Where the posts for one life of a hub arrive.
struct LetterBox {
    shared: &'static Shared,
    /// `None` once the OS thread has ended.
    posts: Mutex<Option<VecDeque<Post>>>,
}

/// The hub's own side: its letter box, once somebody has asked for a handle.
#[derive(Default)]
pub(super) struct Posts {
    letter_box: RefCell<Option<Arc<LetterBox>>>,
    /// True while a green thread runs a post, or is about to.
    busy: Cell<bool>,
    /// How often in a row there was no stack for the next one.
    failures: Cell<u32>,
}

/// The hub of one OS thread, by name: other OS threads run closures on it.
///
/// A handle can be cloned and sent. It does not keep the OS thread alive.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use green_core::hub::HubHandle;
///
/// let here = HubHandle::current();
/// let (sender, receiver) = mpsc::channel();
/// let other = std::thread::spawn(move || {
///     let posted = here.post(move || sender.send(std::thread::current().id()).unwrap());
///     assert!(posted.is_ok());
/// });
/// // This OS thread runs it when it next waits for something, not before.
/// assert!(receiver.try_recv().is_err());
/// let ran_on = loop {
///     green_core::park::yield_now();
///     if let Ok(id) = receiver.try_recv() {
///         break id;
///     }
/// };
/// assert_eq!(ran_on, std::thread::current().id());
/// # other.join().unwrap();
/// ```
#[derive(Clone)]
pub struct HubHandle(Arc<LetterBox>);

impl HubHandle {
    /// Returns the handle of this OS thread's hub.
    ///
    /// While a handle exists, what blocks on an OS thread without green threads parks, so that posts can run meanwhile,
    /// where it would otherwise have been made in place.
    ///
    /// # Panics
    ///
    /// Panics if there is no memory for the stack of the hub's loop, if the OS thread is ending already, and if the
    /// settings in `GREEN_*` are not valid.
    pub fn current() -> Self {
        let hub = current::hub();
        hub.check_fork();
        hub.letter_box().map_or_else(|error| panic!("green: no handle of this OS thread's hub: {error}"), Self)
    }

    /// Runs `f` on the hub, in a green thread of its own, after the closures that were posted before have ended.
    ///
    /// It never runs before this returns if this is the hub's own OS thread. A panic of `f` is reported, and ends `f`
    /// alone. If there is no memory for its stack, `f` waits until there is, and so do the closures that were posted after it.
    ///
    /// # Errors
    ///
    /// `f` itself, if the OS thread has ended, or is the parent's in the child of a fork. If it ends afterwards, before it was `f`'s turn, then it drops `f`.
    pub fn post<F>(&self, f: F) -> Result<(), F>
    where
        F: FnOnce() + Send + 'static,
    {
        if self.0.shared.is_forked() {
            return Err(f);
        }
        let was_empty = {
            let mut posts = self.0.posts.lock();
            let Some(queue) = posts.as_mut() else { return Err(f) };
            queue.push_back(Post { f: Box::new(f), _hub: self.clone() });
            queue.len() == 1
        };
        // With others before it, the message is on its way, or their green thread takes care of what follows.
        if was_empty {
            match current::existing() {
                Some(hub) if ptr::eq(hub.shared(), self.0.shared) => hub.begin_post(),
                _ => {
                    self.0.shared.send(Message::Posts);
                }
            }
        }
        Ok(())
    }

    /// Returns true on the OS thread that the hub belongs to.
    pub fn is_current(&self) -> bool {
        current::existing().is_some_and(|hub| {
            let own = hub.posts.letter_box.borrow();
            own.as_ref().is_some_and(|own| Arc::ptr_eq(own, &self.0))
        })
    }
}

impl fmt::Debug for HubHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubHandle").field("is_current", &self.is_current()).finish_non_exhaustive()
    }
}

/// The turn of a post, owned by its green thread. The next one's comes when that is over; if it never started, the same one has
/// another turn later.
struct Turn(Option<Post>);

impl Turn {
    fn run(mut self) {
        if let Some(Post { f, _hub }) = self.0.take() {
            if let Some(hub) = current::existing() {
                hub.posts.failures.set(0);
            }
            drop(_hub);
            f();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // It is dropped by its green thread, or by the loop or the end of the OS thread if that never started: all here.
        let Some(hub) = current::existing() else { return };
        hub.posts.busy.set(false);
        match self.0.take() {
            Some(post) => hub.postpone(post),
            None => hub.begin_post(),
        }
    }
}

impl Hub {
    /// Returns this life's letter box, made on first use.
    fn letter_box(&self) -> std::io::Result<Arc<LetterBox>> {
        if let Some(own) = &*self.posts.letter_box.borrow() {
            return Ok(Arc::clone(own));
        }
        if self.closing.get() {
            return Err(std::io::Error::other("the OS thread is ending"));
        }
        crate::config::get()?;
        self.prepare_loop()?;
        let own = Arc::new(LetterBox { shared: self.shared(), posts: Mutex::new(Some(VecDeque::new())) });
        self.posts.letter_box.replace(Some(Arc::clone(&own)));
        Ok(own)
    }

    /// Returns true if somebody might post something, or has and it is on its way.
    pub(super) fn is_expecting(&self) -> bool {
        self.posts.letter_box.borrow().as_ref().is_some_and(|own| Arc::strong_count(own) > 1)
    }

    /// Gives the oldest post a green thread, unless one is under way.
    pub(super) fn begin_post(&self) {
        if self.posts.busy.get() || self.closing.get() {
            return;
        }
        let next = self.posts.letter_box.borrow().as_ref().and_then(|own| own.posts.lock().as_mut()?.pop_front());
        let Some(post) = next else { return };
        self.posts.busy.set(true);
        let turn = Turn(Some(post));
        spawn::start_posted(self, move || turn.run());
    }

    /// Keeps a post for which there was no stack.
    fn postpone(&self, post: Post) {
        const PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));
        let refused = match &*self.posts.letter_box.borrow() {
            Some(own) => match &mut *own.posts.lock() {
                Some(posts) if !self.closing.get() => {
                    posts.push_front(post);
                    None
                }
                _ => Some(post),
            },
            None => Some(post),
        };
        // Its OS thread ends. Nothing is borrowed or locked while its destructor runs.
        if refused.is_some() {
            return drop(refused);
        }
        let failures = self.posts.failures.get();
        self.posts.failures.set(failures.saturating_add(1));
        let pause = (PAUSE.0 * (1 << failures.min(16))).min(PAUSE.1);
        schedule_call(pause, || current::hub().begin_post());
    }

    /// Drops the posts that have not begun, and lets no more in: the OS thread ends.
    pub(super) fn close_posts(&self) {
        if let Some(own) = self.posts.letter_box.take() {
            // Taken out first: the lock is not held while destructors run. A panic in one is reported and ends there.
            let posts = own.posts.lock().take();
            posts.into_iter().flatten().for_each(greenlet::discard);
        }
        self.posts.busy.set(false);
    }
}
