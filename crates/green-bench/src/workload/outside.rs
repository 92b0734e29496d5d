//! What others do for the program: names that libc resolves, and children that end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{rhythm, rt};
use crate::meter::Meter;
use crate::report::{Report, histogram};
use crate::settings::Settings;
use crate::sys;

/// Returns the `n`-th way to write a name that every machine knows: equal lookups might be shared.
fn spelling(n: usize) -> String {
    let upper = |(i, c): (usize, char)| if n >> i & 1 == 1 { c.to_ascii_uppercase() } else { c };
    "localhost".chars().enumerate().map(upper).collect()
}

function! {
    /// Resolves so many names at once as `names` says, `rounds` times, beside somebody who wants to run every millisecond.
    pub(super) fn names(settings: &'static Settings) -> Report {
        let names: usize = settings.need("names");
        let rounds: usize = settings.need("rounds");
        let done = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&done);
        let ticker = rt::spawn(task!({ wait!(rhythm::keep(seen)) }));
        wait!(rt::sleep(Duration::from_millis(5)));
        let meter = Meter::start();
        for _ in 0..rounds {
            let mut handles = Vec::with_capacity(names);
            for n in 0..names {
                handles.push(rt::spawn(task!({ wait!(rt::resolve(spelling(n))).expect("everybody knows it") })));
            }
            for handle in handles {
                assert!(wait!(rt::join(handle)) > 0);
            }
        }
        let measured = meter.stop();
        done.store(true, Ordering::Relaxed);
        let lateness = wait!(rt::join(ticker));
        let each_second = (names * rounds) as f64 / measured.wall.as_secs_f64();
        measured.report().with("names_per_s", each_second).with_quantiles("late", &lateness)
    }
}

function! {
    /// Starts `total` children, one after another, which tell the time and end; how long until their end is known?
    pub(super) fn children(settings: &'static Settings) -> Report {
        let total: usize = settings.need("total");
        let program = std::env::current_exe().expect("this program");
        let mut lateness = histogram();
        let meter = Meter::start();
        for _ in 0..total {
            let stdout = wait!(rt::output_of(&program, "stamp")).expect("this program");
            let now = sys::monotonic_ns();
            let stamp: u64 = String::from_utf8(stdout).expect("digits").trim().parse().expect("digits");
            lateness.saturating_record(now - stamp);
        }
        meter.stop().report_each(total).with_quantiles("seen", &lateness)
    }
}
