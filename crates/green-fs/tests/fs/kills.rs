//! Kills and deadlines that come during a call on a file.

use std::io::{Read, Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use green_core::kill::{Alarm, Killed};
use green_fs::{File, OpenOptions};
use green_thread as thread;

use crate::calls::make_pipe;
use crate::support::{Sign, folder, give_way, on_one_hub};

#[test]
fn a_reader_of_a_pipe_can_be_killed_and_the_pipe_used_on() {
    let folder = folder();
    let pipe = make_pipe(folder.path());
    // For both ends, so that the open does not wait.
    let mut file = OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    let (started, theirs) = (Sign::default(), file.try_clone().unwrap());
    let victim = thread::spawn({
        let started = started.clone();
        move || {
            started.give();
            (&theirs).read(&mut [0; 10])
        }
    });
    started.wait();
    give_way();
    victim.kill().unwrap();
    assert!(victim.join().unwrap_err().is::<Killed>());
    file.write_all(b"x").unwrap();
    assert_eq!(file.read(&mut [0; 10]).unwrap(), 1);
}

#[test]
fn a_deadline_ends_a_wait_for_a_pipe() {
    let folder = folder();
    let pipe = make_pipe(folder.path());
    let mut file = OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    let alarm = Alarm::set(Instant::now() + Duration::from_millis(10)).unwrap();
    let payload = catch_unwind(AssertUnwindSafe(|| file.read(&mut [0; 1]))).unwrap_err();
    assert!(alarm.owns(&*payload));
}

#[test]
fn a_kill_during_an_open_comes_after_it() {
    on_one_hub(|| {
        let folder = folder();
        let pipe = make_pipe(folder.path());
        let (started, opened) = (Sign::default(), Sign::default());
        let victim = thread::spawn_local({
            let (pipe, started, opened) = (pipe.clone(), started.clone(), opened.clone());
            move || {
                started.give();
                let _file = File::open(pipe).unwrap();
                opened.give();
                loop {
                    thread::yield_now();
                }
            }
        });
        started.wait();
        give_way();
        victim.kill().unwrap();
        give_way();
        assert!(!victim.is_finished() && !opened.is_given());
        let writer = OpenOptions::new().write(true).open(&pipe).unwrap();
        let payload: Box<dyn std::any::Any + Send> = victim.join().map(|never: ()| never).unwrap_err();
        assert!(payload.is::<Killed>() && opened.is_given());
        // The victim's end was closed as it unwound.
        let error = (&writer).write(b"x").unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_killed_waiter_for_a_lock_has_it_first_and_then_gives_it_up() {
    let folder = folder();
    let path = folder.path().join("file");
    let holder = File::create(&path).unwrap();
    holder.lock().unwrap();
    let (started, locked) = (Sign::default(), Sign::default());
    let victim = thread::spawn({
        let (path, started, locked) = (path.clone(), started.clone(), locked.clone());
        move || {
            let file = File::open(path).unwrap();
            started.give();
            file.lock().unwrap();
            locked.give();
            loop {
                thread::yield_now();
            }
        }
    });
    started.wait();
    give_way();
    victim.kill().unwrap();
    give_way();
    assert!(!victim.is_finished());
    holder.unlock().unwrap();
    let payload: Box<dyn std::any::Any + Send> = victim.join().map(|never: ()| never).unwrap_err();
    assert!(payload.is::<Killed>() && locked.is_given());
    holder.lock().unwrap();
}

#[test]
fn readers_and_writers_that_are_killed_at_any_time_leave_the_file_whole() {
    const RECORD: usize = 200_000;
    let folder = folder();
    let path = folder.path().join("file");
    let file = Arc::new(OpenOptions::new().read(true).append(true).create(true).open(&path).unwrap());
    for round in 0..10_u8 {
        let victims: Vec<_> = (0..6)
            .map(|number| {
                let file = Arc::clone(&file);
                thread::spawn(move || {
                    loop {
                        if number % 2 == 0 {
                            // Over the size that is done at once, so on the blocking pool.
                            assert_eq!((&*file).write(&vec![round; RECORD]).unwrap(), RECORD);
                        } else {
                            let mut buf = vec![0; RECORD];
                            let count = (&*file).read(&mut buf).unwrap();
                            assert!(count == 0 || count == RECORD && buf.iter().all(|byte| *byte == buf[0]));
                        }
                        thread::yield_now();
                    }
                })
            })
            .collect();
        give_way();
        for victim in &victims {
            victim.kill().unwrap();
        }
        for victim in victims {
            let payload: Box<dyn std::any::Any + Send> = victim.join().map(|never: ()| never).unwrap_err();
            assert!(payload.is::<Killed>(), "it panicked instead");
        }
    }
    let all = green_fs::read(&path).unwrap();
    assert_eq!(all.len() % RECORD, 0, "a write that has begun is finished");
    assert!(all.chunks(RECORD).all(|record| record.iter().all(|byte| *byte == record[0])));
}

#[test]
fn loops_of_calls_that_never_wait_can_be_killed() {
    let folder = folder();
    let path = folder.path().join("file");
    green_fs::write(&path, "text").unwrap();
    let file = Arc::new(OpenOptions::new().read(true).write(true).open(&path).unwrap());
    let loops: [fn(&File, &Path) -> u64; 7] = [
        |file, _| (&*file).read(&mut [0; 10]).unwrap() as u64,
        |file, _| (&*file).write(b"text").unwrap() as u64,
        |file, _| (&*file).stream_position().unwrap(),
        |file, _| file.metadata().unwrap().len(),
        |_, path| green_fs::read(path).unwrap().len() as u64,
        |_, path| green_fs::metadata(path).unwrap().len(),
        |_, path| green_fs::read_dir(path.parent().unwrap()).unwrap().count() as u64,
    ];
    for call in loops {
        let (file, path, started) = (Arc::clone(&file), path.clone(), Sign::default());
        let victim = thread::spawn({
            let started = started.clone();
            move || {
                loop {
                    call(&file, &path);
                    started.give();
                }
            }
        });
        started.wait();
        victim.kill().unwrap();
        let payload: Box<dyn std::any::Any + Send> = victim.join().map(|never: ()| never).unwrap_err();
        assert!(payload.is::<Killed>());
    }
}
