//! Which file systems are quick, as far as this process has met them.
//!
//! To ask a file system what it is may take as long as anything else with it, so that is done on the blocking pool, and
//! the answer is kept: once, for the number of the mount, which is never used again.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sys::{self, Filesystem};

/// The mounts known so far, in the order in which they were met, and zeroes after them. Each entry is the mount's
/// number and, in the lowest bits, what it is. When all places are taken, what is not known stays unknown.
///
/// An entry is one word and says all by itself, so no ordering is needed.
static KNOWN: [AtomicU64; 64] = [const { AtomicU64::new(0) }; 64];

const BITS: u32 = 2;
const MEMORY: u64 = 1;
const DISK: u64 = 2;
const OTHER: u64 = 3;

/// Returns what a mount is, if that is known.
pub(super) fn known(mount: Option<u64>) -> Option<Filesystem> {
    find(&KNOWN, mount?)
}

/// Notes what the mount of an open file is. Not for a hub: it may wait.
pub(super) fn learn(fd: BorrowedFd<'_>, mount: Option<u64>) {
    if let Some(mount) = mount
        && known(Some(mount)).is_none()
        && let Ok(filesystem) = sys::filesystem(fd)
    {
        note(&KNOWN, mount, filesystem);
    }
}

fn find(known: &[AtomicU64], mount: u64) -> Option<Filesystem> {
    let entries = known.iter().map(|entry| entry.load(Ordering::Relaxed)).take_while(|entry| *entry != 0);
    let entry = entries.into_iter().find(|entry| entry >> BITS == mount)?;
    Some(match entry & OTHER {
        MEMORY => Filesystem::Memory,
        DISK => Filesystem::Disk,
        _ => Filesystem::Other,
    })
}

fn note(known: &[AtomicU64], mount: u64, filesystem: Filesystem) {
    let what = match filesystem {
        Filesystem::Memory => MEMORY,
        Filesystem::Disk => DISK,
        Filesystem::Other => OTHER,
    };
    if mount << BITS >> BITS != mount {
        return;
    }
    let entry = mount << BITS | what;
    for place in known {
        match place.compare_exchange(0, entry, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return,
            Err(other) if other >> BITS == mount => return,
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_first_is_found_until_no_place_is_left() {
        let known = [const { AtomicU64::new(0) }; 3];
        assert_eq!(find(&known, 7), None);
        note(&known, 7, Filesystem::Disk);
        note(&known, 7, Filesystem::Memory);
        note(&known, u64::MAX, Filesystem::Memory);
        note(&known, 0x8000_001d, Filesystem::Memory);
        note(&known, 9, Filesystem::Other);
        note(&known, 10, Filesystem::Disk);
        assert_eq!(find(&known, 7), Some(Filesystem::Disk));
        assert_eq!(find(&known, 0x8000_001d), Some(Filesystem::Memory));
        assert_eq!(find(&known, 9), Some(Filesystem::Other));
        assert_eq!(find(&known, 10), None);
        assert_eq!(find(&known, u64::MAX), None);
    }
}
