//! Sleeps: a heap and timed waits.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use crate::epoll::Epoll;
use crate::meter::Meter;
use crate::report::{Report, histogram};
use crate::settings::Settings;
use crate::spans::Spans;
use crate::sys;

/// One that sleeps again and again.
struct Sleeper {
    spans: Spans,
    late: Vec<u32>,
}

impl Sleeper {
    /// Begins the next sleep; returns its end.
    fn sleep(&mut self) -> Instant {
        let span = self.spans.next();
        Instant::now() + span
    }
}

/// As the workload of that name; `slack_us` is how long a wait may go on after the first who sleeps is due. With `pitch`, each
/// sleeper has a page of its own to write to when it wakes, so many bytes from its neighbours'.
pub(super) fn many(settings: &Settings) -> Report {
    let (threads, sleeps): (usize, usize) = (settings.need("threads"), settings.need("sleeps"));
    let slack = Duration::from_micros(settings.need("slack_us"));
    let pitch: usize = settings.get("pitch").unwrap_or(0);
    sys::wake_in_time();
    let mut epoll = Epoll::new();
    let meter = Meter::start();
    // The allocator maps what is that large, and nothing is there before it is touched. (With huge pages for everybody it would be
    // more than a page then; they are for those who ask, here as on most systems.)
    let mut pages = vec![0_u8; pitch * threads];
    let sleeper = |number| Sleeper { spans: Spans::new(number), late: Vec::with_capacity(sleeps) };
    let mut sleepers: Vec<_> = (0..threads).map(sleeper).collect();
    let mut heap = BinaryHeap::with_capacity(threads);
    for (number, sleeper) in sleepers.iter_mut().enumerate() {
        heap.push(Reverse((sleeper.sleep(), number)));
    }
    while let Some(&Reverse((first, _))) = heap.peek() {
        let wait = (first + slack).saturating_duration_since(Instant::now());
        if !wait.is_zero() {
            epoll.wait(Some(wait));
        }
        while let Some(&Reverse((end, number))) = heap.peek() {
            let now = Instant::now();
            if end > now {
                break;
            }
            heap.pop();
            if pitch > 0 {
                pages[number * pitch] = 1;
            }
            let sleeper = &mut sleepers[number];
            sleeper.late.push((now - end).as_nanos() as u32);
            if sleeper.late.len() < sleeps {
                heap.push(Reverse((sleeper.sleep(), number)));
            }
        }
    }
    let measured = meter.stop();
    let mut lateness = histogram();
    for late in sleepers.iter().flat_map(|sleeper| &sleeper.late) {
        lateness.saturating_record(u64::from(*late));
    }
    std::hint::black_box(&pages);
    measured.report_each(threads * sleeps).with_quantiles("late", &lateness)
}
