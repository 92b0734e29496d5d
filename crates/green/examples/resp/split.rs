//! Splits an inline request into its arguments, with the quotes and escapes that Redis knows.

use super::rt;
use rt::ops::Range;

/// Appends the arguments of `line` to `bytes` and their places to `args`; false if a quote is unbalanced.
pub(super) fn split_args(line: &[u8], bytes: &mut Vec<u8>, args: &mut Vec<Range<usize>>) -> bool {
    let mut rest = line;
    loop {
        rest = skip_spaces(rest);
        if rest.is_empty() {
            return true;
        }
        let begin = bytes.len();
        match split_one(rest, bytes) {
            Some(after) => rest = after,
            None => return false,
        }
        args.push(begin..bytes.len());
    }
}

/// Appends one argument to `bytes` and returns what follows it. A quote may open in the middle of an argument, but where
/// it closes the argument ends. Unlike between arguments, the vertical tab and the form feed do not end a bare one.
fn split_one<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [b'"', after @ ..] => return finish_quoted(unquote_double(after, bytes)?),
            [b'\'', after @ ..] => return finish_quoted(unquote_single(after, bytes)?),
            [b' ' | b'\t' | b'\r' | b'\n', ..] => return Some(rest),
            [first, after @ ..] => {
                bytes.push(*first);
                rest = after;
            }
            [] => return Some(rest),
        }
    }
}

/// A closing quote must be followed by a space or by nothing.
fn finish_quoted(rest: &[u8]) -> Option<&[u8]> {
    rest.first().is_none_or(|&next| is_c_space(next)).then_some(rest)
}

fn unquote_double<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, after) = match rest {
            [b'\\', b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex(*high) << 4 | hex(*low), after)
            }
            [b'\\', escaped, after @ ..] => (unescape(*escaped), after),
            [b'"', after @ ..] => return Some(after),
            [byte, after @ ..] => (*byte, after),
            [] => return None,
        };
        bytes.push(byte);
        rest = after;
    }
}

fn unquote_single<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, after) = match rest {
            [b'\\', b'\'', after @ ..] => (b'\'', after),
            [b'\'', after @ ..] => return Some(after),
            [byte, after @ ..] => (*byte, after),
            [] => return None,
        };
        bytes.push(byte);
        rest = after;
    }
}

fn unescape(escaped: u8) -> u8 {
    match escaped {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// C's `isspace`, which counts the vertical tab, unlike `u8::is_ascii_whitespace`.
fn is_c_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

fn skip_spaces(bytes: &[u8]) -> &[u8] {
    let spaces = bytes.iter().take_while(|&&byte| is_c_space(byte)).count();
    &bytes[spaces..]
}
