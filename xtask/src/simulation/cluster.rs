//! The discrete-event model.

use std::cmp::Ordering;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rand_distr::{Distribution as _, Exp, LogNormal};

use super::Options;

/// Time between two signs of life of an executor at work, and of one without work.
const SIGN_AT_WORK: f64 = 5.0;
const SIGN_IDLE: f64 = 0.05;
/// Longest pause of the client between two jobs.
const LONGEST_PAUSE: f64 = 16.0;

/// What a simulation found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Time until the last part was done.
    pub seconds: f64,
    /// Failures of executors.
    pub failures: u64,
    /// Time that executors worked on parts that they did not finish.
    pub lost_seconds: f64,
    /// Shards that the scheduler gave, also more than once.
    pub given: u64,
    /// Jobs that the client gave.
    pub jobs: u64,
    /// Time that the scheduler was busy.
    pub scheduler_seconds: f64,
    /// How often each part was finished.
    pub finished: Vec<u32>,
}

/// A cluster in a simulation.
pub struct Cluster<'a> {
    options: &'a Options,
    random: StdRng,
    now: f64,
    events: BinaryHeap<Event>,
    /// Number of events so far.
    planned: u64,
    executors: Vec<Executor>,
    parts: Vec<Part>,
    shards: u64,
    /// Shards of the job that nobody has, in the order in which they are given.
    waiting: VecDeque<u64>,
    /// Shards of the job that have not returned.
    outstanding: usize,
    /// Executors that have asked and got nothing.
    idle: BTreeSet<usize>,
    scheduler_free: f64,
    left: usize,
    /// Parts that were left at the beginning of the job.
    left_before: usize,
    /// Pause after the last job.
    pause: f64,
    outcome: Outcome,
}

struct Part {
    /// Time on an executor of usual speed.
    seconds: f64,
    is_done: bool,
    claim: Option<Claim>,
}

/// Who works on a part.
struct Claim {
    /// When its executor failed, if it has.
    dead_since: Option<f64>,
}

struct Executor {
    slowness: f64,
    /// Counts its lives; events of an earlier life are void.
    life: u64,
    shard: Option<u64>,
    /// The part at work, and since when.
    part: Option<(usize, f64)>,
    idle_since: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// The client gives a job.
    Job,
    /// An executor asks for a shard.
    Asks(usize, u64),
    /// An executor goes to the next part of its shard.
    Goes(usize, u64),
    /// An executor has done its part.
    Done(usize, u64),
    Fails(usize, u64),
    /// The scheduler notices that the executor of a shard is lost.
    Noticed(u64),
}

struct Event {
    at: f64,
    /// Events of the same time happen in the order in which they were planned.
    number: u64,
    what: What,
}

impl Ord for Event {
    /// The earliest event is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.total_cmp(&self.at).then(other.number.cmp(&self.number))
    }
}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Event {}

impl<'a> Cluster<'a> {
    /// A cluster at time 0: the client gives the first job, and every executor loads the model.
    pub fn new(options: &'a Options, executors: usize) -> Self {
        let mut of_parts = StdRng::seed_from_u64(options.seed);
        // A log-normal distribution with mean 1 and this standard deviation.
        let variance = (1.0 + options.spread.powi(2)).ln();
        let factor = LogNormal::new(-variance / 2.0, variance.sqrt()).expect("a finite spread");
        let count = options.texts.div_ceil(options.part_rows);
        let parts: Vec<Part> = (0..count)
            .map(|part| {
                let rows = options.part_rows.min(options.texts - part * options.part_rows);
                let seconds = rows as f64 * options.text_seconds * factor.sample(&mut of_parts) + options.part_seconds;
                Part { seconds, is_done: false, claim: None }
            })
            .collect();
        let slow = (options.slow_share * executors as f64).round() as usize;
        let mut cluster = Self {
            options,
            now: 0.0,
            events: BinaryHeap::new(),
            planned: 0,
            executors: (0..executors)
                .map(|executor| Executor {
                    slowness: if executor < slow { options.slowness } else { 1.0 },
                    life: 0,
                    shard: None,
                    part: None,
                    idle_since: None,
                })
                .collect(),
            shards: options.shards.min(count),
            waiting: VecDeque::new(),
            outstanding: 0,
            idle: BTreeSet::new(),
            scheduler_free: 0.0,
            left: parts.len(),
            left_before: parts.len(),
            pause: options.pause_seconds,
            outcome: Outcome { finished: vec![0; parts.len()], ..Outcome::default() },
            parts,
            random: StdRng::seed_from_u64(options.seed.wrapping_add(executors as u64)),
        };
        cluster.plan(0.0, What::Job);
        for executor in 0..executors {
            cluster.starts(executor, options.load_seconds);
        }
        cluster
    }

    /// Time of all parts on one executor of usual speed that never fails, with its start.
    pub fn seconds_alone(&self) -> f64 {
        self.options.load_seconds + self.parts.iter().map(|part| part.seconds).sum::<f64>()
    }

    /// Simulates until the last part is done.
    pub fn run(mut self) -> Outcome {
        while self.left > 0 {
            let Some(event) = self.events.pop() else { break };
            self.now = event.at;
            match event.what {
                What::Job => self.job(),
                What::Asks(executor, life) if self.lives(executor, life) => self.asks(executor),
                What::Goes(executor, life) if self.lives(executor, life) => self.goes(executor),
                What::Done(executor, life) if self.lives(executor, life) => self.done(executor),
                What::Fails(executor, life) if self.lives(executor, life) => self.fails(executor),
                What::Noticed(shard) => self.offer(shard),
                What::Asks(..) | What::Goes(..) | What::Done(..) | What::Fails(..) => {}
            }
        }
        for executor in 0..self.executors.len() {
            self.signs(executor);
        }
        Outcome { seconds: self.now, ..self.outcome }
    }

