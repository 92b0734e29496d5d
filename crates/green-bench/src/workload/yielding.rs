//! Yield: threads that do nothing but let each other run.

use std::sync::Mutex;
use std::time::Duration;

use super::rt;
use crate::meter::Meter;
use crate::report::Report;
use crate::settings::Settings;

/// Who waits for the start.
static READY: Mutex<Vec<rt::Token>> = Mutex::new(Vec::new());

function! {
    /// `threads` of them, `total` yields in all.
    pub(super) fn run(settings: &'static Settings) -> Report {
        let threads: usize = settings.need("threads");
        let each = settings.need::<usize>("total").div_ceil(threads);
        let mut handles = Vec::with_capacity(threads);
        for _ in 0..threads {
            handles.push(rt::spawn(task!({
                let token = rt::Token::current();
                READY.lock().expect("no panic").push(token.clone());
                wait!(token.park());
                for _ in 0..each {
                    wait!(rt::yield_now());
                }
            })));
        }
        // Not by yields: on may, one that yields over and over keeps new ones from their start.
        while READY.lock().expect("no panic").len() < threads {
            wait!(rt::sleep(Duration::from_millis(1)));
        }
        let tokens = std::mem::take(&mut *READY.lock().expect("no panic"));
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
