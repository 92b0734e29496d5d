use std::env;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{self, Command, Output};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use super::alternate_stack::install_alternate_stack;
use super::event_fd::EventFd;
use super::fd::{NonBlocking, is_nonblocking, set_nonblocking};
use super::fork::{fork_generation, install_fork_guard};
use super::futex::{futex_wait, futex_wake};
use super::mapping::Mapping;
use super::overflow::install_overflow_handler;
use super::poll::{Direction, poll_fds};
use super::ranges::{self, Ranges};
use super::region::{GuardedRegion, Stacks};
use super::socket::{MsgFlags, peek, receive_timeout, recv, recv_vectored, send, send_timeout, send_vectored};
use super::timer_fd::TimerFd;
use super::*;

/// Runs `body` in a process of its own, which ends with it, and returns what came of that.
///
/// `test` is the path of the calling test without the crate, which does nothing but call this and look at the result.
pub(crate) fn in_child(test: &str, body: fn()) -> Output {
    const VARIABLE: &str = "GREEN_TEST_IN_CHILD";
    if env::var_os(VARIABLE).is_some_and(|value| value == test) {
        body();
        process::exit(0);
    }
    Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(VARIABLE, test)
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const SECOND: Option<Duration> = Some(Duration::from_secs(1));
const NO_TIME: Option<Duration> = Some(Duration::ZERO);

#[test]
fn ranges_get_the_advice_at_once_or_one_by_one() {
    let output = in_child("sys::unix::tests::ranges_get_the_advice_at_once_or_one_by_one", || {
        look_at_ranges();
        ranges::refuse();
        look_at_ranges();
    });
    assert!(output.status.success(), "{}", stderr(&output));
}

fn look_at_ranges() {
    let page = page_size();
    // More than one call takes.
    let mappings: Vec<Mapping> = (0..1100).map(|_| Mapping::new(2 * page).unwrap()).collect();
    let all = |range: std::ops::Range<usize>| {
        let mut ranges = Ranges::default();
        mappings.iter().for_each(|mapping| ranges.push(mapping, range.clone()));
        ranges
    };
    all(0..2 * page).populate();
    assert!(mappings.iter().all(|mapping| mapping.is_touched(0..page) && mapping.is_touched(page..2 * page)));
    // SAFETY: nothing of value is there.
    unsafe { all(page..2 * page).discard() };
    assert!(mappings.iter().all(|mapping| mapping.is_touched(0..page) && !mapping.is_touched(page..2 * page)));

    // SAFETY: nobody uses the memory; the mapping is as long as the range. What is locked cannot be a guard.
    assert_eq!(unsafe { libc::mlock(mappings[3].start().as_ptr().cast(), 2 * page) }, 0);
    // SAFETY: as above.
    let marked = unsafe { all(page..2 * page).guard() };
    if marked.is_err_and(|error| error.raw_os_error() == Some(libc::EINVAL)) {
        assert!(is_guard(&mappings[2], page) == is_guard(&mappings[0], page) && !is_guard(&mappings[3], page));
    } else {
        panic!("a page that is locked has become a guard");
    }
    // What is refused is not given back, and all else is.
    all(0..page).populate();
    // SAFETY: as above.
    unsafe { all(0..page).discard() };
    let left: Vec<usize> = (0..mappings.len()).filter(|&index| mappings[index].is_touched(0..page)).collect();
    assert_eq!(left, [3]);
    drop(mappings);

    // More than the kernel takes at once, which ends within a range.
    let large: Vec<Mapping> = [1500, 1500, 100, 100].map(|mib| Mapping::new(mib << 20).unwrap()).into();
    let last = |mapping: &Mapping| mapping.len() - page..mapping.len();
    let (mut ends, mut whole) = (Ranges::default(), Ranges::default());
    for mapping in &large {
        ends.push(mapping, last(mapping));
        whole.push(mapping, 0..mapping.len());
    }
    ends.populate();
    assert!(large.iter().all(|mapping| mapping.is_touched(last(mapping))));
    // SAFETY: nothing of value is there.
    unsafe { whole.discard() };
    assert!(large.iter().all(|mapping| !mapping.is_touched(last(mapping))));

    let mapping = Mapping::new(4 * page).unwrap();
    let mut ends = Ranges::default();
    ends.push(&mapping, 0..page);
    ends.push(&mapping, 2 * page..3 * page);
    // SAFETY: nobody uses the memory.
    if unsafe { ends.guard() }.is_ok() {
        let guards = || [0, 1, 2, 3].map(|index| is_guard(&mapping, index * page));
        assert_eq!(guards(), [true, false, true, false]);
        ends.unguard();
        assert_eq!(guards(), [false; 4]);
    }
}

/// Returns whether an access to what is at an offset faults, having asked the kernel.
fn is_guard(mapping: &Mapping, offset: usize) -> bool {
    // SAFETY: a path that cannot be read is an error of the call, and one that can is an empty one.
    let result = unsafe { libc::access(mapping.start().as_ptr().wrapping_add(offset).cast(), libc::F_OK) };
    result != 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT)
}

