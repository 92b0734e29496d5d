//! The settings of a process, each case in a process of its own.

use std::env;
use std::io::ErrorKind;
use std::process::Command;

use green_core::blocking::unblock;
use green_core::config::{self, Config, ConfigError};
use green_core::mode::Mode;
use green_core::spawn::{Options, spawn};

/// Set in the child, to the name of its test.
const ROLE: &str = "GREEN_TEST_ROLE";

/// Runs `check` in a child process with just these of our variables set.
fn in_child(test: &str, variables: &[(&str, &str)], check: fn()) {
    if env::var(ROLE).is_ok_and(|role| role == test) {
        return check();
    }
    let mut child = Command::new(env::current_exe().expect("the test's own path"));
    child.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("GREEN") || name == "RUST_MIN_STACK" {
            child.env_remove(name);
        }
    }
    child.env(ROLE, test).envs(variables.iter().copied());
    let output = child.output().expect("the child starts");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
fn a_bad_value_is_an_error_from_every_spawn() {
    in_child("a_bad_value_is_an_error_from_every_spawn", &[("GREEN_HUBS", "many")], || {
        for _ in 0..2 {
            let error = spawn(Options::default(), || ()).expect_err("the environment is refused");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let expected = "the environment variable GREEN_HUBS is \"many\", but must be a number from 0 to 1024";
            assert_eq!(error.to_string(), expected);
        }
        assert!(matches!(config::get(), Err(ConfigError::Invalid { variable: "GREEN_HUBS", .. })));
        assert_eq!(Config::builder().build().and_then(Config::install), Err(ConfigError::TooLate));
    });
}

#[test]
fn a_misspelt_variable_is_an_error() {
    in_child("a_misspelt_variable_is_an_error", &[("GREEN_HUB", "2")], || {
        let error = spawn(Options::default(), || ()).expect_err("the environment is refused");
        assert!(error.to_string().contains("did you mean GREEN_HUBS?"), "{error}");
    });
}

#[test]
fn bad_values_for_the_blocking_pool_are_refused_too() {
    in_child("bad_values_for_the_blocking_pool_are_refused_too", &[("GREEN_BLOCKING_THREADS", "0")], || {
        let error = spawn(Options::default(), || ()).expect_err("the environment is refused");
        assert!(error.to_string().contains("GREEN_BLOCKING_THREADS"), "{error}");
        // With nobody beside it, a root needs no pool.
        assert_eq!(unblock(|| 1), 1);
    });
}

#[test]
fn the_environment_is_read_at_first_use() {
    let variables = [
        ("GREEN", "off"),
        ("GREEN_HUBS", "3"),
        ("GREEN_STACK_SIZE", "65536"),
        ("GREEN_BLOCKING_THREADS", "7"),
        ("GREEN_STRESS_SECONDS", "not ours"),
    ];
    in_child("the_environment_is_read_at_first_use", &variables, || {
        let config = config::get().expect("good values");
        assert_eq!(config.mode(), Mode::Plain);
        assert_eq!((config.hubs(), config.stack_size(), config.blocking_threads()), (3, 65536, 7));
        assert_eq!(config.clone().install(), Err(ConfigError::TooLate));
    });
}

#[test]
fn installed_settings_take_the_environment_s_place() {
    in_child("installed_settings_take_the_environment_s_place", &[("GREEN_HUBS", "many")], || {
        let config = Config::builder().hubs(1).stack_size(128 << 10).build().expect("good values");
        config.clone().install().expect("nothing was used yet");
        assert_eq!(config::get(), Ok(&config));
        assert_eq!(config.clone().install(), Err(ConfigError::TooLate));
        spawn(Options::default(), || ()).expect("good settings").join().expect("no panic");
    });
}

#[test]
fn the_default_stack_is_std_s() {
    in_child("the_default_stack_is_std_s", &[("RUST_MIN_STACK", "3000000")], || {
        assert_eq!(config::get().expect("good values").stack_size(), 3_000_000);
    });
}

#[test]
fn a_min_stack_that_is_no_number_is_ignored_as_std_does() {
    in_child("a_min_stack_that_is_no_number_is_ignored_as_std_does", &[("RUST_MIN_STACK", "big")], || {
        assert_eq!(config::get().expect("good values").stack_size(), 2 << 20);
    });
}
