//! What a run showed, in figures.

use ecf_failover::config::{Millis, Repeat};
use ecf_failover::policy::End;

use super::world::{Micros, Record, World};

/// Figures of one run, or of several together.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub commands: u64,
    pub confirmed: u64,
    /// Ended because a second copy would have done harm.
    pub unknown: u64,
    pub timed_out: u64,
    /// Told as confirmed, and nobody has it.
    pub false_success: u64,
    /// Neither confirmed nor told of, though there was time.
    pub lost: u64,
    /// Second copies of commands that must not be repeated.
    pub harmful_copies: u64,
    /// Second copies of the others.
    pub copies: u64,
    pub connects: u64,
    pub probes: u64,
    pub backlog_drops: u64,
    /// Connections that began at or after the deadline.
    pub too_late: u64,
    /// The largest difference between a deadline and the end of the command, in milliseconds.
    pub deadline_error: Millis,
    /// How long the confirmed commands took, in microseconds.
    pub times: Vec<Micros>,
}

impl Figures {
    pub fn add(&mut self, world: &World) {
        world.records().for_each(|record| self.record(record));
        for server in &world.servers {
            self.connects += server.counts.connects;
            self.probes += server.counts.probes;
            self.backlog_drops += server.counts.backlog_drops;
        }
    }

    pub fn add_figures(&mut self, more: Self) {
        self.commands += more.commands;
        self.confirmed += more.confirmed;
        self.unknown += more.unknown;
        self.timed_out += more.timed_out;
        self.false_success += more.false_success;
        self.lost += more.lost;
        self.harmful_copies += more.harmful_copies;
        self.copies += more.copies;
        self.connects += more.connects;
        self.probes += more.probes;
        self.backlog_drops += more.backlog_drops;
        self.too_late += more.too_late;
        self.deadline_error = self.deadline_error.max(more.deadline_error);
        self.times.extend(more.times);
    }

    fn record(&mut self, record: &Record) {
        self.commands += 1;
        self.too_late += u64::from(record.too_late);
        let copies: u64 = record.copies.iter().map(|copies| u64::from(*copies)).sum();
        let extra = copies.saturating_sub(1);
        match record.order.repeat {
            Repeat::No => self.harmful_copies += extra,
            Repeat::Yes | Repeat::Ordered => self.copies += extra,
        }
        let Some((at, end)) = record.end else {
            self.lost += 1;
            return;
        };
        let took = at - record.order.at;
        let late = (took / 1_000).saturating_sub(record.order.timeout);
        self.deadline_error = self.deadline_error.max(late);
        match end {
            End::Ok => {
                self.confirmed += 1;
                self.times.push(took);
                let has_it = record.by.is_some_and(|server| record.copies[server] > 0);
                self.false_success += u64::from(!has_it);
            }
            End::UnknownOutcome => self.unknown += 1,
            // One that was never tried is lost.
            End::Deadline if record.connects == 0 => self.lost += 1,
            End::Deadline => {
                self.timed_out += 1;
                let error = (took / 1_000).abs_diff(record.order.timeout);
                self.deadline_error = self.deadline_error.max(error);
            }
            End::Rejected | End::Exhausted | End::Denied | End::Fatal => self.lost += 1,
        }
    }

    /// The time that so many of a thousand commands did not exceed, in milliseconds.
    pub fn percentile(&self, thousandths: usize) -> f64 {
        let mut times = self.times.clone();
        times.sort_unstable();
        let at = (times.len() * thousandths).div_ceil(1_000).max(1) - 1;
        times
            .get(at)
            .map_or(f64::NAN, |time| *time as f64 / 1_000.0)
    }

    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    pub fn connects_per_command(&self) -> f64 {
        (self.connects - self.probes) as f64 / self.commands.max(1) as f64
    }
}
