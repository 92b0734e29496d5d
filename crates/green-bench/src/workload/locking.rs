//! Locks and cells: with nobody else there, and with many on one lock.

use std::hint::black_box;
use std::sync::Arc;

use super::{rt, starting};
use crate::meter::{Measured, Meter};
use crate::report::Report;
use crate::settings::Settings;

/// What the cells hold.
const VALUE: usize = 42;

static ONCE: rt::OnceLock<usize> = rt::OnceLock::new();
static LAZY: rt::LazyLock<usize> = rt::LazyLock::new(|| VALUE);

function! {
    /// `total` times what nobody else wants: `what` is mutex, rwlock (to read), once or lazy.
    pub(super) fn alone(settings: &'static Settings) -> Report {
        let total: usize = settings.need("total");
        let measured = match settings.need::<String>("what").as_str() {
            "mutex" => wait!(mutex(total)),
            "rwlock" => wait!(rwlock(total)),
            "once" => once(total),
            "lazy" => lazy(total),
            other => panic!("what={other}: not understood"),
        };
        measured.report_each(total)
    }
}

// The locks are on the heap, as shared ones are: on the stack, one as small as std's lies in the cache line that the loop
// itself writes, which is worth a tenth.

function! {
    fn mutex(total: usize) -> Measured {
        let mutex = Box::new(rt::Mutex::new(0));
        let meter = Meter::start();
        for _ in 0..total {
            *wait!(rt::lock(black_box(&*mutex))) += 1;
        }
        let measured = meter.stop();
        assert_eq!(*wait!(rt::lock(&mutex)), total);
        measured
    }
}

function! {
    fn rwlock(total: usize) -> Measured {
        let lock = Box::new(rt::RwLock::new(VALUE));
        let meter = Meter::start();
        for _ in 0..total {
            black_box(*wait!(rt::read_lock(black_box(&*lock))));
        }
        meter.stop()
    }
}

#[inline(never)]
fn once(total: usize) -> Measured {
    ONCE.set(VALUE).expect("nobody has set it");
    let meter = Meter::start();
    for _ in 0..total {
        black_box(black_box(&ONCE).get());
    }
    meter.stop()
}

#[inline(never)]
fn lazy(total: usize) -> Measured {
    assert_eq!(*LAZY, VALUE);
    let meter = Meter::start();
    for _ in 0..total {
        black_box(**black_box(&LAZY));
    }
    meter.stop()
}

function! {
    /// `threads` of them on one lock, `total` turns in all; with `yields=1` each lets others run while it holds the lock.
    pub(super) fn contended(settings: &'static Settings) -> Report {
        let threads: usize = settings.need("threads");
        let each = settings.need::<usize>("total").div_ceil(threads);
        let yields = settings.get("yields").unwrap_or(0) == 1;
        let mutex = Arc::new(rt::Mutex::new(0));
        let mut handles = Vec::with_capacity(threads);
        for _ in 0..threads {
            let mutex = Arc::clone(&mutex);
            handles.push(rt::spawn(task!({
                wait!(starting::ready());
                for _ in 0..each {
                    let mut count = wait!(rt::lock(&mutex));
                    if yields {
                        wait!(rt::yield_now());
                    }
                    *count += 1;
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
        let measured = meter.stop();
        assert_eq!(*wait!(rt::lock(&mutex)), each * threads);
        measured.report_each(each * threads)
    }
}
