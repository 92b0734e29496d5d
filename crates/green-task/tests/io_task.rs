//! The five cases of QEMU's `test-io-task.c`, by their names (FEATURES §5.1).

use std::io;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::thread::{self, ThreadId};
use std::{cell::RefCell, sync::Mutex};

use green_task::Task;

/// The source of the tests' tasks.
#[derive(Debug)]
struct Dummy;

#[test]
fn complete() {
    let source = Arc::new(Dummy);
    let task: Task<_, ()> = Task::new(Arc::clone(&source));
    assert_eq!(Arc::strong_count(&source), 2);
    let told = task.complete(|task| (Arc::ptr_eq(task.source(), &source), task.take_error().is_some()));
    assert_eq!(told, (true, false));
    assert_eq!(Arc::strong_count(&source), 1, "the task is gone, and its reference with it");
}

#[test]
fn datafree() {
    let data = Arc::new(());
    let observer: Weak<()> = Arc::downgrade(&data);
    let task: Task<_, Arc<()>> = Task::new(Arc::new(Dummy));
    let completion = move |task: &mut Task<_, Arc<()>>| {
        task.set_result(Arc::clone(&data));
        assert_eq!(Arc::strong_count(&data), 2);
    };
    task.complete(completion);
    assert_eq!(observer.strong_count(), 0, "what the completion captured is freed, and the result with the task");
}

#[test]
fn failure() {
    let source = Arc::new(Dummy);
    let mut task: Task<_, ()> = Task::new(Arc::clone(&source));
    task.set_error(io::Error::other("Some error"));
    let error = task.complete(|task| task.take_error());
    assert_eq!(error.unwrap().to_string(), "Some error");
    assert_eq!(Arc::strong_count(&source), 1);
}

/// What a threaded test saw.
#[derive(Debug, Default)]
struct Seen {
    worker: Option<ThreadId>,
    complete: Option<ThreadId>,
    error: Option<String>,
}

fn threaded(result: fn() -> io::Result<u32>) -> (Seen, usize) {
    let source = Arc::new(Dummy);
    let worker = Arc::new(Mutex::new(None));
    let seen = Rc::new(RefCell::new(Seen::default()));
    let (on, told) = (Arc::clone(&worker), Rc::clone(&seen));
    let pending = Task::new(Arc::clone(&source))
        .run(move |_| {
            *on.lock().unwrap() = Some(thread::current().id());
            result()
        })
        .on_complete(move |task| {
            let mut seen = told.borrow_mut();
            seen.complete = Some(thread::current().id());
            seen.error = task.take().err().map(|failure| failure.to_string());
        });
    // The main loop of the original: this OS thread waits, and its hub runs.
    pending.wait();
    let mut seen = seen.take();
    seen.worker = worker.lock().unwrap().take();
    (seen, Arc::strong_count(&source))
}

#[test]
fn thread_complete() {
    let (seen, references) = threaded(|| Ok(7));
    assert_eq!(references, 1);
    assert_eq!(seen.error, None);
    assert!(seen.worker.is_some_and(|worker| worker != thread::current().id()));
    assert_eq!(seen.complete, Some(thread::current().id()));
}

#[test]
fn thread_failure() {
    let (seen, references) = threaded(|| Err(io::Error::other("Some error")));
    assert_eq!(references, 1);
    assert_eq!(seen.error.as_deref(), Some("Some error"));
    assert!(seen.worker.is_some_and(|worker| worker != thread::current().id()));
    assert_eq!(seen.complete, Some(thread::current().id()));
}
