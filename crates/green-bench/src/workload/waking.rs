//! Wake-ups: on one hub, and from an OS thread that is none of the runtime's.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::rt;
use crate::meter::Meter;
use crate::report::{Report, histogram};
use crate::settings::Settings;
use crate::sys;

static DONE: AtomicBool = AtomicBool::new(false);

function! {
    /// Two that wake each other in turn, `total` wake-ups in all.
    pub(super) fn ping_pong(settings: &'static Settings) -> Report {
        let each = settings.need::<usize>("total") / 2;
        let mine = rt::Token::current();
        let others = Arc::new(OnceLock::new());
        let (back, place) = (mine.clone(), Arc::clone(&others));
        let other = rt::spawn(task!({
            let token = rt::Token::current();
            assert!(place.set(token.clone()).is_ok());
            for _ in 0..each {
                wait!(token.park());
                back.unpark();
            }
        }));
        while others.get().is_none() {
            wait!(rt::sleep(Duration::from_millis(1)));
        }
        let others = others.get().expect("just seen").clone();
        let meter = Meter::start();
        for _ in 0..each {
            others.unpark();
            wait!(mine.park());
        }
        let measured = meter.stop();
        wait!(rt::join(other));
        measured.report_each(each * 2)
    }
}

function! {
    /// An OS thread on processor `waker` wakes one of the runtime's, `total` times, each after `pause_us`; with `busy=1`
    /// there is a neighbour that keeps the hub from sleeping.
    pub(super) fn from_outside(settings: &'static Settings) -> Report {
        let total: usize = settings.need("total");
        let pause = Duration::from_micros(settings.need("pause_us"));
        if settings.get("busy").unwrap_or(0) == 1 {
            rt::spawn(task!({
                while !DONE.load(Ordering::Relaxed) {
                    wait!(rt::yield_now());
                }
            }));
        }
        let begin = Instant::now();
        let seen = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&seen);
        let mine = rt::Token::current();
        let token = mine.clone();
        let waker = std::thread::spawn(move || {
            if let Some(cpu) = settings.get("waker") {
                sys::pin(cpu);
            }
            let mut latencies = histogram();
            for _ in 0..total {
                let quiet = Instant::now();
                while quiet.elapsed() < pause {
                    std::hint::spin_loop();
                }
                let sent = begin.elapsed().as_nanos() as u64;
                token.unpark();
                let mut arrived = 0;
                while arrived == 0 {
                    std::hint::spin_loop();
                    arrived = told.swap(0, Ordering::Acquire);
                }
                latencies.saturating_record(arrived.saturating_sub(sent));
            }
            latencies
        });
        let meter = Meter::start();
        for _ in 0..total {
            wait!(mine.park());
            seen.store(begin.elapsed().as_nanos() as u64, Ordering::Release);
        }
        let measured = meter.stop();
        DONE.store(true, Ordering::Relaxed);
        let latencies = waker.join().expect("no panic");
        measured.report().with_quantiles("wake", &latencies)
    }
}
