#[path = "ecflow_share_tests.rs"]
mod shares;

use proptest::prelude::*;

use super::*;
use crate::config::{Configuration, Settings};
use crate::health::NothingKnown;
use crate::model::Kind;
use crate::policy::{Timetable, timetable};

const DAY: Millis = 86_400_000;

fn settings(pairs: &[(&str, &str)]) -> Settings {
    let mut configuration = Configuration::new();
    for (key, value) in pairs {
        assert_eq!(configuration.set(key.as_bytes(), value.as_bytes()), Ok(()));
    }
    configuration.settings().clone()
}

fn rules(kind: Kind, pairs: &[(&str, &str)]) -> Rules {
    Rules::ecflow(&settings(pairs), kind, Repeat::Yes, 195_000)
}

fn refused(kind: Kind, pairs: &[(&str, &str)], backups: usize, horizon: Millis) -> Timetable {
    timetable(&mut Ecflow::new(rules(kind, pairs), 0), backups, horizon)
}

fn seconds_and_hosts(table: &Timetable) -> Vec<(Millis, HostIndex)> {
    let in_seconds = |(at, host): &(Millis, HostIndex)| (at / 1_000, *host);
    table.attempts.iter().map(in_seconds).collect()
}

#[test]
fn two_backups_give_the_documented_timetable() {
    let table = refused(Kind::Task, &[], 2, 130_000);
    assert_eq!(
        seconds_and_hosts(&table),
        [
            (0, 0),
            (10, 0),
            (10, 1),
            (20, 1),
            (50, 2),
            (60, 2),
            (90, 0),
            (100, 0),
            (130, 1)
        ]
    );
    assert_eq!(table.end, None);
}

#[test]
fn without_backups_the_laps_have_the_same_rhythm() {
    let table = refused(Kind::Task, &[], 0, 100_000);
    let seconds: Vec<_> = table.attempts.iter().map(|(at, _)| at / 1_000).collect();
    assert_eq!(seconds, [0, 10, 10, 20, 50, 60, 90, 100]);
}

#[test]
fn a_day_of_outage_ends_at_the_day_and_not_before() {
    let table = refused(Kind::Task, &[], 3, 2 * DAY);
    assert_eq!(table.end, Some((DAY, Status::Timeout)));
    assert!(table.attempts.iter().all(|(at, _)| *at < DAY));
    assert_eq!(table.attempts.len(), 4_322);
}

#[test]
fn where_a_command_may_go_and_how_it_ends() {
    let primary_only: &'static [(Millis, HostIndex)] = &[(0, 0), (10, 0)];
    let lap: &'static [(Millis, HostIndex)] = &[(0, 0), (1, 0), (1, 1), (2, 1)];
    type Row = (
        Kind,
        &'static [(&'static str, &'static str)],
        &'static [(Millis, HostIndex)],
        Status,
    );
    let rows: [Row; 8] = [
        (Kind::User, &[], primary_only, Status::Unreachable),
        (
            Kind::User,
            &[("ECF_HOSTFILE_POLICY", "none")],
            primary_only,
            Status::Unreachable,
        ),
        (
            Kind::Task,
            &[("ECF_HOSTFILE_POLICY", "none")],
            primary_only,
            Status::Unreachable,
        ),
        (
            Kind::Task,
            &[("ECF_DENIED", "1")],
            primary_only,
            Status::Denied,
        ),
        (
            Kind::User,
            &[("ECF_DENIED", "1"), ("ECF_HOSTFILE_POLICY", "all")],
            primary_only,
            Status::Denied,
        ),
        (
            Kind::User,
            &[("ECF_DENIED", "1")],
            primary_only,
            Status::Unreachable,
        ),
        (Kind::Ping, &[], &[(0, 0), (1, 0)], Status::Unreachable),
        (
            Kind::Ping,
            &[("ECF_HOSTFILE_POLICY", "ALL")],
            lap,
            Status::Unreachable,
        ),
    ];
    for (kind, pairs, attempts, end) in rows {
        let table = refused(kind, pairs, 1, DAY);
        assert_eq!(seconds_and_hosts(&table), attempts, "{kind:?} {pairs:?}");
        assert_eq!(
            table.end.map(|(_, end)| end),
            Some(end),
            "{kind:?} {pairs:?}"
        );
    }
    let all = refused(Kind::User, &[("ECF_HOSTFILE_POLICY", "all")], 2, DAY);
    assert_eq!(all, refused(Kind::Task, &[], 2, DAY));
}

