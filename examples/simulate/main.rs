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

mod draw;

use std::process::ExitCode;

use testkit::simulation::figures::Figures;
use testkit::simulation::scenarios::{self, Profile, RATE, RESTART, SECOND};
use testkit::simulation::server::{Condition, FAULTS};
use testkit::simulation::views::{self, Herd, Node, Outage};
use testkit::simulation::world::World;

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
    let parts = [
        alone,
        herds,
        outages,
        checkpoints,
        restarts,
        returns,
        comings_and_goings,
        nodes,
    ];
    for part in parts {
        part(seed);
        println!();
    }
}

fn alone(seed: u64) {
    println!("One command alone, the backup is well. Times in ms; copies beside the first.\n");
    println!(
        "| the primary | profile | p50 | p99 | connects | copies |\n|---|---|---|---|---|---|"
    );
    for condition in std::iter::once(Condition::Well).chain(FAULTS) {
        for profile in Profile::BOTH {
            let figures = figures(&scenarios::alone(profile, condition, 100, seed));
            let millis = |thousandths| match figures.times.is_empty() {
                true => "asks on".to_owned(),
                false => format!("{:.1}", figures.percentile(thousandths)),
            };
            println!(
                "| {condition:?} | {} | {} | {} | {:.2} | {:.2} |",
                profile.name(),
                millis(500),
                millis(990),
                figures.connects_per_command(),
                figures.copies as f64 / figures.commands as f64,
            );
        }
    }
}

fn herds(seed: u64) {
    println!(
        "Ten thousand jobs change hosts at once; the backup takes {RATE} commands a second.\n"
    );
    println!("| the primary | profile | p50 s | p99 s | connects a command there | dropped |");
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
}

fn outages(seed: u64) {
    println!("Both servers are down for an hour, ten thousand jobs wait; then one returns.\n");
    println!("| profile | connects a second and server | 99 % delivered after, s |\n|---|---|---|");
    for profile in Profile::BOTH {
        let outage = Outage::of(&scenarios::long_outage(profile, 10_000, 200, seed));
        let (load, delivered) = (outage.load, outage.delivered);
        println!("| {} | {load:.1} | {delivered:.1} |", profile.name());
    }
}

fn checkpoints(seed: u64) {
    println!("A checkpoint of 20 s: commands that went to the backup.\n");
    println!("| profile | 150 commands a second | 1000 |\n|---|---|---|");
    for profile in Profile::BOTH {
        let left = |a_second| {
            let world = scenarios::checkpoint(profile, a_second, seed);
            assert_eq!(world.unfinished(), 0);
            world.servers[1].counts.applied
        };
        println!("| {} | {} | {} |", profile.name(), left(150), left(1_000));
    }
}

fn restarts(seed: u64) {
    println!("A single server is away for 3 s: found so long after its return.\n");
    println!("| profile | after, ms |\n|---|---|");
    for profile in Profile::BOTH {
        let world = scenarios::restart(profile, seed);
        let end = world.records().find_map(|record| record.end);
        let late = end.map_or(0, |(at, _)| (at - RESTART) / 1_000);
        println!("| {} | {late} |", profile.name());
    }
}

fn returns(seed: u64) {
    println!(
        "A primary is away for 10 s, 20 ms far; commands begin there again after its return.\n"
    );
    println!("| profile | after, s |\n|---|---|");
    for profile in Profile::BOTH {
        let world = scenarios::far_away(profile, 10_000, seed);
        let last = world.records().filter(|record| record.by == Some(1));
        let last = last.map(|record| record.order.at).max().unwrap_or(0);
        let after = last.saturating_sub(15 * SECOND) as f64 / SECOND as f64;
        println!("| {} | {after:.1} |", profile.name());
    }
}

fn comings_and_goings(seed: u64) {
    println!("A primary is there for a second and away for a second, for five minutes.\n");
    println!("| profile | returns to it | p99, ms |\n|---|---|---|");
    for profile in Profile::BOTH {
        let world = scenarios::flapping(profile, seed);
        let p99 = figures(&world).percentile(990);
        let returns = views::returns_to_primary(&world);
        println!("| {} | {returns} | {p99:.1} |", profile.name());
    }
}

fn nodes(seed: u64) {
    println!("Two hundred processes on a node, the primary silent for 40 s, then back.\n");
    println!("| profile | probes | shortest gap, s | all back after, s |\n|---|---|---|---|");
    let node = Node::of(&scenarios::one_node(Profile::Fast, 200, seed));
    let (gap, back) = (node.shortest_gap, node.all_back);
    println!("| fast | {} | {gap:.1} | {back:.1} |", node.probes);
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
            all.add_figures(one);
        }
        tell(profile, &all);
    }
    ended
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
