//! What a queue consists of, apart from the waiting: pure data, under the queue's lock.

use std::collections::VecDeque;

use green_core::unpark::Unparker;

use super::order::Order;

/// An item that its putter holds out, because there is no room for it yet.
struct Offer<T> {
    ticket: u64,
    item: T,
    /// Who waits for it to be taken; nobody if `try_put` gave it to a getter that is on its way.
    putter: Option<Unparker>,
}

/// The items, those who hold out more, and how many want some.
///
/// *Available* is what is stored and what is offered. `getters` counts those who wait for an item from the moment they
/// join the line until they have taken it, woken or not, so a newcomer takes one only if more are available than that.
///
/// While anything is offered, nothing more fits: `stored ≥ capacity + getters`, or the capacity is zero.
pub(super) struct State<O: Order> {
    stored: O,
    /// In the order of their tickets.
    offered: VecDeque<Offer<O::Item>>,
    capacity: Option<usize>,
    pub(super) getters: usize,
    tickets: u64,
    unfinished: usize,
    closed: bool,
}

impl<O: Order> State<O> {
    pub(super) const fn new(stored: O, capacity: Option<usize>) -> Self {
        Self { stored, offered: VecDeque::new(), capacity, getters: 0, tickets: 0, unfinished: 0, closed: false }
    }

    /// Returns how many items can be taken now.
    pub(super) fn available(&self) -> usize {
        // Who holds out something to a closed queue gets it back.
        self.stored.len() + if self.closed { 0 } else { self.offered.len() }
    }

    /// Returns true if a newcomer may take an item.
    pub(super) fn has_surplus(&self) -> bool {
        self.available() > self.getters
    }

    /// Returns true if there is room to store one more: a getter that is on its way makes some.
    fn has_room(&self) -> bool {
        self.capacity.is_none_or(|capacity| self.stored.len() < capacity.saturating_add(self.getters))
    }

    fn store(&mut self, item: O::Item) {
        self.stored.push(item);
        self.unfinished += 1;
    }

    fn offer(&mut self, item: O::Item, putter: Option<Unparker>) -> u64 {
        let ticket = self.tickets;
        self.tickets += 1;
        self.offered.push_back(Offer { ticket, item, putter });
        ticket
    }

    /// Takes an item in if that needs no waiting.
    pub(super) fn try_put(&mut self, item: O::Item) -> Result<(), O::Item> {
        if self.capacity == Some(0) {
            // Nothing is stored, but a getter that has no item coming yet can be given this one.
            if self.available() >= self.getters {
                return Err(item);
            }
            self.offer(item, None);
            self.unfinished += 1;
        } else if self.offered.is_empty() && self.has_room() {
            self.store(item);
        } else {
            return Err(item);
        }
        Ok(())
    }

    /// Takes an item in, or holds it out; then returns the ticket by which its putter asks for it.
    pub(super) fn put(&mut self, item: O::Item, putter: Unparker) -> Option<u64> {
        if self.capacity != Some(0) && self.offered.is_empty() && self.has_room() {
            self.store(item);
            return None;
        }
        Some(self.offer(item, Some(putter)))
    }

    fn position(&self, ticket: u64) -> Option<usize> {
        self.offered.binary_search_by_key(&ticket, |offer| offer.ticket).ok()
    }

    /// Returns true if the item that was held out with `ticket` still is.
    pub(super) fn is_offered(&self, ticket: u64) -> bool {
        self.position(ticket).is_some()
    }

    /// Gives back the item that was held out with `ticket`, if nobody has taken it.
    pub(super) fn withdraw(&mut self, ticket: u64) -> Option<O::Item> {
        let offer = self.offered.remove(self.position(ticket)?)?;
        Some(offer.item)
    }

    /// Takes an item; the second of the pair is to be unparked, because its own item was accepted.
    pub(super) fn take(&mut self) -> Option<(O::Item, Option<Unparker>)> {
        if let Some(item) = self.stored.pop() {
            return Some((item, self.admit()));
        }
        if self.closed {
            return None;
        }
        let offer = self.offered.pop_front()?;
        if offer.putter.is_some() {
            self.unfinished += 1;
        }
        Some((offer.item, offer.putter))
    }

    /// Stores the first item that is held out, if there is room for it.
    fn admit(&mut self) -> Option<Unparker> {
        if self.closed || self.capacity == Some(0) || !self.has_room() {
            return None;
        }
        let offer = self.offered.pop_front()?;
        self.stored.push(offer.item);
        if offer.putter.is_some() {
            self.unfinished += 1;
        }
        offer.putter
    }

    /// Changes the capacity; returns whose items were accepted by that.
    pub(super) fn resize(&mut self, capacity: Option<usize>) -> Vec<Unparker> {
        self.capacity = capacity;
        let mut accepted = Vec::new();
        loop {
            let before = self.offered.len();
            accepted.extend(self.admit());
            if self.offered.len() == before {
                return accepted;
            }
        }
    }

    /// Closes; returns who is to be told that their items are not accepted.
    pub(super) fn close(&mut self) -> Vec<Unparker> {
        self.closed = true;
        let mut refused = VecDeque::new();
        let mut putters = Vec::new();
        while let Some(offer) = self.offered.pop_front() {
            match offer.putter {
                Some(putter) => {
                    putters.push(putter);
                    refused.push_back(offer);
                }
                // `try_put` has said that it is in.
                None => self.stored.push(offer.item),
            }
        }
        self.offered = refused;
        putters
    }

    /// Counts one item as dealt with: `None` if all were already, otherwise whether it was the last.
    pub(super) fn finish(&mut self) -> Option<bool> {
        self.unfinished = self.unfinished.checked_sub(1)?;
        Some(self.unfinished == 0)
    }

    pub(super) fn unfinished(&self) -> usize {
        self.unfinished
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn capacity(&self) -> Option<usize> {
        self.capacity
    }

    /// Returns how many items are stored that are not for somebody who waits.
    pub(super) fn len(&self) -> usize {
        self.stored.len().saturating_sub(self.getters)
    }

    /// Returns how many wait for an item that has not come.
    pub(super) fn waiting_getters(&self) -> usize {
        self.getters.saturating_sub(self.available())
    }

    /// Returns how many wait for room.
    pub(super) fn waiting_putters(&self) -> usize {
        self.offered.iter().filter(|offer| offer.putter.is_some()).count()
    }
}
