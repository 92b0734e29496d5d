//! What can be said about a greenlet before it is made.

use super::{Greenlet, Value};
use crate::inherited::{Bindings, Inherit};

/// Makes a greenlet with a name, a stack size or a parent of one's choice.
///
/// # Examples
///
/// ```
/// use green_core::greenlet::Greenlet;
///
/// let deep = Greenlet::builder().name("deep").stack_size(8 << 20).build(|_| "done");
/// assert_eq!(deep.name(), Some("deep"));
/// assert_eq!(deep.switch(()).take::<&str>().unwrap(), "done");
/// ```
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    name: Option<String>,
    stack_size: Option<usize>,
    parent: Option<Greenlet>,
    inherit: Inherit,
}

impl Builder {
    /// Returns a builder of an unnamed greenlet with the configured stack size and the running greenlet for a parent.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names it, for debugging.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the size of its stack in bytes. It is rounded up; what is not used costs address space only.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Sets who gets its result.
    pub fn parent(mut self, parent: &Greenlet) -> Self {
        self.parent = Some(parent.clone());
        self
    }

    /// Sets what it sees of the [`Inherited`](crate::inherited::Inherited) values of the greenlet that makes it: by default
    /// nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_core::greenlet::Greenlet;
    /// use green_core::inherited::{Inherit, Inherited};
    ///
    /// static LEVEL: Inherited<u32> = Inherited::new();
    ///
    /// LEVEL.set(3);
    /// let heir = Greenlet::builder().inherit(Inherit::Copy).build(|_| LEVEL.set(4));
    /// assert_eq!(heir.switch(()).take::<Option<u32>>().unwrap(), Some(3));
    /// assert_eq!(LEVEL.get(), Some(3));
    /// ```
    pub fn inherit(mut self, inherit: Inherit) -> Self {
        self.inherit = inherit;
        self
    }

    /// Makes a greenlet that will run `f` when it is first switched to.
    pub fn build<F, R>(self, f: F) -> Greenlet
    where
        F: FnOnce(Value) -> R + 'static,
        R: 'static,
    {
        let parent = self.parent.unwrap_or_else(super::current);
        let bindings = (self.inherit != Inherit::Empty).then(|| Bindings::inherit(self.inherit));
        Greenlet::unstarted(Box::new(|value| Value::new(f(value))), parent, self.name, self.stack_size, bindings)
    }
}
