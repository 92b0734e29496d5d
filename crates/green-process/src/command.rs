//! What to run, and how.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::Path;
use std::process;

use crate::capture::Unclaimed;
use crate::{Child, CommandArgs, CommandEnvs, ExitStatus, Output, Stdio};

/// Says which program to run and how, and runs it as often as one likes.
///
/// Corresponds to [`std::process::Command`].
///
/// # Examples
///
/// ```
/// use green_process::Command;
///
/// # fn main() -> std::io::Result<()> {
/// let output = Command::new("echo").arg("hello").output()?;
/// assert_eq!(output.stdout, b"hello\n");
/// # Ok(())
/// # }
/// ```
pub struct Command {
    inner: process::Command,
    /// Which streams the user has decided on: [`output`](Self::output) has defaults of its own for the others, and std
    /// does not tell.
    chosen: Chosen,
}

#[derive(Default)]
struct Chosen {
    stdin: bool,
    stdout: bool,
    stderr: bool,
}

impl Command {
    /// Creates a command for `program`, which is looked up in `PATH` unless it has a slash, without arguments, with this
    /// process's environment and folder.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// assert!(green_process::Command::new("true").status()?.success());
    /// # Ok(())
    /// # }
    /// ```
    pub fn new<S: AsRef<OsStr>>(program: S) -> Command {
        Self { inner: process::Command::new(program), chosen: Chosen::default() }
    }

