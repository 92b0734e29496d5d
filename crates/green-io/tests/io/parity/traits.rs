// Included twice; see `parity.rs`. That it compiles is the test.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::process::Stdio;

fn handle<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + std::fmt::Debug + AsFd + AsRawFd>() {}
fn guard<T: Unpin + UnwindSafe + RefUnwindSafe + std::fmt::Debug + AsFd + AsRawFd>() {}
fn terminal<T: io::IsTerminal>() {}
fn stdio<T: Into<Stdio>>() {}
fn owner<T: From<OwnedFd> + Into<OwnedFd> + FromRawFd + IntoRawFd>() {}

#[test]
fn types_have_the_traits() {
    handle::<io::Stdin>();
    handle::<io::Stdout>();
    handle::<io::Stderr>();
    handle::<io::PipeReader>();
    handle::<io::PipeWriter>();
    guard::<io::StdinLock<'static>>();
    guard::<io::StdoutLock<'static>>();
    guard::<io::StderrLock<'static>>();
    terminal::<io::Stdin>();
    terminal::<io::StdinLock<'static>>();
    terminal::<io::Stdout>();
    terminal::<io::StdoutLock<'static>>();
    terminal::<io::Stderr>();
    terminal::<io::StderrLock<'static>>();
    terminal::<std::fs::File>();
    terminal::<OwnedFd>();
    terminal::<std::os::fd::BorrowedFd<'static>>();
    stdio::<io::Stdout>();
    stdio::<io::Stderr>();
    stdio::<io::PipeReader>();
    stdio::<io::PipeWriter>();
    owner::<io::PipeReader>();
    owner::<io::PipeWriter>();
    fn sync<T: Sync>() {}
    sync::<io::StdinLock<'static>>();
}

#[test]
fn functions_have_the_signatures() {
    let _: fn() -> io::Result<(io::PipeReader, io::PipeWriter)> = io::pipe;
    let _: fn() -> io::Stdin = io::stdin;
    let _: fn() -> io::Stdout = io::stdout;
    let _: fn() -> io::Stderr = io::stderr;
    let _: fn(&io::Stdin) -> io::StdinLock<'static> = io::Stdin::lock;
    let _: fn(&io::Stdin, &mut String) -> io::Result<usize> = io::Stdin::read_line;
    let _: fn(io::Stdin) -> io::Lines<io::StdinLock<'static>> = io::Stdin::lines;
    let _: fn(&io::Stdout) -> io::StdoutLock<'static> = io::Stdout::lock;
    let _: fn(&io::Stderr) -> io::StderrLock<'static> = io::Stderr::lock;
    let _ = |from: &mut dyn io::Read, to: &mut dyn io::Write| -> io::Result<u64> { io::copy(from, to) };
    let _: fn(&'static [u8]) -> io::Result<String> = io::read_to_string;
    let _: fn(&io::PipeReader) -> io::Result<io::PipeReader> = io::PipeReader::try_clone;
}

#[test]
fn every_reference_reads_or_writes() {
    fn reads<R: io::Read>() {}
    fn writes<W: io::Write>() {}
    fn lines<B: io::BufRead>() {}
    reads::<io::Stdin>();
    reads::<&io::Stdin>();
    reads::<io::StdinLock<'static>>();
    lines::<io::StdinLock<'static>>();
    reads::<io::PipeReader>();
    reads::<&io::PipeReader>();
    writes::<io::PipeWriter>();
    writes::<&io::PipeWriter>();
    writes::<io::Stdout>();
    writes::<&io::Stdout>();
    writes::<io::StdoutLock<'static>>();
    writes::<io::Stderr>();
    writes::<&io::Stderr>();
    writes::<io::StderrLock<'static>>();
    let _ = thread::current();
}
