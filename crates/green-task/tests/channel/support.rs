//! What several of the tests need.

use std::env;
use std::io::{self, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use green_task::channel::{Channel, Socket};

/// Longer than any test takes that is not stuck.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Returns the two ends of a connection to a listener at `addr`.
pub(crate) fn pair(addr: &str) -> (Socket, Socket) {
    let listener = Socket::listen(addr, 8).unwrap();
    let near = Socket::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap())
}

/// Returns two Unix sockets that are connected to each other.
pub(crate) fn unix_pair() -> (Socket, Socket) {
    let (near, far) = green_net::os::unix::UnixStream::pair().unwrap();
    (near.into(), far.into())
}

pub(crate) fn shared(channel: impl Channel + 'static) -> Arc<dyn Channel> {
    Arc::new(channel)
}

/// Returns whether there is a loopback of IPv6; says that `test` is skipped if not.
pub(crate) fn has_ipv6(test: &str) -> bool {
    let has = TcpListener::bind("[::1]:0").is_ok();
    if !has {
        // Not through `eprintln!`, which the test harness swallows.
        let line = format!("green-skip: {test}: no IPv6 loopback\n");
        io::stderr().write_all(line.as_bytes()).unwrap();
    }
    has
}

/// Runs `test` in a process of its own: this test binary again, with only that test and at most `files` open files.
pub(crate) fn alone(name: &str, files: u32, test: fn()) {
    const CHILD: &str = "GREEN_TASK_TEST_ALONE";
    if env::var_os(CHILD).is_some_and(|value| value == name) {
        return test();
    }
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!(r#"ulimit -n {files} && exec "$0" "$1" --exact --nocapture --test-threads=1"#))
        .arg(env::current_exe().unwrap())
        .arg(name)
        .env(CHILD, name)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    assert!(out.contains("1 passed"), "the child ran another test than {name}:\n{out}");
}

/// Lets others run until `done`.
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !done() {
        assert!(start.elapsed() < LONG, "{what} does not come");
        green_thread::sleep(Duration::from_millis(1));
    }
}
