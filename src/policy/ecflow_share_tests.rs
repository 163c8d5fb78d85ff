//! What becomes of the timetable where time is short.

use super::*;

/// When and where a command is tried until the last backup takes it, if the others behave so: an
/// attempt that is refused takes no time, another one as long as it may.
fn reached(
    rules: Rules,
    backups: usize,
    is_refused: impl Fn(HostIndex) -> bool,
) -> Vec<(Millis, HostIndex)> {
    let mut script = Script::new(rules, backups);
    let mut seen = Vec::new();
    while let Ok((at, host, limit)) = script.attempt() {
        seen.push((at, host));
        if host == backups {
            script.answer(Outcome::Ok, 0);
        } else if is_refused(host) {
            script.answer(Outcome::NotSent, 0);
        } else {
            script.answer(Outcome::Unconfirmed, limit);
        }
    }
    assert_eq!(script.policy.verdict(), Some(Status::Ok), "{seen:?}");
    seen
}

#[test]
fn a_short_limit_leaves_each_host_its_share() {
    let short = |seconds| rules(Kind::Task, &[("ECF_TIMEOUT", seconds)]);
    let progress = rules(Kind::Task, &[]).within(Some(30_000));
    assert_eq!(
        reached(short("5"), 1, |_| true),
        [(0, 0), (1_250, 0), (1_250, 1)]
    );
    assert_eq!(reached(short("5"), 1, |_| false), [(0, 0), (2_500, 1)]);
    assert_eq!(
        reached(progress.clone(), 1, |_| false),
        [(0, 0), (15_000, 1)]
    );
    let frozen = reached(progress.clone(), 5, |_| false);
    let shares: Vec<_> = (0..6).map(|host| (host as Millis * 5_000, host)).collect();
    assert_eq!(frozen, shares);
    let refused = reached(progress, 5, |_| true);
    assert!(
        refused.len() == 11 && refused[10].0 <= 25_000,
        "{refused:?}"
    );
}

#[test]
fn a_limit_that_the_timetable_reaches_everybody_in_changes_nothing() {
    let seen = reached(rules(Kind::Task, &[("ECF_TIMEOUT", "60")]), 2, |_| true);
    assert_eq!(
        seen,
        [(0, 0), (10_000, 0), (10_000, 1), (20_000, 1), (50_000, 2)]
    );
    // It may be as near as this; below it the pauses are cut.
    for (limit, last) in [("50.5", 50_000), ("55", 50_000), ("50", 29_166)] {
        let seen = reached(rules(Kind::Task, &[("ECF_TIMEOUT", limit)]), 2, |_| true);
        assert_eq!(seen.last(), Some(&(last, 2)), "{limit}: {seen:?}");
    }
    // Attempts that take their time leave less for pauses.
    let short = || rules(Kind::Task, &[("ECF_TIMEOUT", "60")]);
    assert_eq!(
        reached(short(), 2, |_| false),
        [(0, 0), (20_000, 1), (40_000, 2)]
    );
    assert_eq!(
        reached(short(), 2, |host| host != 0),
        [(0, 0), (20_000, 1), (30_000, 1), (40_000, 2)]
    );
}

#[test]
fn short_periods_in_a_short_time_stay_whole() {
    let short = [
        ("ECF_TIMEOUT", "3"),
        ("ECF_FAILOVER_RETRY_PERIOD", "0.2"),
        ("ECF_FAILOVER_HOST_PERIOD", "0.6"),
    ];
    assert_eq!(
        reached(rules(Kind::Task, &short), 2, |_| true),
        [(0, 0), (200, 0), (200, 1), (400, 1), (1_000, 2)]
    );
}

