//! A program with nothing to do: a sleeper, a listener, and nobody who calls.

use std::time::Duration;

use super::rt;
use crate::meter::Meter;
use crate::report::Report;
use crate::settings::Settings;
use crate::sys;

function! {
    /// Counts wake-ups for `ms`.
    pub(super) fn run(settings: &'static Settings) -> Report {
        let span = Duration::from_millis(settings.need("ms"));
        rt::spawn(task!({ wait!(rt::sleep(Duration::from_secs(3600))) }));
        rt::spawn(task!({
            let listener = rt::listen();
            let _ = wait!(listener.accept());
        }));
        wait!(rt::sleep(Duration::from_millis(1)));
        // Counted from an OS thread of its own, which does not count, while the driver sleeps past its end.
        let watch = std::thread::spawn(move || {
            // What a runtime does for a while after work, it may do.
            std::thread::sleep(Duration::from_secs(1));
            let meter = Meter::start();
            let before = sys::context_switches();
            std::thread::sleep(span);
            let switches = sys::context_switches() - before;
            let measured = meter.stop();
            let each_second = switches as f64 / measured.wall.as_secs_f64();
            measured.report().with("wakeups_per_s", each_second)
        });
        wait!(rt::sleep(span + Duration::from_millis(1500)));
        watch.join().expect("no panic")
    }
}
