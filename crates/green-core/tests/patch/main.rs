//! What runs green and what plain, each case in a process of its own: FEATURES' A10, A11, A12 and A14, and eventlet's
//! `patcher_test` (`test_boolean*`, `test_typeerror`).

#[expect(unsafe_code, reason = "forks")]
mod child;

use std::cell::Cell;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use green_core::blocking::unblock;
use green_core::config::{self, Config};
use green_core::hub::{Interest, wait};
use green_core::park::{sleep_until, yield_now};
use green_core::patch::{
    self, Captured, Facilities, Facility, Finding, Mode, PatchError, install, is_patched, poison, select, verify,
};
use green_core::spawn::{Options, spawn, spawn_local};

use child::{in_child, is_child};

/// The facilities that run green now.
fn green() -> Facilities {
    Facility::ALL.into_iter().filter(|&facility| is_patched(facility)).collect()
}

fn too_late(result: Result<(), PatchError>) -> Vec<Captured> {
    match result {
        Err(PatchError::TooLate { what }) => what,
        other => panic!("{other:?}"),
    }
}

fn panic_text(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).unwrap_err();
    payload.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn a_program_that_chooses_nothing_is_green() {
    in_child("a_program_that_chooses_nothing_is_green", &[], || {
        assert_eq!((patch::mode(), green()), (Mode::Green, Facilities::ALL));
        // To ask has captured nothing.
        assert_eq!(install(Facility::ALL), Ok(()));
    });
}

/// `test_boolean`, `test_boolean_all`: what is named is patched, and all of it if everything is.
#[test]
fn what_is_named_is_green_and_the_rest_plain() {
    in_child("what_is_named_is_green_and_the_rest_plain", &[], || {
        install(Facility::Thread | Facility::Fs).unwrap();
        assert_eq!(green(), Facility::Thread | Facility::Sync | Facility::Fs);
        assert_eq!(patch::mode(), Mode::Green);
        // A14: repeated calls add to each other. `test_boolean_all_single`: everything and more is everything.
        install(Facility::Net).unwrap();
        assert_eq!(green(), Facilities::ALL.without(Facility::Time | Facility::Process));
        install(Facilities::ALL | Facility::Net).unwrap();
        assert_eq!(green(), Facilities::ALL);
        install(Facility::Net).unwrap();
        assert_eq!(green(), Facilities::ALL);
    });
}

/// `test_boolean_negative`, `test_boolean_negative2`: all but what is named.
#[test]
fn all_but_some() {
    in_child("all_but_some", &[], || {
        install(Facilities::ALL.without(Facility::Fs)).unwrap();
        assert_eq!(green(), Facilities::ALL.without(Facility::Fs));
        assert!(is_patched("socket".parse().unwrap()));
        assert!(!is_patched("os".parse().unwrap()));
        assert_eq!(config::get().unwrap().plain(), Facility::Fs.into());
    });
}

/// `test_typeerror`: a name that is none is an error, and changes nothing.
#[test]
fn an_unknown_facility_is_an_error() {
    in_child("an_unknown_facility_is_an_error", &[], || {
        let error = "net,finagle".parse::<Facilities>().unwrap_err();
        assert_eq!(error.name, "finagle");
        assert_eq!("time, net".parse(), Ok(Facility::Net | Facility::Time));
        assert_eq!(green(), Facilities::ALL);
    });
}

#[test]
fn nothing_is_green_without_threads() {
    in_child("nothing_is_green_without_threads", &[], || {
        let asked = Facilities::ALL.without(Facility::Thread);
        assert_eq!(install(asked), Err(PatchError::ThreadNeeded { asked }));
        assert!(install(Facility::Net).unwrap_err().to_string().starts_with("net cannot be green without thread"));
        assert_eq!(green(), Facilities::ALL);
    });
}

/// A10: after a hub was made.
#[test]
fn too_late_after_a_hub_was_made() {
    in_child("too_late_after_a_hub_was_made", &[], || {
        sleep_until(Instant::now());
        let error = install(Facility::ALL).unwrap_err();
        let text = "too late to choose what runs green: an OS thread has a hub, because it has waited or spawned";
        assert_eq!(error.to_string(), text);
        assert_eq!(too_late(select(Mode::Plain)), [Captured::Hubs(1)]);
    });
}

