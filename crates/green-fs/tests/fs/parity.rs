//! The same programs against std and against this crate: what they see has to be the same, line by line.

use std::path::Path;

use crate::support::{everywhere, folders};

#[expect(clippy::nonsensical_open_options, clippy::suspicious_open_options, reason = "what comes of them is tested")]
#[expect(clippy::unbuffered_bytes, reason = "three of them")]
mod on_std {
    use std as rt;

    include!("parity/contents.rs");
    include!("parity/folders.rs");
    include!("parity/streams.rs");
}

#[expect(clippy::unbuffered_bytes, reason = "three of them")]
mod on_green {
    /// The module in which ours have std's paths.
    mod rt {
        pub(super) use green_fs as fs;
        pub(super) use green_thread as thread;
        pub(super) mod os {
            pub(crate) mod unix {
                pub(crate) use green_fs::os::unix as fs;
            }
        }
    }

    include!("parity/contents.rs");
    include!("parity/folders.rs");
    include!("parity/streams.rs");
}

/// Runs both versions of a program, each in an empty folder, wherever they can run.
#[track_caller]
fn compare(on_std: fn(&Path) -> Log, on_green: fn(&Path) -> Log) {
    let expected: Vec<_> = folders().iter().map(|folder| on_std(folder.path())).collect();
    assert!(expected.iter().all(|log| !log.0.is_empty()));
    everywhere(move || {
        for (expected, folder) in expected.iter().zip(folders()) {
            let found = on_green(folder.path());
            for (found, expected) in found.0.iter().zip(&expected.0) {
                assert_eq!(found, expected);
            }
            assert_eq!(found.0.len(), expected.0.len());
        }
    });
}

/// What a program has seen.
#[derive(Default)]
struct Log(Vec<String>);

impl Log {
    /// Notes a value.
    fn note(&mut self, what: &str, value: impl std::fmt::Debug) {
        self.0.push(format!("{what}: {value:?}"));
    }

    /// Notes a result, with all that an error says.
    fn result<T: std::fmt::Debug>(&mut self, what: &str, result: std::io::Result<T>) -> Option<T> {
        match result {
            Ok(value) => {
                self.note(what, &value);
                Some(value)
            }
            Err(error) => {
                self.note(what, (error.kind(), error.raw_os_error(), error.to_string()));
                None
            }
        }
    }

    /// Notes a result whose value says nothing that would be the same twice.
    fn outcome<T>(&mut self, what: &str, result: std::io::Result<T>) -> Option<T> {
        let (value, result) = match result {
            Ok(value) => (Some(value), Ok(())),
            Err(error) => (None, Err(error)),
        };
        self.result(what, result);
        value
    }
}

macro_rules! programs {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                compare(on_std::$name, on_green::$name);
            }
        )*
    };
}

programs! {
    opens
    reads_and_seeks
    reads_and_writes_at_offsets
    vectored_calls
    appends
    clones
    whole_files
    reads_to_the_end
    metadata
    times_and_permissions
    folders_and_entries
    links
    renames_and_removals
    locks
    lengths
    devices
    named_pipes
    nonblocking_pipes
    pipes_by_descriptor
    buffered_readers_and_writers
    descriptors
    owners
    debug_output
    child_processes
}
