//! Sleepers in great numbers, and what each of them costs in memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::rt;
use crate::meter::Meter;
use crate::report::Report;
use crate::settings::Settings;
use crate::sys;

/// Longer than any run.
const LONG: Duration = Duration::from_secs(3600);

static ASLEEP: AtomicUsize = AtomicUsize::new(0);

function! {
    /// `count` of them; refuses if the machine has less than `needs` bytes for each.
    pub(super) fn run(settings: &'static Settings) -> Report {
        let count: usize = settings.need("count");
        let needed = count as f64 * settings.need::<f64>("needs");
        if sys::available_memory() < needed * 1.2 {
            return Report::new().with("too_little_memory", needed);
        }
        // One first, so that what the runtime needs at all is not counted.
        rt::spawn(task!({ wait!(rt::sleep(LONG)) }));
        wait!(rt::sleep(Duration::from_millis(50)));
        let before = sys::memory("self");
        let meter = Meter::start();
        // Handles are the user's, so they are kept, in memory that is touched before.
        let mut handles = Vec::with_capacity(count);
        for _ in 0..count {
            handles.push(rt::spawn(task!({
                ASLEEP.fetch_add(1, Ordering::Relaxed);
                wait!(rt::sleep(LONG));
            })));
        }
        while ASLEEP.load(Ordering::Relaxed) < count {
            wait!(rt::sleep(Duration::from_millis(5)));
        }
        let measured = meter.stop();
        wait!(rt::sleep(Duration::from_millis(200)));
        let after = sys::memory("self");
        let handle = size_of_val(handles.as_slice()) as f64 / count as f64;
        std::mem::forget(handles);
        measured
            .report_each(count)
            .with("handle_bytes", handle)
            .with("rss_bytes", (after.resident - before.resident) / count as f64 - handle)
            .with("page_table_bytes", (after.page_tables - before.page_tables) / count as f64)
            .with("total_gb", (after.resident + after.page_tables) / 1e9)
    }
}
