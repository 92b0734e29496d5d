//! Named pipes: files whose calls wait for somebody else. They tell without a clock whether a hub goes on.

use std::io::{Read, Write};
use std::rc::Rc;

use green_fs::{File, OpenOptions};
use green_thread as thread;

use crate::calls::{make_pipe, other_end};
use crate::support::{Sign, folder, on_one_hub};

#[test]
fn an_open_that_waits_leaves_its_hub_to_the_others() {
    on_one_hub(|| {
        let folder = folder();
        let pipe = make_pipe(folder.path());
        let reader = thread::spawn_local({
            let pipe = pipe.clone();
            move || std::io::read_to_string(File::open(pipe).unwrap()).unwrap()
        });
        let neighbour = thread::spawn_local(|| 1);
        assert_eq!(neighbour.join().unwrap(), 1);
        // Only now, and from the same hub, comes the other end.
        OpenOptions::new().write(true).open(&pipe).unwrap().write_all(b"text").unwrap();
        assert_eq!(reader.join().unwrap(), "text");
    });
}

#[test]
fn reads_and_writes_that_wait_leave_their_hub_to_the_others() {
    on_one_hub(|| {
        let folder = folder();
        let pipe = make_pipe(folder.path());
        // For both ends, so that no open waits.
        let file = Rc::new(OpenOptions::new().read(true).write(true).open(&pipe).unwrap());
        for size in [1, 70_000, 300_000] {
            let reader = thread::spawn_local({
                let file = Rc::clone(&file);
                move || {
                    let mut buf = vec![0; size];
                    (&*file).read_exact(&mut buf).unwrap();
                    buf
                }
            });
            thread::yield_now();
            (&*file).write_all(&vec![7; size]).unwrap();
            assert_eq!(reader.join().unwrap(), vec![7; size]);
        }
    });
}

#[test]
fn more_waiting_opens_than_threads_for_files_keep_nobody_from_reading() {
    on_one_hub(|| {
        let folder = folder();
        let pipe = make_pipe(folder.path());
        let file = folder.path().join("file");
        green_fs::write(&file, "text").unwrap();
        let readers: Vec<_> = (0..600)
            .map(|_| {
                let pipe = pipe.clone();
                thread::Builder::new().stack_size(64 << 10).spawn_local(move || File::open(pipe).unwrap()).unwrap()
            })
            .collect();
        thread::yield_now();
        assert_eq!(green_fs::read(&file).unwrap(), b"text");
        assert_eq!(green_fs::copy(&file, folder.path().join("copy")).unwrap(), 4);
        let opened = Sign::default();
        let writer = thread::spawn_local({
            let opened = opened.clone();
            move || {
                let writer = OpenOptions::new().write(true).open(pipe).unwrap();
                opened.wait();
                drop(writer);
            }
        });
        let files: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        assert_eq!(files.len(), 600);
        opened.give();
        writer.join().unwrap();
    });
}

#[test]
fn a_terminal_is_read_and_written() {
    // The master of a pseudo-terminal, and its other end.
    let mut master = OpenOptions::new().read(true).write(true).open("/dev/ptmx").unwrap();
    assert!(master.is_terminal());
    let other = other_end(&master);
    let Ok(other) = OpenOptions::new().read(true).write(true).open(other) else { return };
    assert!(other.is_terminal());
    let reader = thread::spawn(move || {
        let mut buf = [0; 100];
        let count = (&other).read(&mut buf).unwrap();
        (&other).write_all(b"answer").unwrap();
        (buf[..count].to_vec(), other)
    });
    master.write_all(b"a line\n").unwrap();
    let (line, _other) = reader.join().unwrap();
    assert_eq!(line, b"a line\n");
    let mut seen = Vec::new();
    while !seen.ends_with(b"answer") {
        let mut buf = [0; 100];
        let count = master.read(&mut buf).unwrap();
        seen.extend_from_slice(&buf[..count]);
    }
}
