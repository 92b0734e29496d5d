//! What std has on some platforms only, at std's paths.
//!
//! Extension traits are green's where they extend what is green's: `green::os::unix::process::CommandExt` is implemented
//! for [`process::Command`](crate::process::Command) and not for std's.

// Descriptors and C's integers do not block: they are std's own.
#[cfg(unix)]
pub use std::os::fd;
pub use std::os::raw;

/// What Unix has beside the rest.
///
/// Corresponds to [`std::os::unix`].
#[cfg(unix)]
pub mod unix {
    pub use green_fs::os::unix as fs;
    pub use green_net::os::unix as net;
    pub use green_process::os::unix as process;
    // Nothing in these blocks: they are std's own.
    #[expect(deprecated, reason = "std still has it, so a program may still use it")]
    pub use std::os::unix::raw;
    pub use std::os::unix::{ffi, io, thread};

    /// Everything of [`unix`](super::unix) that one usually imports: `use green::os::unix::prelude::*`.
    ///
    /// Corresponds to [`std::os::unix::prelude`].
    pub mod prelude {
        pub use super::ffi::{OsStrExt, OsStringExt};
        pub use super::fs::{DirEntryExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
        pub use super::io::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
        pub use super::process::{CommandExt, ExitStatusExt};
        pub use super::thread::JoinHandleExt;
    }
}

/// What Linux has beside the rest.
///
/// Corresponds to [`std::os::linux`].
#[cfg(target_os = "linux")]
pub mod linux {
    pub use green_fs::os::linux as fs;
    pub use green_net::os::linux as net;
    // Nothing in these blocks: they are std's own.
    #[expect(deprecated, reason = "std still has it, so a program may still use it")]
    pub use std::os::linux::raw;
}
