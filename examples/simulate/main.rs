//! The policies of the library in a virtual world, side by side.
//!
//! ```text
//! cargo run --release --example simulate                         the table of known outages
//! cargo run --release --example simulate -- made-up 1000000 1    random faults: commands, seed
//! cargo run --release --example simulate -- replay fast 500 42   one run of those: profile, commands, seed
//! cargo run --release --example simulate -- draw failover.svg    the curves
//! ```
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a program for people to look at"
)]

mod chance;
mod draw;
mod figures;
mod scenarios;
mod server;
mod world;

use std::process::ExitCode;

use figures::Figures;
use scenarios::{OUTAGE, Profile, RATE, RETURNS, SECOND};
use server::{Condition, FAULTS};
use world::World;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [] => table(1),
        ["table", seed] => table(number(seed)),
        ["made-up", commands, seed] => return made_up(number(commands), number(seed)),
        ["replay", profile, commands, seed] => {
            return replay(profile, number(commands), number(seed));
        }
        ["draw", path] => {
            let drawn = std::fs::write(path, draw::failover_times());
            drawn.expect("the picture is written");
        }
        _ => {
            eprintln!(
                "simulate [table SEED | made-up COMMANDS SEED | replay ecflow|fast COMMANDS SEED | draw FILE.svg]"
            );
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn number(word: &str) -> u64 {
    word.parse().expect("a whole number")
}

fn figures(world: &World) -> Figures {
    let mut figures = Figures::default();
    figures.add(world);
    figures
}

/// Known outages, both profiles.
fn table(seed: u64) {
    println!("One command alone, the backup is well. Times in ms; copies beside the first.\n");
    println!("| the primary | profile | p50 | p99 | connects | copies |");
    println!("|---|---|---|---|---|---|");
    for condition in std::iter::once(Condition::Well).chain(FAULTS) {
        for profile in Profile::BOTH {
            let figures = figures(&scenarios::alone(profile, condition, 100, seed));
            println!(
                "| {condition:?} | {} | {:.1} | {:.1} | {:.2} | {:.2} |",
                profile.name(),
                figures.percentile(500),
                figures.percentile(990),
                figures.connects_per_command(),
                figures.copies as f64 / figures.commands as f64,
            );
        }
    }
    println!(
        "\nTen thousand jobs change hosts at once; the backup takes {RATE} commands a second.\n"
    );
    println!(
        "| the primary | profile | p50 s | p99 s | connects a command at the backup | dropped |"
    );
    println!("|---|---|---|---|---|---|");
    for condition in [Condition::Down, Condition::Blackhole] {
        for profile in Profile::BOTH {
            let herd = Herd::of(&scenarios::herd(profile, condition, 10_000, 200, seed));
            println!(
                "| {condition:?} | {} | {:.2} | {:.2} | {:.3} | {} |",
                profile.name(),
                herd.p50,
                herd.p99,
                herd.connects,
                herd.drops
            );
        }
    }
    println!("\nBoth servers are down for an hour, ten thousand jobs wait; then one returns.\n");
    println!("| profile | connects a second and server | 99 % delivered after, s |");
    println!("|---|---|---|");
    for profile in Profile::BOTH {
        let outage = Outage::of(&scenarios::long_outage(profile, 10_000, 200, seed));
        println!(
            "| {} | {:.1} | {:.1} |",
            profile.name(),
            outage.load,
            outage.delivered
        );
    }
    println!("\nA checkpoint of 20 s, 150 commands a second.\n");
    println!("| profile | went to the backup |");
    println!("|---|---|");
    for profile in Profile::BOTH {
        let world = scenarios::checkpoint(profile, 150, seed);
        println!(
            "| {} | {} |",
            profile.name(),
            world.servers[1].counts.applied
        );
    }
    println!("\nTwo hundred processes on a node, the primary silent for 40 s, then back.\n");
    println!("| profile | probes | longest run without | all back after, s |");
    println!("|---|---|---|---|");
    for profile in [Profile::Fast] {
        let node = Node::of(&scenarios::one_node(profile, 200, seed));
        println!(
            "| {} | {} | {:.1} s | {:.1} |",
            profile.name(),
            node.probes,
            node.shortest_gap,
            node.all_back
        );
    }
}

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

/// How many commands one made-up run has.
const RUN: u64 = 500;

fn made_up(commands: u64, seed: u64) -> ExitCode {
    let mut ended = ExitCode::SUCCESS;
    for profile in Profile::BOTH {
        let mut all = Figures::default();
        for run in 0..commands.div_ceil(RUN) {
            let seed = seed + run;
            let one = figures(&scenarios::made_up(profile, RUN as usize, seed));
            let wrong = scenarios::faults_of(&one);
            if !wrong.is_empty() {
                println!(
                    "seed {seed}: {}; replay {} {RUN} {seed}",
                    wrong.join(", "),
                    profile.name()
                );
                ended = ExitCode::FAILURE;
            }
            let times = std::mem::take(&mut all.times);
            all = sum(all, one);
            all.times = times
                .into_iter()
                .chain(std::mem::take(&mut all.times))
                .collect();
        }
        tell(profile, &all);
    }
    ended
}

fn sum(a: Figures, b: Figures) -> Figures {
    Figures {
        commands: a.commands + b.commands,
        confirmed: a.confirmed + b.confirmed,
        unknown: a.unknown + b.unknown,
        timed_out: a.timed_out + b.timed_out,
        false_success: a.false_success + b.false_success,
        lost: a.lost + b.lost,
        harmful_copies: a.harmful_copies + b.harmful_copies,
        copies: a.copies + b.copies,
        connects: a.connects + b.connects,
        probes: a.probes + b.probes,
        backlog_drops: a.backlog_drops + b.backlog_drops,
        too_late: a.too_late + b.too_late,
        deadline_error: a.deadline_error.max(b.deadline_error),
        times: b.times,
    }
}

fn tell(profile: Profile, figures: &Figures) {
    println!(
        "{}: commands {}, confirmed {}, unknown outcome {}, timed out {}, lost {}, false success {}, \
         harmful copies {}, other copies {}, connects a command {:.2}, probes {}, dropped {}, \
         after the deadline {}, deadline error {} ms, p50 {:.1} ms, p99 {:.1} ms",
        profile.name(),
        figures.commands,
        figures.confirmed,
        figures.unknown,
        figures.timed_out,
        figures.lost,
        figures.false_success,
        figures.harmful_copies,
        figures.copies,
        figures.connects_per_command(),
        figures.probes,
        figures.backlog_drops,
        figures.too_late,
        figures.deadline_error,
        figures.percentile(500),
        figures.percentile(990),
    );
}

fn replay(profile: &str, commands: u64, seed: u64) -> ExitCode {
    let profile = match profile {
        "ecflow" => Profile::Ecflow,
        _ => Profile::Fast,
    };
    let world = scenarios::made_up(profile, commands as usize, seed);
    for (number, record) in world.records().enumerate() {
        let (at, end) = match record.end {
            Some((at, end)) => (at, format!("{end:?}")),
            None => (0, "never".into()),
        };
        println!(
            "{number}: {:?} at {:.3} s, deadline {} ms: {end} after {:.3} s by {:?}, connects {}, copies {:?}",
            record.order.repeat,
            record.order.at as f64 / SECOND as f64,
            record.order.timeout,
            at.saturating_sub(record.order.at) as f64 / SECOND as f64,
            record.by,
            record.connects,
            record.copies
        );
    }
    let figures = figures(&world);
    tell(profile, &figures);
    match scenarios::faults_of(&figures).is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
