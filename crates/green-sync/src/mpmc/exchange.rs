//! Where items, waiting senders and waiting receivers of a bounded channel or one with many receivers meet.
//!
//! One lock guards a queue of items. The first `capacity` of them are *buffered*; each one behind is an *offer*,
//! whose sender waits. When the front item is taken, everything moves up: the first offer becomes buffered, and its sender is woken. A
//! rendezvous is the case of capacity 0, where all items are offers and a sender is woken when its own was taken.
//!
//! **Senders** are woken one by one by name (an [`Unparker`] in the offer), because only the one whose offer moved up
//! has anything to do. A sender that gives up (timeout, kill, the receivers gone) takes its offer back under the lock, or
//! finds that it is not there any more and has succeeded: an item is handed over or comes back, never both.
//!
//! **Receivers** wait in a [`WaitQueue`]. For every item that comes while some wait, one of them is notified and one
//! item is *promised*: whoever comes later may only take what is not promised, so those who waited are served in their
//! order and nobody overtakes them. Promises and waiters are anonymous numbers, which makes the accounts simple:
//! `waiting + promised` receivers are inside `recv`'s wait, and each leaves by one of
//! - taking a promised item (`promised − 1`), after a notification or because it gave up and found only promises left,
//! - taking an item that nobody was promised (`waiting − 1`),
//! - giving up (`waiting − 1`).
//!
//! A promised offer cannot be taken back: its sender returns as if it had been taken, which it will be.
//!
//! The locks nest as *queue → state* (a waiter looks at the state under its queue's lock, so that it cannot miss a notification), so
//! notifications are given with the state unlocked. Between a promise and its notification a receiver may give up:
//! then the notification finds nobody, and the promise is void unless that receiver has taken it.
//!
//! A receiver on a stack that will never run again (I15) leaves its queue unheard; its share of `waiting` stays, and
//! costs later senders a look into the empty queue. If it had been promised something, and nobody else waits to whom the notification
//! could be passed on, one item stays in the channel until the channel's end. Its offers stay, and can be taken.
//!
//! Waits over several things have queues of their own: they take no part in the accounts, look at the state when
//! they wake, and may find that somebody was faster. Two of them that wait for opposite ends of one rendezvous do not
//! see each other, since neither has committed itself.
//!
//! **Rejected.** Hand-over into the receiver's own frame needs no promises, and unsafe code, and loses the item with a
//! receiver that never runs again. Notified receivers that may be overtaken lose their place in the queue.

use std::collections::VecDeque;
use std::sync::mpsc::{RecvTimeoutError, TryRecvError, TrySendError};
use std::time::Instant;

use green_core::kill;
use green_core::park::park_until;
use green_core::primitive::Mutex;
use green_core::unpark::{Outcome, Unparker, WaitReason};
use green_core::wait_queue::WaitQueue;

use super::SendTimeoutError;

/// See the module.
pub(crate) struct Exchange<T> {
    /// As it was asked for; the state's becomes 0 when the receivers are gone.
    capacity: Option<usize>,
    state: Mutex<State<T>>,
    /// Receivers that wait for this alone.
    receivers: WaitQueue,
    /// Waits over several things, of which one is an item of this.
    item_selects: WaitQueue,
    /// Waits over several things, of which one is room in this.
    room_selects: WaitQueue,
}

/// A sender's wait; the n-th goes with the n-th item behind the buffered ones.
struct Offer {
    /// Rises along the queue, so that an offer is found by bisection.
    ticket: u64,
    /// None for an offer that nobody waits for.
    sender: Option<Unparker>,
}

struct State<T> {
    items: VecDeque<T>,
    offers: VecDeque<Offer>,
    capacity: usize,
    next_ticket: u64,
    waiting: usize,
    promised: usize,
    senders: usize,
    receivers: usize,
    /// True once there may be somebody in `item_selects`.
    items_selected: bool,
    /// The same for `room_selects`.
    room_selected: bool,
}

/// Who is to be told, with the state unlocked, that there is an item.
#[derive(Clone, Copy)]
enum Call {
    Nobody,
    Receiver,
    Select,
}

/// An item that was taken, and who is to be told of it with the state unlocked.
struct Taken<T> {
    item: T,
    sender: Option<Unparker>,
    room: bool,
}

/// Whether a receiver is counted in `waiting + promised`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    Inside,
}

impl<T> State<T> {
    fn is_taken_freely(&self) -> bool {
        self.items.len() > self.promised
    }

