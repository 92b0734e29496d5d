//! One source, compiled against std and against green, must say the same.
//!
//! A program in `programs` uses `super::subject`, which is std in one build and green in the other, and writes down what
//! it sees in a [`Log`]. It runs on std first; then on green, from a thread that green did not make and from a green
//! thread, and all three logs have to be equal. Programs are written from what std's documentation promises.

#![expect(clippy::duplicate_mod, reason = "one source on two sides is the point")]

mod log;
mod on_green;
mod on_std;
#[expect(unsafe_code, reason = "replaces the standard streams of a child")]
mod stdio;

use std::io::{self, Write as _};
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use log::Log;

type Program = fn(&Log) -> io::Result<()>;

/// Makes one test of each program.
macro_rules! compared {
    ($($module:ident { $($program:ident)+ })+) => {
        $(mod $module {
            $(#[test]
            fn $program() {
                crate::compare(crate::on_std::$module::$program, crate::on_green::$module::$program);
            })+
        })+
    };
}

compared! {
    channels {
        in_order ends bounds timeouts what_nobody_takes texts
    }
    children {
        ends waits pipes chains surroundings before_exec many
    }
    files {
        whole_files openings positions huge folders entries links renames metadata locks_on_files lines
    }
    locks {
        a_mutex a_poisoned_mutex a_rwlock a_condvar a_barrier once once_locks lazy_locks
    }
    looks {
        for_a_message for_room for_a_lock for_a_value for_an_end for_bytes_and_peers
    }
    pipes {
        ends waits lines_and_copies
    }
    tcp {
        an_echo_ends_with_its_writer half_closed nothing_asked_nothing_read refused bad_binds timeouts write_timeouts
        timeouts_are_rounded_and_checked peeks clones options nonblocking several_buffers a_reset a_broken_pipe
        addresses that_are_none_of_ours shown incoming_never_ends given_away
    }
    threads {
        values_and_panics names tokens scopes scopes_pass_panics_on locals local_destructors drops_of_a_closure
        drops_of_an_unjoined_result sleeps finished identities panicking_in_drops builders
    }
    udp {
        boundaries peers timeouts options
    }
    unix {
        by_path pairs unread_data abstract_names datagrams incoming
    }
}

/// How long a program may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a program on std, and on green from two kinds of thread, and compares what it said.
#[track_caller]
fn compare(on_std: Program, on_green: Program) {
    let expected = watched("std", move || run(on_std));
    // A program says what fails by itself; one that does not get to its end shows less than it means to.
    assert!(!expected.iter().any(|line| line.starts_with("the program")), "on std: {expected:#?}");
    let from_root = watched("green, from an OS thread", move || run(on_green));
    assert_eq!(expected, from_root, "on green, from an OS thread");
    let spawned = || green::thread::spawn(move || run(on_green)).join().expect("panics are caught");
    let from_green = watched("green, from a green thread", spawned);
    assert_eq!(expected, from_green, "on green, from a green thread");
}

/// Runs `f` on an OS thread of its own, and fails if that takes too long.
#[track_caller]
fn watched(on: &str, f: impl FnOnce() -> Vec<String> + Send) -> Vec<String> {
    std::thread::scope(|scope| {
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::Builder::new().spawn_scoped(scope, move || sender.send(f())).expect("there is room for a thread");
        receiver.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            // A scope would wait for what never ends.
            let _ = writeln!(io::stderr(), "the program hangs on {on}");
            std::process::abort()
        })
    })
}

/// Runs a program to its end and returns its log, with how it ended as the last line.
fn run(program: Program) -> Vec<String> {
    let log = Log::default();
    match panic::catch_unwind(AssertUnwindSafe(|| program(&log))) {
        Ok(Ok(())) => {}
        Ok(error) => log.result("the program", &error),
        Err(payload) => log.panic("the program", payload.as_ref()),
    }
    log.lines()
}
