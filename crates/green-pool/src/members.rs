//! The started jobs of a group, so that they can be killed.

use green_core::kill;
use green_core::unpark::Unparker;

/// The jobs that have started, each on a seat that it keeps; free seats form a list.
pub(crate) struct Members {
    seats: Vec<Seat>,
    free: usize,
    /// How often all were killed. A job that was made before the last time, and starts after it, ends at once.
    kills: usize,
}

#[derive(Clone, Copy)]
enum Seat {
    /// Free, with the next free one.
    Free(usize),
    Taken(Unparker),
}

const NO_SEAT: usize = usize::MAX;

impl Members {
    pub(crate) fn new() -> Members {
        Members { seats: Vec::new(), free: NO_SEAT, kills: 0 }
    }

    pub(crate) fn kills(&self) -> usize {
        self.kills
    }

    /// Adds a member and returns its seat.
    pub(crate) fn add(&mut self, member: Unparker) -> usize {
        let index = self.free;
        if let Some(seat) = self.seats.get_mut(index) {
            if let Seat::Free(next) = *seat {
                self.free = next;
            }
            *seat = Seat::Taken(member);
            return index;
        }
        self.seats.push(Seat::Taken(member));
        self.seats.len() - 1
    }

    pub(crate) fn remove(&mut self, index: usize) {
        self.seats[index] = Seat::Free(self.free);
        self.free = index;
    }

    pub(crate) fn contains(&self, wanted: Unparker) -> bool {
        self.iter().any(|member| member == wanted)
    }

    /// Notes that all are killed, and returns those who must be told.
    pub(crate) fn begin_kill(&mut self) -> Vec<Unparker> {
        self.kills += 1;
        self.iter().collect()
    }

    fn iter(&self) -> impl Iterator<Item = Unparker> {
        self.seats.iter().filter_map(|seat| match seat {
            Seat::Taken(member) => Some(*member),
            Seat::Free(_) => None,
        })
    }
}

/// Unwinds the caller as killed.
#[cold]
pub(crate) fn kill_caller() {
    // Where that cannot be, `begin_kill` is not called.
    let _ = Unparker::current().kill();
    kill::deliver();
}