    fn has_room(&self) -> bool {
        if self.capacity == 0 { self.waiting > 0 } else { self.items.len() < self.capacity }
    }

    /// Appends an item, and a promise if somebody waits.
    fn push(&mut self, item: T) -> Call {
        self.items.push_back(item);
        if self.waiting > 0 {
            self.waiting -= 1;
            self.promised += 1;
            return Call::Receiver;
        }
        if self.items_selected { Call::Select } else { Call::Nobody }
    }

    /// Appends the offer that goes with the next item.
    fn offer(&mut self, sender: Option<Unparker>) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.offers.push_back(Offer { ticket, sender });
        ticket
    }

    fn pop(&mut self) -> Option<Taken<T>> {
        let item = self.items.pop_front()?;
        let offer = self.offers.pop_front();
        let room = self.room_selected && offer.is_none() && self.capacity > 0;
        Some(Taken { item, sender: offer.and_then(|offer| offer.sender), room })
    }

    /// Takes an item if this receiver may have one; it is outside then.
    fn take(&mut self, place: Place) -> Option<Taken<T>> {
        if place == Place::Inside && self.promised > 0 {
            self.promised -= 1;
        } else if !self.is_taken_freely() {
            return None;
        } else if place == Place::Inside {
            self.waiting -= 1;
        }
        self.pop()
    }

    /// Ends the wait of a receiver that is inside and was not notified: with an item if one is its own, or free.
    fn give_up(&mut self) -> Option<Taken<T>> {
        if self.waiting == 0 {
            self.promised -= 1;
            return self.pop();
        }
        self.waiting -= 1;
        if self.is_taken_freely() { self.pop() } else { None }
    }

    /// Takes back the offer of `ticket`, unless it has moved up or is promised.
    fn withdraw(&mut self, ticket: u64) -> Option<T> {
        let place = self.find(ticket)?;
        let index = self.capacity + place;
        if self.receivers > 0 && index < self.promised {
            self.offers[place].sender = None;
            return None;
        }
        self.offers.remove(place);
        self.items.remove(index)
    }

    /// Returns the place of an offer that has not moved up yet.
    fn find(&self, ticket: u64) -> Option<usize> {
        self.offers.binary_search_by_key(&ticket, |offer| offer.ticket).ok()
    }
}

impl<T> Exchange<T> {
    /// Makes an exchange with one sender and one receiver; without a capacity it has no bound.
    pub(crate) fn new(capacity: Option<usize>) -> Self {
        let state = State {
            items: VecDeque::new(),
            offers: VecDeque::new(),
            capacity: capacity.unwrap_or(usize::MAX),
            next_ticket: 0,
            waiting: 0,
            promised: 0,
            senders: 1,
            receivers: 1,
            items_selected: false,
            room_selected: false,
        };
        Self {
            capacity,
            state: Mutex::new(state),
            receivers: WaitQueue::new(),
            item_selects: WaitQueue::new(),
            room_selects: WaitQueue::new(),
        }
    }

