//! Many green threads and one file, and files beside everything else.

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use green_fs::File;
use green_thread as thread;

use crate::support::{Sign, alone, folder, folders, give_way, on_one_hub};

#[test]
fn readers_of_one_file_get_its_records_whole_and_once() {
    const RECORDS: usize = 300;
    const RECORD: usize = 5000;
    for folder in folders() {
        let path = folder.path().join("file");
        let contents: Vec<u8> = (0..RECORDS * RECORD).map(|i| (i / RECORD) as u8).collect();
        fs::write(&path, contents).unwrap();
        let file = File::open(&path).unwrap();
        let readers: Vec<_> = (0..20)
            .map(|_| {
                let clone = file.try_clone().unwrap();
                thread::spawn(move || {
                    let mut positions = Vec::new();
                    let mut buf = vec![0; RECORD];
                    loop {
                        let count = (&clone).read(&mut buf).unwrap();
                        if count == 0 {
                            return positions;
                        }
                        assert_eq!(count, RECORD);
                        assert!(buf.iter().all(|byte| *byte == buf[0]));
                        positions.push(buf[0]);
                        thread::yield_now();
                    }
                })
            })
            .collect();
        let total: usize = readers.into_iter().map(|reader| reader.join().unwrap().len()).sum();
        assert_eq!(total, RECORDS);
    }
}

#[test]
fn many_readers_need_few_threads() {
    alone("concurrency::many_readers_need_few_threads", 1024, || {
        let folder = folder();
        let path = folder.path().join("file");
        fs::write(&path, vec![7; 1 << 20]).unwrap();
        let most = Arc::new(AtomicUsize::new(0));
        let readers: Vec<_> = (0..200)
            .map(|_| {
                let (path, most) = (path.clone(), Arc::clone(&most));
                thread::Builder::new()
                    .spawn(move || {
                        assert_eq!(green_fs::read(&path).unwrap().len(), 1 << 20);
                        most.fetch_max(pool_threads(), Ordering::Relaxed);
                    })
                    .unwrap()
            })
            .collect();
        for reader in readers {
            reader.join().unwrap();
        }
        let most = most.load(Ordering::Relaxed);
        assert!(most <= 4, "{most} threads for files");
    });
}

/// Returns how many OS threads of this process are the blocking pool's.
fn pool_threads() -> usize {
    let is_pool = |name: String| name.starts_with("green-blocking");
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    // One that has just ended has no name any more.
    tasks
        .filter_map(|task| fs::read_to_string(task.path().join("comm")).ok())
        .filter(|name| is_pool(name.clone()))
        .count()
}

#[test]
fn others_run_while_a_file_is_copied() {
    on_one_hub(|| {
        let folder = folder();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::write(&from, vec![7; 4 << 20]).unwrap();
        let (done, turns) = (Sign::default(), Rc::new(AtomicUsize::new(0)));
        let ticker = thread::spawn_local({
            let (done, turns) = (done.clone(), Rc::clone(&turns));
            move || {
                while !done.is_given() {
                    turns.fetch_add(1, Ordering::Relaxed);
                    thread::yield_now();
                }
            }
        });
        // A copy that is done before its caller gets to wait for it proves nothing.
        let stood_still = (0..50).all(|_| {
            let before = turns.load(Ordering::Relaxed);
            assert_eq!(green_fs::copy(&from, &to).unwrap(), 4 << 20);
            turns.load(Ordering::Relaxed) == before
        });
        done.give();
        ticker.join().unwrap();
        assert!(!stood_still, "this hub has stood still");
        assert_eq!(fs::metadata(&to).unwrap().len(), 4 << 20);
    });
}

