//! How long sleepers sleep.

use std::time::Duration;

/// Spans between 1 and 50 ms: for each number another row, the same in every run.
#[derive(Debug)]
pub(crate) struct Spans(u64);

impl Spans {
    pub(crate) fn new(number: usize) -> Self {
        Self((number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    pub(crate) fn next(&mut self) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_micros(1_000 + self.0 % 49_000)
    }
}
