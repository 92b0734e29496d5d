//! What core asks of the operating system; the only place with platform `cfg`.
//!
//! A platform owes the items re-exported below, with these meanings:
//!
//! - **Stacks**: [`page_size`]; [`Mapping`], a reserved address range whose pages are committed when touched, in which
//!   single pages can be made to fault ([`Mapping::guard`]) and ranges given back ([`Mapping::discard`]) without
//!   losing the guards; [`Ranges`], to ask that for many of them at once; [`is_address_space_limited`]; [`MapCharge`], where the number of such guards is limited.
//! - **Switching**: [`jump`] from one stack to another, between contexts that the crate `context` makes;
//!   [`prefetch`] of what is going to be jumped to.
//! - **Overflow**: [`install_overflow_handler`], [`install_alternate_stack`] and [`GuardedRegion`]: a fault in the
//!   guard of a green stack ends the process with std's message, any other fault goes where it went before.
//! - **Waiting**: [`futex_wait`] and [`futex_wake`] for an OS thread with nothing else to do, [`poll_fds`] for one with
//!   a single descriptor, [`poll_now`] and [`readiness`] for a look at one, [`EventFd`] to interrupt the latter and the reactor, [`TimerFd`] for deadlines finer than the
//!   reactor's milliseconds, [`set_timer_slack`] so that they are kept.
//! - **Sockets**: [`recv`], [`peek`], [`send`], their vectored forms, [`recv_from`], [`recv_and_cut`], [`send_to`],
//!   [`recv_with_fds`] and [`send_with_fds`] never block whatever the descriptor's flags are; [`is_read_shut_down`] tells a datagram socket's end, and
//!   [`no_address`] is that of nobody; [`is_nonblocking`], [`set_nonblocking`], [`receive_timeout`] and
//!   [`send_timeout`] read and set what the user asked of the descriptor.
//! - **Files**: [`open_cached`], [`read_cached`] and [`append_cached`] are served by the kernel's caches or not at all;
//!   [`inspect`] asks nobody, and [`filesystem`] says whom the others may ask.
//! - **The end of an OS thread**: [`announce_end`] has it announced before the thread-locals are destroyed that were used
//!   until then, and [`watch_registrations`] tells when to ask again; a platform that cannot does nothing.
//! - **Process**: [`other_threads`] names the OS threads that run beside this one, [`is_main_thread`] tells the first.
//! - **Fork**: [`fork_generation`] changes in the child of a `fork`, around which a [`ForkWatcher`] is called; [`usable_generation`]
//!   follows with [`make_usable`]. [`hold`] keeps what the module has for the process in order meanwhile.
//!
//! Linux has all of it. Elsewhere core does not compile: a port that guarded no stacks, or that blocked a hub in a
//! system call, would look as if it worked.

#[cfg(not(target_os = "linux"))]
compile_error!(
    "green-core runs on Linux only: another platform needs its own half of `sys`, and sys/mod.rs says what it owes"
);

#[cfg(target_os = "linux")]
mod unix;

#[cfg(target_os = "linux")]
pub(crate) use unix::{
    alternate_stack::{AlternateStack, install_alternate_stack},
    ancillary::{recv_with_fds, send_with_fds},
    datagram::{is_read_shut_down, no_address, recv_and_cut, recv_from, send_to},
    descriptor::{
        Kind, PIPE_BUF, Patience, duplicate, is_ready, kind, read_vectored, terminal_read_ends_by_itself,
        write_vectored,
    },
    event_fd::EventFd,
    fd::{NonBlocking, is_nonblocking, set_nonblocking, would_block},
    file::{Filesystem, Inspection, Opening, Shape, append_cached, filesystem, inspect, open_cached, read_cached},
    float::calm_float_flags,
    fork::{Watcher as ForkWatcher, fork_generation, install_fork_guard, make_usable, usable_generation},
    futex::{futex_wait, futex_wake},
    guard::MapCharge,
    hold,
    mapping::{Mapping, is_address_space_limited},
    overflow::install_overflow_handler,
    page_size,
    poll::{Direction, Look, Readiness, conditions, poll_fds, poll_now, readiness},
    prefetch::prefetch,
    process::{is_main_thread, other_threads},
    ranges::Ranges,
    raw_thread::on_raw_thread,
    region::{GuardedRegion, Stacks},
    set_timer_slack,
    socket::{MAX_BUFFERS, MsgFlags, peek, receive_timeout, recv, recv_vectored, send, send_timeout, send_vectored},
    thread_exit::{AtEnd, announce_end, watch_registrations},
    timer_fd::TimerFd,
};

#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) use unix::jump::jump;

#[cfg(all(test, target_os = "linux"))]
pub(crate) use unix::{guard::force_mprotect, tests::in_child};
