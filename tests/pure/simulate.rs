//! Both profiles in the virtual world of testkit: what must hold of every run, and
//! the numbers of known outages. A made-up run that fails is told with the command that replays
//! it.

use testkit::simulation::figures::Figures;
use testkit::simulation::scenarios::{self, Profile, RATE, RESTART, SECOND, faults_of, made_up};
use testkit::simulation::server::Condition;
use testkit::simulation::views::{self, Herd, Node, Outage};
use testkit::simulation::world::World;

/// Commands in one made-up run.
const RUN: usize = 500;

/// Makes up runs from these seeds: nothing is lost, doubled, claimed falsely or late.
fn hold(profile: Profile, seeds: std::ops::Range<u64>) {
    let mut all = Figures::default();
    for seed in seeds {
        let mut figures = Figures::default();
        figures.add(&made_up(profile, RUN, seed));
        let wrong = faults_of(&figures);
        assert!(
            wrong.is_empty(),
            "seed {seed}: {wrong:?}; cargo run --release --example simulate -- replay {} {RUN} {seed}",
            profile.name()
        );
        all.add_figures(figures);
    }
    // The runs have what they are meant to have.
    assert!(all.confirmed > all.commands / 2, "{all:?}");
    assert!(all.unknown > 0 && all.timed_out > 0 && all.copies > 0);
}

#[test]
fn a_million_commands_in_made_up_outages_first_half() {
    hold(Profile::Fast, 0..1_000);
}

#[test]
fn a_million_commands_in_made_up_outages_second_half() {
    hold(Profile::Fast, 1_000..2_000);
}

#[test]
fn the_documented_profile_holds_the_same() {
    hold(Profile::Ecflow, 0..300);
}

#[test]
fn a_run_can_be_had_again_by_its_seed() {
    let ends = |seed| -> Vec<_> {
        let world = made_up(Profile::Fast, RUN, seed);
        world.records().map(|record| record.end).collect()
    };
    assert_eq!(ends(7), ends(7));
    assert_ne!(ends(7), ends(8));
}

#[test]
fn ten_thousand_jobs_change_hosts_at_once_and_the_backup_is_not_overrun() {
    for condition in [Condition::Down, Condition::Blackhole] {
        let herd = Herd::of(&scenarios::herd(Profile::Fast, condition, 10_000, 200, 1));
        assert!(herd.connects <= 1.05, "{condition:?}: {}", herd.connects);
        assert_eq!(herd.drops, 0, "{condition:?}");
        assert!(herd.p99 <= 2.0, "{condition:?}: {}", herd.p99);
    }
    // Other nodes, other numbers of processes on them.
    for nodes in [80, 500] {
        let world = scenarios::herd(Profile::Fast, Condition::Down, 10_000, nodes, 2);
        let herd = Herd::of(&world);
        assert!(herd.connects <= 1.05 && herd.drops == 0, "{nodes} nodes");
    }
}

#[test]
fn an_hour_without_servers_is_quiet_and_its_end_is_soon_noticed() {
    // As many nodes as ten thousand jobs have: each tries for all that are on it.
    const JOBS: usize = 1_000;
    let outage = Outage::of(&scenarios::long_outage(Profile::Fast, JOBS, 200, 1));
    assert!(outage.load <= 100.0, "{} connects a second", outage.load);
    let limit = 5.0 + JOBS as f64 / RATE as f64;
    assert!(outage.delivered <= limit, "after {} s", outage.delivered);
}

#[test]
fn a_server_that_writes_a_checkpoint_for_twenty_seconds_is_not_left() {
    for a_second in [10, 150, 1_000] {
        let world = scenarios::checkpoint(Profile::Fast, a_second, 3);
        let left = world.servers[1].counts;
        assert_eq!(left.applied, 0, "{a_second} commands a second");
        assert_eq!(world.unfinished(), 0);
    }
}

#[test]
fn a_silent_primary_is_probed_once_in_two_seconds_and_used_again_within_five() {
    let world = scenarios::one_node(Profile::Fast, 200, 5);
    let node = Node::of(&world);
    assert!(node.shortest_gap >= 2.0, "{}", node.shortest_gap);
    assert!((10..=20).contains(&node.probes), "{}", node.probes);
    assert!(node.all_back <= 5.0, "{}", node.all_back);
}

#[test]
fn a_server_that_comes_back_soon_is_found_a_quarter_of_a_second_later() {
    for seed in 0..50 {
        let world = scenarios::restart(Profile::Fast, seed);
        let end = world.records().next().and_then(|record| record.end);
        let late = end.map(|(at, _)| at - RESTART);
        assert!(late.is_some_and(|late| late <= SECOND / 4), "{late:?}");
    }
}

#[test]
fn a_primary_that_is_far_away_is_found_again_beside_a_backup_that_is_near() {
    for latency in [1_000, 10_000, 50_000] {
        let world = scenarios::far_away(Profile::Fast, latency, 1);
        let late = world
            .records()
            .filter(|record| record.order.at > 75 * SECOND);
        let there = late.filter(|record| record.by == Some(0)).count();
        assert!(there > 800, "{latency} us: {there} of 900");
    }
}

#[test]
fn a_primary_that_comes_and_goes_is_followed_no_more_than_once_a_minute() {
    let world: World = scenarios::flapping(Profile::Fast, 1);
    let changes = views::returns_to_primary(&world);
    assert!(changes <= 5, "{changes} returns in five minutes");
    assert_eq!(world.unfinished(), 0);
}
