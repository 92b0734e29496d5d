//! Who does a pool's next job: the state under the pool's lock, free of threads and clocks.
//!
//! A worker is *awake* (it runs a job, or is about to ask for one), *idle* (it sleeps, and is on the idle stack), or
//! *starting* (counted, but not there yet). What must hold whenever the lock is free: **if jobs are queued, a worker is
//! awake or starting**. An awake worker asks for a job before it sleeps or leaves, under the lock, so no job is left
//! behind. In detail:
//!
//! - `submit` queues a job and *calls* a worker: it wakes the idle one that fell asleep last (its caches are warm, and the
//!   ones below it get to leave), or starts one. With none idle and no room, those that are awake come to it in turn.
//! - One worker is called at a time. When it comes, it calls the next if there are jobs left. So whoever submits many
//!   jobs, which may be a hub's OS thread, pays for one futex call or one new thread and not for hundreds: 200 lookups
//!   of names held up their hub by 1.5 ms with idle workers, by 5 ms and more with none.
//! - A worker that was taken off the idle stack is awake from then on, although it has yet to notice. If others have
//!   emptied the queue meanwhile, it goes back to sleep.
//! - An idle worker whose patience ends and one that wakes for no reason take themselves off the stack first; then they
//!   ask like everybody else.
//! - If a worker cannot be started and no other exists, whoever tried to start it gets all the jobs.
//! - Workers that were *dismissed* do what was queued at that moment and leave. What comes later is for others, which
//!   are started as the dismissed ones leave: there are never more than the limit.
//! - With more workers than a limit that was lowered, those that come for a job leave, but for the last one.

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
    /// The worker that was woken or started last, until it comes.
    called: Option<u64>,
    /// Workers with numbers up to this one are dismissed.
    dismissed: u64,
    /// How many of those are still there.
    veterans: usize,
    /// How many of the queued jobs they still do.
    due: usize,
}

/// What whoever submitted a job, or took one while others are left, has to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call<W> {
    /// Wake this worker.
    Wake(W),
    /// Start a worker with this number.
    Start(u64),
    /// Nothing: a worker will come to it.
    Wait,
}

/// What a worker has to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<J, W> {
    /// Make this call, then run this job.
    Run(J, Call<W>),
    /// Sleep until woken; it is on the idle stack.
    Sleep,
    /// Make this call, then end; it is no longer counted.
    Leave(Call<W>),
}

impl<J, W> Crew<J, W> {
    pub(super) const fn new() -> Crew<J, W> {
        Crew {
            jobs: VecDeque::new(),
            idle: Vec::new(),
            workers: 0,
            started: 0,
            called: None,
            dismissed: 0,
            veterans: 0,
            due: 0,
        }
    }

    /// Queues a job for at most `max` workers.
    pub(super) fn submit(&mut self, job: J, max: usize) -> Call<W> {
        self.jobs.push_back(job);
        self.call(max)
    }

    /// Calls a worker, unless one is on its way.
    fn call(&mut self, max: usize) -> Call<W> {
        if self.called.is_some() {
            Call::Wait
        } else if let Some((number, worker)) = self.idle.pop() {
            self.called = Some(number);
            Call::Wake(worker)
        } else if self.workers < max.max(1) {
            // One at least: with a limit of 0 somebody still has to do what was submitted.
            self.workers += 1;
            self.started += 1;
            self.called = Some(self.started);
            if self.due > 0 {
                // It is needed for what the dismissed ones are to do, and leaves with them.
                self.dismissed = self.started;
                self.veterans += 1;
            }
            Call::Start(self.started)
        } else {
            Call::Wait
        }
    }

    /// Notes that worker `number` could not be started, and returns the jobs that nobody is there to run.
    #[cfg(not(loom))]
    pub(super) fn start_failed(&mut self, number: u64) -> VecDeque<J> {
        self.discount(number);
        self.called = None;
        if self.workers > 0 {
            return VecDeque::new();
        }
        self.due = 0;
        std::mem::take(&mut self.jobs)
    }

    /// No longer counts worker `number`.
    fn discount(&mut self, number: u64) {
        self.workers -= 1;
        if number <= self.dismissed {
            self.veterans -= 1;
        }
    }

