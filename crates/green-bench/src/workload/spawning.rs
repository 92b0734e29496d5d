//! Spawn and join: so many at once, again and again.

use std::hint::black_box;

use super::rt;
use crate::meter::Meter;
use crate::report::Report;
use crate::settings::Settings;

function! {
    /// `alive` at once, `total` in all.
    pub(super) fn run(settings: &'static Settings) -> Report {
        let alive: usize = settings.need("alive");
        let rounds = settings.need::<usize>("total").div_ceil(alive);
        // The first rounds fill every cache that the runtime keeps.
        wait!(spawn_and_join(alive, settings.get("warm").unwrap_or(rounds.div_ceil(10))));
        let meter = Meter::start();
        wait!(spawn_and_join(alive, rounds));
        meter.stop().report_each(rounds * alive)
    }
}

function! {
    fn spawn_and_join(alive: usize, rounds: usize) {
        let mut handles = Vec::with_capacity(alive);
        for _ in 0..rounds {
            for i in 0..alive {
                handles.push(rt::spawn(task!({ black_box(i) })));
            }
            for handle in handles.drain(..) {
                black_box(wait!(rt::join(handle)));
            }
        }
    }
}
