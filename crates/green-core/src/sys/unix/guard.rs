//! Guard pages, and how many of them the kernel allows.
//!
//! Linux 6.13 marks a page as a guard within its mapping (`MADV_GUARD_INSTALL`): a million guards cost no mapping
//! at all. Older kernels need `mprotect`, which splits the mapping in two at every guard, and a process may have only
//! `vm.max_map_count` of these. At that wall `malloc` fails too, and with it whatever would have handled the error, so
//! we stop well before it: [`MapCharge`] counts what our guards need and refuses while an eighth is left.

use std::env;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use super::{mapping::Mapping, page_size, ranges::Ranges};
use crate::process_lock::ProcessLock;

/// Since Linux 6.13; not in every libc's headers.
const MADV_GUARD_INSTALL: libc::c_int = 102;
const MADV_GUARD_REMOVE: libc::c_int = 103;

/// How guards are made: `UNKNOWN` until the first is needed, then for good one of the others.
static STYLE: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = 0;
const MARKED: u8 = 1;
const PROTECTED: u8 = 2;

/// With this value of this variable, guards are made as on kernels before 6.13, so that tests reach that path on any.
const CHOICE: (&str, &str) = ("GREEN_STACK_GUARD", "mprotect");

/// Does what the variable does, before the first stack is mapped.
#[cfg(test)]
pub(crate) fn force_mprotect() {
    STYLE.store(PROTECTED, Relaxed);
}

/// Whether each guard splits its mapping.
fn splits_mappings() -> bool {
    if cfg!(miri) {
        return false;
    }
    if STYLE.load(Relaxed) == UNKNOWN {
        let chosen = env::var_os(CHOICE.0).is_some_and(|value| value == CHOICE.1);
        let style = match try_marker() {
            Ok(true) if !chosen => MARKED,
            Ok(_) => PROTECTED,
            // There is no memory to find out with. Assume the worse for now.
            Err(_) => return true,
        };
        // Two OS threads may both get here; they find the same.
        STYLE.store(style, Relaxed);
    }
    STYLE.load(Relaxed) == PROTECTED
}

/// Finds out whether the kernel makes guards of pages that are marked.
fn try_marker() -> io::Result<bool> {
    let page = Mapping::new(page_size())?;
    let marked = mark(&page, 0..page_size());
    if is_unsupported(&marked) {
        return Ok(false);
    }
    marked?;
    // Emulators of Linux may ignore advice that they do not know. Have the kernel read a path from there.
    // SAFETY: a path that cannot be read is an error of the call, and one that can is an empty one.
    let _ = unsafe { libc::access(page.start().as_ptr().cast(), libc::F_OK) };
    Ok(io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT))
}

impl Mapping {
    /// Makes every access to `range` fault from now on, for as long as the mapping exists.
    ///
    /// # Errors
    ///
    /// The OS error; then nothing has changed.
    ///
    /// # Safety
    ///
    /// Nobody may use the range from now on.
    pub(crate) unsafe fn guard(&self, range: Range<usize>) -> io::Result<()> {
        if !splits_mappings() {
            let marked = mark(self, range.clone());
            // A process that locked its memory after its first stack goes on below. Nobody is charged for these
            // guards, but locked memory runs out long before the mappings do.
            if !is_unsupported(&marked) {
                return marked;
            }
        }
        // SAFETY: the caller promises that nobody uses the range.
        unsafe { self.forbid(range) }
    }
}

impl Ranges<'_> {
    /// Makes every access fault from now on, as [`Mapping::guard`] does, where guards are marks.
    ///
    /// # Errors
    ///
    /// The OS error; some of the ranges may have become guards.
    ///
    /// # Safety
    ///
    /// Nobody may use the ranges from now on.
    pub(crate) unsafe fn guard(&self) -> io::Result<()> {
        // SAFETY: what the ranges held is lost, and the callers want guards there, which hold nothing.
        unsafe { self.advise(MADV_GUARD_INSTALL) }
    }

    /// Removes the guard markers; guards made otherwise stay.
    pub(crate) fn unguard(&self) {
        // Refused only for what was never marked.
        // SAFETY: where there was a guard one may now read zeroes; nothing else changes.
        let _ = unsafe { self.advise(MADV_GUARD_REMOVE) };
    }
}

/// Marks a guard in the page table.
fn mark(mapping: &Mapping, range: Range<usize>) -> io::Result<()> {
    // SAFETY: what the range held is lost, and the callers want a guard there, which holds nothing.
    unsafe { mapping.advise(range, MADV_GUARD_INSTALL) }
}