    /// Adds an argument.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let output = green_process::Command::new("echo").arg("two words").arg("$HOME").output()?;
    /// assert_eq!(output.stdout, b"two words $HOME\n", "no shell has seen it");
    /// # Ok(())
    /// # }
    /// ```
    pub fn arg<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.change(|inner| inner.arg(arg))
    }

    /// Adds several arguments.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let output = green_process::Command::new("echo").args(["a", "b"]).output()?;
    /// assert_eq!(output.stdout, b"a b\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn args<I, S>(&mut self, args: I) -> &mut Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.change(|inner| inner.args(args))
    }

    /// Sets a variable of the child's environment.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let output = green_process::Command::new("sh").args(["-c", "echo $COLOUR"]).env("COLOUR", "green").output()?;
    /// assert_eq!(output.stdout, b"green\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn env<K, V>(&mut self, key: K, val: V) -> &mut Command
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.change(|inner| inner.env(key, val))
    }

    /// Sets several variables of the child's environment.
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.change(|inner| inner.envs(vars))
    }

    /// Takes a variable out of the child's environment, whether it was set here or comes from this process.
    pub fn env_remove<K: AsRef<OsStr>>(&mut self, key: K) -> &mut Command {
        self.change(|inner| inner.env_remove(key))
    }

    /// Takes everything out of the child's environment that was set so far or comes from this process.
    pub fn env_clear(&mut self) -> &mut Command {
        self.change(process::Command::env_clear)
    }

    /// Sets the folder that the child starts in.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let output = green_process::Command::new("pwd").current_dir("/").output()?;
    /// assert_eq!(output.stdout, b"/\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn current_dir<P: AsRef<Path>>(&mut self, dir: P) -> &mut Command {
        self.change(|inner| inner.current_dir(dir))
    }

    /// Sets the child's standard input; otherwise it is this process's for [`spawn`](Self::spawn) and
    /// [`status`](Self::status), and empty for [`output`](Self::output).
    pub fn stdin<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.chosen.stdin = true;
        self.change(|inner| inner.stdin(cfg))
    }

    /// Sets the child's standard output; otherwise it is this process's for [`spawn`](Self::spawn) and
    /// [`status`](Self::status), and captured for [`output`](Self::output).
    pub fn stdout<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.chosen.stdout = true;
        self.change(|inner| inner.stdout(cfg))
    }

    /// Sets the child's standard error; otherwise it is this process's for [`spawn`](Self::spawn) and
    /// [`status`](Self::status), and captured for [`output`](Self::output).
    pub fn stderr<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.chosen.stderr = true;
        self.change(|inner| inner.stderr(cfg))
    }

    /// Starts the program as a child.
    ///
    /// It does not park: it returns when the program is loaded, or cannot be.
    ///
    /// # Errors
    ///
    /// The OS error: no such program, no permission, too many processes or descriptors. `InvalidInput` for a zero byte in
    /// the program's name, an argument or a variable.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::ErrorKind;
    ///
    /// use green_process::Command;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let mut children: Vec<_> = (0..8).map(|_| Command::new("true").spawn()).collect::<Result<_, _>>()?;
    /// for child in &mut children {
    ///     assert!(child.wait()?.success());
    /// }
    ///
    /// let error = Command::new("/no/such/program").spawn().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// # Ok(())
    /// # }
    /// ```
    pub fn spawn(&mut self) -> io::Result<Child> {
        self.inner.spawn().map(Child::fresh)
    }

    /// Runs the program to its end, and returns its status with what it wrote.
    ///
    /// If this green thread is killed meanwhile, the child runs on and is reaped when it ends.
    ///
    /// # Errors
    ///
    /// See [`spawn`](Self::spawn) and [`Child::wait_with_output`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let output = green_process::Command::new("sh").args(["-c", "echo sorry >&2; exit 2"]).output()?;
    /// assert_eq!(output.status.code(), Some(2));
    /// assert_eq!(output.stderr, b"sorry\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn output(&mut self) -> io::Result<Output> {
        let Chosen { stdin, stdout, stderr } = self.chosen;
        if !stdin {
            self.inner.stdin(Stdio::null());
        }
        if !stdout {
            self.inner.stdout(Stdio::piped());
        }
        if !stderr {
            self.inner.stderr(Stdio::piped());
        }
        let child = self.spawn();
        // Back to what `spawn` does with what was not chosen.
        if !stdin {
            self.inner.stdin(Stdio::inherit());
        }
        if !stdout {
            self.inner.stdout(Stdio::inherit());
        }
        if !stderr {
            self.inner.stderr(Stdio::inherit());
        }
        Unclaimed::new(child?).output()
    }

    /// Runs the program to its end, and returns its status.
    ///
    /// If this green thread is killed meanwhile, the child runs on and is reaped when it ends.
    ///
    /// # Errors
    ///
    /// See [`spawn`](Self::spawn) and [`Child::wait`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// assert_eq!(green_process::Command::new("false").status()?.code(), Some(1));
    /// # Ok(())
    /// # }
    /// ```
    pub fn status(&mut self) -> io::Result<ExitStatus> {
        Unclaimed::new(self.spawn()?).status()
    }

    /// Returns the program as it was given.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(green_process::Command::new("ls").get_program(), "ls");
    /// ```
    pub fn get_program(&self) -> &OsStr {
        self.inner.get_program()
    }

    /// Returns the arguments, without the program's name.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut command = green_process::Command::new("ls");
    /// assert!(command.args(["-l", "/"]).get_args().eq(["-l", "/"]));
    /// ```
    pub fn get_args(&self) -> CommandArgs<'_> {
        self.inner.get_args()
    }

    /// Returns the variables that were set, and those that were taken out with `None`.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut command = green_process::Command::new("ls");
    /// command.env("LANG", "C").env_remove("TERM");
    /// let vars: Vec<_> = command.get_envs().map(|(key, value)| (key.to_str(), value.is_some())).collect();
    /// assert_eq!(vars, [(Some("LANG"), true), (Some("TERM"), false)]);
    /// ```
    pub fn get_envs(&self) -> CommandEnvs<'_> {
        self.inner.get_envs()
    }

    /// Returns the folder that was set.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::path::Path;
    ///
    /// let mut command = green_process::Command::new("ls");
    /// assert_eq!(command.get_current_dir(), None);
    /// assert_eq!(command.current_dir("/").get_current_dir(), Some(Path::new("/")));
    /// ```
    pub fn get_current_dir(&self) -> Option<&Path> {
        self.inner.get_current_dir()
    }

    /// Passes on a setting to std's command, which keeps it.
    pub(crate) fn change(&mut self, set: impl FnOnce(&mut process::Command) -> &mut process::Command) -> &mut Command {
        set(&mut self.inner);
        self
    }

    pub(crate) fn as_inner_mut(&mut self) -> &mut process::Command {
        &mut self.inner
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
