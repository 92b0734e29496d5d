//! What files cost in a green thread, and what std's own cost there, which hold up its hub.

use std::fs;
use std::hint::black_box;
use std::io::{Read, Seek, Write};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use green_thread as thread;
use tempfile::TempDir;

/// A call to measure, made in a loop.
type Call = Box<dyn FnMut() + Send>;

/// Measures calls of std and of green. Both in a green thread: system calls cost more where a process has more threads.
fn compare(c: &mut Criterion, name: &str, std: impl Fn() -> Call, green: impl Fn() -> Call) {
    let mut group = c.benchmark_group(format!("fs/{name}"));
    for (name, make) in [("std", &std as &dyn Fn() -> Call), ("green", &green)] {
        group.bench_function(name, |b| {
            b.iter_custom(|rounds| {
                let call = make();
                thread::spawn(move || time(rounds, call)).join().expect("the call does not panic")
            });
        });
    }
    group.finish();
}

fn time(rounds: u64, mut call: Call) -> Duration {
    // The first call learns what kind of file system this is.
    call();
    let start = Instant::now();
    for _ in 0..rounds {
        call();
    }
    start.elapsed()
}

fn read(c: &mut Criterion) {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let path = folder.path().join("file");
    fs::write(&path, [7; 4096]).expect("a file");
    let large = folder.path().join("large");
    fs::write(&large, vec![7; 100 << 10]).expect("a file");

    let entries = folder.path().join("entries");
    fs::create_dir(&entries).expect("a folder");
    for i in 0..100 {
        fs::write(entries.join(i.to_string()), "").expect("a file");
    }

    compare(
        c,
        "read_4k",
        || {
            let path = path.clone();
            Box::new(move || drop(black_box(fs::read(&path))))
        },
        || {
            let path = path.clone();
            Box::new(move || drop(black_box(green_fs::read(&path))))
        },
    );
    compare(
        c,
        "read_100k",
        || {
            let path = large.clone();
            Box::new(move || drop(black_box(fs::read(&path))))
        },
        || {
            let path = large.clone();
            Box::new(move || drop(black_box(green_fs::read(&path))))
        },
    );
    compare(
        c,
        "file_rewind_and_read_4k",
        || {
            let mut file = fs::File::open(&path).expect("a file");
            Box::new(move || {
                file.rewind().expect("a position");
                black_box(file.read(&mut [0; 4096]).expect("contents"));
            })
        },
        || {
            let mut file = green_fs::File::open(&path).expect("a file");
            Box::new(move || {
                file.rewind().expect("a position");
                black_box(file.read(&mut [0; 4096]).expect("contents"));
            })
        },
    );
    compare(
        c,
        "open_and_close",
        || {
            let path = path.clone();
            Box::new(move || drop(black_box(fs::File::open(&path))))
        },
        || {
            let path = path.clone();
            Box::new(move || drop(black_box(green_fs::File::open(&path))))
        },
    );
    compare(
        c,
        "metadata",
        || {
            let path = path.clone();
            Box::new(move || drop(black_box(fs::metadata(&path))))
        },
        || {
            let path = path.clone();
            Box::new(move || drop(black_box(green_fs::metadata(&path))))
        },
    );
    compare(
        c,
        "entries_with_metadata_100",
        || {
            let path = entries.clone();
            Box::new(move || {
                assert_eq!(
                    fs::read_dir(&path).expect("entries").flatten().filter_map(|entry| entry.metadata().ok()).count(),
                    100
                )
            })
        },
        || {
            let path = entries.clone();
            Box::new(move || {
                assert_eq!(
                    green_fs::read_dir(&path)
                        .expect("entries")
                        .flatten()
                        .filter_map(|entry| entry.metadata().ok())
                        .count(),
                    100
                )
            })
        },
    );
    compare(
        c,
        "write_4k",
        || {
            let mut file = fs::File::create(folder.path().join("std")).expect("a file");
            Box::new(move || {
                file.rewind().expect("a position");
                file.write_all(&[7; 4096]).expect("room");
            })
        },
        || {
            let mut file = green_fs::File::create(folder.path().join("green")).expect("a file");
            Box::new(move || {
                file.rewind().expect("a position");
                file.write_all(&[7; 4096]).expect("room");
            })
        },
    );
}

criterion_group!(benches, read);
criterion_main!(benches);
