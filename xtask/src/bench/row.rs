//! What a row of the table is: a workload, who runs it, what is read off, and what must hold.

/// Who can run a workload.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Runtime {
    Green,
    May,
    TokioCt,
    TokioMt,
    /// Only where there is a `go`.
    Go,
    Threads,
    Epoll,
}

use Runtime::{Epoll, Go, Green, May, Threads, TokioCt, TokioMt};

impl Runtime {
    /// Everybody, in the order of the table's columns.
    pub(super) const ALL: [Self; 7] = [Green, May, TokioCt, TokioMt, Go, Threads, Epoll];

    /// Returns the name that `green-bench` knows, or the program in Go.
    pub(super) fn name(self) -> &'static str {
        match self {
            Green => "green",
            May => "may",
            TokioCt => "tokio-ct",
            TokioMt => "tokio-mt",
            Go => "go",
            Threads => "threads",
            Epoll => "epoll",
        }
    }
}

/// How a workload is run.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// One process.
    Alone { workload: &'static str },
    /// A server, and a client that measures it.
    Pair { server: &'static str, load: &'static str, client: String },
}

/// One workload, run by several runtimes in turn.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) group: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// What the process gets, or the server.
    pub(super) arguments: &'static str,
    pub(super) runtimes: Vec<Runtime>,
    /// What some runtimes get besides.
    pub(super) besides: Vec<(Runtime, &'static str)>,
    pub(super) figures: Vec<Figure>,
    pub(super) disturbed_by: Disturbance,
    /// Fewer rounds than the others: for what takes long and varies little.
    pub(super) most_rounds: usize,
}

/// What makes a run worth repeating.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Disturbance {
    /// Nothing: memory and wake-ups are the same on a busy machine.
    Nothing,
    /// Others on the processors of the run.
    Others,
    /// The same, in a workload that sleeps and wakes so often that the processor's way in and out of idleness, which
    /// is nobody's CPU time, would look like others: what counts is what comes on top of the least that was seen.
    OthersOnTop,
    /// As `Others`, and the process keeps its one processor busy: what the wall clock has beyond the CPU time was taken.
    AnyWait,
}

/// One line of the table.
#[derive(Clone, Debug)]
pub(super) struct Figure {
    /// The name in the child's report.
    pub(super) metric: &'static str,
    pub(super) label: &'static str,
    pub(super) targets: Vec<Target>,
}

/// What must hold of `green`'s figure.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// At most so much.
    AtMost(f64),
    /// At most so many times a rival's figure.
    Times(f64, Runtime),
    /// At most so many times the best of these rivals' figures.
    TimesBest(f64, &'static [Runtime]),
    /// At least so many times a rival's figure.
    AtLeastTimes(f64, Runtime),
    /// At most so many times its own figure of another row of the same group, by that row's name.
    TimesOwnRow(f64, &'static str),
    /// At most so many times another figure of its own.
    TimesOwn(f64, &'static str),
    /// At most so many times Go's figure. Where Go is not run, what it was to tokio current-thread on the machine where
    /// the targets were set stands in for it.
    TimesGo { limit: f64, go_to_ct: f64 },
}

impl Row {
    /// A row of one process each.
    pub(super) fn alone(
        group: &'static str,
        name: &'static str,
        workload: &'static str,
        arguments: &'static str,
    ) -> Self {
        Self {
            group,
            name,
            kind: Kind::Alone { workload },
            arguments,
            runtimes: vec![Green, May, TokioCt, TokioMt, Go, Threads],
            besides: Vec::new(),
            figures: Vec::new(),
            disturbed_by: Disturbance::Others,
            most_rounds: usize::MAX,
        }
    }

    /// A row of servers and clients; the server is the TCP echo ([`served_by`](Self::served_by)).
    pub(super) fn pair(
        group: &'static str,
        name: &'static str,
        arguments: &'static str,
        load: &'static str,
        client: String,
    ) -> Self {
        Self { kind: Kind::Pair { server: "echo", load, client }, ..Self::alone(group, name, "", arguments) }
    }

    /// Has another server than the TCP echo.
    pub(super) fn served_by(mut self, workload: &'static str) -> Self {
        if let Kind::Pair { server, .. } = &mut self.kind {
            *server = workload;
        }
        self
    }

    pub(super) fn on(mut self, runtimes: &[Runtime]) -> Self {
        self.runtimes = runtimes.to_vec();
        self
    }

    pub(super) fn besides(mut self, runtime: Runtime, arguments: &'static str) -> Self {
        self.besides.push((runtime, arguments));
        self
    }

    /// Leaves a runtime out, and what must hold beside it alone.
    pub(super) fn without(&mut self, absent: Runtime) {
        self.runtimes.retain(|&runtime| runtime != absent);
        for figure in &mut self.figures {
            figure.targets.retain(|target| !matches!(target, Target::Times(_, rival) if *rival == absent));
        }
    }

    pub(super) fn disturbed_by(mut self, disturbance: Disturbance) -> Self {
        self.disturbed_by = disturbance;
        self
    }

    pub(super) fn at_most_rounds(mut self, rounds: usize) -> Self {
        self.most_rounds = rounds;
        self
    }

    pub(super) fn figure<const N: usize>(
        mut self,
        metric: &'static str,
        label: &'static str,
        targets: [Target; N],
    ) -> Self {
        self.figures.push(Figure { metric, label, targets: targets.to_vec() });
        self
    }

    /// Returns all that a runtime's process gets; of two values for one key, the later counts.
    pub(super) fn arguments_of(&self, runtime: Runtime) -> Vec<&'static str> {
        let besides = self.besides.iter().filter(|(who, _)| *who == runtime).map(|(_, arguments)| *arguments);
        std::iter::once(self.arguments).chain(besides).flat_map(str::split_whitespace).collect()
    }

    /// Returns how many processors the row's processes use.
    pub(super) fn processors(&self) -> f64 {
        let pinned = self.arguments.contains("cpu=");
        match (&self.kind, pinned) {
            (Kind::Alone { .. }, true) => 1.0,
            _ => 2.0,
        }
    }
}
