//! What is simulated: outages that people know, and outages that a seed makes up.

use ecf_failover::config::Repeat;

use super::chance::Chance;
use super::figures::Figures;
use super::server::{Condition, FAULTS};
use super::world::{Micros, Order, World};

pub const SECOND: Micros = 1_000_000;
const DAY: u64 = 86_400_000;
/// Commands a second of a real server on a small machine.
pub const RATE: u64 = 6_000;

/// The settings of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    Ecflow,
    Fast,
}

impl Profile {
    pub const BOTH: [Self; 2] = [Self::Ecflow, Self::Fast];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ecflow => "ecflow",
            Self::Fast => "fast",
        }
    }

    fn settings(self) -> [(&'static str, &'static str); 1] {
        [("ECF_FAILOVER_PROFILE", self.name())]
    }
}

fn world(profile: Profile, servers: usize, nodes: usize, seed: u64) -> World {
    World::new(&profile.settings(), &vec![RATE; servers], nodes, seed)
}

fn order(at: Micros, node: usize) -> Order {
    Order {
        at,
        node,
        repeat: Repeat::Yes,
        timeout: DAY,
    }
}

/// One command on a node of its own, or as many as are asked for, each on its own, while the
/// primary is in a condition from the start.
pub fn alone(profile: Profile, condition: Condition, commands: usize, seed: u64) -> World {
    let mut world = world(profile, 2, commands, seed);
    world.turn(0, 0, condition);
    for node in 0..commands {
        world.command(order(1_000 * node as Micros, node));
    }
    world.run(2_000 * SECOND);
    world
}

/// Many jobs on many nodes send a command in the same moment, and the primary has just died.
pub fn herd(profile: Profile, condition: Condition, jobs: usize, nodes: usize, seed: u64) -> World {
    let mut world = world(profile, 2, nodes, seed);
    let mut chance = Chance::new(seed);
    world.turn(0, 0, condition);
    for job in 0..jobs {
        world.command(order(chance.within(0, HERD), job % nodes));
    }
    world.run(600 * SECOND);
    world
}

/// How long that moment is.
pub const HERD: Micros = SECOND / 20;

/// Both servers are down for an hour, then the backup returns.
pub fn long_outage(profile: Profile, jobs: usize, nodes: usize, seed: u64) -> World {
    let mut world = world(profile, 2, nodes, seed);
    let mut chance = Chance::new(seed);
    world.turn(0, 0, Condition::Down);
    world.turn(0, 1, Condition::Down);
    world.turn(OUTAGE, 1, Condition::Well);
    for job in 0..jobs {
        world.command(order(chance.within(0, 10 * SECOND), job % nodes));
    }
    world.run(OUTAGE + 600 * SECOND);
    world
}

pub const OUTAGE: Micros = 3_600 * SECOND;

/// A server that writes a checkpoint for 20 s while commands keep coming.
pub fn checkpoint(profile: Profile, a_second: u64, seed: u64) -> World {
    let mut world = world(profile, 2, 20, seed);
    let mut chance = Chance::new(seed);
    world.turn(5 * SECOND, 0, Condition::Frozen);
    world.turn(25 * SECOND, 0, Condition::Well);
    for _ in 0..a_second * 30 {
        let at = chance.within(0, 30 * SECOND);
        let node = chance.within(0, 20) as usize;
        world.command(order(at, node));
    }
    world.run(600 * SECOND);
    world
}

/// A single server, refused for as long as it restarts.
pub fn restart(profile: Profile, seed: u64) -> World {
    let mut world = world(profile, 1, 1, seed);
    world.turn(0, 0, Condition::Down);
    world.turn(RESTART, 0, Condition::Well);
    world.command(order(0, 0));
    world.run(600 * SECOND);
    world
}

pub const RESTART: Micros = 3 * SECOND;

/// A primary that is there for a second and away for a second.
pub fn flapping(profile: Profile, seed: u64) -> World {
    let mut world = world(profile, 2, 1, seed);
    for second in 0..300 {
        let condition = match second % 2 {
            0 => Condition::Well,
            _ => Condition::Down,
        };
        world.turn(second * SECOND, 0, condition);
    }
    for command in 0..3_000 {
        world.command(order(command * SECOND / 10, 0));
    }
    world.run(600 * SECOND);
    world
}

/// A primary that is away for ten seconds, far off, beside a backup that is near: commands that
/// begin long after its return.
pub fn far_away(profile: Profile, latency: Micros, seed: u64) -> World {
    let mut world = world(profile, 2, 1, seed);
    world.latencies[0] = latency;
    world.turn(5 * SECOND, 0, Condition::Down);
    world.turn(15 * SECOND, 0, Condition::Well);
    for command in 0..2_400 {
        world.command(order(command * SECOND / 20, 0));
    }
    world.run(600 * SECOND);
    world
}

/// Processes of one node, each of which sends one command after another, while the primary is
/// silent and then comes back.
pub fn one_node(profile: Profile, processes: usize, seed: u64) -> World {
    let mut world = world(profile, 2, 1, seed);
    let mut chance = Chance::new(seed);
    world.turn(0, 0, Condition::Blackhole);
    world.turn(RETURNS, 0, Condition::Well);
    for _ in 0..processes {
        let mut at = chance.within(0, SECOND);
        while at < RETURNS + 20 * SECOND {
            world.command(order(at, 0));
            at += chance.within(SECOND / 2, 2 * SECOND);
        }
    }
    world.run(600 * SECOND);
    world
}

pub const RETURNS: Micros = 40 * SECOND;

/// A run whose servers, faults, network and commands the seed makes up. Every fault ends, so
/// every command with a long deadline can be delivered.
pub fn made_up(profile: Profile, commands: usize, seed: u64) -> World {
    let mut chance = Chance::new(seed);
    let servers = chance.within(1, 5) as usize;
    let nodes = chance.within(1, 5) as usize;
    let mut world = world(profile, servers, nodes, chance.number());
    world.loss = chance.one_of(&[0, 0, 0, 1, 5, 30]);
    for latency in &mut world.latencies {
        *latency = chance.one_of(&[100, 100, 5_000, 50_000, 250_000]);
    }
    let length = chance.one_of(&[5, 30, 120]) * SECOND;
    for server in 0..servers {
        let mut at = chance.within(0, length);
        while at < length {
            world.turn(at, server, chance.one_of(&FAULTS));
            at += chance.within(SECOND / 100, length / 2);
            world.turn(at, server, Condition::Well);
            at += chance.within(1, length / 2);
        }
    }
    for _ in 0..commands {
        world.command(Order {
            at: chance.within(0, length),
            node: chance.within(0, nodes as u64) as usize,
            repeat: chance.one_of(&[Repeat::Yes, Repeat::Ordered, Repeat::No]),
            timeout: chance.one_of(&[DAY, DAY, DAY, 500, 5_000, 40_000]),
        });
    }
    world.run(3_000 * SECOND);
    world
}

/// What must hold of every run, whatever the faults were.
pub fn faults_of(figures: &Figures) -> Vec<String> {
    let rows = [
        (
            "commands told as confirmed that nobody has",
            figures.false_success,
        ),
        ("lost commands", figures.lost),
        (
            "second copies of what must not be repeated",
            figures.harmful_copies,
        ),
        ("connections after the deadline", figures.too_late),
        (
            "milliseconds between a deadline and the end",
            figures.deadline_error.saturating_sub(1),
        ),
    ];
    let wrong = rows.into_iter().filter(|(_, count)| *count > 0);
    wrong
        .map(|(what, count)| format!("{what}: {count}"))
        .collect()
}
