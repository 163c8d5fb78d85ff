//! What is looked at in a scenario.

use super::scenarios::{OUTAGE, RETURNS, SECOND};
use super::world::World;

/// What is looked at when a herd changes hosts.
pub struct Herd {
    pub p50: f64,
    pub p99: f64,
    pub connects: f64,
    pub drops: u64,
}

impl Herd {
    pub fn of(world: &World) -> Self {
        let mut times: Vec<_> = world
            .records()
            .filter_map(|record| Some(record.end?.0 - record.order.at))
            .collect();
        times.sort_unstable();
        let share = |percent| times[times.len() * percent / 100] as f64 / SECOND as f64;
        let backup = world.servers[1].counts;
        Self {
            p50: share(50),
            p99: share(99),
            connects: (backup.connects - backup.probes) as f64 / times.len() as f64,
            drops: backup.backlog_drops,
        }
    }
}

/// What is looked at when nobody is there for long.
pub struct Outage {
    /// Connects a second and server, from the twentieth second on.
    pub load: f64,
    pub delivered: f64,
}

impl Outage {
    pub fn of(world: &World) -> Self {
        const SETTLED: u64 = 20 * SECOND;
        let outage = |at: u64| (SETTLED..OUTAGE).contains(&at);
        let per_server = |server| {
            let connects = world.connect_times.iter();
            let counted = connects.filter(|(at, to)| *to == server && outage(*at));
            counted.count() as f64 / ((OUTAGE - SETTLED) / SECOND) as f64
        };
        let mut ends: Vec<_> = world
            .records()
            .map(|record| record.end.map_or(u64::MAX, |(at, _)| at))
            .collect();
        ends.sort_unstable();
        let last = ends[ends.len() * 99 / 100];
        Self {
            load: per_server(0).max(per_server(1)),
            delivered: last.saturating_sub(OUTAGE) as f64 / SECOND as f64,
        }
    }
}

/// What is looked at on one node.
pub struct Node {
    pub probes: usize,
    /// Seconds between two probes of the silent primary.
    pub shortest_gap: f64,
    /// Seconds after its return from which on every command begins at the primary.
    pub all_back: f64,
}

impl Node {
    pub fn of(world: &World) -> Self {
        let probes: Vec<_> = world
            .probe_times
            .iter()
            .filter(|(at, server)| *server == 0 && *at < RETURNS)
            .map(|(at, _)| *at)
            .collect();
        let gaps = probes.windows(2).map(|pair| pair[1] - pair[0]);
        let last = world
            .records()
            .filter(|record| record.by == Some(1))
            .map(|record| record.order.at)
            .max();
        Self {
            probes: probes.len(),
            shortest_gap: gaps.min().unwrap_or(0) as f64 / SECOND as f64,
            all_back: last.unwrap_or(0).saturating_sub(RETURNS) as f64 / SECOND as f64,
        }
    }
}

/// How often a command began at the primary after one that the backup took.
pub fn returns_to_primary(world: &World) -> usize {
    let by: Vec<_> = world.records().filter_map(|record| record.by).collect();
    let returns = by.windows(2).filter(|pair| pair[0] == 1 && pair[1] == 0);
    returns.count()
}
