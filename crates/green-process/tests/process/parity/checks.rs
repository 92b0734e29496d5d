// What holds for std's processes and for ours alike; `rt` is the one or the other.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::{Path, PathBuf};

use rt::os::unix::process::{CommandExt, ExitStatusExt, parent_id};
use rt::process::{
    Child, ChildStderr, ChildStdin, ChildStdout, Command, CommandArgs, CommandEnvs, ExitCode, ExitStatus, Output,
    Stdio, Termination,
};

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Writes a file that is to be run. A child does it: if this process had the file open for writing, so might a child of
/// another test between its fork and its exec, and the file could not be run meanwhile.
fn write(path: &Path, text: &str) {
    let status = sh("printf %s \"$1\" > \"$0\"").arg(path).arg(text).status().unwrap();
    assert!(status.success());
}

#[test]
fn traits_are_implemented() {
    fn plain<T: Send + Sync + Unpin + Debug>() {}
    fn shown<T: Unpin + Debug + UnwindSafe>() {}
    fn calm<T: UnwindSafe + RefUnwindSafe>() {}
    fn pipe<T>()
    where
        T: AsFd + AsRawFd + IntoRawFd + From<OwnedFd> + Into<OwnedFd> + Into<Stdio>,
    {
    }
    fn stdio<T: Into<Stdio>>() {}
    fn write<T: Write>() {}
    fn read<T: Read>() {}
    plain::<Child>();
    plain::<Command>();
    plain::<ChildStdin>();
    plain::<ChildStdout>();
    plain::<ChildStderr>();
    plain::<CommandEnvs<'_>>();
    calm::<Child>();
    calm::<ChildStdin>();
    calm::<ChildStdout>();
    calm::<ChildStderr>();
    shown::<CommandArgs<'_>>();
    pipe::<ChildStdin>();
    pipe::<ChildStdout>();
    pipe::<ChildStderr>();
    write::<ChildStdin>();
    write::<&ChildStdin>();
    read::<ChildStdout>();
    read::<ChildStderr>();
    stdio::<File>();
    stdio::<OwnedFd>();
    stdio::<io::PipeReader>();
    stdio::<io::PipeWriter>();
    stdio::<io::Stdout>();
    stdio::<io::Stderr>();
    fn main_returns<T: Termination>() {}
    main_returns::<ExitCode>();
}

#[test]
fn signatures_are_the_same() {
    type R<T> = io::Result<T>;
    let _: fn(String) -> Command = Command::new;
    let _: fn(&mut Command, String) -> &mut Command = Command::arg;
    let _: fn(&mut Command, Vec<String>) -> &mut Command = Command::args;
    let _: fn(&mut Command, String, String) -> &mut Command = Command::env;
    let _: fn(&mut Command, BTreeMap<String, String>) -> &mut Command = Command::envs;
    let _: fn(&mut Command, String) -> &mut Command = Command::env_remove;
    let _: fn(&mut Command) -> &mut Command = Command::env_clear;
    let _: fn(&mut Command, PathBuf) -> &mut Command = Command::current_dir;
    let _: fn(&mut Command, File) -> &mut Command = Command::stdin;
    let _: fn(&mut Command, Stdio) -> &mut Command = Command::stdout;
    let _: fn(&mut Command, ChildStdin) -> &mut Command = Command::stderr;
    let _: fn(&mut Command) -> R<Child> = Command::spawn;
    let _: fn(&mut Command) -> R<Output> = Command::output;
    let _: fn(&mut Command) -> R<ExitStatus> = Command::status;
    let _: fn(&Command) -> &OsStr = Command::get_program;
    let _: fn(&Command) -> CommandArgs<'_> = Command::get_args;
    let _: fn(&Command) -> CommandEnvs<'_> = Command::get_envs;
    let _: fn(&Command) -> Option<&Path> = Command::get_current_dir;
    let _: fn(&mut Child) -> R<()> = Child::kill;
    let _: fn(&Child) -> u32 = Child::id;
    let _: fn(&mut Child) -> R<ExitStatus> = Child::wait;
    let _: fn(&mut Child) -> R<Option<ExitStatus>> = Child::try_wait;
    let _: fn(Child) -> R<Output> = Child::wait_with_output;
    let _: fn(&mut Command, u32) -> &mut Command = CommandExt::uid;
    let _: fn(&mut Command, u32) -> &mut Command = CommandExt::gid;
    let _: fn(&mut Command) -> io::Error = CommandExt::exec;
    let _: fn(&mut Command, String) -> &mut Command = CommandExt::arg0;
    let _: fn(&mut Command, i32) -> &mut Command = CommandExt::process_group;
    let _: fn() -> u32 = parent_id;
    let _: fn() -> u32 = rt::process::id;
    let _: fn(i32) -> ! = rt::process::exit;
    let _: fn() -> ! = rt::process::abort;
}

