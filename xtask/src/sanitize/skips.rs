//! Tests that do not hold under a sanitizer, each with its reason.

use super::{Pass, Sanitizer};

/// Tests that are left out.
struct Skip {
    /// The binary, as `TestBinary::name` has it.
    binary: &'static str,
    /// What the names of the tests contain; nothing if it is all of the binary's.
    tests: &'static [&'static str],
    under: Under,
    #[expect(dead_code, reason = "for who reads the table")]
    why: &'static str,
}

/// Where they do not hold.
enum Under {
    Both,
    Thread,
    /// In the pass of AddressSanitizer that looks for leaks.
    Leaks,
}

const TABLE: &[Skip] = &[
    Skip {
        binary: "-p green-core --test greenlet_memory",
        tests: &["memory_stays_flat"],
        under: Under::Both,
        why: "measures memory, and the sanitizer's own grows",
    },
    Skip {
        binary: "-p green-core --lib",
        tests: &[
            "memory_is_given_back_after_a_peak",
            "a_busy_hub_gives_back_what_it_has_not_needed_for_a_while",
            "what_another_hub_would_take_cold_is_given_back_at_once",
            "where_stacks_are_few_a_hub_does_not_keep_them_from_others",
        ],
        under: Under::Both,
        why: "measures memory, or limits it",
    },
    Skip {
        binary: "-p green-core --lib",
        tests: &["ranges_get_the_advice_at_once_or_one_by_one"],
        under: Under::Both,
        why: "sanitizers make mlock do nothing",
    },
    Skip {
        binary: "-p green-core --test spare_stacks",
        tests: &["what_many_leave_behind_goes_back"],
        under: Under::Both,
        why: "measures memory",
    },
    Skip {
        binary: "-p green-core --lib",
        tests: &["common_sizes_are_exact", "guards_guard"],
        under: Under::Both,
        why: "small stacks are made larger for a sanitizer (stack/size.rs)",
    },
    Skip {
        binary: "-p green-core --lib",
        tests: &["a_payload_is_dropped_even_if_its_destructor_panics"],
        under: Under::Leaks,
        why: "the payload of a panic in the destructor of a payload is leaked on purpose: its destructor might panic too",
    },
    Skip {
        binary: "-p green-core --test greenlet_machine",
        tests: &["a_big_stack_holds_deep_recursion"],
        under: Under::Thread,
        why: "ThreadSanitizer remembers 65,536 calls of a stack, and does not look whether there are more",
    },
    Skip {
        binary: "-p green-core --test coroutine",
        tests: &["the_end_of_a_green_thread_unwinds_even_forgotten_ones"],
        under: Under::Leaks,
        why: "forgets a coroutine on purpose",
    },
    Skip {
        binary: "-p green-core --test coroutine_misuse",
        tests: &[
            "a_kill_ends_a_green_thread_whose_greenlets_and_coroutines_are_suspended",
            "a_spawned_green_threads_suspended_frames_go_before_its_locals",
        ],
        under: Under::Leaks,
        why: "forget greenlets and coroutines on purpose",
    },
    Skip {
        binary: "-p green-core --test greenlet_thread",
        tests: &[
            "destructors_at_the_end_may_park_and_start_greenlets",
            "the_end_of_a_green_thread_unwinds_its_greenlets",
            "one_that_will_not_die_does_not_hold_up_its_green_thread",
        ],
        under: Under::Leaks,
        why: "forget greenlets on purpose, or have one that has to be leaked (I8)",
    },
    Skip {
        binary: "-p green-core --test hub_call",
        tests: &["a_panic_ends_its_call_alone"],
        under: Under::Leaks,
        why: "the payload of a panic in the destructor of a payload is leaked on purpose: its destructor might panic too",
    },
    Skip {
        binary: "-p green-core --test local",
        tests: &["a_greenlet_left_by_a_destructor_ends_before_the_next_destructor"],
        under: Under::Leaks,
        why: "forgets a greenlet on purpose",
    },
    Skip {
        binary: "-p green-core --test thread_exit",
        tests: &[
            "greenlets_of_an_os_thread_are_unwound_at_its_end",
            "os_threads_that_end_with_suspended_greenlets_are_many",
        ],
        under: Under::Leaks,
        why: "forget greenlets on purpose",
    },
    Skip {
        binary: "-p green-sync --test mpsc",
        tests: &["a_panicking_message_drop_is_survived"],
        under: Under::Leaks,
        why: "what comes behind a message whose destructor panics is leaked, by std's channels too",
    },
    Skip {
        binary: "-p green-thread --test ends",
        tests: &["a_panic_of_a_link_goes_as_far_as_is_said"],
        under: Under::Leaks,
        why: "what the destructor of a panic's payload panics with is leaked on purpose",
    },
    Skip {
        binary: "-p green-thread --test os_thread",
        tests: &["one_that_is_leaked_after_its_end_keeps_its_result"],
        under: Under::Leaks,
        why: "forgets futures that wait, and leaks a green thread, on purpose",
    },
    Skip {
        binary: "-p green-thread --test scoped",
        tests: &["leaked_handle_does_not_hold_the_scope"],
        under: Under::Leaks,
        why: "forgets handles on purpose",
    },
    Skip {
        binary: "-p green-thread --test watchdog",
        tests: &["a_panic_in_a_report_is_not_the_end"],
        under: Under::Leaks,
        why: "what the destructor of a panic's payload panics with is leaked on purpose",
    },
    Skip {
        binary: "-p green-io --test io",
        tests: &["a_descriptor_may_be_in_several_pollables_at_once"],
        under: Under::Leaks,
        why: "leaks a pipe's end on purpose",
    },
    Skip {
        binary: "-p green-process --test process",
        tests: &["no_signal_is_lost_between_two_waits", "a_process_that_was_stopped_goes_on"],
        under: Under::Thread,
        why: "ThreadSanitizer keeps a signal back until the OS thread makes a call that it intercepts, and a hub that \
              sleeps makes none",
    },
    Skip {
        binary: "-p green-process --test process",
        tests: &["nothing_is_left_open_and_nobody_a_zombie"],
        under: Under::Thread,
        why: "to look for what is suppressed, ThreadSanitizer starts a child of its own",
    },
    Skip {
        binary: "-p green-core --test patch",
        tests: &[],
        under: Under::Leaks,
        why: "children end by `exit` while their main thread waits in a join, which LeakSanitizer does not get suspended",
    },
];

/// Returns what the names of the tests contain that are left out of a binary; none if that is all of them.
pub(super) fn of(binary: &str, sanitizer: Sanitizer, pass: &Pass) -> Option<Vec<&'static str>> {
    let here = |skip: &&Skip| {
        skip.binary == binary
            && match skip.under {
                Under::Both => true,
                Under::Thread => sanitizer == Sanitizer::Thread,
                Under::Leaks => pass.name == "leaks",
            }
    };
    let mut tests = Vec::new();
    for skip in TABLE.iter().filter(here) {
        if skip.tests.is_empty() {
            return None;
        }
        tests.extend(skip.tests);
    }
    Some(tests)
}