#[test]
fn others_run_while_a_lock_is_waited_for() {
    on_one_hub(|| {
        let folder = folder();
        let path = folder.path().join("file");
        let holder = File::create(&path).unwrap();
        holder.lock().unwrap();
        let waiters: Vec<_> = (0..20)
            .map(|_| {
                let file = File::open(&path).unwrap();
                thread::spawn_local(move || {
                    file.lock().unwrap();
                    file.unlock().unwrap();
                })
            })
            .collect();
        give_way();
        // The lock that they wait for needs no thread of theirs.
        assert_eq!(green_fs::read(&path).unwrap(), b"");
        holder.unlock().unwrap();
        for waiter in waiters {
            waiter.join().unwrap();
        }
    });
}

#[test]
fn cached_reads_in_a_loop_leave_others_their_turn() {
    on_one_hub(|| {
        let folder = folder();
        let path = folder.path().join("file");
        fs::write(&path, "text").unwrap();
        let file = File::open(&path).unwrap();
        let stop = Sign::default();
        let other = thread::spawn_local({
            let stop = stop.clone();
            move || stop.give()
        });
        // It would go on for ever if the other did not get its turn.
        while !stop.is_given() {
            assert_eq!(file.read_at(&mut [0; 10], 0).unwrap(), 4);
        }
        other.join().unwrap();
    });
}

#[test]
fn the_files_of_an_os_thread_that_ends_work_on_elsewhere() {
    let folder = folder();
    let path = folder.path().join("file");
    fs::write(&path, vec![7; 1 << 20]).unwrap();
    let holder = File::open(&path).unwrap();
    holder.lock().unwrap();
    let file = Arc::new(File::open(&path).unwrap());
    for _ in 0..20 {
        let theirs = Arc::clone(&file);
        std::thread::spawn(move || {
            // In the middle of a read at the position, and of a wait for a lock, when its OS thread ends.
            let reader = Arc::clone(&theirs);
            drop(thread::spawn_local(move || {
                loop {
                    let _ = (&*reader).read(&mut vec![0; 500_000]);
                    let _ = (&*reader).rewind();
                }
            }));
            drop(thread::spawn_local(move || theirs.lock()));
            give_way();
        })
        .join()
        .unwrap();
    }
    (&*file).rewind().unwrap();
    let mut all = Vec::new();
    (&*file).read_to_end(&mut all).unwrap();
    assert_eq!(all.len(), 1 << 20);
    holder.unlock().unwrap();
    file.lock().unwrap();
}

#[test]
fn a_file_is_closed_before_its_drop_returns() {
    let folder = folder();
    let path = folder.path().join("file");
    let check = move || {
        for _ in 0..50 {
            let mut file = File::create(&path).unwrap();
            file.write_all(b"text").unwrap();
            assert!(is_open(&path));
            drop(file);
            assert!(!is_open(&path));
        }
    };
    check();
    thread::spawn(check.clone()).join().unwrap();
    on_one_hub(check);
}

/// Returns whether this process has a descriptor of what a path leads to.
fn is_open(path: &Path) -> bool {
    let descriptors = fs::read_dir("/proc/self/fd").unwrap().flatten();
    descriptors.filter_map(|descriptor| fs::read_link(descriptor.path()).ok()).any(|target| target == path)
}

#[test]
fn entries_come_once_each_while_others_make_more() {
    let folder = folder();
    for i in 0..2000 {
        fs::write(folder.path().join(format!("old {i}")), "").unwrap();
    }
    let readers: Vec<_> = (0..4)
        .map(|number| {
            let path = folder.path().to_owned();
            thread::spawn(move || {
                let mut seen = HashSet::new();
                for (i, entry) in green_fs::read_dir(&path).unwrap().enumerate() {
                    assert!(seen.insert(entry.unwrap().file_name()));
                    if i % 100 == 0 {
                        green_fs::write(path.join(format!("new {number} {i}")), "").unwrap();
                    }
                }
                seen.iter().filter(|name| name.to_string_lossy().starts_with("old")).count()
            })
        })
        .collect();
    for reader in readers {
        assert_eq!(reader.join().unwrap(), 2000);
    }
}