#[test]
fn debug_shows_the_same() {
    let mut command = Command::new("a b");
    command.arg("c'd").env("KEY", "value").current_dir("/");
    let std = {
        let mut command = std::process::Command::new("a b");
        command.arg("c'd").env("KEY", "value").current_dir("/");
        [format!("{command:?}"), format!("{command:#?}")]
    };
    assert_eq!([format!("{command:?}"), format!("{command:#?}")], std);
    assert_eq!(format!("{:?}", command.get_args()), r#"CommandArgs { inner: ["c\'d"] }"#);

    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let shown = "Child { stdin: Some(ChildStdin { .. }), stdout: Some(ChildStdout { .. }), stderr: None, .. }";
    assert_eq!(format!("{child:?}"), shown);
    child.wait().unwrap();
}

#[test]
fn ends_are_told_apart() {
    for code in [0, 1, 2, 77, 255] {
        let status = sh(&format!("exit {code}")).status().unwrap();
        assert_eq!((status.code(), status.signal(), status.success()), (Some(code), None, code == 0));
        assert_eq!(status.into_raw(), code << 8);
    }
    // Not SIGHUP: under `nohup` it is ignored.
    for signal in [6, 9, 12, 13, 15] {
        let status = sh(&format!("ulimit -c 0; kill -{signal} $$")).status().unwrap();
        assert_eq!((status.code(), status.signal(), status.core_dumped()), (None, Some(signal), false));
        assert!(!status.success());
    }
    assert_eq!(sh("exit 3").status().unwrap().to_string(), "exit status: 3");
}

#[test]
fn errors_of_spawn_are_the_os_s() {
    let folder = tempfile::tempdir().unwrap();
    let check = |command: &mut Command, kind: ErrorKind, raw: Option<i32>| {
        let error = command.spawn().unwrap_err();
        assert_eq!((error.kind(), error.raw_os_error()), (kind, raw), "{command:?}");
        assert_eq!(command.output().unwrap_err().kind(), kind);
        assert_eq!(command.status().unwrap_err().kind(), kind);
    };
    check(&mut Command::new("no-such-program-anywhere"), ErrorKind::NotFound, Some(libc::ENOENT));
    check(&mut Command::new("/no/such/program"), ErrorKind::NotFound, Some(libc::ENOENT));
    check(Command::new("true").current_dir("/no/such/folder"), ErrorKind::NotFound, Some(libc::ENOENT));
    check(&mut Command::new(folder.path()), ErrorKind::PermissionDenied, Some(libc::EACCES));
    check(&mut Command::new("zero\0byte"), ErrorKind::InvalidInput, None);
    check(Command::new("true").arg("zero\0byte"), ErrorKind::InvalidInput, None);
    check(Command::new("true").env("zero\0byte", "x"), ErrorKind::InvalidInput, None);

    let script = folder.path().join("script");
    write(&script, "#!/bin/sh\nexit 0\n");
    check(&mut Command::new(&script), ErrorKind::PermissionDenied, Some(libc::EACCES));
    write(&script, "no program at all");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let error = Command::new(&script).spawn().map(drop).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOEXEC));
}

#[test]
fn arguments_arrive_as_they_are() {
    let odd = ["", " ", "a b", "'", "\"", "\\", "$HOME", "*", "\n", "ü", "--"];
    let output = Command::new("printf").arg("%s|").args(odd).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), odd.map(|arg| format!("{arg}|")).concat());
    let mut command = Command::new("x");
    command.args(["a"]).arg("b").args(vec![String::from("c")]);
    assert_eq!(command.get_args().len(), 3);
    assert!(command.get_args().eq(["a", "b", "c"]));
    let output = sh("echo $0").arg0("other").output().unwrap();
    assert_eq!(output.stdout, b"other\n");
}

