//! A start for many at once: who is ready waits until everybody is.

use std::sync::Mutex;
use std::time::Duration;

use super::rt;

/// Who waits for the start.
static READY: Mutex<Vec<rt::Token>> = Mutex::new(Vec::new());

function! {
    /// Waits for the start.
    pub(super) fn ready() {
        let token = rt::Token::current();
        READY.lock().expect("no panic").push(token.clone());
        wait!(token.park());
    }
}

function! {
    /// Waits until so many are ready, and returns what lets them start.
    pub(super) fn all(threads: usize) -> Vec<rt::Token> {
        // Not by yields: on may, one that yields over and over keeps new ones from their start.
        while READY.lock().expect("no panic").len() < threads {
            wait!(rt::sleep(Duration::from_millis(1)));
        }
        std::mem::take(&mut *READY.lock().expect("no panic"))
    }
}
