//! Who does a pool's next job: the state under the pool's lock, free of threads and clocks.
//!
//! A worker is *awake* (it runs a job, or is about to ask for one), *idle* (it sleeps, and is on the idle stack), or
//! *starting* (counted, but not there yet). What must hold whenever the lock is free: **if jobs are queued, a worker is
//! awake or starting**. An awake worker asks for a job before it sleeps or leaves, under the lock, so no job is left
//! behind. In detail:
//!
//! - `submit` queues a job, and wakes the idle worker that fell asleep last (its caches are warm, and the ones below it
//!   get to leave), or starts one. With none idle and no room, those that are awake come to it in turn.
//! - A worker that was taken off the idle stack is awake from then on, although it has yet to notice. If others have
//!   emptied the queue meanwhile, it goes back to sleep.
//! - An idle worker whose patience ends and one that wakes for no reason take themselves off the stack first; then they
//!   ask like everybody else.
//! - If a worker cannot be started and no other exists, whoever tried to start it gets all the jobs.

use std::collections::VecDeque;

/// The jobs and workers of one pool. `J` is a job, `W` what an idle worker can be woken by.
#[derive(Debug)]
pub(super) struct Crew<J, W> {
    jobs: VecDeque<J>,
    /// Idle workers, the last to fall asleep on top.
    idle: Vec<(u64, W)>,
    /// Awake, idle and starting workers.
    workers: usize,
    /// How many workers were ever started; numbers them.
    started: u64,
}

/// What whoever submitted a job has to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call<W> {
    /// Wake this worker.
    Wake(W),
    /// Start a worker with this number.
    Start(u64),
    /// Nothing: busy workers will come to it.
    Wait,
}

/// What a worker has to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<J> {
    /// Run this job.
    Run(J),
    /// Sleep until woken; it is on the idle stack.
    Sleep,
    /// End; it is no longer counted.
    Leave,
}

impl<J, W> Crew<J, W> {
    pub(super) const fn new() -> Crew<J, W> {
        Crew { jobs: VecDeque::new(), idle: Vec::new(), workers: 0, started: 0 }
    }

    /// Queues a job for at most `max` workers.
    pub(super) fn submit(&mut self, job: J, max: usize) -> Call<W> {
        self.jobs.push_back(job);
        if let Some((_, worker)) = self.idle.pop() {
            Call::Wake(worker)
        } else if self.workers < max {
            self.workers += 1;
            self.started += 1;
            Call::Start(self.started)
        } else {
            Call::Wait
        }
    }

    /// Notes that a worker could not be started, and returns the jobs that nobody is there to run.
    #[cfg(not(loom))]
    pub(super) fn start_failed(&mut self) -> VecDeque<J> {
        self.workers -= 1;
        if self.workers == 0 { std::mem::take(&mut self.jobs) } else { VecDeque::new() }
    }

    /// Tells worker `number` what to do next. `patient` says that it may wait for a job; `me` wakes it if so.
    pub(super) fn next(&mut self, number: u64, patient: bool, me: impl FnOnce() -> W) -> Next<J> {
        // A worker that nobody woke is still on the stack. Near the top, if it woke for no reason; near the bottom, if
        // it was idle for long.
        if let Some(place) = self.idle.iter().position(|(idle, _)| *idle == number) {
            self.idle.remove(place);
        }
        if let Some(job) = self.jobs.pop_front() {
            Next::Run(job)
        } else if patient {
            self.idle.push((number, me()));
            Next::Sleep
        } else {
            self.workers -= 1;
            Next::Leave
        }
    }

    /// Returns the number of workers: awake, idle and starting.
    #[cfg(not(loom))]
    pub(super) fn workers(&self) -> usize {
        self.workers
    }

    /// Returns the number of jobs that no worker has taken.
    #[cfg(not(loom))]
    pub(super) fn queued(&self) -> usize {
        self.jobs.len()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn awake(crew: &mut Crew<u32, char>, number: u64) -> Next<u32> {
        crew.next(number, true, || char::from(b'a' + number as u8))
    }

    #[test]
    fn workers_are_started_up_to_the_limit_and_then_woken() {
        let mut crew = Crew::new();
        assert_eq!(crew.submit(10, 2), Call::Start(1));
        assert_eq!(crew.submit(11, 2), Call::Start(2));
        assert_eq!(crew.submit(12, 2), Call::Wait);
        assert_eq!(awake(&mut crew, 2), Next::Run(10));
        assert_eq!(awake(&mut crew, 1), Next::Run(11));
        assert_eq!(awake(&mut crew, 1), Next::Run(12));
        assert_eq!(awake(&mut crew, 1), Next::Sleep);
        assert_eq!(awake(&mut crew, 2), Next::Sleep);
        assert_eq!(crew.submit(13, 2), Call::Wake('c'), "the last to fall asleep is woken first");
        assert_eq!(crew.submit(14, 2), Call::Wake('b'));
    }

    #[test]
    fn a_job_that_another_worker_took_does_not_keep_the_woken_one_awake() {
        let mut crew = Crew::new();
        assert_eq!(crew.submit(10, 2), Call::Start(1));
        assert_eq!(awake(&mut crew, 1), Next::Run(10));
        assert_eq!(awake(&mut crew, 1), Next::Sleep);
        assert_eq!(crew.submit(11, 2), Call::Wake('b'));
        assert_eq!(crew.submit(12, 2), Call::Start(2));
        assert_eq!(awake(&mut crew, 2), Next::Run(11));
        assert_eq!(awake(&mut crew, 2), Next::Run(12));
        assert_eq!(awake(&mut crew, 1), Next::Sleep);
    }

    #[test]
    fn an_idle_worker_leaves_unless_a_job_came_meanwhile() {
        let mut crew = Crew::new();
        assert_eq!(crew.submit(10, 8), Call::Start(1));
        assert_eq!(awake(&mut crew, 1), Next::Run(10));
        assert_eq!(awake(&mut crew, 1), Next::Sleep);
        // The job comes just when its patience ends.
        assert_eq!(crew.submit(11, 8), Call::Wake('b'));
        assert_eq!(crew.next(1, false, || 'b'), Next::Run(11));
        assert_eq!(awake(&mut crew, 1), Next::Sleep);
        assert_eq!(crew.next(1, false, || 'b'), Next::Leave);
        assert_eq!(crew.workers(), 0);
        assert_eq!(crew.submit(12, 8), Call::Start(2));
    }

    #[test]
    fn a_failed_start_gives_the_jobs_back_only_if_nobody_is_left() {
        let mut crew: Crew<u32, char> = Crew::new();
        assert_eq!(crew.submit(10, 1), Call::Start(1));
        assert_eq!(crew.submit(11, 1), Call::Wait);
        assert_eq!(crew.start_failed(), [10, 11]);
        assert_eq!(crew.submit(12, 2), Call::Start(2));
        assert_eq!(crew.submit(13, 2), Call::Start(3));
        assert_eq!(crew.start_failed(), []);
        assert_eq!(awake(&mut crew, 2), Next::Run(12));
    }
}