#[test]
fn a_ping_waits_a_second_unless_a_period_is_given() {
    let table = refused(Kind::Ping, &[("ECF_FAILOVER_RETRY_PERIOD", "0.2")], 0, DAY);
    assert_eq!(table.attempts, [(0, 0), (200, 0)]);
}

/// A policy driven by hand: outcomes at chosen times.
struct Script {
    policy: Ecflow,
    now: Millis,
    backups: usize,
}

impl Script {
    fn new(rules: Rules, backups: usize) -> Self {
        Self {
            policy: Ecflow::new(rules, 0),
            now: 0,
            backups,
        }
    }

    /// Goes on to the next attempt, or to the end.
    fn attempt(&mut self) -> Result<(Millis, HostIndex, Millis), (Millis, Status)> {
        loop {
            match self.policy.next(self.now, &mut NothingKnown) {
                Action::ListBackups => self.record(Event::Listed(self.backups)),
                Action::Attempt { host, limit } => return Ok((self.now, host, limit)),
                Action::Wait { until } => self.now = until,
                Action::End(end) => return Err((self.now, end)),
                other => unreachable!("{other:?} is not for this profile"),
            }
        }
    }

    fn record(&mut self, event: Event) {
        self.policy.record(event, self.now, &mut NothingKnown);
    }

    fn answer(&mut self, outcome: Outcome, after: Millis) {
        self.now += after;
        self.record(Event::Attempted(outcome));
    }
}

#[test]
fn wait_is_polled_at_the_same_host_without_using_up_tries() {
    let mut script = Script::new(rules(Kind::Task, &[]), 1);
    assert_eq!(script.attempt(), Ok((0, 0, 195_000)));
    script.answer(Outcome::NotSent, 0);
    for poll in 1..=3 {
        assert_eq!(
            script.attempt().map(|(at, host, _)| (at, host)),
            Ok((poll * 10_000, 0))
        );
        script.answer(Outcome::Wait, 0);
    }
    script.attempt().ok();
    script.answer(Outcome::NotSent, 0);
    assert_eq!(
        script.attempt().map(|(at, host, _)| (at, host)),
        Ok((40_000, 1)),
        "the try that was left at the primary is used up, not given back"
    );
}

#[test]
fn each_wait_starts_the_timeout_anew() {
    let mut script = Script::new(rules(Kind::Task, &[("ECF_TIMEOUT", "3")]), 0);
    for poll in 0..1_000 {
        assert_eq!(
            script.attempt(),
            Ok((poll * 1_500, 0, if poll == 0 { 3_000 } else { 1_500 }))
        );
        script.answer(Outcome::Wait, 0);
    }
    assert!(script.attempt().is_ok());
    let asked = script.now;
    script.answer(Outcome::Wait, 1_500);
    assert!(script.attempt().is_ok(), "the last moment is early enough");
    script.answer(Outcome::NotSent, 0);
    assert_eq!(script.attempt(), Err((asked + 4_500, Status::Timeout)));
    assert_eq!(script.policy.first_limit(), Limit::Timeout);
}

#[test]
fn a_server_may_say_wait_for_so_long_and_no_longer() {
    let limits = [("ECF_TIMEOUT", "100"), ("ECF_FAILOVER_WAIT_TIMEOUT", "25")];
    let mut script = Script::new(rules(Kind::Task, &limits), 0);
    script.attempt().ok();
    script.answer(Outcome::NotSent, 0);
    for at in [10_000, 20_000, 30_000] {
        assert_eq!(script.attempt().map(|(at, ..)| at), Ok(at));
        script.answer(Outcome::Wait, 0);
    }
    assert_eq!(
        script.attempt(),
        Err((35_000, Status::Timeout)),
        "25 s after it was first told"
    );
    assert_eq!(script.policy.first_limit(), Limit::Wait);
}

