//! What std has for processes on one platform only.

/// Corresponds to [`std::os::unix::process`].
#[cfg(unix)]
pub mod unix {
    use std::ffi::OsStr;
    use std::io;
    use std::os::unix::process::CommandExt as _;

    // These never block, so they are std's own.
    pub use std::os::unix::process::{ExitStatusExt, parent_id};

    use crate::Command;

    mod sealed {
        /// Keeps `CommandExt` to this crate's type, so that it can grow.
        #[expect(unnameable_types, reason = "what nobody can name, nobody can implement")]
        pub trait Sealed {}
        impl Sealed for crate::Command {}
    }

    /// What only Unix lets a parent decide of a child.
    ///
    /// Corresponds to [`std::os::unix::process::CommandExt`].
    ///
    /// # Examples
    ///
    /// ```
    /// use green_process::Command;
    /// use green_process::os::unix::CommandExt;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let output = Command::new("sh").arg0("renamed").args(["-c", "echo $0"]).output()?;
    /// assert_eq!(output.stdout, b"renamed\n");
    /// # Ok(())
    /// # }
    /// ```
    pub trait CommandExt: sealed::Sealed {
        /// Sets the user that the child runs as, and takes its supplementary groups away.
        fn uid(&mut self, id: u32) -> &mut Command;

        /// Sets the group that the child runs as.
        fn gid(&mut self, id: u32) -> &mut Command;

        /// Adds a function that runs in the child just before the program is loaded. Its error becomes that of
        /// [`spawn`](Command::spawn).
        ///
        /// # Safety
        ///
        /// The function runs in a copy of this process in which only the calling OS thread exists. It may do what a
        /// signal handler may do and little else: no allocation, no lock, no environment. Nothing of `green` may be used
        /// in it: the hubs are the parent's.
        ///
        /// # Examples
        ///
        /// ```
        /// use std::io;
        ///
        /// use green_process::Command;
        /// use green_process::os::unix::CommandExt;
        ///
        /// let mut command = Command::new("true");
        /// // SAFETY: making an error of a number is all that the function does, and that does not allocate.
        /// unsafe { command.pre_exec(|| Err(io::Error::from_raw_os_error(7))) };
        /// assert_eq!(command.spawn().unwrap_err().raw_os_error(), Some(7));
        /// ```
        unsafe fn pre_exec<F>(&mut self, f: F) -> &mut Command
        where
            F: FnMut() -> io::Result<()> + Send + Sync + 'static;

        /// Adds a function as [`pre_exec`](Self::pre_exec) does.
        ///
        /// # Safety
        ///
        /// See [`pre_exec`](Self::pre_exec).
        #[deprecated(since = "0.1.0", note = "use `pre_exec`, as in std")]
        unsafe fn before_exec<F>(&mut self, f: F) -> &mut Command
        where
            F: FnMut() -> io::Result<()> + Send + Sync + 'static,
        {
            // SAFETY: the caller promises what is asked for there.
            unsafe { self.pre_exec(f) }
        }

        /// Replaces this process by the program, all its OS threads and green threads with it. Returns only if that
        /// fails.
        fn exec(&mut self) -> io::Error;

        /// Sets what the program sees as its own name.
        fn arg0<S>(&mut self, arg: S) -> &mut Command
        where
            S: AsRef<OsStr>;

        /// Sets the process group of the child; 0 makes it the leader of a new one.
        fn process_group(&mut self, pgroup: i32) -> &mut Command;
    }

    impl CommandExt for Command {
        fn uid(&mut self, id: u32) -> &mut Command {
            self.change(|inner| inner.uid(id))
        }

        fn gid(&mut self, id: u32) -> &mut Command {
            self.change(|inner| inner.gid(id))
        }

        unsafe fn pre_exec<F>(&mut self, f: F) -> &mut Command
        where
            F: FnMut() -> io::Result<()> + Send + Sync + 'static,
        {
            // SAFETY: the caller promises what std's method asks for.
            self.change(|inner| unsafe { inner.pre_exec(f) })
        }

        fn exec(&mut self) -> io::Error {
            self.as_inner_mut().exec()
        }

        fn arg0<S>(&mut self, arg: S) -> &mut Command
        where
            S: AsRef<OsStr>,
        {
            self.change(|inner| inner.arg0(arg))
        }

        fn process_group(&mut self, pgroup: i32) -> &mut Command {
            self.change(|inner| inner.process_group(pgroup))
        }
    }
}
