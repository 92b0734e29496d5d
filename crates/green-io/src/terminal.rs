//! Whether a descriptor is a terminal.

use std::io;
use std::os::fd::AsFd;

mod sealed {
    /// Keeps `IsTerminal` to descriptors, so that it can grow.
    #[expect(unnameable_types, reason = "what nobody can name, nobody can implement")]
    pub trait Sealed {}
    impl<T: std::os::fd::AsFd + ?Sized> Sealed for T {}
}

/// Tells whether a descriptor is a terminal.
///
/// Corresponds to [`std::io::IsTerminal`].
///
/// **Differences**: std's trait is sealed, so this library's types cannot have it. This one is a trait of its own with the same
/// name and method, for everything with a descriptor, std's types too. Where a bound asks for std's trait, pass
/// `stream.as_fd()`.
///
/// # Examples
///
/// ```
/// use green_io::IsTerminal;
///
/// let (reader, _writer) = green_io::pipe()?;
/// assert!(!reader.is_terminal());
/// # std::io::Result::Ok(())
/// ```
pub trait IsTerminal: sealed::Sealed {
    /// Returns true if this is a terminal; false if it is not, or is not open.
    fn is_terminal(&self) -> bool;
}

impl<T: AsFd + ?Sized> IsTerminal for T {
    fn is_terminal(&self) -> bool {
        io::IsTerminal::is_terminal(&self.as_fd())
    }
}
