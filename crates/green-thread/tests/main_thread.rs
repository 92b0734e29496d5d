//! The main OS thread's green thread. It needs the real `main`, which libtest keeps for itself.

use std::io::Write;

use green_thread as thread;

fn main_thread_is_called_main() {
    let main = thread::current();
    assert_eq!(main.name(), Some("main"));
    let seen = thread::spawn(move || main.name().map(str::to_owned)).join().unwrap();
    assert_eq!(seen.as_deref(), Some("main"));
}

fn main_thread_parks_and_is_unparked() {
    let main = thread::current();
    let waker = thread::spawn(move || main.unpark());
    thread::park();
    waker.join().unwrap();
}

fn main() {
    type Case = (&'static str, fn());
    let cases: [Case; 2] = [
        ("main_thread_is_called_main", main_thread_is_called_main),
        ("main_thread_parks_and_is_unparked", main_thread_parks_and_is_unparked),
    ];
    let mut out = std::io::stdout();
    for (name, case) in cases {
        case();
        writeln!(out, "test {name} ... ok").expect("stdout is open");
    }
}
