//! Files: small ones that the kernel has in memory, and a large copy beside someone who must not be kept waiting.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{rhythm, rt};
use crate::meter::Meter;
use crate::report::Report;
use crate::settings::Settings;

/// Bytes of the small file.
const SMALL: usize = 4096;

/// Returns the path of a file of this run. Made and unmade by std: only what is measured is the runtime's.
fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("green-bench-{}.{name}", std::process::id()))
}

function! {
    /// Reads one small file `total` times.
    pub(super) fn read(settings: &'static Settings) -> Report {
        let total: usize = settings.need("total");
        let path = path("small");
        std::fs::write(&path, [1; SMALL]).expect("a place for a file");
        let warm_up = wait!(rt::fs::read(&path)).expect("the file");
        assert_eq!(warm_up, [1; SMALL]);
        let meter = Meter::start();
        for _ in 0..total {
            let bytes = wait!(rt::fs::read(&path)).expect("the file");
            assert_eq!(bytes.len(), SMALL);
        }
        let measured = meter.stop();
        std::fs::remove_file(&path).expect("the file");
        measured.report_each(total)
    }
}

function! {
    /// Copies a file of `megabytes` so many times as `copies` says, while a neighbour wants to run every millisecond.
    pub(super) fn copy(settings: &'static Settings) -> Report {
        let megabytes: usize = settings.need("megabytes");
        let copies: usize = settings.need("copies");
        let (from, to) = (path("from"), path("to"));
        std::fs::write(&from, vec![1; megabytes << 20]).expect("a place for a file");
        let done = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&done);
        let ticker = rt::spawn(task!({ wait!(rhythm::keep(seen)) }));
        wait!(rt::sleep(Duration::from_millis(5)));
        let meter = Meter::start();
        for _ in 0..copies {
            let count = wait!(rt::fs::copy(&from, &to)).expect("two files");
            assert_eq!(count, (megabytes << 20) as u64);
        }
        let measured = meter.stop();
        done.store(true, Ordering::Relaxed);
        let lateness = wait!(rt::join(ticker));
        std::fs::remove_file(&from).expect("the file");
        std::fs::remove_file(&to).expect("the file");
        let each_second = (copies * megabytes) as f64 / measured.wall.as_secs_f64();
        let turns = lateness.len() as f64;
        measured.report().with("mb_per_s", each_second).with("turns", turns).with_quantiles("late", &lateness)
    }
}
