//! Yield: threads that do nothing but let each other run.

use super::{rt, starting};
use crate::meter::Meter;
use crate::report::Report;
use crate::settings::Settings;

function! {
    /// `threads` of them, `total` yields in all.
    pub(super) fn run(settings: &'static Settings) -> Report {
        let threads: usize = settings.need("threads");
        let each = settings.need::<usize>("total").div_ceil(threads);
        let mut handles = Vec::with_capacity(threads);
        for _ in 0..threads {
            handles.push(rt::spawn(task!({
                wait!(starting::ready());
                for _ in 0..each {
                    wait!(rt::yield_now());
                }
            })));
        }
        let tokens = wait!(starting::all(threads));
        let meter = Meter::start();
        for token in &tokens {
            token.unpark();
        }
        for handle in handles {
            wait!(rt::join(handle));
        }
        meter.stop().report_each(each * threads)
    }
}
