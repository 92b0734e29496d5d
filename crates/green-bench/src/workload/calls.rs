//! Calls that block, on OS threads of a pool.

use super::rt;
use crate::meter::Meter;
use crate::report::Report;
use crate::settings::Settings;

function! {
    /// `total` calls that do nothing, shared out among `callers` that make one after the other.
    pub(super) fn run(settings: &'static Settings) -> Report {
        let callers: usize = settings.need("callers");
        let each = settings.need::<usize>("total").div_ceil(callers);
        // The threads are started before it is measured.
        wait!(make(callers, 20));
        let meter = Meter::start();
        wait!(make(callers, each));
        meter.stop().report_each(each * callers)
    }
}

function! {
    fn make(callers: usize, each: usize) {
        let mut handles = Vec::with_capacity(callers);
        for _ in 0..callers {
            handles.push(rt::spawn(task!({
                for number in 0..each {
                    assert_eq!(wait!(rt::unblock(move || number)), number);
                }
            })));
        }
        for handle in handles {
            wait!(rt::join(handle));
        }
    }
}
