//! The macros that print.
//!
//! They wait for the stream and then print through std's own macros, so that a test harness captures them as it does
//! std's. std formats while it holds its lock; here the text is made first, because a `Display` may park. It is printed
//! in pieces for which a pipe has room once it is ready. A terminal promises less: with one that is slower than the
//! program, std may wait for the rest of a piece, and this hub with it.

use std::fmt::{self, Arguments};
use std::thread;

use crate::stdio::{ReentrantLock, stderr, stdout};

/// What a pipe has room for when it is ready, less what std's buffer may hold.
const PIECE: usize = 3 * 1024;

/// Prints to the standard output, and parks while its reader is behind.
///
/// Corresponds to [`std::print!`].
///
/// # Panics
///
/// Panics if writing fails.
///
/// # Examples
///
/// ```
/// green_io::print!("{} + {} = ", 1, 2);
/// green_io::println!("{}", 1 + 2);
/// ```
#[macro_export]
macro_rules! print {
    ($($arg:tt)*) => {{
        $crate::_print(::core::format_args!($($arg)*), "");
    }};
}

/// Prints a line to the standard output, and parks while its reader is behind.
///
/// Corresponds to [`std::println!`].
///
/// # Panics
///
/// Panics if writing fails.
///
/// # Examples
///
/// ```
/// let name = "green";
/// green_io::println!("hello, {name}");
/// ```
#[macro_export]
macro_rules! println {
    () => {{
        $crate::_print(::core::format_args!(""), "\n");
    }};
    ($($arg:tt)*) => {{
        $crate::_print(::core::format_args!($($arg)*), "\n");
    }};
}

/// Prints to the standard error, and parks while its reader is behind.
///
/// Corresponds to [`std::eprint!`].
///
/// # Panics
///
/// Panics if writing fails.
///
/// # Examples
///
/// ```
/// green_io::eprint!("working");
/// green_io::eprintln!("…");
/// ```
#[macro_export]
macro_rules! eprint {
    ($($arg:tt)*) => {{
        $crate::_eprint(::core::format_args!($($arg)*), "");
    }};
}

/// Prints a line to the standard error, and parks while its reader is behind.
///
/// Corresponds to [`std::eprintln!`].
///
/// # Panics
///
/// Panics if writing fails.
///
/// # Examples
///
/// ```
/// green_io::eprintln!("{} errors", 0);
/// ```
#[macro_export]
macro_rules! eprintln {
    () => {{
        $crate::_eprint(::core::format_args!(""), "\n");
    }};
    ($($arg:tt)*) => {{
        $crate::_eprint(::core::format_args!($($arg)*), "\n");
    }};
}

/// Prints an expression and its value to the standard error, and returns the value.
///
/// Corresponds to [`std::dbg!`].
///
/// # Panics
///
/// Panics if writing fails.
///
/// # Examples
///
/// ```
/// let area = green_io::dbg!(3 * 4) + 1;
/// assert_eq!(area, 13);
/// ```
#[macro_export]
macro_rules! dbg {
    () => {
        $crate::eprintln!("[{}:{}:{}]", ::core::file!(), ::core::line!(), ::core::column!())
    };
    ($val:expr $(,)?) => {
        // `match` keeps temporaries of the expression alive for as long as its value is borrowed.
        match $val {
            value => {
                $crate::eprintln!(
                    "[{}:{}:{}] {} = {:#?}",
                    ::core::file!(),
                    ::core::line!(),
                    ::core::column!(),
                    ::core::stringify!($val),
                    &value
                );
                value
            }
        }
    };
    ($($val:expr),+ $(,)?) => {
        ($($crate::dbg!($val)),+,)
    };
}

/// What `print!` and `println!` call.
#[doc(hidden)]
#[expect(clippy::print_stdout, reason = "this is `print!`")]
pub fn _print(args: Arguments<'_>, end: &str) {
    print_text(args, end, &stdout::LOCK, |piece| stdout::through_std(piece.as_bytes(), || std::print!("{piece}")));
}

/// What `eprint!` and `eprintln!` call.
#[doc(hidden)]
#[expect(clippy::print_stderr, reason = "this is `eprint!`")]
pub fn _eprint(args: Arguments<'_>, end: &str) {
    print_text(args, end, &stderr::LOCK, |piece| {
        // An error is std's to meet again, and to report.
        let _ = stderr::descriptor().wait_writable(None);
        std::eprint!("{piece}");
    });
}

/// Prints the text in pieces, with the stream locked.
fn print_text(args: Arguments<'_>, end: &str, stream: &'static ReentrantLock, print: impl Fn(&str)) {
    let mut text = fmt::format(args);
    text.push_str(end);
    // While unwinding, and in a panic hook above all, who has the lock may be one who cannot run now.
    let _held = if thread::panicking() { stream.try_lock() } else { Some(stream.lock()) };
    let mut rest = text.as_str();
    while rest.len() > PIECE {
        let (piece, more) = rest.split_at(rest.floor_char_boundary(PIECE));
        print(piece);
        rest = more;
    }
    print(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<String> {
        static LOCK: ReentrantLock = ReentrantLock::new();
        let pieces = std::cell::RefCell::new(Vec::new());
        print_text(format_args!("{text}"), "\n", &LOCK, |piece| pieces.borrow_mut().push(piece.to_owned()));
        pieces.into_inner()
    }

    #[test]
    fn a_line_is_one_piece_and_a_long_text_is_cut_between_characters() {
        assert_eq!(pieces("line"), ["line\n"]);
        let long = "ä€".repeat(10_000);
        let cut = pieces(&long);
        assert!(cut.iter().all(|piece| piece.len() <= PIECE));
        assert_eq!(cut.concat(), format!("{long}\n"));
    }
}