/// A10: after threads were started.
#[test]
fn too_late_after_threads_were_started() {
    in_child("too_late_after_threads_were_started", &[], || {
        let (stop, stopped) = mpsc::channel::<()>();
        let other = std::thread::Builder::new().name("early".into()).spawn(move || stopped.recv()).unwrap();
        // The name is the kernel's once the OS thread has begun.
        while too_late(install(Facility::ALL)) != [Captured::Threads(vec!["early".to_owned()])] {
            std::thread::yield_now();
        }
        assert!(verify().findings.contains(&Finding::ForeignThreads(vec!["early".to_owned()])));
        drop(stop);
        assert!(other.join().unwrap().is_err());
        // The kernel may show it for a moment more.
        while install(Facility::ALL).is_err() {
            std::thread::yield_now();
        }
    });
}

/// A10: from another thread than the main one, and after something was spawned. Then what was chosen before stands, and to
/// choose it again is no mistake.
#[test]
fn too_late_from_elsewhere_and_after_a_spawn() {
    in_child("too_late_from_elsewhere_and_after_a_spawn", &[], || {
        let elsewhere = std::thread::Builder::new().name("elsewhere".into());
        let result = elsewhere.spawn(|| install(Facility::ALL)).unwrap().join().unwrap();
        assert_eq!(too_late(result), [Captured::NotMain("elsewhere".to_owned())]);
        // The kernel may show it for a moment more.
        while install(Facilities::ALL.without(Facility::Time)).is_err() {
            std::thread::yield_now();
        }
        spawn(Options::default(), || ()).unwrap().join().unwrap();
        install(Facility::Thread | Facility::Net).unwrap();
        select(Mode::Green).unwrap();
        let what = too_late(install(Facility::Time));
        assert!(what.contains(&Captured::Settings) && what.iter().any(|what| matches!(what, Captured::Hubs(_))));
        assert!(!is_patched(Facility::Time));
    });
}

/// A11: one binary is both, by its environment.
#[test]
fn the_environment_makes_it_plain() {
    in_child("the_environment_makes_it_plain", &[("GREEN", "off")], || {
        assert_eq!((patch::mode(), green()), (Mode::Plain, Facilities::NONE));
        install(Facility::ALL).unwrap();
        assert_eq!((patch::mode(), green()), (Mode::Plain, Facilities::NONE));
        let report = verify();
        assert_eq!(report.findings, [Finding::PlainByEnvironment(Facilities::ALL), Finding::NotInterposed]);
        let own = std::thread::current().id();
        let other = spawn(Options::default(), || std::thread::current().id()).unwrap();
        assert_ne!(other.join().unwrap(), own);
        assert_eq!(config::get().unwrap().mode(), Mode::Plain);
    });
}

/// The same from within.
#[test]
fn a_program_may_choose_to_be_plain() {
    in_child("a_program_may_choose_to_be_plain", &[], || {
        select(Mode::Plain).unwrap();
        assert_eq!((patch::mode(), green()), (Mode::Plain, Facilities::NONE));
        spawn(Options::default(), || ()).unwrap().join().unwrap();
        assert_eq!(config::get().unwrap().mode(), Mode::Plain);
    });
}

/// A12: two modes are one too many, the same twice is none.
#[test]
fn two_modes_are_an_error() {
    in_child("two_modes_are_an_error", &[], || {
        select(Mode::Green).unwrap();
        select(Mode::Green).unwrap();
        let error = select(Mode::Plain).unwrap_err();
        assert_eq!(error, PatchError::AlreadySelected { selected: Mode::Green, asked: Mode::Plain });
        assert_eq!(error.to_string(), "this program has chosen to run green before, and cannot run plain too");
        install(Facility::ALL).unwrap();
    });
}

#[test]
fn plain_and_then_green_is_an_error_too() {
    in_child("plain_and_then_green_is_an_error_too", &[], || {
        select(Mode::Plain).unwrap();
        let expected = PatchError::AlreadySelected { selected: Mode::Plain, asked: Mode::Green };
        assert_eq!(install(Facility::ALL), Err(expected));
    });
}

#[test]
fn settings_that_were_installed_are_final() {
    in_child("settings_that_were_installed_are_final", &[], || {
        Config::builder().hubs(1).plain(Facility::Time).build().unwrap().install().unwrap();
        assert_eq!(green(), Facilities::ALL.without(Facility::Time));
        assert_eq!(too_late(install(Facility::ALL)), [Captured::Settings]);
    });
}