    fn lives(&self, executor: usize, life: u64) -> bool {
        self.executors[executor].life == life
    }

    fn plan(&mut self, delay: f64, what: What) {
        self.planned += 1;
        self.events.push(Event { at: self.now + delay, number: self.planned, what });
    }

    /// An executor is there after some time.
    fn starts(&mut self, executor: usize, delay: f64) {
        let life = self.executors[executor].life;
        self.plan(delay, What::Asks(executor, life));
        if self.options.failure_hours > 0.0 {
            let lifetime = Exp::new(1.0 / (3600.0 * self.options.failure_hours)).expect("a positive rate");
            let lifetime = lifetime.sample(&mut self.random);
            self.plan(delay + lifetime, What::Fails(executor, life));
        }
    }

    /// The client gives the shards that have a part to do.
    fn job(&mut self) {
        self.outcome.jobs += 1;
        self.left_before = self.left;
        let left = (0..self.parts.len()).filter(|part| !self.parts[*part].is_done);
        let shards: BTreeSet<u64> = left.map(|part| part as u64 % self.shards).collect();
        self.outstanding = shards.len();
        for shard in shards {
            self.offer(shard);
        }
    }

    /// The scheduler has a shard to give.
    fn offer(&mut self, shard: u64) {
        self.waiting.push_back(shard);
        // Executors without work ask at any moment of their interval.
        if let Some(executor) = self.idle.pop_first() {
            self.signs(executor);
            self.executors[executor].idle_since = None;
            let delay = self.random.random_range(0.0..SIGN_IDLE);
            let life = self.executors[executor].life;
            self.plan(delay, What::Asks(executor, life));
        }
    }

    /// The scheduler is busy with a request; returns when it has answered.
    fn serve(&mut self, seconds: f64) -> f64 {
        self.outcome.scheduler_seconds += seconds;
        self.scheduler_free = self.scheduler_free.max(self.now) + seconds;
        self.scheduler_free
    }

    fn asks(&mut self, executor: usize) {
        let Some(shard) = self.waiting.pop_front() else {
            self.executors[executor].idle_since = Some(self.now);
            self.idle.insert(executor);
            return;
        };
        self.outcome.given += 1;
        let answered = self.serve(self.options.scheduler_seconds);
        self.executors[executor].shard = Some(shard);
        let life = self.executors[executor].life;
        self.plan(answered - self.now + self.options.shard_seconds, What::Goes(executor, life));
    }

    /// The executor claims the next part of its shard, or returns the shard.
    fn goes(&mut self, executor: usize) {
        let Some(shard) = self.executors[executor].shard else { return };
        let is_free = |part: &Part| match &part.claim {
            _ if part.is_done => false,
            None => true,
            Some(claim) => claim.dead_since.is_some_and(|since| self.now >= since + self.options.claim_timeout),
        };
        let of_shard = (shard as usize..self.parts.len()).step_by(self.shards as usize);
        let life = self.executors[executor].life;
        match of_shard.into_iter().find(|part| is_free(&self.parts[*part])) {
            Some(part) => {
                self.parts[part].claim = Some(Claim { dead_since: None });
                let seconds = self.parts[part].seconds * self.executors[executor].slowness;
                self.executors[executor].part = Some((part, self.now));
                self.plan(seconds, What::Done(executor, life));
            }
            None => {
                self.executors[executor].shard = None;
                self.outstanding -= 1;
                if self.outstanding == 0 && self.left > 0 {
                    let has_progress = self.left < self.left_before;
                    self.pause =
                        if has_progress { self.options.pause_seconds } else { LONGEST_PAUSE.min(2.0 * self.pause) };
                    self.plan(self.pause, What::Job);
                }
                self.asks(executor);
            }
        }
    }

    fn done(&mut self, executor: usize) {
        let Some((part, since)) = self.executors[executor].part.take() else { return };
        self.outcome.finished[part] += 1;
        self.parts[part].is_done = true;
        self.left -= 1;
        // It gave signs of life meanwhile.
        let signs = ((self.now - since) / SIGN_AT_WORK).floor();
        self.outcome.scheduler_seconds += signs * self.options.sign_seconds;
        self.goes(executor);
    }

    fn fails(&mut self, executor: usize) {
        self.outcome.failures += 1;
        self.signs(executor);
        self.idle.remove(&executor);
        let failed = &mut self.executors[executor];
        failed.life += 1;
        failed.idle_since = None;
        let (shard, part) = (failed.shard.take(), failed.part.take());
        if let Some((part, since)) = part {
            self.outcome.lost_seconds += self.now - since;
            self.parts[part].claim = Some(Claim { dead_since: Some(self.now) });
        }
        if let Some(shard) = shard {
            self.plan(self.options.executor_timeout, What::Noticed(shard));
        }
        self.starts(executor, self.options.replacement_seconds + self.options.load_seconds);
    }

    /// Counts the signs of life of an executor without work.
    fn signs(&mut self, executor: usize) {
        if let Some(since) = self.executors[executor].idle_since {
            self.outcome.scheduler_seconds += ((self.now - since) / SIGN_IDLE).floor() * self.options.sign_seconds;
        }
    }
}
