//! The orders in which a queue gives out what it holds.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

#[cfg(not(loom))]
use green_core::park::no_switch;

/// Nothing switches in a model.
#[cfg(loom)]
fn no_switch<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// How a queue keeps its items, and so in which order they come out. Only this crate's types implement it.
pub trait Order: Held {}

/// What an order does.
#[expect(unnameable_types, reason = "what nobody can name, nobody can implement")]
pub trait Held {
    /// What the queue is of.
    type Item;

    /// Nothing yet.
    const NOTHING: Self;

    /// Adds an item.
    fn push(&mut self, item: Self::Item);

    /// Takes the item whose turn it is.
    fn pop(&mut self) -> Option<Self::Item>;

    /// Returns how many items there are.
    fn len(&self) -> usize;
}

/// First in, first out.
#[derive(Debug)]
pub struct Fifo<T>(VecDeque<T>);

impl<T> Held for Fifo<T> {
    type Item = T;

    const NOTHING: Self = Self(VecDeque::new());

    fn push(&mut self, item: T) {
        self.0.push_back(item);
    }

    fn pop(&mut self) -> Option<T> {
        self.0.pop_front()
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

impl<T> Order for Fifo<T> {}

/// Last in, first out.
#[derive(Debug)]
pub struct Lifo<T>(Vec<T>);

impl<T> Held for Lifo<T> {
    type Item = T;

    const NOTHING: Self = Self(Vec::new());

    fn push(&mut self, item: T) {
        self.0.push(item);
    }

    fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

impl<T> Order for Lifo<T> {}

/// The smallest first, and of equal ones the one that was put first.
#[derive(Debug)]
pub struct SmallestFirst<T: Ord> {
    heap: BinaryHeap<Numbered<T>>,
    next: u64,
}

impl<T: Ord> Held for SmallestFirst<T> {
    type Item = T;

    const NOTHING: Self = Self { heap: BinaryHeap::new(), next: 0 };

    fn push(&mut self, item: T) {
        let number = self.next;
        self.next += 1;
        // The queue's lock is held: a comparison that wants to wait must not let others run into it.
        no_switch(|| self.heap.push(Numbered { item, number }));
    }

    fn pop(&mut self) -> Option<T> {
        no_switch(|| self.heap.pop()).map(|numbered| numbered.item)
    }

    fn len(&self) -> usize {
        self.heap.len()
    }
}

impl<T: Ord> Order for SmallestFirst<T> {}

/// An item with its place among its equals. The heap has the greatest on top, so the comparison is the other way round.
#[derive(Debug)]
struct Numbered<T> {
    item: T,
    number: u64,
}

impl<T: Ord> Ord for Numbered<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.item.cmp(&self.item).then_with(|| other.number.cmp(&self.number))
    }
}

impl<T: Ord> PartialOrd for Numbered<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> PartialEq for Numbered<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T: Ord> Eq for Numbered<T> {}

/// Things that do not differ from each other: only their number is kept.
#[derive(Debug)]
pub struct Tokens(usize);

impl Tokens {
    pub(crate) const fn new(count: usize) -> Self {
        Self(count)
    }
}

impl Held for Tokens {
    type Item = ();

    const NOTHING: Self = Self(0);

    fn push(&mut self, (): ()) {
        self.0 += 1;
    }

    fn pop(&mut self) -> Option<()> {
        self.0 = self.0.checked_sub(1)?;
        Some(())
    }

    fn len(&self) -> usize {
        self.0
    }
}

impl Order for Tokens {}
