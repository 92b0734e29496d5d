//! What a park is for, and what it came to.

/// What a park came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a park may have ended for another reason than a wake-up"]
pub enum Outcome {
    /// Somebody unparked this green thread. It may be a late wake-up of an earlier wait: check the condition again.
    Unparked,
    /// The deadline passed first.
    TimedOut,
    /// A kill or an alarm is pending: leave every queue, pass on what was taken, then call
    /// `kill::deliver`.
    Interrupted,
}

/// Why a green thread is parked; shown by diagnostics. Every kind of wait has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitReason {
    /// `thread::park` and its timed forms.
    Park,
    /// `thread::sleep` and timers.
    Sleep,
    /// Waiting for a green thread's end.
    Join,
    /// The jobs of a pool to end.
    Jobs,
    /// The end of a `thread::scope`.
    Scope,
    /// Data to read.
    Read,
    /// Room to write.
    Write,
    /// A connection to accept.
    Accept,
    /// A connection to be made.
    Connect,
    /// A pause before `accept` is tried again with no file descriptor free.
    AcceptBackoff,
    /// A job on a blocking pool.
    Unblock,
    /// A name to be resolved.
    Resolve,
    /// A lock.
    Lock,
    /// A notification of a condition variable.
    Condvar,
    /// The others of a barrier.
    Barrier,
    /// An initialisation that another green thread is in the middle of.
    Once,
    /// A permit of a semaphore.
    Permit,
    /// An event to happen.
    Event,
    /// Room in a channel or a queue.
    Send,
    /// A message of a channel or an item of a queue.
    Receive,
    /// The first of several things.
    Select,
    /// A task to complete.
    Task,
    /// A condition of a descriptor that is watched.
    Watch,
    /// A child process to end.
    Child,
    /// A signal.
    Signal,
    /// A tick of an interval.
    Interval,
    /// A wait of the program's own making.
    Other,
}
