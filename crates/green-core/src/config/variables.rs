//! The settings in environment variables.

use std::env;
use std::ffi::OsString;

use super::{Config, ConfigBuilder, ConfigError, MAX_BLOCKING_THREADS, MAX_HUBS, MAX_STACK_SIZE};
use crate::mode::{Facilities, Facility, Mode};

const MODE: &str = "GREEN";
const HUBS: &str = "GREEN_HUBS";
const STACK_SIZE: &str = "GREEN_STACK_SIZE";
const BLOCKING_THREADS: &str = "GREEN_BLOCKING_THREADS";
const TPOOL_SIZE: &str = "GREEN_TPOOL_SIZE";
const PLAIN: &str = "GREEN_PLAIN";

/// Every variable that is read here.
const KNOWN: [&str; 6] = [MODE, HUBS, STACK_SIZE, BLOCKING_THREADS, TPOOL_SIZE, PLAIN];

/// What names of variables that may be ours begin with.
const PREFIX: &str = "GREEN_";

/// Returns the known variables, for a message.
pub(super) fn known() -> String {
    KNOWN.join(", ")
}

/// Returns true if the environment says whether threads are green.
pub(super) fn names_mode() -> bool {
    env::var_os(MODE).is_some_and(|value| !value.is_empty())
}

/// Reads the settings out of an environment.
pub(super) fn read(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Config, ConfigError> {
    let mut builder = Config::builder();
    for (name, value) in variables {
        let Some(name) = name.to_str() else { continue };
        if value.is_empty() || !(name == MODE || name.starts_with(PREFIX)) {
            continue;
        }
        // What is not Unicode is no valid value either; the message shows it as well as it can.
        builder = apply(builder, name, &value.to_string_lossy())?;
    }
    Ok(builder.config)
}

fn apply(builder: ConfigBuilder, name: &str, value: &str) -> Result<ConfigBuilder, ConfigError> {
    match name {
        MODE => parse_mode(value).map(|mode| builder.mode(mode)),
        HUBS => parse_number(HUBS, value, 0, MAX_HUBS, "").map(|hubs| builder.hubs(hubs)),
        STACK_SIZE => {
            parse_number(STACK_SIZE, value, 1, MAX_STACK_SIZE, " of bytes").map(|size| builder.stack_size(size))
        }
        BLOCKING_THREADS => parse_number(BLOCKING_THREADS, value, 1, MAX_BLOCKING_THREADS, "")
            .map(|threads| builder.blocking_threads(threads)),
        TPOOL_SIZE => parse_number(TPOOL_SIZE, value, 0, MAX_BLOCKING_THREADS, "").map(|size| builder.tpool_size(size)),
        PLAIN => parse_plain(value).map(|plain| builder.plain(plain)),
        unknown => match probably_meant(unknown) {
            Some(meant) => Err(ConfigError::Misspelt { variable: unknown.to_owned(), meant }),
            None => Ok(builder),
        },
    }
}

fn parse_mode(value: &str) -> Result<Mode, ConfigError> {
    match value {
        "on" => Ok(Mode::Green),
        "off" => Ok(Mode::Plain),
        _ => Err(ConfigError::Invalid {
            variable: MODE,
            value: value.to_owned(),
            expected: "\"on\" or \"off\"".to_owned(),
        }),
    }
}

fn parse_plain(value: &str) -> Result<Facilities, ConfigError> {
    let switches = Facilities::ALL.without(Facility::Thread | Facility::Sync);
    match value.parse::<Facilities>() {
        Ok(plain) if plain.without(switches).is_empty() => Ok(plain),
        _ => Err(ConfigError::Invalid {
            variable: PLAIN,
            value: value.to_owned(),
            expected: format!("some of {switches}, with commas between them (GREEN=off makes everything plain)"),
        }),
    }
}

fn parse_number(variable: &'static str, value: &str, min: usize, max: usize, unit: &str) -> Result<usize, ConfigError> {
    match value.parse() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(ConfigError::Invalid {
            variable,
            value: value.to_owned(),
            expected: format!("a number{unit} from {min} to {max}"),
        }),
    }
}

/// Returns the known variable that whoever wrote `unknown` had in mind, if that is plain to see: one name begins with
/// the other, or a letter in four at most is wrong.
fn probably_meant(unknown: &str) -> Option<&'static str> {
    let written = unknown.to_ascii_uppercase();
    let written = written.strip_prefix(PREFIX)?;
    let distances = KNOWN.into_iter().filter_map(|name| {
        let suffix = name.strip_prefix(PREFIX)?;
        let extended = !written.is_empty() && (suffix.starts_with(written) || written.starts_with(suffix));
        let distance = if extended { 0 } else { edit_distance(written, suffix) };
        (distance <= suffix.len() / 4).then_some((distance, name))
    });
    distances.min().map(|(_, name)| name)
}

