//! Waiting for either direction of a descriptor, or both at once: for watches.

use super::{Reactor, Token};
use crate::hub::Hub;
use crate::sys::Direction;
use crate::unpark::{Outcome, Unparker, WaitReason};

impl Reactor {
    /// Waits, after a look that found nothing, until one of `directions` is worth another; see
    /// [`wait_ready`](Self::wait_ready).
    pub(crate) fn wait_either(&self, hub: &Hub, token: Token, directions: &[Direction], reason: WaitReason) -> Outcome {
        let unparker = Unparker::current();
        if directions.contains(&Direction::Write) && !self.ask_for_room(token) {
            return Outcome::Unparked;
        }
        let Some(tick) = self.with_entry(token, |entry| {
            directions.iter().for_each(|&direction| entry.waiters(direction).push(unparker));
            entry.tick
        }) else {
            return Outcome::Unparked;
        };
        loop {
            let outcome = hub.park_current(None, reason);
            let done = self.with_entry(token, |entry| {
                if outcome == Outcome::Unparked && entry.tick == tick {
                    return false;
                }
                directions.iter().for_each(|&direction| entry.waiters(direction).remove(unparker));
                true
            });
            // A registration that is gone has woken its waiters.
            if done.unwrap_or(true) {
                return outcome;
            }
        }
    }
}
