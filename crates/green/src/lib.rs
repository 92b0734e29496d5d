//! Rust's standard library with one difference: a call that would block parks a *green thread*, and lets another run.
//!
//! Change `use std::net` to `use green::net` and `use std::thread` to `use green::thread`, and ordinary blocking,
//! thread-per-connection code holds tens of thousands of connections on a few OS threads. Or write
//! `#[macro_use] extern crate green as std;` at the root of a crate: then every `std::` path in it is this crate's. (`use green as std;`
//! does the same for the one module that it stands in.)
//!
//! ```
//! use green::io::{self, Read, Write};
//! use green::net::{TcpListener, TcpStream};
//! use green::thread;
//!
//! fn main() -> io::Result<()> {
//!     let listener = TcpListener::bind("127.0.0.1:0")?;
//!     let address = listener.local_addr()?;
//!     thread::spawn(move || {
//!         for stream in listener.incoming().flatten() {
//!             thread::spawn(move || io::copy(&mut &stream, &mut &stream));
//!         }
//!     });
//!
//!     let mut stream = TcpStream::connect(address)?;
//!     stream.write_all(b"hello")?;
//!     let mut answer = [0; 5];
//!     stream.read_exact(&mut answer)?;
//!     assert_eq!(&answer, b"hello");
//!     Ok(())
//! }
//! ```
//!
//! The same, with every path of the crate as it was on std:
//!
//! ```
//! #[macro_use]
//! extern crate green as std;
//!
//! use std::collections::HashMap;
//! use std::sync::{Arc, Mutex};
//! use std::{fs, io, process, thread};
//!
//! fn main() -> io::Result<()> {
//!     let lengths = Arc::new(Mutex::new(HashMap::new()));
//!     let threads: Vec<_> = ["/etc/passwd", "/etc/hosts"]
//!         .map(|path| {
//!             let lengths = Arc::clone(&lengths);
//!             thread::spawn(move || io::Result::Ok(lengths.lock().unwrap().insert(path, fs::read(path)?.len())))
//!         })
//!         .into();
//!     for thread in threads {
//!         thread.join().unwrap()?;
//!     }
//!     println!("{:?}", lengths.lock().unwrap());
//!     assert_eq!(vec![2], [lengths.lock().unwrap().len()]);
//!     assert!(process::Command::new("true").status()?.success());
//!     Ok(())
//! }
//! ```
//!
//! # What is green and what is std's own
//!
//! | module | here |
//! |---|---|
//! | [`thread`] | green: spawn, join, park, sleep, scope, `thread_local!`, … |
//! | [`net`], `os::unix::net` | green: TCP, UDP and Unix sockets, name resolution; addresses are std's own |
//! | [`sync`] | green: locks, `Condvar`, `Barrier`, channels, `Once` and the cells; `Arc` and atomics are std's own |
//! | [`fs`], `os::unix::fs` | green: files and folders; what they tell about one (`Metadata`, …) is std's own |
//! | [`io`], `print!` and its like | green: standard streams and pipes; traits, buffers and errors are std's own |
//! | [`process`], `os::unix::process` | green: children and their pipes; what they end with is std's own |
//! | [`time`] | std's own types, with `sleep`, [`timeout`](time::timeout) and intervals beside them |
//! | [`panic`](mod@panic) | std's own, with hooks that do not switch |
//! | everything else | std's own: it does not block |
//!
//! The book's page "Parity with std" lists every item, and what is absent with its reason.
//!
//! # Beyond std
//!
//! | module | beyond std |
//! |---|---|
//! | [`thread`] | `spawn_local`, `spawn_after`, `spawn_detached`; handles that `kill`, `cancel`, `link`, `share`, and can be awaited; [`Group`](thread::Group), [`Shield`](thread::Shield), [`finished`](thread::finished), [`block_on`](thread::block_on), [`no_switch`](thread::no_switch) |
//! | [`sync`] | [`Event`](sync::Event), [`Semaphore`](sync::Semaphore), [`Queue`](sync::Queue) and its kin, [`Select`](sync::Select), [`mpmc`](sync::mpmc), timed locks, [`raw`](sync::raw) |
//! | [`time`] | [`timeout`](time::timeout), [`Deadline`](time::Deadline), [`Interval`](time::Interval) |
//! | [`net`], [`io`], [`process`] | [`serve`](mod@net::serve) and [`resolve`](net::resolve); [`Pollable`](io::Pollable); [`Child::wait_timeout`](process::Child::wait_timeout) |
//! | [`signal`] | signals as events |
//! | [`pool`] | eventlet's pools: of green threads, resources, connections and OS threads; `Dag` |
//! | [`blocking`] | any call that would block, on an OS thread of a pool |
//! | [`task`] | with the feature `task`: QEMU's tasks, watches, channels and listeners |
//! | [`greenlet`], [`coroutine`] | stacks that are switched to by name, generators |
//! | [`inherited`] | values that green threads and greenlets hand down |
//! | [`hub`] | calls at a later time, waits for any descriptor |
//! | [`config`], [`patch`], [`debug`] | settings, what runs green, a lint and a watchdog |
//!
//! # What to know before using it
//!
//! Green threads are *pinned* (one that has started stays on its OS thread, which is why `spawn` is safe) and
//! *cooperative* (one that computes for long, or blocks in std or C, delays the others of its OS thread). The book's
//! chapter "Caveats" tells the rest.