#[test]
fn the_limit_that_ended_a_command_is_named() {
    let progress = Rules {
        wait_timeout: Some(70_000),
        ..rules(Kind::Task, &[("ECF_ZOMBIE_TIMEOUT", "20")]).within(Some(30_000))
    };
    for (outcome, limit, end) in [
        (Outcome::Wait, Limit::Progress, 30_000),
        (Outcome::Zombie, Limit::Zombie, 20_000),
        (Outcome::NotSent, Limit::Progress, 30_000),
    ] {
        let mut script = Script::new(progress.clone(), 0);
        while script.attempt().is_ok() {
            script.answer(outcome, 0);
        }
        assert_eq!(script.attempt(), Err((end, Status::Timeout)), "{outcome:?}");
        assert_eq!(script.policy.first_limit(), limit, "{outcome:?}");
    }
}

#[test]
fn halted_and_zombie_rotate_like_failures_unless_they_are_to_stay() {
    for outcome in [Outcome::Halted, Outcome::Zombie] {
        let mut script = Script::new(rules(Kind::Task, &[]), 1);
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.extend(script.attempt().map(|(at, host, _)| (at, host)));
            script.answer(outcome, 0);
        }
        assert_eq!(seen, [(0, 0), (10_000, 0), (10_000, 1), (20_000, 1)]);
        let stay = [
            ("ECF_FAILOVER_ON_HALTED", "stay"),
            ("ECF_FAILOVER_ON_ZOMBIE", "stay"),
        ];
        let mut script = Script::new(rules(Kind::Task, &stay), 1);
        for poll in 0..5 {
            assert_eq!(
                script.attempt().map(|(at, host, _)| (at, host)),
                Ok((poll * 10_000, 0))
            );
            script.answer(outcome, 0);
        }
        let mut denied = stay.to_vec();
        denied.push(("ECF_DENIED", "1"));
        let mut script = Script::new(rules(Kind::Task, &denied), 1);
        for _ in 0..2 {
            assert!(script.attempt().is_ok());
            script.answer(outcome, 0);
        }
        assert_eq!(script.attempt(), Err((10_000, Status::Denied)));
    }
}

#[test]
fn the_zombie_timeout_ends_a_command_only_while_the_last_outcome_is_zombie() {
    let pairs = [("ECF_ZOMBIE_TIMEOUT", "25"), ("ECF_TIMEOUT", "60")];
    let mut script = Script::new(rules(Kind::Task, &pairs), 0);
    for _ in 0..4 {
        assert!(script.attempt().is_ok());
        script.answer(Outcome::Zombie, 0);
    }
    assert_eq!(script.attempt(), Err((25_000, Status::Timeout)));

    let mut script = Script::new(rules(Kind::Task, &pairs), 0);
    for outcome in [
        Outcome::Zombie,
        Outcome::Zombie,
        Outcome::Zombie,
        Outcome::Halted,
    ] {
        assert!(script.attempt().is_ok());
        script.answer(outcome, 0);
    }
    assert_eq!(script.attempt().map(|(at, _, _)| at), Ok(50_000));
    script.answer(Outcome::NotSent, 0);
    assert_eq!(script.attempt(), Err((60_000, Status::Timeout)));
}

#[test]
fn an_attempt_that_the_zombie_timeout_cuts_ends_the_command() {
    let pairs = [("ECF_ZOMBIE_TIMEOUT", "12"), ("ECF_TIMEOUT", "60")];
    let mut script = Script::new(rules(Kind::Task, &pairs), 1);
    assert!(script.attempt().is_ok());
    script.answer(Outcome::Zombie, 0);
    assert_eq!(script.attempt(), Ok((10_000, 0, 2_000)));
    script.answer(Outcome::Unconfirmed, 2_000);
    assert_eq!(script.attempt(), Err((12_000, Status::Timeout)));
    assert_eq!(script.policy.first_limit(), Limit::Zombie);
}

#[test]
fn a_command_that_must_not_be_repeated_ends_when_it_is_unconfirmed() {
    for (repeat, end) in [
        (Repeat::No, Some(Status::UnknownOutcome)),
        (Repeat::Ordered, None),
        (Repeat::Yes, None),
    ] {
        let rules = Rules {
            repeat,
            ..rules(Kind::Task, &[])
        };
        let mut script = Script::new(rules, 0);
        script.attempt().ok();
        script.answer(Outcome::NotSent, 0);
        assert!(script.attempt().is_ok(), "not sent is free to go anywhere");
        script.answer(Outcome::Unconfirmed, 0);
        assert_eq!(script.attempt().err().map(|(_, end)| end), end);
    }
}