    /// Dismisses all workers; returns those that sleep, which are to be woken so that they leave.
    pub(super) fn dismiss(&mut self) -> Vec<W> {
        self.dismissed = self.started;
        self.veterans = self.workers;
        self.due = self.jobs.len();
        self.idle.drain(..).map(|(_, worker)| worker).collect()
    }

    /// Applies a new limit; returns the idle workers beyond it, which are to be woken so that they leave, and what is
    /// to be done for jobs that wait.
    #[cfg(not(loom))]
    pub(super) fn limit(&mut self, max: usize) -> (Vec<W>, Call<W>) {
        let surplus = self.workers.saturating_sub(max).min(self.idle.len());
        let leaving = self.idle.drain(..surplus).map(|(_, worker)| worker).collect();
        let call = if self.jobs.is_empty() { Call::Wait } else { self.call(max) };
        (leaving, call)
    }

    /// Tells worker `number`, of at most `max`, what to do next. `patient` says that it may wait for a job; `me` wakes it
    /// if so.
    pub(super) fn next(&mut self, number: u64, max: usize, patient: bool, me: impl FnOnce() -> W) -> Next<J, W> {
        self.called.take_if(|called| *called == number);
        // A worker that nobody woke is still on the stack. Near the top, if it woke for no reason; near the bottom, if
        // it was idle for long.
        if let Some(place) = self.idle.iter().position(|(idle, _)| *idle == number) {
            self.idle.remove(place);
        }
        let veteran = number <= self.dismissed;
        // The last one stays whatever the limit is: somebody has to do what was submitted.
        if (veteran && self.due == 0) || self.workers > max.max(1) {
            return self.leave(number, max);
        }
        if let Some(job) = self.jobs.pop_front() {
            self.due = self.due.saturating_sub(1);
            let call = if self.jobs.is_empty() { Call::Wait } else { self.call(max) };
            Next::Run(job, call)
        } else if patient {
            self.idle.push((number, me()));
            Next::Sleep
        } else {
            self.leave(number, max)
        }
    }

    fn leave(&mut self, number: u64, max: usize) -> Next<J, W> {
        self.discount(number);
        Next::Leave(if self.jobs.is_empty() { Call::Wait } else { self.call(max) })
    }