#[test]
fn the_hostfile_is_read_at_the_start_only_where_time_is_short() {
    for (timeout, action) in [("819", true), ("820", false)] {
        let rules = rules(Kind::Task, &[("ECF_TIMEOUT", timeout)]);
        let first = Ecflow::new(rules, 0).next(0, &mut NothingKnown);
        assert_eq!(first == Action::ListBackups, action, "{timeout}");
    }
    let user = rules(Kind::User, &[("ECF_TIMEOUT", "1")]);
    let first = Ecflow::new(user, 0).next(0, &mut NothingKnown);
    assert!(matches!(first, Action::Attempt { .. }), "it has no backups");
}

#[test]
fn a_command_that_must_not_be_repeated_is_not_cut_short() {
    let rules = Rules {
        repeat: Repeat::No,
        ..rules(Kind::Task, &[("ECF_TIMEOUT", "5")])
    };
    let mut script = Script::new(rules, 1);
    assert_eq!(script.attempt(), Ok((0, 0, 5_000)));
}

#[test]
fn after_a_wait_every_host_has_its_share_again() {
    let mut script = Script::new(rules(Kind::Task, &[("ECF_TIMEOUT", "5")]), 1);
    script.attempt().ok();
    script.answer(Outcome::Unconfirmed, 2_500);
    assert_eq!(script.attempt(), Ok((2_500, 1, 2_500)));
    script.answer(Outcome::Wait, 0);
    assert_eq!(script.attempt(), Ok((5_000, 1, 1_250)), "asked again");
    script.answer(Outcome::Unconfirmed, 1_250);
    assert_eq!(script.attempt(), Ok((6_250, 0, 1_250)), "until 7.5 s");
}

#[test]
fn a_server_that_asks_to_wait_is_asked_every_retry_period_however_many_backups_there_are() {
    for (limit, backups) in [("60", 20), ("20", 2), ("25", 2)] {
        let mut script = Script::new(rules(Kind::Task, &[("ECF_TIMEOUT", limit)]), backups);
        for poll in 0..20 {
            let (at, host, _) = script.attempt().unwrap_or((0, 99, 0));
            assert_eq!((at, host), (poll * 10_000, 0), "{limit}");
            script.answer(Outcome::Wait, 0);
        }
    }
}

#[test]
fn a_host_that_fails_just_before_its_share_ends_has_had_it() {
    let mut script = Script::new(rules(Kind::Task, &[("ECF_TIMEOUT", "200")]), 2);
    for host in [0, 1] {
        let (_, at, limit) = script.attempt().unwrap_or((0, 99, 1));
        assert_eq!(at, host);
        script.answer(Outcome::Unconfirmed, limit - 1);
    }
    let last = script.attempt();
    assert!(last.is_ok_and(|(at, host, limit)| at < 164_000 && host == 2 && limit > 36_000));
}

proptest! {
    /// However its hosts fail, a command that has some milliseconds for each reaches them all.
    #[test]
    fn every_host_is_tried_once_within_any_limit(
        backups in 0..6_usize,
        per_host in 20..60_000_u64,
        attempts in 1..5_u32,
        periods in (1..60_000_u64, 1..60_000_u64),
        attempt_limit in 1..200_000_u64,
        fates in prop::collection::vec(0..=100_u64, 1..50),
        is_progress in any::<bool>(),
    ) {
        let limit = per_host * (backups as Millis + 1);
        let rules = Rules {
            attempts,
            retry_period: periods.0,
            host_period: periods.1,
            attempt_limit,
            ..rules(Kind::Task, &[])
        };
        let rules = if is_progress {
            rules.within(Some(limit))
        } else {
            Rules { timeout: limit, ..rules }
        };
        let mut script = Script::new(rules, backups);
        let mut fates = fates.into_iter().cycle();
        let mut reached = vec![false; backups + 1];
        while let Ok((at, host, attempt)) = script.attempt() {
            prop_assert!(at < limit && attempt > 0 && at + attempt <= limit);
            reached[host] = true;
            let share = fates.next().unwrap_or(0);
            script.answer(Outcome::NotSent, attempt * share / 100);
        }
        prop_assert_eq!(script.attempt(), Err((limit, Status::Timeout)));
        prop_assert!(reached.iter().all(|host| *host), "{:?}", reached);
    }
}