#[test]
fn pauses_and_attempts_are_cut_to_fit_the_deadline() {
    let mut script = Script::new(rules(Kind::Task, &[("ECF_TIMEOUT", "15")]), 0);
    assert_eq!(script.attempt(), Ok((0, 0, 15_000)));
    script.answer(Outcome::NotSent, 1_000);
    assert_eq!(script.attempt(), Ok((11_000, 0, 4_000)));
    script.answer(Outcome::Unconfirmed, 4_000);
    assert_eq!(script.attempt(), Err((15_000, Status::Timeout)));
}

#[test]
fn all_tries_at_the_only_host_are_made_in_a_short_time_too() {
    for (kind, more, end) in [
        (Kind::User, "", Status::Unreachable),
        (Kind::Task, "1", Status::Denied),
    ] {
        let settings = [("ECF_TIMEOUT", "5"), ("ECF_DENIED", more)];
        let mut script = Script::new(rules(kind, &settings), 1);
        assert!(script.attempt().is_ok());
        script.answer(Outcome::NotSent, 0);
        assert_eq!(script.attempt(), Ok((2_500, 0, 2_500)));
        script.answer(Outcome::NotSent, 0);
        assert_eq!(script.attempt(), Err((2_500, end)));
    }
}

#[test]
fn a_confirmed_reply_counts_even_after_the_deadline() {
    let mut script = Script::new(rules(Kind::Task, &[("ECF_TIMEOUT", "5")]), 0);
    assert!(script.attempt().is_ok());
    script.answer(Outcome::Ok, 9_000);
    assert_eq!(script.attempt(), Err((9_000, Status::Ok)));
}

#[test]
fn a_list_of_backups_that_shrinks_or_grows_is_taken_between_laps() {
    let mut script = Script::new(rules(Kind::Task, &[("ECF_FAILOVER_ATTEMPTS", "1")]), 2);
    let mut seen = Vec::new();
    for backups in [2, 0, 0, 0, 1, 1, 1] {
        seen.extend(script.attempt().map(|(_, host, _)| host));
        script.backups = backups;
        script.answer(Outcome::NotSent, 0);
    }
    assert_eq!(seen, [0, 1, 2, 0, 0, 0, 1]);
}

#[test]
fn time_that_goes_backwards_stands_still() {
    let mut policy = Ecflow::new(rules(Kind::Task, &[]), 50_000);
    assert!(matches!(
        policy.next(0, &mut NothingKnown),
        Action::Attempt { host: 0, .. }
    ));
    policy.record(Event::Attempted(Outcome::NotSent), 10, &mut NothingKnown);
    assert_eq!(
        policy.next(20, &mut NothingKnown),
        Action::Wait { until: 60_000 }
    );
    policy.record(Event::Listed(9), 20, &mut NothingKnown);
    policy.record(Event::Attempted(Outcome::Ok), 30, &mut NothingKnown);
    assert_eq!(
        policy.next(20, &mut NothingKnown),
        Action::Wait { until: 60_000 },
        "strays change nothing"
    );
}

const OUTCOMES: [Outcome; 8] = [
    Outcome::Ok,
    Outcome::Rejected,
    Outcome::Wait,
    Outcome::Halted,
    Outcome::Zombie,
    Outcome::NotSent,
    Outcome::Unconfirmed,
    Outcome::Fatal,
];

