//! A virtual ecFlow server: one thread, a queue of connections in its kernel, and whatever fault
//! it has at the time.

use std::collections::VecDeque;

use super::world::{ConnectionId, Micros};

/// What is wrong with a server, or the way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Well,
    /// No process: connections are refused, and those that were there are reset.
    Down,
    /// Packets vanish, in both directions.
    Blackhole,
    /// The network tells that there is no way.
    Unreachable,
    /// Its process does nothing; the kernel takes connections. A stop, or a checkpoint.
    Frozen,
    /// Connections are reset as soon as they are made.
    ResetsAtAccept,
    /// The request is read and dropped, and the connection closed.
    DropsRequests,
    /// The request is applied, and the connection closed or reset without a reply.
    AppliesAndCloses,
    /// The request is applied, and answered by what is no reply.
    AppliesAndBabbles,
    /// The request is applied, and the reply is lost.
    LosesReplies,
    /// It is halted.
    Halted,
    /// It takes the task for a zombie.
    Zombie,
}

/// Every fault, for those who draw one.
pub const FAULTS: [Condition; 11] = [
    Condition::Down,
    Condition::Blackhole,
    Condition::Unreachable,
    Condition::Frozen,
    Condition::ResetsAtAccept,
    Condition::DropsRequests,
    Condition::AppliesAndCloses,
    Condition::AppliesAndBabbles,
    Condition::LosesReplies,
    Condition::Halted,
    Condition::Zombie,
];

/// What waits for the server's thread.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    Accept,
    Request(ConnectionId),
    /// The client has closed its side.
    Close(ConnectionId),
}

pub struct Server {
    pub condition: Condition,
    /// Commands a second.
    pub rate: u64,
    pub queue: VecDeque<Work>,
    pub is_working: bool,
    /// Connections that the kernel has, and the process not yet.
    pub unaccepted: usize,
    /// Work of an earlier life of the process is no work.
    pub life: u32,
    pub counts: Counts,
}

/// What a server saw.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Connections that clients asked for, each counted once.
    pub connects: u64,
    /// Of them, those that were to look whether it is there.
    pub probes: u64,
    /// Times that a packet was dropped for want of room in the queue.
    pub backlog_drops: u64,
    pub applied: u64,
}

/// What the kernel keeps, as Linux has it by default.
pub const BACKLOG: usize = 4_096;

impl Server {
    pub fn new(rate: u64) -> Self {
        Self {
            condition: Condition::Well,
            rate,
            queue: VecDeque::new(),
            is_working: false,
            unaccepted: 0,
            life: 0,
            counts: Counts::default(),
        }
    }

    /// How long a piece of work takes its thread.
    pub fn cost(&self, work: Work) -> Micros {
        let command = 1_000_000 / self.rate.max(1);
        match work {
            Work::Accept => command / 5,
            Work::Request(_) => command - command / 5,
            Work::Close(_) => command / 10,
        }
    }

    /// Whether its thread runs.
    pub fn runs(&self) -> bool {
        !matches!(self.condition, Condition::Down | Condition::Frozen)
    }
}