    /// Puts an item in if it need not wait for that.
    pub(crate) fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        let call = {
            let mut state = self.state.lock();
            if state.receivers == 0 {
                return Err(TrySendError::Disconnected(item));
            }
            if !state.has_room() {
                return Err(TrySendError::Full(item));
            }
            if state.capacity == 0 {
                state.offer(None);
            }
            state.push(item)
        };
        self.call(call);
        Ok(())
    }

    /// Puts an item in, waiting for room, or at a rendezvous for its receiver, until `deadline`. A kill point if it
    /// waits.
    pub(crate) fn send(&self, mut item: T, deadline: Option<Instant>) -> Result<(), SendTimeoutError<T>> {
        loop {
            let (ticket, call) = {
                let mut state = self.state.lock();
                if state.receivers == 0 {
                    return Err(SendTimeoutError::Disconnected(item));
                }
                let waits = state.items.len() >= state.capacity;
                (waits.then(|| state.offer(Some(Unparker::current()))), state.push(item))
            };
            self.call(call);
            let Some(ticket) = ticket else { return Ok(()) };
            item = match self.await_turn(ticket, deadline) {
                Ok(()) => return Ok(()),
                Err((item, None)) => return Err(SendTimeoutError::Disconnected(item)),
                Err((item, Some(Outcome::TimedOut))) => return Err(SendTimeoutError::Timeout(item)),
                Err((item, Some(_))) => {
                    kill::deliver();
                    item
                }
            };
        }
    }

    /// Waits until an offer has moved up; otherwise returns the item, and what ended the wait unless it was that the
    /// receivers are gone.
    fn await_turn(&self, ticket: u64, deadline: Option<Instant>) -> Result<(), (T, Option<Outcome>)> {
        loop {
            let outcome = park_until(deadline, WaitReason::Send);
            let mut state = self.state.lock();
            if state.find(ticket).is_none() {
                return Ok(());
            }
            let end = match outcome {
                _ if state.receivers == 0 => None,
                Outcome::Unparked => continue,
                given_up => Some(given_up),
            };
            return state.withdraw(ticket).map_or(Ok(()), |item| Err((item, end)));
        }
    }

    fn call(&self, call: Call) {
        match call {
            Call::Nobody => {}
            Call::Select => {
                self.item_selects.notify_one();
            }
            Call::Receiver => {
                if !self.receivers.notify_one() {
                    self.release();
                }
            }
        }
    }

    /// Makes a promise void whose notification found nobody: whoever it was for is giving up, or will never run.
    #[cold]
    fn release(&self) {
        let selected = {
            let mut state = self.state.lock();
            if state.promised > 0 {
                state.promised -= 1;
                state.waiting += 1;
            }
            state.items_selected
        };
        if selected {
            self.item_selects.notify_one();
        }
    }

    /// Takes an item if one is there for whoever comes.
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        let taken = {
            let mut state = self.state.lock();
            match state.take(Place::Outside) {
                Some(taken) => taken,
                None if state.senders == 0 => return Err(TryRecvError::Disconnected),
                None => return Err(TryRecvError::Empty),
            }
        };
        Ok(self.hand_out(taken))
    }

    /// Takes an item, waiting for it until `deadline`. A kill point if it waits.
    pub(crate) fn recv(&self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
        match self.try_recv() {
            Ok(item) => Ok(item),
            Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) => self.recv_slowly(deadline),
        }
    }

    fn recv_slowly(&self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
        let mut place = Place::Outside;
        loop {
            let outcome = self.receivers.wait_until(deadline, WaitReason::Receive, || self.enter(&mut place));
            let mut state = self.state.lock();
            let taken = match outcome {
                Outcome::Unparked => state.take(place),
                _ => state.give_up(),
            };
            if let Some(taken) = taken {
                drop(state);
                return Ok(self.hand_out(taken));
            }
            match outcome {
                Outcome::Unparked if state.senders > 0 => continue,
                Outcome::Unparked => {
                    if place == Place::Inside {
                        state.waiting -= 1;
                    }
                    return Err(RecvTimeoutError::Disconnected);
                }
                Outcome::TimedOut => return Err(RecvTimeoutError::Timeout),
                Outcome::Interrupted => {
                    drop(state);
                    kill::deliver();
                    place = Place::Outside;
                }
            }
        }
    }

    /// Counts a receiver in, under its queue's lock, unless it has nothing to wait for.
    fn enter(&self, place: &mut Place) -> bool {
        let rendezvous = {
            let mut state = self.state.lock();
            let served = state.is_taken_freely() || (*place == Place::Inside && state.promised > 0);
            if served || state.senders == 0 {
                return false;
            }
            if *place == Place::Outside {
                *place = Place::Inside;
                state.waiting += 1;
            }
            state.capacity == 0 && state.room_selected
        };
        if rendezvous {
            self.room_selects.notify_one();
        }
        true
    }

    fn hand_out(&self, taken: Taken<T>) -> T {
        if let Some(sender) = taken.sender {
            sender.unpark();
        }
        if taken.room {
            self.room_selects.notify_one();
        }
        taken.item
    }

    pub(crate) fn add_sender(&self) {
        self.state.lock().senders += 1;
    }

    pub(crate) fn add_receiver(&self) {
        self.state.lock().receivers += 1;
    }

    /// Ends a sender; the last one tells everybody who waits for items.
    pub(crate) fn remove_sender(&self) {
        let last = {
            let mut state = self.state.lock();
            state.senders -= 1;
            state.senders == 0
        };
        if last {
            self.receivers.notify_all();
            self.item_selects.notify_all();
        }
    }

    /// Ends a receiver; the last one drops what is buffered and tells everybody who waits for room.
    pub(crate) fn remove_receiver(&self) {
        let buffered = {
            let mut state = self.state.lock();
            state.receivers -= 1;
            if state.receivers > 0 {
                return;
            }
            let offered = state.offers.len();
            let offers = state.items.len() - offered;
            // The offers go back to their senders.
            let offered = state.items.split_off(offers);
            state.capacity = 0;
            for sender in state.offers.iter().filter_map(|offer| offer.sender) {
                sender.unpark();
            }
            std::mem::replace(&mut state.items, offered)
        };
        self.room_selects.notify_all();
        drop(buffered);
    }

    /// Returns true if a receiver need not wait; otherwise the next item notifies [`item_selects`](Self::item_selects)
    /// if nobody waits for this alone.
    pub(crate) fn is_ready_to_receive(&self) -> bool {
        let mut state = self.state.lock();
        state.items_selected = true;
        state.is_taken_freely() || state.senders == 0
    }

    /// Returns true if a sender need not wait; otherwise the next room notifies [`room_selects`](Self::room_selects).
    pub(crate) fn is_ready_to_send(&self) -> bool {
        let mut state = self.state.lock();
        state.room_selected = true;
        state.has_room() || state.receivers == 0
    }

    pub(crate) fn item_selects(&self) -> &WaitQueue {
        &self.item_selects
    }

    pub(crate) fn room_selects(&self) -> &WaitQueue {
        &self.room_selects
    }

    /// Returns how many items are buffered.
    pub(crate) fn len(&self) -> usize {
        let state = self.state.lock();
        state.items.len() - state.offers.len()
    }

    /// Returns how many items may be buffered; none if there is no bound.
    pub(crate) fn capacity(&self) -> Option<usize> {
        self.capacity
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;

    fn soon() -> Option<Instant> {
        // The stub times out at any moment, whatever the deadline is.
        Some(Instant::now())
    }

    fn exchange(capacity: usize) -> Arc<Exchange<Arc<u32>>> {
        Arc::new(Exchange::new(Some(capacity)))
    }

    /// The item is received if and only if the sender is told so.
    #[test]
    fn loom_an_impatient_rendezvous_is_of_one_mind() {
        loom::model(|| {
            let exchange = exchange(0);
            let other = exchange.clone();
            let sender = loom::thread::spawn(move || other.send(Arc::new(1), soon()).is_ok());
            let received = exchange.recv(soon()).is_ok();
            assert_eq!(sender.join().unwrap(), received);
            assert_eq!(exchange.try_recv().err(), Some(TryRecvError::Empty));
        });
    }

    /// A receiver that gives up does not take the item from one who waits.
    #[test]
    fn loom_a_patient_receiver_gets_what_an_impatient_one_left() {
        loom::model(|| {
            let exchange = exchange(1);
            exchange.add_receiver();
            let (one, two) = (exchange.clone(), exchange.clone());
            let impatient = loom::thread::spawn(move || one.recv(soon()).is_ok());
            let patient = loom::thread::spawn(move || two.recv(None).is_ok());
            assert!(exchange.try_send(Arc::new(1)).is_ok());
            if impatient.join().unwrap() {
                assert!(exchange.try_send(Arc::new(2)).is_ok());
            }
            assert!(patient.join().unwrap());
        });
    }

    /// A sender waits for room, its item is received, and the end follows.
    #[test]
    fn loom_a_full_channel_moves_up() {
        loom::model(|| {
            let exchange = exchange(1);
            let other = exchange.clone();
            let sender = loom::thread::spawn(move || {
                assert!(other.send(Arc::new(1), None).is_ok());
                assert!(other.send(Arc::new(2), None).is_ok());
                other.remove_sender();
            });
            assert_eq!(exchange.recv(None).map(|item| *item), Ok(1));
            assert_eq!(exchange.recv(None).map(|item| *item), Ok(2));
            assert_eq!(exchange.recv(None).err(), Some(RecvTimeoutError::Disconnected));
            sender.join().unwrap();
        });
    }

    /// When the receivers go, a waiting sender gets its item back, or it was received.
    #[test]
    fn loom_a_receiver_that_goes_wakes_the_sender() {
        loom::model(|| {
            let exchange = exchange(0);
            let other = exchange.clone();
            let sender = loom::thread::spawn(move || other.send(Arc::new(1), None).is_ok());
            let received = exchange.try_recv().is_ok();
            exchange.remove_receiver();
            assert_eq!(sender.join().unwrap(), received);
        });
    }
}