fn some_rules() -> impl Strategy<Value = Rules> {
    let route = prop_oneof![
        Just(Route::Laps),
        Just(Route::OneLap(Status::Unreachable)),
        Just(Route::Primary(Status::Unreachable)),
        Just(Route::Primary(Status::Denied)),
    ];
    let when_alive = || prop_oneof![Just(WhenAlive::Rotate), Just(WhenAlive::Stay)];
    let repeat = prop_oneof![Just(Repeat::Yes), Just(Repeat::Ordered), Just(Repeat::No)];
    (
        route,
        1..4_u32,
        (1..20_000_u64, 1..40_000_u64),
        (1..200_000_u64, 1..200_000_u64, 1..20_000_u64),
        (when_alive(), when_alive()),
        repeat,
    )
        .prop_map(
            |(route, attempts, periods, limits, (on_zombie, on_halted), repeat)| Rules {
                route,
                attempts,
                retry_period: periods.0,
                host_period: periods.1,
                timeout: limits.0,
                progress_timeout: None,
                wait_timeout: (limits.2 < 10_000).then_some(limits.2 * 9),
                zombie_timeout: limits.1,
                attempt_limit: limits.2,
                on_zombie,
                on_halted,
                repeat,
            },
        )
}

proptest! {
    /// Whatever happens: no success without an OK, no attempt at or after the deadline, no
    /// attempt allowed beyond it, and an end.
    #[test]
    fn any_sequence_of_outcomes_ends_and_keeps_the_promises(
        rules in some_rules(),
        answers in prop::collection::vec((0..8_usize, 0..5_000_u64, 0..4_usize), 0..200),
        start in 0..1_000_000_u64,
    ) {
        let mut policy = Ecflow::new(rules.clone(), start);
        let mut deadline = start + rules.timeout;
        let mut now = start;
        let mut last = None;
        let mut answers = answers.into_iter();
        for step in 0.. {
            prop_assert!(step < 2_000_000, "it must end");
            match policy.next(now, &mut NothingKnown) {
                Action::ListBackups => {
                    policy.record(Event::Listed(2), now, &mut NothingKnown);
                }
                Action::Wait { until } => {
                    prop_assert!(until > now && until <= deadline);
                    now = until;
                }
                Action::Attempt { limit, .. } => {
                    prop_assert!(now < deadline && limit > 0 && now + limit <= deadline);
                    prop_assert!(limit <= rules.attempt_limit);
                    let (outcome, took, lists) = answers.next().unwrap_or((5, 0, 0));
                    for _ in 0..lists {
                        policy.record(Event::Listed(1), now, &mut NothingKnown);
                    }
                    now += took;
                    last = Some(OUTCOMES[outcome]);
                    if last == Some(Outcome::Wait) {
                        deadline = now + rules.timeout;
                    }
                    let event = Event::Attempted(OUTCOMES[outcome]);
                    policy.record(event, now, &mut NothingKnown);
                }
                Action::End(end) => {
                    prop_assert_eq!(end == Status::Ok, last == Some(Outcome::Ok));
                    prop_assert_eq!(end == Status::Rejected, last == Some(Outcome::Rejected));
                    prop_assert_eq!(end == Status::Caller, last == Some(Outcome::Fatal));
                    if end == Status::UnknownOutcome {
                        prop_assert!(rules.repeat == Repeat::No);
                    }
                    if end == Status::Timeout {
                        prop_assert!(now >= start + rules.timeout.min(rules.zombie_timeout).min(rules.wait_timeout.unwrap_or(Millis::MAX)));
                    }
                    prop_assert_eq!(policy.next(now + 1, &mut NothingKnown), Action::End(end), "an end is final");
                    break;
                }
                other => prop_assert!(false, "{:?} is not for this profile", other),
            }
        }
    }

    /// The times of the timetable, worked out a second time from its description.
    #[test]
    fn the_timetable_is_the_described_one(
        retry in 1..50_000_u64,
        host in 1..50_000_u64,
        attempts in 1..5_u32,
        backups in 0..5_usize,
    ) {
        let rules = Rules {
            attempts,
            retry_period: retry,
            host_period: host,
            ..rules(Kind::Task, &[])
        };
        let table = timetable(&mut Ecflow::new(rules, 0), backups, 1_000_000);
        let mut at = 0;
        for (index, (seen, at_host)) in table.attempts.iter().enumerate() {
            let visit = index / attempts as usize;
            let is_first_try = index % attempts as usize == 0;
            at += match (is_first_try, visit) {
                (true, 0 | 1) => 0,
                (true, _) => host,
                (false, _) => retry,
            };
            prop_assert_eq!((*seen, *at_host), (at, visit % (backups + 1)));
        }
        prop_assert!(table.attempts.len() > 10);
    }
}