    /// Returns the number of workers that were dismissed and have not left.
    pub(super) fn veterans(&self) -> usize {
        self.veterans
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

    const MAX: usize = 2;

    fn awake(crew: &mut Crew<u32, char>, number: u64) -> Next<u32, char> {
        crew.next(number, MAX, true, || char::from(b'a' + number as u8))
    }

    #[test]
    fn workers_are_started_up_to_the_limit_and_then_woken() {
        let mut crew = Crew::new();
        assert_eq!(crew.submit(10, MAX), Call::Start(1));
        assert_eq!(awake(&mut crew, 1), Next::Run(10, Call::Wait));
        assert_eq!(crew.submit(11, MAX), Call::Start(2));
        assert_eq!(awake(&mut crew, 2), Next::Run(11, Call::Wait));
        assert_eq!(crew.submit(12, MAX), Call::Wait);
        assert_eq!(awake(&mut crew, 1), Next::Run(12, Call::Wait));
        assert_eq!(awake(&mut crew, 1), Next::Sleep);
        assert_eq!(awake(&mut crew, 2), Next::Sleep);
        assert_eq!(crew.submit(13, MAX), Call::Wake('c'), "the last to fall asleep is woken first");
        assert_eq!(awake(&mut crew, 2), Next::Run(13, Call::Wait));
        assert_eq!(crew.submit(14, MAX), Call::Wake('b'));
    }

    #[test]
    fn one_worker_is_called_at_a_time_and_calls_the_next() {
        let mut crew = Crew::new();
        assert_eq!(crew.submit(10, 3), Call::Start(1));
        for job in 11..15 {
            assert_eq!(crew.submit(job, 3), Call::Wait);
        }
        let next = |crew: &mut Crew<u32, char>, number| crew.next(number, 3, true, || 'x');
        assert_eq!(next(&mut crew, 1), Next::Run(10, Call::Start(2)));
        // One that comes for more does not call while another is on its way.
        assert_eq!(next(&mut crew, 1), Next::Run(11, Call::Wait));
        assert_eq!(next(&mut crew, 2), Next::Run(12, Call::Start(3)));
        assert_eq!(next(&mut crew, 3), Next::Run(13, Call::Wait), "there are no more than three");
        assert_eq!(next(&mut crew, 3), Next::Run(14, Call::Wait));
        assert_eq!(next(&mut crew, 3), Next::Sleep);
        assert_eq!(crew.submit(15, 3), Call::Wake('x'));
    }

    #[test]
    fn a_job_that_another_worker_took_does_not_keep_the_woken_one_awake() {
        let mut crew = Crew::new();
        assert_eq!(crew.submit(10, MAX), Call::Start(1));
        assert_eq!(awake(&mut crew, 1), Next::Run(10, Call::Wait));
        assert_eq!(crew.submit(11, MAX), Call::Start(2));
        assert_eq!(awake(&mut crew, 1), Next::Run(11, Call::Wait));
        assert_eq!(awake(&mut crew, 2), Next::Sleep);
        assert_eq!(crew.submit(12, MAX), Call::Wake('c'));
        assert_eq!(awake(&mut crew, 1), Next::Run(12, Call::Wait));
        assert_eq!(awake(&mut crew, 2), Next::Sleep);
        assert_eq!(crew.submit(13, MAX), Call::Wake('c'), "it is no longer on its way");
    }

    #[test]
    fn an_idle_worker_leaves_unless_a_job_came_meanwhile() {
        let mut crew = Crew::new();
        assert_eq!(crew.submit(10, 8), Call::Start(1));
        assert_eq!(awake(&mut crew, 1), Next::Run(10, Call::Wait));
        assert_eq!(awake(&mut crew, 1), Next::Sleep);
        // The job comes just when its patience ends.
        assert_eq!(crew.submit(11, 8), Call::Wake('b'));
        assert_eq!(crew.next(1, 8, false, || 'b'), Next::Run(11, Call::Wait));
        assert_eq!(awake(&mut crew, 1), Next::Sleep);
        assert_eq!(crew.next(1, 8, false, || 'b'), Next::Leave(Call::Wait));
        assert_eq!(crew.workers(), 0);
        assert_eq!(crew.submit(12, 8), Call::Start(2));
    }

    #[test]
    fn a_failed_start_gives_the_jobs_back_only_if_nobody_is_left() {
        let mut crew: Crew<u32, char> = Crew::new();
        assert_eq!(crew.submit(10, 1), Call::Start(1));
        assert_eq!(crew.submit(11, 1), Call::Wait);
        assert_eq!(crew.start_failed(1), [10, 11]);
        assert_eq!(crew.submit(12, MAX), Call::Start(2));
        assert_eq!(crew.submit(13, MAX), Call::Wait);
        assert_eq!(awake(&mut crew, 2), Next::Run(12, Call::Start(3)));
        assert_eq!(crew.start_failed(3), []);
        assert_eq!(crew.submit(14, MAX), Call::Start(4), "it may go better the next time");
        assert_eq!(awake(&mut crew, 2), Next::Run(13, Call::Wait));
    }

    #[test]
    fn dismissed_workers_do_what_was_queued_and_leave() {
        let mut crew = Crew::new();
        assert_eq!(crew.submit(10, MAX), Call::Start(1));
        assert_eq!(awake(&mut crew, 1), Next::Run(10, Call::Wait));
        assert_eq!(crew.submit(11, MAX), Call::Start(2));
        assert_eq!(crew.dismiss(), []);
        assert_eq!(crew.submit(12, MAX), Call::Wait, "as many as there may be are still there");
        assert_eq!(awake(&mut crew, 2), Next::Run(11, Call::Wait));
        assert_eq!(awake(&mut crew, 1), Next::Leave(Call::Start(3)), "what came later is for others");
        assert_eq!(crew.veterans(), 1);
        assert_eq!(awake(&mut crew, 3), Next::Run(12, Call::Wait));
        assert_eq!(awake(&mut crew, 2), Next::Leave(Call::Wait));
        assert_eq!(crew.veterans(), 0);
        assert_eq!(awake(&mut crew, 3), Next::Sleep);
        assert_eq!(crew.dismiss(), ['d']);
        assert_eq!(awake(&mut crew, 3), Next::Leave(Call::Wait));
        assert_eq!((crew.workers(), crew.veterans()), (0, 0));
        assert_eq!(crew.submit(13, MAX), Call::Start(4));
    }

    #[test]
    fn a_worker_that_is_started_for_what_dismissed_ones_are_to_do_leaves_with_them() {
        let mut crew = Crew::new();
        assert_eq!(crew.submit(10, MAX), Call::Start(1));
        assert_eq!(crew.submit(11, MAX), Call::Wait);
        assert_eq!(crew.dismiss(), []);
        assert_eq!(awake(&mut crew, 1), Next::Run(10, Call::Start(2)));
        assert_eq!(awake(&mut crew, 2), Next::Run(11, Call::Wait));
        assert_eq!(awake(&mut crew, 2), Next::Leave(Call::Wait));
        assert_eq!(awake(&mut crew, 1), Next::Leave(Call::Wait));
        assert_eq!((crew.workers(), crew.veterans()), (0, 0));
    }

    #[test]
    fn a_dismissed_worker_that_could_not_be_started_is_not_waited_for() {
        let mut crew: Crew<u32, char> = Crew::new();
        assert_eq!(crew.submit(10, MAX), Call::Start(1));
        assert_eq!(crew.dismiss(), []);
        assert_eq!((crew.start_failed(1).len(), crew.veterans()), (1, 0));
        assert_eq!(crew.submit(11, MAX), Call::Start(2));
        assert_eq!(awake(&mut crew, 2), Next::Run(11, Call::Wait));
        assert_eq!(awake(&mut crew, 2), Next::Sleep, "nothing is left of the first dismissal");
    }

    #[test]
    fn with_a_limit_of_0_somebody_does_what_was_submitted() {
        let mut crew = Crew::new();
        let next = |crew: &mut Crew<u32, char>, number| crew.next(number, 0, true, || 'x');
        assert_eq!(crew.submit(10, 0), Call::Start(1));
        crew.dismiss();
        assert_eq!(crew.submit(11, 0), Call::Wait);
        assert_eq!(next(&mut crew, 1), Next::Run(10, Call::Wait));
        assert_eq!(next(&mut crew, 1), Next::Leave(Call::Start(2)));
        assert_eq!(next(&mut crew, 2), Next::Run(11, Call::Wait));
        assert_eq!(next(&mut crew, 2), Next::Sleep);
    }

    #[test]
    fn a_lowered_limit_sends_away_those_that_are_too_many_and_a_raised_one_calls_for_more() {
        let mut crew = Crew::new();
        let next = |crew: &mut Crew<u32, char>, number: u64, max| {
            crew.next(number, max, true, || char::from(b'a' + number as u8))
        };
        assert_eq!(crew.submit(10, 3), Call::Start(1));
        assert_eq!(next(&mut crew, 1, 3), Next::Run(10, Call::Wait));
        assert_eq!(crew.submit(11, 3), Call::Start(2));
        assert_eq!(next(&mut crew, 2, 3), Next::Run(11, Call::Wait));
        assert_eq!(crew.submit(12, 3), Call::Start(3));
        assert_eq!(next(&mut crew, 3, 3), Next::Run(12, Call::Wait));
        assert_eq!(next(&mut crew, 3, 3), Next::Sleep);
        assert_eq!(crew.limit(1), (vec!['d'], Call::Wait));
        assert_eq!(next(&mut crew, 3, 1), Next::Leave(Call::Wait));
        assert_eq!(next(&mut crew, 2, 1), Next::Leave(Call::Wait));
        assert_eq!(crew.submit(13, 1), Call::Wait);
        assert_eq!(crew.submit(14, 1), Call::Wait);
        assert_eq!(crew.limit(2), (vec![], Call::Start(4)));
        assert_eq!(next(&mut crew, 4, 0), Next::Leave(Call::Wait), "but the last one stays");
        assert_eq!(next(&mut crew, 1, 0), Next::Run(13, Call::Wait));
    }
}