#[test]
fn the_environment_is_what_was_said() {
    let vars = |command: &mut Command| {
        let output = command.output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let show = "echo \"${A-none} ${B-none} ${PATH:+path}\"";
    let path = std::env::var_os("PATH").unwrap();
    assert_eq!(vars(sh(show).env("A", "1").env("B", "2")), "1 2 path\n");
    assert_eq!(vars(sh(show).envs([("A", "1"), ("B", "2")]).env_remove("A")), "none 2 path\n");
    assert_eq!(vars(sh(show).env("A", "1").env_clear().env("B", "2")), "none 2 path\n", "sh sets a path of its own");
    let env: String = vars(Command::new("env").env_clear().env("PATH", &path).env("ONLY", "this"));
    assert!(env.contains("ONLY=this\n") && env.lines().count() == 2, "{env}");

    let mut command = Command::new("x");
    command.env("B", "2").env("A", "1").env_remove("C");
    let found: Vec<_> = command.get_envs().map(|(key, value)| (key.to_str().unwrap(), value.is_some())).collect();
    assert_eq!(found, [("A", true), ("B", true), ("C", false)]);
    assert_eq!(command.get_envs().len(), 3);
}

#[test]
fn a_program_is_looked_up_in_the_child_s_path() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("only-here");
    write(&script, "#!/bin/sh\necho found\n");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    assert_eq!(Command::new("only-here").env("PATH", path).output().unwrap().stdout, b"found\n");
    assert_eq!(Command::new("only-here").output().unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn the_folder_is_what_was_said() {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().canonicalize().unwrap();
    let mut command = Command::new("pwd");
    assert_eq!(command.get_current_dir(), None);
    command.current_dir(&real);
    assert_eq!(command.get_current_dir(), Some(&*real));
    assert_eq!(command.output().unwrap().stdout, format!("{}\n", real.display()).as_bytes());
}

#[test]
fn output_has_defaults_of_its_own() {
    // The input is empty, whatever this process's is; both outputs are captured.
    let mut command = sh("cat; echo out; echo err >&2");
    for _ in 0..2 {
        let output = command.output().unwrap();
        assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
    }
    // The defaults do not stick.
    let mut child = sh("exit 0").spawn().unwrap();
    assert!(child.stdin.is_none() && child.stdout.is_none() && child.stderr.is_none());
    child.wait().unwrap();
    let mut command = sh("exit 0");
    command.output().unwrap();
    let mut child = command.spawn().unwrap();
    assert!(child.stdin.is_none() && child.stdout.is_none() && child.stderr.is_none());
    child.wait().unwrap();
}

#[test]
fn output_respects_what_was_chosen() {
    let output = sh("echo out; echo err >&2").stdout(Stdio::null()).output().unwrap();
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b""[..], &b"err\n"[..]));
    let output = sh("echo out; echo err >&2").stderr(Stdio::null()).output().unwrap();
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b""[..]));
    // A pipe for the input is closed at once, for nobody can write to it.
    assert_eq!(Command::new("cat").stdin(Stdio::piped()).output().unwrap().stdout, b"");
    let (reader, mut writer) = io::pipe().unwrap();
    writer.write_all(b"from a pipe").unwrap();
    drop(writer);
    assert_eq!(Command::new("cat").stdin(reader).output().unwrap().stdout, b"from a pipe");
}

#[test]
fn one_command_starts_many_children() {
    let mut command = sh("exit 4");
    for _ in 0..3 {
        assert_eq!(command.status().unwrap().code(), Some(4));
    }
    let (mut reader, writer) = io::pipe().unwrap();
    let mut command = sh("echo x");
    command.stdout(writer);
    assert!(command.status().unwrap().success());
    assert!(command.status().unwrap().success());
    drop(command);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "x\nx\n");
}

#[test]
fn wait_closes_the_input_and_keeps_the_answer() {
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    assert!(child.try_wait().unwrap().is_none());
    assert!(child.stdin.is_some());
    child.stdin.as_ref().unwrap().write_all(b"text").unwrap();
    let status = child.wait().unwrap();
    assert!(child.stdin.is_none() && child.stdout.is_some());
    assert_eq!(child.wait().unwrap(), status);
    assert_eq!(child.try_wait().unwrap(), Some(status));
    child.kill().unwrap();
    assert_eq!(child.id(), pid);
    let output = child.wait_with_output().unwrap();
    assert_eq!((&output.stdout[..], output.status), (&b"text"[..], status));
}

#[test]
fn a_child_that_somebody_else_has_reaped_is_an_error() {
    let mut child = Command::new("true").spawn().unwrap();
    let mut status = 0;
    // SAFETY: the kernel writes one int.
    let reaped = unsafe { libc::waitpid(child.id() as i32, &raw mut status, 0) };
    assert_eq!(reaped, child.id() as i32);
    assert_eq!(child.wait().unwrap_err().raw_os_error(), Some(libc::ECHILD));
    assert_eq!(child.try_wait().unwrap_err().raw_os_error(), Some(libc::ECHILD));
}

#[test]
fn a_function_can_run_before_the_program() {
    let mut command = sh("ulimit -n");
    let lower = || {
        let limit = libc::rlimit { rlim_cur: 50, rlim_max: 60 };
        // SAFETY: the kernel reads a local.
        match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: setting a limit is one system call.
    unsafe { command.pre_exec(lower) };
    assert_eq!(command.output().unwrap().stdout, b"50\n");
    let mut command = Command::new("true");
    // SAFETY: making an error of a number does not allocate.
    unsafe { command.pre_exec(|| Err(io::Error::from_raw_os_error(libc::EDOM))) };
    assert_eq!(command.spawn().unwrap_err().raw_os_error(), Some(libc::EDOM));
    assert_eq!(command.output().unwrap_err().raw_os_error(), Some(libc::EDOM));
}

#[test]
fn a_child_leads_a_group_of_its_own() {
    let mut child = Command::new("cat").stdin(Stdio::piped()).process_group(0).spawn().unwrap();
    // SAFETY: the call takes a number only.
    assert_eq!(unsafe { libc::getpgid(child.id() as i32) }, child.id() as i32);
    child.wait().unwrap();
}

#[test]
fn a_user_can_be_set_by_who_may() {
    // SAFETY: the call takes nothing.
    let root = unsafe { libc::geteuid() } == 0;
    let result = Command::new("id").arg("-u").uid(65534).gid(65534).output();
    match result {
        Ok(output) => assert_eq!((root, &output.stdout[..]), (true, &b"65534\n"[..])),
        Err(error) => assert_eq!((root, error.kind()), (false, ErrorKind::PermissionDenied)),
    }
}
