//! The one line that a run prints.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Map, Value};

/// Figures by name.
#[derive(Debug, Default)]
pub(crate) struct Report(Map<String, Value>);

impl Report {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a figure.
    pub(crate) fn with(mut self, name: &str, value: f64) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a span of time, in seconds.
    pub(crate) fn with_time(self, name: &str, value: Duration) -> Self {
        self.with(name, value.as_secs_f64())
    }

    /// Adds the quantiles of a histogram of nanoseconds, in microseconds.
    pub(crate) fn with_quantiles(self, name: &str, histogram: &Histogram<u64>) -> Self {
        let micros = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        self.with(&format!("{name}_p50_us"), micros(0.5))
            .with(&format!("{name}_p99_us"), micros(0.99))
            .with(&format!("{name}_max_us"), histogram.max() as f64 / 1e3)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Value::Object(self.0.clone()), f)
    }
}

/// Returns an empty histogram of nanoseconds.
pub(crate) fn histogram() -> Histogram<u64> {
    /// Longer counts as this.
    const LONGEST: u64 = 60_000_000_000;
    Histogram::new_with_max(LONGEST, 3).expect("the bounds are fit")
}