#[test]
fn rings_last_until_drained() {
    let event = EventFd::new().unwrap();
    let fd = event.as_raw_fd();
    assert!(!poll_fds(Some((fd, Direction::Read)), -1, NO_TIME).unwrap());
    event.ring();
    event.ring();
    assert!(poll_fds(Some((fd, Direction::Read)), -1, None).unwrap());
    event.drain();
    assert!(!poll_fds(Some((fd, Direction::Read)), -1, NO_TIME).unwrap());
    event.drain();
}

#[test]
fn a_ring_ends_a_poll_but_does_not_make_the_other_ready() {
    let (idle, _peer) = UnixStream::pair().unwrap();
    let event = EventFd::new().unwrap();
    event.ring();
    assert!(!poll_fds(Some((idle.as_raw_fd(), Direction::Read)), event.as_raw_fd(), None).unwrap());
    assert!(!poll_fds(None, event.as_raw_fd(), None).unwrap());
    assert!(poll_fds(Some((idle.as_raw_fd(), Direction::Write)), event.as_raw_fd(), None).unwrap());
}

#[test]
fn a_hang_up_is_readiness() {
    let (socket, peer) = UnixStream::pair().unwrap();
    drop(peer);
    for direction in [Direction::Read, Direction::Write] {
        assert!(poll_fds(Some((socket.as_raw_fd(), direction)), -1, None).unwrap());
    }
}

#[test]
fn poll_keeps_time_below_a_millisecond() {
    let event = EventFd::new().unwrap();
    let span = Duration::from_micros(200);
    let start = Instant::now();
    assert!(!poll_fds(None, event.as_raw_fd(), Some(span)).unwrap());
    assert!(start.elapsed() >= span);
}

#[test]
fn any_timeout_is_accepted() {
    let event = EventFd::new().unwrap();
    event.ring();
    assert!(!poll_fds(None, event.as_raw_fd(), Some(Duration::MAX)).unwrap());
    futex_wait(&AtomicU32::new(1), 0, Some(Duration::MAX));
    let timer = TimerFd::new().unwrap();
    timer.arm_after(Duration::MAX);
    assert!(!poll_fds(None, timer.as_raw_fd(), NO_TIME).unwrap());
}

#[test]
fn arming_again_forgets_an_expiry() {
    let timer = TimerFd::new().unwrap();
    let read = Some((timer.as_raw_fd(), Direction::Read));
    for span in [Duration::ZERO, Duration::from_micros(50)] {
        timer.arm_after(span);
        assert!(poll_fds(read, -1, None).unwrap());
    }
    timer.arm_after(Duration::from_secs(3600));
    assert!(!poll_fds(read, -1, NO_TIME).unwrap());
    timer.arm_after(Duration::ZERO);
    assert!(poll_fds(read, -1, None).unwrap());
}

#[test]
fn a_futex_waits_only_for_the_expected_value() {
    let word = AtomicU32::new(1);
    futex_wait(&word, 0, None);
    let start = Instant::now();
    let span = Duration::from_millis(1);
    while start.elapsed() < span {
        futex_wait(&word, 1, Some(span));
    }
}

#[test]
fn a_futex_wake_ends_a_wait() {
    let word = AtomicU32::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while word.load(SeqCst) == 0 {
                futex_wait(&word, 0, None);
            }
        });
        word.store(1, SeqCst);
        futex_wake(&word);
    });
}

