//! Sleeps: many at once, and how exactly one wakes up.

use std::time::{Duration, Instant};

use super::rt;
use crate::meter::Meter;
use crate::report::{Report, histogram};
use crate::settings::Settings;
use crate::spans::Spans;

function! {
    /// `threads` sleepers, each `sleeps` times between 1 and 50 ms.
    pub(super) fn many(settings: &'static Settings) -> Report {
        let threads: usize = settings.need("threads");
        let sleeps: usize = settings.need("sleeps");
        let mut handles = Vec::with_capacity(threads);
        let meter = Meter::start();
        for thread in 0..threads {
            handles.push(rt::spawn(task!({
                let mut spans = Spans::new(thread);
                let mut late = Vec::with_capacity(sleeps);
                for _ in 0..sleeps {
                    let span = spans.next();
                    let begin = Instant::now();
                    wait!(rt::sleep(span));
                    late.push(begin.elapsed().saturating_sub(span).as_nanos() as u32);
                }
                late
            })));
        }
        let mut lateness = histogram();
        let mut all = Vec::with_capacity(threads);
        for handle in handles {
            all.push(wait!(rt::join(handle)));
        }
        let measured = meter.stop();
        for late in all.into_iter().flatten() {
            lateness.saturating_record(u64::from(late));
        }
        measured.report_each(threads * sleeps).with_quantiles("late", &lateness)
    }
}

function! {
    /// One sleeper, `total` times `span_us`.
    pub(super) fn precision(settings: &'static Settings) -> Report {
        let span = Duration::from_micros(settings.need("span_us"));
        let mut lateness = histogram();
        let meter = Meter::start();
        for _ in 0..settings.need("total") {
            let begin = Instant::now();
            wait!(rt::sleep(span));
            lateness.saturating_record(begin.elapsed().saturating_sub(span).as_nanos() as u64);
        }
        meter.stop().report().with_quantiles("late", &lateness)
    }
}
