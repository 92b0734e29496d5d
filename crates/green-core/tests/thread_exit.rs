//! The end of an OS thread that is not ours, with frames suspended on it that borrow its thread-locals.

use std::cell::{Cell, RefCell};
use std::sync::mpsc::{Sender, channel};

use green_core::coroutine::{Coroutine, generator};
use green_core::greenlet::{self, Greenlet};
use green_core::park::yield_now;
use green_core::spawn::spawn_local;

/// Tells of its own end; whoever looks at it afterwards sees that.
struct Note {
    text: RefCell<String>,
    sender: RefCell<Option<Sender<String>>>,
}

impl Note {
    const fn new() -> Self {
        Self { text: RefCell::new(String::new()), sender: RefCell::new(None) }
    }

    fn begin(&self, sender: &Sender<String>) {
        *self.text.borrow_mut() = "alive".to_owned();
        *self.sender.borrow_mut() = Some(sender.clone());
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        *self.text.borrow_mut() = "destroyed".to_owned();
        self.sender.borrow().as_ref().unwrap().send("note destroyed".to_owned()).unwrap();
    }
}

/// Tells what the note says when the frame that borrows it goes.
struct Reads<'a>(&'a Note, Sender<String>);

impl Drop for Reads<'_> {
    fn drop(&mut self) {
        self.1.send(format!("frame sees it {}", self.0.text.borrow())).unwrap();
    }
}

/// Runs `f` on an OS thread of its own and returns what was told until its very end.
fn told(f: impl FnOnce(Sender<String>) + Send + 'static) -> Vec<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || f(sender)).join().unwrap();
    receiver.try_iter().collect()
}

#[test]
fn a_coroutine_in_a_thread_local_is_unwound_before_what_it_borrows_goes() {
    thread_local! {
        static NOTE: Note = const { Note::new() };
        static KEPT: RefCell<Option<Coroutine<(), (), ()>>> = const { RefCell::new(None) };
    }
    for note_first in [true, false] {
        let lines = told(move |sender| {
            // The hub comes first, so that its own thread-local is destroyed last of all.
            yield_now();
            if note_first {
                NOTE.with(|note| note.begin(&sender));
            }
            KEPT.with(|_| ());
            NOTE.with(|note| note.begin(&sender));
            let mut c = generator(move |out| {
                NOTE.with(|note| {
                    let _reads = Reads(note, sender);
                    out.suspend(());
                });
            });
            c.next();
            KEPT.set(Some(c));
        });
        assert_eq!(lines, ["frame sees it alive", "note destroyed"], "{note_first}");
    }
}

#[test]
fn greenlets_of_an_os_thread_are_unwound_at_its_end() {
    thread_local!(static NOTE: Note = const { Note::new() });
    let lines = told(|sender| {
        let main = greenlet::current();
        let g = Greenlet::new(move |_| {
            // Used here for the first time, long after the hub was made.
            NOTE.with(|note| {
                note.begin(&sender);
                let _reads = Reads(note, sender);
                main.switch(());
            });
        });
        g.switch(());
        std::mem::forget(g);
    });
    assert_eq!(lines, ["frame sees it alive", "note destroyed"]);
}

#[test]
fn a_destructor_that_waits_resumes_nobody_who_borrows_what_is_gone() {
    struct Waits;
    impl Drop for Waits {
        fn drop(&mut self) {
            for _ in 0..10 {
                yield_now();
            }
        }
    }
    thread_local! {
        static NOTE: Note = const { Note::new() };
        static WAITS: Waits = const { Waits };
    }
    let lines = told(|sender| {
        yield_now();
        WAITS.with(|_| ());
        let looks = spawn_local(Default::default(), move || {
            NOTE.with(|note| {
                note.begin(&sender);
                loop {
                    yield_now();
                    sender.send(format!("neighbour sees it {}", note.text.borrow())).unwrap();
                }
                #[expect(unreachable_code, reason = "gives the closure a type")]
                ()
            });
        });
        yield_now();
        yield_now();
        std::mem::forget(looks);
    });
    assert!(lines.iter().any(|line| line == "neighbour sees it alive"));
    assert!(!lines.iter().any(|line| line == "neighbour sees it destroyed"), "{lines:?}");
    assert_eq!(lines.last().unwrap(), "note destroyed");
}

#[test]
fn what_a_destructor_suspends_is_unwound_before_older_ones_go() {
    thread_local! {
        static NOTE: Note = const { Note::new() };
        static LATE: Cell<Option<Late>> = const { Cell::new(None) };
        static KEPT: RefCell<Option<Coroutine<(), (), ()>>> = const { RefCell::new(None) };
    }
    struct Late(Sender<String>);
    impl Drop for Late {
        fn drop(&mut self) {
            let sender = self.0.clone();
            let mut c = generator(move |out| {
                NOTE.with(|note| {
                    let _reads = Reads(note, sender);
                    out.suspend(());
                });
            });
            c.next();
            KEPT.set(Some(c));
        }
    }
    let lines = told(|sender| {
        KEPT.with(|_| ());
        NOTE.with(|note| note.begin(&sender));
        LATE.set(Some(Late(sender)));
    });
    assert_eq!(lines, ["frame sees it alive", "note destroyed"]);
}

#[test]
fn os_threads_that_end_with_suspended_greenlets_are_many() {
    for _ in 0..200 {
        let lines = told(|sender| {
            let main = greenlet::current();
            let g = Greenlet::new(move |_| {
                let _sender = sender;
                main.switch(());
            });
            g.switch(());
            std::mem::forget(g);
        });
        assert!(lines.is_empty());
    }
}