#![expect(clippy::legacy_numeric_constants, reason = "std still has the modules, so a program may still name them")]

// The green modules.
pub use green_core::{config, coroutine, debug, greenlet, hub, inherited, panic, patch};
pub use green_fs as fs;
pub use green_io as io;
pub use green_net as net;
pub use green_pool as pool;
pub use green_process as process;
pub use green_process::signal;
pub use green_sync as sync;
pub use green_thread as thread;
pub use green_time as time;

pub mod os;

/// Calls that know nothing of green threads and would block them: on OS threads of a pool, while the caller parks.
pub mod blocking {
    pub use green_core::blocking::{unblock, unblock_long};
}

/// std's own (wakers, contexts, `Poll`), and with the feature `task` also tasks, watches, channels and listeners in the
/// manner of QEMU's I/O layer.
///
/// Corresponds to [`std::task`].
pub mod task {
    #[cfg(feature = "task")]
    pub use green_task::*;
    pub use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker, ready};
}

// The green macros.
pub use green_core::thread_local;
pub use green_io::{dbg, eprint, eprintln, print, println};

// Modules with nothing in them that blocks.
pub use std::{
    alloc, any, arch, array, ascii, backtrace, borrow, boxed, cell, char, clone, cmp, collections, convert, default,
    env, error, f32, f64, ffi, fmt, future, hash, hint, iter, marker, mem, num, ops, option, path, pin, prelude,
    primitive, ptr, range, rc, result, slice, str, string, vec,
};

// The integer modules, which std deprecates in favour of the types' own constants.
pub use std::{i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize};

// Macros that only make values, or end the program.
pub use std::{
    assert, assert_eq, assert_ne, cfg, cfg_select, column, compile_error, concat, debug_assert, debug_assert_eq,
    debug_assert_ne, file, format, format_args, include, include_bytes, include_str, line, matches, module_path,
    option_env, stringify, todo, unimplemented, unreachable, write, writeln,
};

#[expect(deprecated, reason = "std still has it, so a program may still use it")]
pub use std::r#try;

mod sys;
pub use sys::*;

/// Keeps the macro `panic!` apart from the module of the same name, which is ours.
mod panic_macro {
    pub use std::panic;
}
// A glob, so that the explicit module above wins; std's module, which comes with the macro, stays hidden.
pub use panic_macro::*;
