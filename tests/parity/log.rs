//! What a program saw, line by line.

use std::any::Any;
use std::fmt::Debug;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Lines that all threads of a program may add to. In what order they come is the program's business.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<String>>>,
}

impl Log {
    /// Writes down a value.
    pub(crate) fn note(&self, what: &str, value: impl Debug) {
        self.push(format!("{what}: {value:?}"));
    }

    /// Writes down a result; of an error its kind, its number and its text.
    pub(crate) fn result<T: Debug>(&self, what: &str, result: &io::Result<T>) {
        self.push(match result {
            Ok(value) => format!("{what}: Ok({value:?})"),
            Err(error) => format!("{what}: {}", show(error)),
        });
    }

    /// Writes down an error if there is one, and that there is none otherwise: for values that differ by nature.
    pub(crate) fn outcome<T>(&self, what: &str, result: &io::Result<T>) {
        self.result(what, &result.as_ref().map(|_| ()).map_err(copy));
    }

    /// Writes down a panic's message.
    pub(crate) fn panic(&self, what: &str, payload: &(dyn Any + Send)) {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        self.push(format!("{what} panicked: {}", text.unwrap_or_else(|| "with a value of its own".to_owned())));
    }

    /// Writes down how a value shows itself, with a `#` for each number: descriptors and ports are never the same.
    pub(crate) fn shown(&self, what: &str, value: &impl Debug) {
        let mut text = format!("{what}: ");
        for c in format!("{value:?}").chars() {
            match c {
                '0'..='9' if text.ends_with('#') => {}
                '0'..='9' => text.push('#'),
                c => text.push(c),
            }
        }
        self.push(text);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn push(&self, line: String) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

/// Writes its text down when it is dropped.
#[derive(Debug)]
pub(crate) struct Dropped {
    pub(crate) what: &'static str,
    pub(crate) log: Log,
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.log.push(format!("dropped: {}", self.what));
    }
}

fn show(error: &io::Error) -> String {
    format!("Err({:?}, {:?}, {error})", error.kind(), error.raw_os_error())
}

/// Returns an error that shows itself as this one does.
fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