/// A12: after `poison`, whatever makes a hub panics with the reason, in the one who asked for it.
#[test]
fn poison_forbids_hubs() {
    in_child("poison_forbids_hubs", &[], || {
        assert_eq!(verify().findings, [Finding::NotInterposed]);
        poison("this is the server process");
        poison("another reason");
        let reason = "green threads are not to be used in this process: this is the server process";
        let spawns = || panic_text(|| drop(spawn(Options::default(), || ())));
        assert_eq!(spawns(), reason);
        assert_eq!(panic_text(|| drop(spawn_local(Options::default(), || ()))), reason);
        assert_eq!(panic_text(yield_now), reason);
        std::thread::spawn(move || assert_eq!(panic_text(yield_now), reason)).join().unwrap();
        assert_eq!(install(Facility::ALL).unwrap_err().to_string(), reason);
        assert!(verify().findings.contains(&Finding::Poisoned("this is the server process".to_owned())));
        // What is plain goes on.
        assert_eq!(std::thread::spawn(|| 1).join().unwrap(), 1);
    });
}

#[test]
fn poison_leaves_hubs_that_exist_alone() {
    for variables in [&[][..], &[("GREEN", "off")], &[("GREEN_HUBS", "0")]] {
        in_child("poison_leaves_hubs_that_exist_alone", variables, || {
            let local = spawn_local(Options::default(), || {
                yield_now();
                7
            });
            poison("late");
            assert_eq!(local.unwrap().join().unwrap(), 7);
            // There are no workers yet, nor can there be OS threads with hubs; here, there is one.
            let spawned = catch_unwind(|| spawn(Options::default(), || 8).unwrap().join().unwrap());
            assert_eq!(spawned.is_ok(), env::var("GREEN_HUBS").is_ok());
        });
        if is_child() {
            return;
        }
    }
}

/// Returns whether a green thread of this hub ran while `wait` went on.
fn lets_others_run(wait: impl FnOnce()) -> bool {
    let ran = Rc::new(Cell::new(false));
    let flag = Rc::clone(&ran);
    let other = spawn_local(Options::default(), move || flag.set(true)).unwrap();
    wait();
    let ran = ran.get();
    other.join().unwrap();
    ran
}

/// Waits in each of the facilities that core has, and returns those in which others ran.
fn tried() -> Facilities {
    let soon = || Instant::now() + Duration::from_millis(1);
    let mut green = Facilities::NONE;
    if lets_others_run(|| sleep_until(soon())) {
        green = green | Facility::Time;
    }
    let (reader, _writer) = std::io::pipe().unwrap();
    if lets_others_run(|| assert!(wait(&reader, Interest::Readable, Some(soon())).is_err())) {
        green = green | Facility::Net;
    }
    let own = std::thread::current().id();
    let ran = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&ran);
    let other = spawn_local(Options::default(), move || flag.store(true, Ordering::Release)).unwrap();
    let elsewhere = unblock(move || {
        let elsewhere = std::thread::current().id() != own;
        while elsewhere && !ran.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        elsewhere
    });
    other.join().unwrap();
    if elsewhere { green | Facility::Fs } else { green }
}

/// A14: each facility has its switch, and what is said of it is what happens.
#[test]
fn what_is_said_is_what_happens() {
    for plain in ["", "time", "net", "fs", "process", "time,net,fs", "os,socket"] {
        in_child("what_is_said_is_what_happens", &[("GREEN_PLAIN", plain)], || {
            let plain = env::var("GREEN_PLAIN").unwrap_or_default().parse().unwrap_or(Facilities::NONE);
            assert_eq!(green(), Facilities::ALL.without(plain));
            assert_eq!(tried(), (Facility::Time | Facility::Net | Facility::Fs).without(plain));
        });
        if is_child() {
            return;
        }
    }
}

/// What the program chooses, and the environment takes away.
#[test]
fn the_environment_goes_before_the_program() {
    in_child("the_environment_goes_before_the_program", &[("GREEN_PLAIN", "fs")], || {
        install(Facilities::ALL.without(Facility::Time)).unwrap();
        assert_eq!(green(), Facilities::ALL.without(Facility::Time | Facility::Fs));
        assert_eq!(verify().findings, [Finding::PlainByEnvironment(Facility::Fs.into()), Finding::NotInterposed]);
        assert_eq!(tried(), Facility::Net.into());
        let report = verify();
        assert_eq!((report.mode, report.plain), (Mode::Green, Facility::Time | Facility::Fs));
        assert!(report.hubs > 0);
    });
}

#[test]
fn invalid_settings_are_plain_and_said_to_be_wrong() {
    in_child("invalid_settings_are_plain_and_said_to_be_wrong", &[("GREEN", "maybe")], || {
        assert_eq!((patch::mode(), green()), (Mode::Plain, Facilities::NONE));
        let text = verify().to_string();
        assert!(text.contains("nothing can be spawned: the environment variable GREEN is \"maybe\""), "{text}");
        assert!(text.starts_with("mode plain; green: nothing; plain: thread, sync, time, net, fs, process"), "{text}");
    });
}
