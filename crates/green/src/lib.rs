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
//! # What is green and what is std's own
//!
//! | module | here |
//! |---|---|
//! | [`thread`] | green: spawn, join, park, sleep, scope, `thread_local!`, … |
//! | [`net`] | green: TCP and name resolution; addresses are std's own. UDP is not there yet |
//! | [`time`] | std's own types, with `sleep`, [`timeout`](time::timeout) and intervals beside them |
//! | [`panic`](mod@panic) | std's own, with hooks that do not switch |
//! | [`io`], [`fs`], [`process`], [`sync`], `os` | std's own for now: **they block the OS thread** and with it all green threads of its hub |
//! | everything else | std's own: it does not block |
//!
//! Beyond std there are [`greenlet`], [`coroutine`] and [`config`].
//!
//! # What to know before using it
//!
//! Green threads are *pinned* (one that has started stays on its OS thread, which is why `spawn` is safe) and
//! *cooperative* (one that computes for long, or blocks in std or C, delays the others of its OS thread). The book's
//! chapter "Caveats" tells the rest.

#![expect(clippy::legacy_numeric_constants, reason = "std still has the modules, so a program may still name them")]

// The green modules.
pub use green_core::{config, coroutine, greenlet, panic};
pub use green_net as net;
pub use green_thread as thread;
pub use green_time as time;

pub use green_core::thread_local;

// Modules that will be green one day and block until then; see the table above.
pub use std::{fs, io, os, process, sync};

// Modules with nothing in them that blocks.
pub use std::{
    alloc, any, arch, array, ascii, backtrace, borrow, boxed, cell, char, clone, cmp, collections, convert, default,
    env, error, f32, f64, ffi, fmt, future, hash, hint, iter, marker, mem, num, ops, option, path, pin, prelude,
    primitive, ptr, range, rc, result, slice, str, string, task, vec,
};

// The integer modules, which std deprecates in favour of the types' own constants.
pub use std::{i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize};

// Macros.
pub use std::{
    assert, assert_eq, assert_ne, cfg, cfg_select, column, compile_error, concat, dbg, debug_assert, debug_assert_eq,
    debug_assert_ne, eprint, eprintln, file, format, format_args, include, include_bytes, include_str, line, matches,
    module_path, option_env, print, println, stringify, todo, unimplemented, unreachable, write, writeln,
};

mod sys;
pub use sys::*;

/// Keeps the macro `panic!` apart from the module of the same name, which is ours.
mod panic_macro {
    pub use std::panic;
}
// A glob, so that the explicit module above wins; std's module, which comes with the macro, stays hidden.
pub use panic_macro::*;