/// Returns how many insertions, deletions and replacements of single bytes lead from `a` to `b` (Levenshtein).
fn edit_distance(a: &str, b: &str) -> usize {
    // `row[i]` is the distance from what was read of `a` to the first `i` bytes of `b`.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (read, from) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = read + 1;
        for (i, to) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[i + 1];
            row[i + 1] = replaced.min(row[i] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn read_one(name: &str, value: &str) -> Result<Config, ConfigError> {
        read([("PATH".into(), "/bin".into()), (name.into(), value.into())])
    }

    #[test]
    fn good_values() {
        let check = |name, value, expected: ConfigBuilder| {
            assert_eq!(read_one(name, value), expected.build(), "{name}={value}");
        };
        let default = Config::builder;
        check(MODE, "on", default());
        check(MODE, "off", default().mode(Mode::Plain));
        check(MODE, "", default());
        check(HUBS, "0", default().hubs(0));
        check(HUBS, "1024", default().hubs(1024));
        check(HUBS, "", default());
        check(STACK_SIZE, "65536", default().stack_size(65536));
        check(BLOCKING_THREADS, "3", default().blocking_threads(3));
        check(TPOOL_SIZE, "0", default().tpool_size(0));
        check(TPOOL_SIZE, "3", default().tpool_size(3));
        check(PLAIN, "fs,process", default().plain(Facility::Fs | Facility::Process));
        check(PLAIN, "socket", default().plain(Facility::Net));
    }

    #[test]
    fn bad_values() {
        let check = |name, value, expected: &str| {
            let error = read_one(name, value).expect_err(value);
            assert_eq!(error.to_string(), expected, "{name}={value}");
        };
        let mode = "must be \"on\" or \"off\"";
        check(MODE, "maybe", &format!("the environment variable GREEN is \"maybe\", but {mode}"));
        check(MODE, "1", &format!("the environment variable GREEN is \"1\", but {mode}"));
        for value in ["many", "-1", "1025", " 4", "4 ", "4.0", "0x10", "99999999999999999999"] {
            let expected =
                format!("the environment variable GREEN_HUBS is {value:?}, but must be a number from 0 to 1024");
            check(HUBS, value, &expected);
        }
        for value in ["0", "2M", "68719476737"] {
            let expected = format!(
                "the environment variable GREEN_STACK_SIZE is {value:?}, \
                 but must be a number of bytes from 1 to 68719476736"
            );
            check(STACK_SIZE, value, &expected);
        }
        assert!(read_one(BLOCKING_THREADS, "0").is_err());
        assert!(read_one(TPOOL_SIZE, "-1").is_err());
        for value in ["thread", "fs,sync", "fs;net", "all"] {
            let expected = format!(
                "the environment variable GREEN_PLAIN is {value:?}, but must be some of time, net, fs, process, \
                 with commas between them (GREEN=off makes everything plain)"
            );
            check(PLAIN, value, &expected);
        }
    }

    #[test]
    fn a_value_that_is_no_unicode_is_an_error() {
        let value = OsString::from_vec(vec![b'4', 0xff]);
        assert!(matches!(read([(HUBS.into(), value)]), Err(ConfigError::Invalid { variable: HUBS, .. })));
    }

    #[test]
    fn slips_of_the_pen_are_errors() {
        for (slip, meant) in [
            ("GREEN_HUB", HUBS),
            ("GREEN_HUBSS", HUBS),
            ("GREEN_hubs", HUBS),
            ("GREEN_HUBS_MAX", HUBS),
            ("GREEN_STACK", STACK_SIZE),
            ("GREEN_STACKSIZE", STACK_SIZE),
            ("GREEN_STACK_SISE", STACK_SIZE),
            ("GREEN_BLOCKING_THREAD", BLOCKING_THREADS),
            ("GREEN_BLOCK_THREADS", BLOCKING_THREADS),
            ("GREEN_TPOOLSIZE", TPOOL_SIZE),
        ] {
            let expected = ConfigError::Misspelt { variable: slip.to_owned(), meant };
            assert_eq!(read_one(slip, "1"), Err(expected));
        }
        let message = read_one("GREEN_HUB", "1").expect_err("a slip").to_string();
        assert!(message.contains("did you mean GREEN_HUBS?"), "{message}");
        assert!(KNOWN.iter().all(|name| message.contains(name)), "{message}");
    }

    #[test]
    fn other_people_s_variables_are_left_alone() {
        for name in ["GREEN_URL", "GREEN_", "GREENWICH", "GREENS", "GREEN_STRESS_SECONDS", "GREEN_SKIP", "GREEN_TEST_X"]
        {
            assert_eq!(read_one(name, "x"), Config::builder().build(), "{name}");
        }
    }

    #[test]
    fn distances() {
        for (a, b, expected) in
            [("", "", 0), ("abc", "", 3), ("", "abc", 3), ("kitten", "sitting", 3), ("HUB", "HUBS", 1), ("ab", "ba", 2)]
        {
            assert_eq!(edit_distance(a, b), expected, "{a} {b}");
        }
    }
}
