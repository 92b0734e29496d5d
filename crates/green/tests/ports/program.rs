//! The programs under test: where they are, and how they are started and ended.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, Mutex};
use std::time::SystemTime;

const EXAMPLES: [&str; 13] = [
    "chat_std",
    "chat_green",
    "pgrep_std",
    "pgrep_green",
    "httpd_std",
    "httpd_green",
    "l3agent",
    "dispatcher",
    "crawler",
    "feeds",
    "qio",
    "forwarder",
    "producer_consumer",
];

/// Where cargo puts the examples of the profile that this test was built with.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let folder = profile.join("examples");
    // `cargo test` builds examples beside tests, but `cargo test --test ports` does not, and what is there may be old.
    if !EXAMPLES.iter().all(|name| is_fresh(&folder, name)) {
        let mut build = Command::new(env!("CARGO"));
        build
            .args(["build", "--quiet", "--package", "green", "--features", "task"])
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        build.args(EXAMPLES.iter().flat_map(|name| ["--example", name]));
        build.arg("--target-dir").arg(profile.parent().unwrap());
        let profile = profile.file_name().unwrap();
        build.arg("--profile").arg(if profile == "debug" { "dev".as_ref() } else { profile });
        assert!(build.status().unwrap().success(), "the examples do not build");
    }
    folder
});

/// Whether an example is there and no older than its sources, which cargo lists beside it.
fn is_fresh(folder: &Path, name: &str) -> bool {
    let changed = |path: &str| fs::metadata(path.replace('\n', " ")).and_then(|metadata| metadata.modified()).ok();
    let Some(built) = changed(&folder.join(name).display().to_string()) else { return false };
    let Ok(sources) = fs::read_to_string(folder.join(format!("{name}.d"))) else { return false };
    let (_, sources) = sources.split_once(": ").unwrap();
    // A space within a path has a backslash before it.
    let sources = sources.replace("\\ ", "\n");
    sources.split_whitespace().all(|source| changed(source).is_some_and(|time: SystemTime| time <= built))
}

/// A command that runs an example.
pub(crate) fn command(name: &str) -> Command {
    Command::new(FOLDER.join(name))
}

/// An example that serves, stopped by the end of its standard input.
pub(crate) struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Server {
    pub(crate) fn start(name: &str, args: &[&str]) -> Server {
        // One program's pipe must not be inherited by the next: it would never end.
        static STARTING: Mutex<()> = Mutex::new(());
        let _guard = STARTING.lock();
        let mut command = command(name);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Server { child, stdout }
    }

    /// Reads the next line that the server prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Lets the server end, and returns what else it printed and how it ended.
    pub(crate) fn stop(mut self) -> (String, ExitStatus) {
        drop(self.child.stdin.take());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (rest, self.child.wait().unwrap())
    }
}

impl Drop for Server {
    /// A test that failed leaves nothing behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
