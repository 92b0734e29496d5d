//! The traits of `lock_api` for the raw locks.
//!
//! Guards are not `Send`, as std's are not; a mutex must be unlocked on the OS thread that locked it.

use std::time::{Duration, Instant};

use green_core::clock;
use lock_api::GuardNoSend;
use lock_api::{RawMutex as _, RawRwLock as _};

use super::rwlock::Access;
use super::{RawMutex, RawRwLock};
use crate::{MutexGuard, RwLockWriteGuard};

// SAFETY: a shared guard gives out `&T` and nothing else; to unlock, or to change the value, takes the guard itself. std asks for
// the same bound and not for `T: Send` besides, which `lock_api` does.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Sync> Sync for RwLockWriteGuard<'_, T> {}

// SAFETY: LOCKED is set by one compare-exchange with `Acquire` from a word without it, and is
// taken away with `Release`, on the same OS thread (I2: guards are not `Send`, and green threads do not move); a wait
// that unwinds (I7) has left without the lock. A locked mutex may be dropped or moved: waiters borrow it, so there are none.
unsafe impl lock_api::RawMutex for RawMutex {
    const INIT: Self = Self::new();

    type Guard = GuardNoSend;

    #[inline]
    fn lock(&self) -> GuardNoSend {
        self.acquire();
        GuardNoSend::new()
    }

    #[inline]
    fn try_lock(&self) -> Option<GuardNoSend> {
        self.try_acquire().then(GuardNoSend::new)
    }

    #[inline]
    unsafe fn unlock(&self, _: GuardNoSend) {
        self.release();
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.is_held()
    }
}

// SAFETY: as for `RawMutex`.
unsafe impl lock_api::RawMutexTimed for RawMutex {
    type Duration = Duration;
    type Instant = Instant;

    fn try_lock_for(&self, timeout: Duration) -> Option<GuardNoSend> {
        self.try_lock().or_else(|| self.acquire_until(clock::after(timeout)).then(GuardNoSend::new))
    }

    fn try_lock_until(&self, timeout: Instant) -> Option<GuardNoSend> {
        self.acquire_until(Some(timeout)).then(GuardNoSend::new)
    }
}

// SAFETY: WRITER is set by a compare-exchange with `Acquire` from a word without writer and readers, a reader is added by
// one from a word without WRITER, and both are taken away with `Release`; a wait that unwinds (I7) has left without the
// lock. A locked lock may be dropped or moved: waiters borrow it, so there are none.
unsafe impl lock_api::RawRwLock for RawRwLock {
    const INIT: Self = Self::new();

    type SharedGuard = GuardNoSend;
    type ExclusiveGuard = GuardNoSend;

    #[inline]
    fn lock_shared(&self) -> GuardNoSend {
        self.acquire_read();
        GuardNoSend::new()
    }

    #[inline]
    fn try_lock_shared(&self) -> Option<GuardNoSend> {
        self.try_acquire_read().then(GuardNoSend::new)
    }

    #[inline]
    unsafe fn unlock_shared(&self, _: GuardNoSend) {
        self.release_read();
    }

    #[inline]
    fn lock_exclusive(&self) -> GuardNoSend {
        self.acquire_write();
        GuardNoSend::new()
    }

    #[inline]
    fn try_lock_exclusive(&self) -> Option<GuardNoSend> {
        self.try_acquire_write().then(GuardNoSend::new)
    }

    #[inline]
    unsafe fn unlock_exclusive(&self, _: GuardNoSend) {
        self.release_write();
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.is_held()
    }

    #[inline]
    fn is_locked_exclusive(&self) -> bool {
        self.is_written()
    }
}

// SAFETY: one atomic step makes the writer a reader, with `Release`.
unsafe impl lock_api::RawRwLockDowngrade for RawRwLock {
    unsafe fn downgrade(&self, guard: GuardNoSend) -> GuardNoSend {
        self.downgrade_write();
        guard
    }
}

// SAFETY: as for `RawRwLock`.
unsafe impl lock_api::RawRwLockTimed for RawRwLock {
    type Duration = Duration;
    type Instant = Instant;

    fn try_lock_shared_for(&self, timeout: Duration) -> Option<GuardNoSend> {
        self.try_lock_shared()
            .or_else(|| self.acquire_until(Access::Read, clock::after(timeout)).then(GuardNoSend::new))
    }

    fn try_lock_shared_until(&self, timeout: Instant) -> Option<GuardNoSend> {
        self.acquire_until(Access::Read, Some(timeout)).then(GuardNoSend::new)
    }

    fn try_lock_exclusive_for(&self, timeout: Duration) -> Option<GuardNoSend> {
        self.try_lock_exclusive()
            .or_else(|| self.acquire_until(Access::Write, clock::after(timeout)).then(GuardNoSend::new))
    }

    fn try_lock_exclusive_until(&self, timeout: Instant) -> Option<GuardNoSend> {
        self.acquire_until(Access::Write, Some(timeout)).then(GuardNoSend::new)
    }
}
