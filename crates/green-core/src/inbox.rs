//! A hub's inbox: the only way by which other OS threads reach a hub (I6).
//!
//! A push is a lock-free append and a look at the owner's [`WakeFlag`]; the owner drains in batches and checks the
//! generation of what it finds, so a message about a green thread that has ended is a no-op. The race between a push
//! and an owner that falls asleep is told, and modelled, in `reactor/waker.rs`.

#[cfg(not(loom))]
use crossbeam_queue::SegQueue;

use crate::reactor::waker::{Bed, WakeFlag};

/// A queue of messages with the flag of the one who reads it.
#[derive(Debug)]
pub(crate) struct Inbox<M> {
    #[cfg(not(loom))]
    queue: SegQueue<M>,
    #[cfg(loom)]
    queue: crate::primitive::Mutex<std::collections::VecDeque<M>>,
    flag: WakeFlag,
}

#[cfg(not(loom))]
impl<M> Inbox<M> {
    pub(crate) const fn new() -> Self {
        Self { queue: SegQueue::new(), flag: WakeFlag::new() }
    }

    /// Appends without waking anybody: for news that can wait until the owner wakes for another reason.
    pub(crate) fn push_quietly(&self, message: M) {
        self.queue.push(message);
    }

    /// Takes the oldest message. Only the owner calls this.
    pub(crate) fn pop(&self) -> Option<M> {
        self.queue.pop()
    }

    /// Returns true if a look just now found nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(loom)]
impl<M> Inbox<M> {
    pub(crate) fn new() -> Self {
        Self { queue: crate::primitive::Mutex::new(Default::default()), flag: WakeFlag::new() }
    }

    pub(crate) fn push_quietly(&self, message: M) {
        self.queue.lock().push_back(message);
    }

    pub(crate) fn pop(&self) -> Option<M> {
        self.queue.lock().pop_front()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.lock().is_empty()
    }
}

impl<M> Inbox<M> {
    /// Appends; returns how the caller must ring the owner, if it must.
    pub(crate) fn push(&self, message: M) -> Option<Bed> {
        self.push_quietly(message);
        self.flag.rouse()
    }

    /// Returns the owner's wake flag.
    pub(crate) fn flag(&self) -> &WakeFlag {
        &self.flag
    }

    /// Announces a sleep; returns false, with the flag lowered again, if a message came in between.
    pub(crate) fn may_sleep(&self, bed: Bed) -> bool {
        self.flag.announce(bed);
        if self.is_empty() {
            return true;
        }
        self.flag.rise();
        false
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;

    #[test]
    fn loom_every_message_arrives_and_no_sleep_is_missed() {
        loom::model(|| {
            let inbox = Arc::new(Inbox::new());
            let senders: Vec<_> = (0..2)
                .map(|i| {
                    let inbox = inbox.clone();
                    loom::thread::spawn(move || {
                        inbox.push(i);
                    })
                })
                .collect();
            let mut sum = 0;
            let mut count = 0;
            while count < 2 {
                while let Some(message) = inbox.pop() {
                    sum += message;
                    count += 1;
                }
                if count < 2 && inbox.may_sleep(Bed::Poll) {
                    while inbox.flag().is_asleep() {
                        loom::thread::yield_now();
                    }
                }
            }
            assert_eq!(sum, 1);
            for sender in senders {
                sender.join().unwrap();
            }
        });
    }
}