#[test]
fn socket_calls_do_not_block_and_leave_the_flags_alone() {
    let (a, b) = UnixStream::pair().unwrap();
    let mut buf = [0; 8];
    for result in [
        recv(a.as_fd(), &mut buf, MsgFlags::NONE),
        peek(a.as_fd(), &mut buf),
        recv_vectored(a.as_fd(), &mut [IoSliceMut::new(&mut [0; 4])]),
    ] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::WouldBlock);
    }
    let full = loop {
        if let Err(error) = send(a.as_fd(), &[7; 4096]) {
            break error;
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    let full = send_vectored(a.as_fd(), &[IoSlice::new(&[7; 4096])]).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    assert!(!is_nonblocking(a.as_fd()).unwrap());
    assert_eq!(peek(b.as_fd(), &mut buf).unwrap(), 8);
    assert_eq!(recv(b.as_fd(), &mut buf, MsgFlags::NONE).unwrap(), 8);
    assert_eq!(buf, [7; 8]);
}

#[test]
fn a_broken_pipe_is_an_error() {
    let (a, b) = UnixStream::pair().unwrap();
    drop(b);
    assert_eq!(send(a.as_fd(), b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(send_vectored(a.as_fd(), &[IoSlice::new(b"x")]).unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn more_buffers_than_the_kernel_takes_are_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let a = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut b, _) = listener.accept().unwrap();
    let sent: Vec<IoSlice<'_>> = (0..2000).map(|_| IoSlice::new(b"x")).collect();
    assert_eq!(send_vectored(a.as_fd(), &sent).unwrap(), 1024);
    assert_eq!(send_vectored(a.as_fd(), &[]).unwrap(), 0);
    b.read_exact(&mut [0; 1024]).unwrap();
    b.write_all(&[1; 1024]).unwrap();
    let mut bytes = [0_u8; 2000];
    let mut received: Vec<IoSliceMut<'_>> = bytes.chunks_mut(1).map(IoSliceMut::new).collect();
    assert!(poll_fds(Some((a.as_raw_fd(), Direction::Read)), -1, SECOND).unwrap());
    assert_eq!(recv_vectored(a.as_fd(), &mut received).unwrap(), 1024);
}

#[test]
fn the_users_settings_are_seen() {
    let (a, _b) = UnixStream::pair().unwrap();
    let clone = a.try_clone().unwrap();
    set_nonblocking(a.as_fd(), NonBlocking::On).unwrap();
    assert!(is_nonblocking(clone.as_fd()).unwrap());
    set_nonblocking(clone.as_fd(), NonBlocking::Off).unwrap();
    assert!(!is_nonblocking(a.as_fd()).unwrap());

    assert_eq!(receive_timeout(a.as_fd()).unwrap(), None);
    let span = Some(Duration::from_millis(1500));
    a.set_read_timeout(span).unwrap();
    assert_eq!(receive_timeout(a.as_fd()).unwrap(), span);
    assert_eq!(send_timeout(a.as_fd()).unwrap(), None);
    a.set_write_timeout(span).unwrap();
    assert_eq!(send_timeout(a.as_fd()).unwrap(), span);
    let file = std::fs::File::open("/dev/null").unwrap();
    assert_eq!(receive_timeout(file.as_fd()).unwrap_err().raw_os_error(), Some(libc::ENOTSOCK));
}

#[test]
fn a_forked_child_has_another_generation() {
    install_fork_guard(crate::fork::WATCHER);
    install_fork_guard(crate::fork::WATCHER);
    let before = fork_generation();
    // SAFETY: the child calls nothing but `_exit`, which a forked child of a process with threads may do.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let changed = fork_generation().wrapping_sub(before);
        // SAFETY: it ends the process without running anything of it.
        unsafe { libc::_exit(changed as i32) };
    }
    let mut status = 0;
    // SAFETY: `status` is writable and the child ours.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(process::ExitStatus::from_raw(status).code(), Some(1));
    assert_eq!(fork_generation(), before);
}

/// Touches the guard of something that the handler takes for a stack.
fn overflow() {
    install_overflow_handler(|write| write(b"busy bee")).unwrap();
    let page = page_size();
    let mapping = Mapping::new(3 * page).unwrap();
    // SAFETY: nobody uses the mapping but this function.
    unsafe { mapping.guard(0..page) }.unwrap();
    let start = mapping.start().as_ptr().addr();
    let _region = GuardedRegion::new(Stacks { start, len: 3 * page, stride: 3 * page, guard: page });
    let in_guard = mapping.start().as_ptr().wrapping_add(page - 8);
    // SAFETY: the address is mapped; the access faults, as it should, and does not return.
    unsafe { in_guard.write_volatile(1) };
}

fn assert_overflow_message(output: &Output) {
    let expected = format!(
        "\nthread 'busy bee' (green) has overflowed its stack\nstack size: {} bytes\n\
         fatal runtime error: stack overflow, aborting\n",
        2 * page_size()
    );
    assert!(stderr(output).ends_with(&expected), "{output:?}");
    assert_eq!(output.status.signal(), Some(libc::SIGABRT));
}

#[test]
fn an_overflow_is_reported() {
    let output = in_child("sys::unix::tests::an_overflow_is_reported", overflow);
    assert_overflow_message(&output);
}

#[test]
fn an_overflow_on_a_foreign_thread_is_reported() {
    extern "C" fn start(_: *mut libc::c_void) -> *mut libc::c_void {
        let _alternate = install_alternate_stack().unwrap();
        overflow();
        ptr::null_mut()
    }
    use std::ptr;
    let output = in_child("sys::unix::tests::an_overflow_on_a_foreign_thread_is_reported", || {
        let mut thread = 0;
        // SAFETY: `thread` is writable, and the start function takes any argument.
        let result = unsafe { libc::pthread_create(&raw mut thread, ptr::null(), start, ptr::null_mut()) };
        assert_eq!(result, 0);
        // SAFETY: the thread was started above and is joined once.
        unsafe { libc::pthread_join(thread, ptr::null_mut()) };
    });
    assert_overflow_message(&output);
}

#[test]
fn a_thread_without_an_alternate_stack_gets_one_and_loses_it() {
    extern "C" fn start(_: *mut libc::c_void) -> *mut libc::c_void {
        // The foreign thread has none: ours must go with the guard, and twice in a row is fine.
        for _ in 0..2 {
            let outer = install_alternate_stack().unwrap();
            assert!(outer.is_ours());
            assert!(!install_alternate_stack().unwrap().is_ours());
        }
        std::ptr::without_provenance_mut(1)
    }
    assert!(!install_alternate_stack().unwrap().is_ours(), "std gave its thread one");
    let mut thread = 0;
    // SAFETY: `thread` is writable, and the start function takes any argument.
    let result = unsafe { libc::pthread_create(&raw mut thread, std::ptr::null(), start, std::ptr::null_mut()) };
    assert_eq!(result, 0);
    let mut returned = std::ptr::null_mut();
    // SAFETY: the thread was started above and is joined once, and `returned` is writable.
    assert_eq!(unsafe { libc::pthread_join(thread, &raw mut returned) }, 0);
    assert_eq!(returned.addr(), 1);
}

#[test]
fn another_fault_goes_where_it_went_before() {
    let output = in_child("sys::unix::tests::another_fault_goes_where_it_went_before", || {
        install_overflow_handler(|_| {}).unwrap();
        let page = Mapping::new(page_size()).unwrap();
        // SAFETY: nobody uses the mapping but this function.
        unsafe { page.guard(0..page_size()) }.unwrap();
        // SAFETY: the address is mapped; the access faults, as it should, and does not return.
        unsafe { page.start().as_ptr().write_volatile(1) };
    });
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
    assert!(!stderr(&output).contains("overflowed"));
}

#[test]
fn an_os_threads_overflow_is_still_reported_by_std() {
    #[expect(unconditional_recursion, reason = "it is to overflow")]
    fn recurse(depth: &mut [u8; 512]) -> u8 {
        recurse(&mut [depth[0].wrapping_add(1); 512]) + depth[1]
    }
    let output = in_child("sys::unix::tests::an_os_threads_overflow_is_still_reported_by_std", || {
        install_overflow_handler(|_| {}).unwrap();
        let thread = thread::Builder::new().name("worker bee".into());
        thread.spawn(|| std::hint::black_box(recurse(&mut [0; 512]))).unwrap().join().unwrap();
    });
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
    let message = stderr(&output);
    assert!(message.contains("thread 'worker bee'") && message.contains("has overflowed its stack"), "{message}");
    assert!(!message.contains("(green)"));
}

#[test]
fn a_handler_of_the_programs_own_gets_its_faults() {
    extern "C" fn handler(_: libc::c_int) {
        // SAFETY: it ends the process without running anything of it.
        unsafe { libc::_exit(42) };
    }
    let output = in_child("sys::unix::tests::a_handler_of_the_programs_own_gets_its_faults", || {
        let function: extern "C" fn(libc::c_int) = handler;
        // SAFETY: the handler only exits, which it may do at any moment.
        unsafe { libc::signal(libc::SIGSEGV, function as libc::sighandler_t) };
        install_overflow_handler(|_| {}).unwrap();
        let nowhere: *mut u8 = std::ptr::without_provenance_mut(16);
        // SAFETY: it is no valid address; the access faults, as it should, and does not return.
        unsafe { nowhere.write_volatile(1) };
    });
    assert_eq!(output.status.code(), Some(42), "{output:?}");
}