/// Whether the kernel does not know the advice, or not for this mapping (one that is locked in memory).
fn is_unsupported(marked: &io::Result<()>) -> bool {
    matches!(marked, Err(error) if error.raw_os_error() == Some(libc::EINVAL))
}

/// The right to make a number of guards.
///
/// It is given back when dropped, which should be after the mapping with the guards is gone.
pub(crate) struct MapCharge {
    guards: usize,
    /// The mappings that these guards make.
    mappings: usize,
}

impl MapCharge {
    /// Grants `wanted` guards, or as many as the kernel has room for if that is at least `needed`.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`, with a message that names `vm.max_map_count`.
    pub(crate) fn new(wanted: usize, needed: usize) -> io::Result<Self> {
        if !splits_mappings() {
            return Ok(MapCharge { guards: wanted, mappings: 0 });
        }
        let mut budget = BUDGET.lock();
        let guards = wanted.min(budget.room() / MAPPINGS_PER_GUARD);
        if guards < needed {
            return Err(io::Error::new(ErrorKind::OutOfMemory, MapCountReached { limit: budget.limit }));
        }
        let mappings = guards * MAPPINGS_PER_GUARD;
        budget.in_use += mappings;
        budget.until_recount = budget.until_recount.saturating_sub(mappings);
        Ok(MapCharge { guards, mappings })
    }

    /// Returns how many guards were granted.
    pub(crate) fn guards(&self) -> usize {
        self.guards
    }

    /// Returns whether the guards should be made at once: their number is limited, so one must not find out later.
    pub(crate) fn is_limited(&self) -> bool {
        self.mappings != 0
    }
}

impl Drop for MapCharge {
    fn drop(&mut self) {
        if self.mappings != 0 {
            let mut budget = BUDGET.lock();
            budget.in_use = budget.in_use.saturating_sub(self.mappings);
        }
    }
}

/// A guard splits a mapping into what lies below, itself, and what lies above.
const MAPPINGS_PER_GUARD: usize = 2;

/// After this many new mappings for guards we look what everybody else has done meanwhile. Counting 60,000 mappings
/// takes the kernel 10 ms, which comes to 2 µs for each guard.
const RECOUNT_INTERVAL: usize = 8192;

/// So many calls that had to be refused pass between two counts.
const RECOUNT_AFTER_REFUSALS: usize = 256;

/// The mappings of this process.
struct Budget {
    /// `vm.max_map_count`, or 0 before the first count.
    limit: usize,
    /// How many exist, by the last count and what was charged and given back since.
    in_use: usize,
    /// New mappings left until the next count.
    until_recount: usize,
    refusals: usize,
}

static BUDGET: ProcessLock<Budget> = ProcessLock::new(Budget { limit: 0, in_use: 0, until_recount: 0, refusals: 0 });

/// Takes the lock of the budget, until the value is dropped: for a fork.
pub(super) fn hold() -> impl Sized {
    BUDGET.lock()
}

impl Budget {
    /// Returns how many mappings may be added, leaving a margin to everybody else.
    fn room(&mut self) -> usize {
        if self.until_recount == 0 || self.refusals >= RECOUNT_AFTER_REFUSALS {
            self.limit = limit();
            self.in_use = count().unwrap_or(self.in_use);
            self.until_recount = RECOUNT_INTERVAL;
            self.refusals = 0;
        }
        let margin = self.limit / 8;
        let room = (self.limit - margin).saturating_sub(self.in_use);
        if room < MAPPINGS_PER_GUARD {
            self.refusals += 1;
        }
        room
    }
}

/// Reads the sysctl, or assumes the kernel's default where `/proc` is hidden.
fn limit() -> usize {
    const DEFAULT: usize = 65530;
    fs::read_to_string("/proc/sys/vm/max_map_count").ok().and_then(|text| text.trim().parse().ok()).unwrap_or(DEFAULT)
}

/// Counts the mappings that exist.
fn count() -> io::Result<usize> {
    let mut maps = File::open("/proc/self/maps")?;
    let mut chunk = vec![0; 64 * 1024];
    let mut lines = 0;
    loop {
        let len = maps.read(&mut chunk)?;
        if len == 0 {
            return Ok(lines);
        }
        lines += chunk[..len].iter().filter(|byte| **byte == b'\n').count();
    }
}

/// Why a stack was refused on a kernel without guard markers.
#[derive(Debug, thiserror::Error)]
#[error(
    "no mappings left to guard another stack with: vm.max_map_count is {limit}, less a margin of an eighth \
     (Linux 6.13 and later have no such limit)"
)]
struct MapCountReached {
    limit: usize,
}
