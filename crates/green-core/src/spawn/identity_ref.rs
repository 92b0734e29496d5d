//! A counted reference to an identity, wherever it lies: in the packet of a spawned green thread, or beside a root.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::extras::Extras;
use super::unstarted::Task;
use crate::identity::Identity;

/// What has an identity in it.
pub(crate) trait Identified {
    fn identity(&self) -> &Identity;

    /// Returns what few have beside; none for what nobody can wait for or kill.
    fn extras(&self) -> Option<&Extras> {
        None
    }
}

/// A counted reference to an [`Identity`], for any OS thread.
///
/// It keeps the memory of what the identity lies in, but nothing else of it alive.
#[derive(Clone)]
pub struct IdentityRef(Arc<dyn Identified>);

// SAFETY: only the identity is reached through it, which is `Sync`. The last reference frees what the identity lies in: a
// packet, whose closure and result are gone by then (see `packet.rs`), or a `Root`, which is `Send`.
unsafe impl Send for IdentityRef {}
// SAFETY: as for `Send`.
unsafe impl Sync for IdentityRef {}

impl IdentityRef {
    pub(super) fn new(place: Arc<dyn Identified>) -> Self {
        Self(place)
    }

    pub(super) fn place(&self) -> &dyn Identified {
        &*self.0
    }

    pub(crate) fn of_task(task: &Arc<dyn Task>) -> Self {
        Self(Arc::<dyn Task>::clone(task))
    }
}

impl Deref for IdentityRef {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        self.0.identity()
    }
}

impl fmt::Debug for IdentityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The identity of a root or of a hub's loop, which has nothing to run.
pub(crate) struct Root(pub(crate) Identity);

impl Identified for Root {
    fn identity(&self) -> &Identity {
        &self.0
    }
}

impl Task for Root {
    fn run(&self) {}

    fn exit(&self) {}

    fn complete(&self) {}

    fn abandon(&self, _: Box<dyn Any + Send>) {}
}
