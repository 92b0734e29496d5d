//! What the command line asks for.

use std::collections::HashMap;
use std::str::FromStr;

/// Runtime, workload and the values that go with them.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) runtime: String,
    pub(crate) workload: String,
    values: HashMap<String, String>,
}

impl Settings {
    pub(crate) fn parse(runtime: String, workload: String, values: impl Iterator<Item = String>) -> Self {
        let values = values
            .map(|value| {
                let (key, value) = value.split_once('=').expect("KEY=VALUE");
                (key.to_owned(), value.to_owned())
            })
            .collect();
        Self { runtime, workload, values }
    }

    /// The settings live as long as the process.
    pub(crate) fn leak(self) -> &'static Self {
        Box::leak(Box::new(self))
    }

    /// Returns a value, if it was given.
    pub(crate) fn get<T: FromStr>(&self, key: &str) -> Option<T> {
        let value = self.values.get(key)?;
        Some(value.parse().unwrap_or_else(|_| panic!("{key}={value}: not understood")))
    }

    /// Returns a value that the workload cannot do without.
    pub(crate) fn need<T: FromStr>(&self, key: &str) -> T {
        self.get(key).unwrap_or_else(|| panic!("{} needs {key}=…", self.workload))
    }

    /// Returns how many workers, hubs or scheduler threads the runtime gets.
    pub(crate) fn workers(&self) -> usize {
        self.get("workers").unwrap_or(1)
    }

    /// Returns true if the driver is `main` itself and not one of the runtime's own.
    pub(crate) fn is_driven_by_main(&self) -> bool {
        self.get::<String>("from").is_some_and(|from| from == "root")
    }
}
