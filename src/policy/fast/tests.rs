use proptest::prelude::*;

use super::*;
use crate::config::{Configuration, Settings};
use crate::health::{HealthTable, HostKey};
use crate::model::{Endpoint, Kind};

fn settings(pairs: &[(&str, &str)]) -> Settings {
    let mut configuration = Configuration::new();
    for (key, value) in pairs {
        assert_eq!(configuration.set(key.as_bytes(), value.as_bytes()), Ok(()));
    }
    configuration.settings().clone()
}

fn rules(kind: Kind, repeat: Repeat, pairs: &[(&str, &str)]) -> FastRules {
    FastRules::new(&settings(pairs), kind, repeat, 195_000)
}

/// A command driven by hand, on a node whose knowledge is shared with other commands.
struct Script<'k> {
    policy: Fast,
    known: &'k mut HealthTable,
    keys: Vec<HostKey>,
    now: Millis,
}

/// What a script tells of what it was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Did {
    Connect(HostIndex),
    Send(HostIndex),
    Probe(HostIndex),
    Attempt(HostIndex),
    GiveUp,
    End(Status),
}

impl<'k> Script<'k> {
    fn new(known: &'k mut HealthTable, rules: FastRules, backups: usize, now: Millis) -> Self {
        Self::with(
            known,
            Fast::new(rules, Connections::ByPolicy, 7, now),
            backups,
            now,
        )
    }

    fn task(known: &'k mut HealthTable, backups: usize, now: Millis) -> Self {
        let rules = rules(Kind::Task, Repeat::Yes, &[("ECF_TIMEOUT", "100")]);
        Self::new(known, rules, backups, now)
    }

    fn with(known: &'k mut HealthTable, policy: Fast, backups: usize, now: Millis) -> Self {
        let key = |host| Endpoint::parse(format!("h{host}").as_bytes(), 1).map(|e| HostKey::of(&e));
        Self {
            policy,
            known,
            keys: (0..=backups).filter_map(|host| key(host).ok()).collect(),
            now,
        }
    }

    /// What is asked at once, without letting time go on; `None` when it is to wait.
    fn now(&mut self) -> Option<Did> {
        self.step().ok()
    }

    fn step(&mut self) -> Result<Did, Millis> {
        loop {
            match self.policy.next(self.now) {
                Action::ListBackups => self.policy.backups(self.keys.len() - 1),
                Action::Ask(question) => {
                    let answer = self.known.answer(question, &self.keys, self.now);
                    self.policy.tell(News::Answer(answer), self.now);
                }
                Action::Observe { host, observation } => {
                    self.known.observe(self.keys[host], observation, self.now);
                }
                Action::Wait { until } => return Err(until),
                Action::Connect { host } => return Ok(Did::Connect(host)),
                Action::Send { host, .. } => return Ok(Did::Send(host)),
                Action::Probe { host, .. } => return Ok(Did::Probe(host)),
                Action::Attempt { host, .. } => return Ok(Did::Attempt(host)),
                Action::GiveUp => return Ok(Did::GiveUp),
                Action::End(end) => return Ok(Did::End(end)),
            }
        }
    }

    /// The next thing that is asked, whenever that is, with its time.
    fn next(&mut self) -> (Millis, Did) {
        loop {
            match self.step() {
                Ok(did) => return (self.now, did),
                Err(until) => self.now = until,
            }
        }
    }

    fn refused(&mut self, host: HostIndex) {
        self.policy
            .tell(News::Failed(host, Fault::Refused), self.now);
    }

    fn connected(&mut self, host: HostIndex) {
        self.policy.tell(News::Connected(host), self.now);
    }

    fn ended(&mut self, outcome: Outcome, fault: Fault, after: Millis) {
        self.now += after;
        self.policy.tell(News::Ended(outcome, fault), self.now);
    }

    /// Connects to the host that is asked for, sends, and is confirmed.
    fn succeed(&mut self, host: HostIndex) {
        self.connected(host);
        assert_eq!(self.now(), Some(Did::Send(host)));
        self.ended(Outcome::Ok, Fault::Closed, 1);
    }
}

#[test]
fn a_host_that_refuses_is_left_at_once() {
    let mut known = HealthTable::new();
    let mut script = Script::task(&mut known, 2, 1_000);
    for host in 0..2 {
        assert_eq!(script.now(), Some(Did::Connect(host)));
        script.refused(host);
    }
    assert_eq!(script.now(), Some(Did::Connect(2)));
    script.succeed(2);
    assert_eq!(script.next(), (1_001, Did::End(Status::Ok)));
}

#[test]
fn a_silent_host_has_company_after_the_hedge_and_only_one_is_sent_to() {
    let mut known = HealthTable::new();
    let mut script = Script::task(&mut known, 1, 0);
    assert_eq!(script.next(), (0, Did::Connect(0)));
    assert_eq!(script.next(), (250, Did::Connect(1)));
    script.succeed(1);
    assert_eq!(script.next(), (251, Did::End(Status::Ok)));
    // One silence is a suspicion, by which the next command begins elsewhere.
    let standing = known.standing(HostKey::of(&endpoint("h0")), 251);
    assert_eq!(standing.health, Health::Suspect);
}

fn endpoint(name: &str) -> Endpoint {
    Endpoint::parse(name.as_bytes(), 1).unwrap_or(Endpoint {
        host: crate::model::Host::localhost(),
        port: 1,
    })
}

#[test]
fn the_primary_wins_ties() {
    let mut known = HealthTable::new();
    let mut script = Script::task(&mut known, 1, 0);
    script.next();
    assert_eq!(script.next(), (250, Did::Connect(1)));
    script.connected(1);
    script.connected(0);
    assert_eq!(script.now(), Some(Did::Send(0)));
}

#[test]
fn eight_silent_hosts_cost_two_seconds() {
    let mut known = HealthTable::new();
    let mut script = Script::task(&mut known, 8, 0);
    for host in 0..=8 {
        assert_eq!(script.next(), (250 * host as u64, Did::Connect(host)));
    }
    script.succeed(8);
    assert_eq!(script.next(), (2_001, Did::End(Status::Ok)));
}

#[test]
fn a_mute_server_is_waited_for_and_a_second_connection_that_is_refused_ends_it() {
    let mut known = HealthTable::new();
    let mut script = Script::task(&mut known, 1, 0);
    script.next();
    script.connected(0);
    assert_eq!(script.next(), (0, Did::Send(0)));
    assert_eq!(script.next(), (2_000, Did::Probe(0)));
    script
        .policy
        .tell(News::Probed(0, Sighting::Nothing), script.now);
    assert_eq!(script.next(), (4_000, Did::Probe(0)));
    script
        .policy
        .tell(News::Probed(0, Sighting::Nobody), script.now);
    assert_eq!(script.next(), (4_000, Did::GiveUp));
    script.ended(Outcome::Unconfirmed, Fault::Gone, 0);
    assert_eq!(script.next(), (4_000, Did::Connect(1)));
}

#[test]
fn silence_leads_to_the_next_host_a_closed_connection_to_the_same_once_more() {
    for (fault, hosts) in [(Fault::Mute, [1, 0]), (Fault::Closed, [0, 1])] {
        let mut known = HealthTable::new();
        let mut script = Script::task(&mut known, 1, 0);
        script.next();
        script.connected(0);
        script.next();
        script.ended(Outcome::Unconfirmed, fault, 0);
        let (at, did) = script.next();
        assert_eq!((at, did), (0, Did::Connect(hosts[0])), "{fault:?}");
        if fault == Fault::Closed {
            script.connected(0);
            script.next();
            script.ended(Outcome::Unconfirmed, fault, 0);
            assert_eq!(script.next(), (0, Did::Connect(1)));
        }
    }
}

#[test]
fn impatience_of_one_command_is_no_lesson_for_the_others() {
    for (after, health) in [(1_000, Health::Good), (30_000, Health::Dead)] {
        let mut known = HealthTable::new();
        let mut script = Script::task(&mut known, 1, 0);
        script.next();
        script.connected(0);
        script.next();
        script.ended(Outcome::Unconfirmed, Fault::Mute, after);
        assert_eq!(script.next().1, Did::Connect(1));
        let key = HostKey::of(&endpoint("h0"));
        assert_eq!(
            known.standing(key, after).health,
            health,
            "after {after} ms"
        );
    }
}

#[test]
fn a_name_that_is_looked_up_is_not_silent() {
    let mut known = HealthTable::new();
    let mut script = Script::task(&mut known, 1, 0);
    script.next();
    script.policy.tell(News::LookingUp(0), 0);
    assert_eq!(script.next(), (250, Did::Connect(1)));
    script.succeed(1);
    let key = HostKey::of(&endpoint("h0"));
    assert_eq!(known.standing(key, 251).health, Health::Good);
}

#[test]
fn the_timeout_of_zombies_ends_only_those() {
    let pairs = [
        ("ECF_TIMEOUT", "8"),
        ("ECF_ZOMBIE_TIMEOUT", "3"),
        ("ECF_FAILOVER_RETRY_PERIOD", "1"),
    ];
    let rules = rules(Kind::Task, Repeat::Yes, &pairs);
    let mut known = HealthTable::new();
    let mut script = Script::new(&mut known, rules, 0, 0);
    script.next();
    script.connected(0);
    script.next();
    script.ended(Outcome::Zombie, Fault::Closed, 0);
    let end = loop {
        match script.next() {
            (_, Did::Connect(0)) => script.refused(0),
            end => break end,
        }
    };
    assert_eq!(end, (8_000, Did::End(Status::Timeout)));
}

#[test]
fn what_must_not_be_repeated_ends_when_it_may_have_arrived_and_goes_on_when_it_cannot() {
    let mut known = HealthTable::new();
    let rules = rules(Kind::Task, Repeat::No, &[]);
    let mut script = Script::new(&mut known, rules, 1, 0);
    script.next();
    script.connected(0);
    script.next();
    script.ended(Outcome::NotSent, Fault::Mute, 0);
    assert_eq!(script.next(), (0, Did::Connect(1)));
    script.connected(1);
    script.next();
    script.ended(Outcome::Unconfirmed, Fault::Closed, 0);
    assert_eq!(script.next().1, Did::End(Status::UnknownOutcome));
}

/// Makes the primary dead and the backup good.
fn failed_over(known: &mut HealthTable, now: Millis) {
    let mut script = Script::task(known, 1, now);
    script.next();
    script.refused(0);
    script.next();
    script.succeed(1);
    script.next();
}

#[test]
fn a_dead_primary_is_passed_over_and_probed_by_one_command_in_two_seconds() {
    let mut known = HealthTable::new();
    failed_over(&mut known, 10_000);
    let (mut probes, mut lingers) = (Vec::new(), Vec::new());
    for now in (10_010..16_000).step_by(10) {
        let mut script = Script::task(&mut known, 1, now);
        let (mut at, mut did) = script.next();
        if did == Did::Probe(0) {
            probes.push(now);
            (at, did) = script.next();
        }
        assert_eq!((at, did), (now, Did::Connect(1)));
        script.succeed(1);
        let (at, end) = script.next();
        assert_eq!(end, Did::End(Status::Ok));
        lingers.push(at - now);
    }
    // Who probes waits a little, one of eight a quarter of a second, the others not at all.
    assert!(lingers.iter().all(|linger| *linger <= 251), "{lingers:?}");
    let long = lingers.iter().filter(|linger| **linger > 1).count();
    assert!(long <= probes.len(), "{lingers:?}");
    let gaps = probes.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(gaps.clone().count() >= 1 && gaps.clone().all(|gap| (2_000..=2_400).contains(&gap)));
}

#[test]
fn a_command_that_waits_for_its_probe_is_confirmed_already() {
    let mut known = HealthTable::new();
    failed_over(&mut known, 10_000);
    let mut script = Script::task(&mut known, 1, 10_010);
    assert_eq!(script.next().1, Did::Probe(0));
    assert_eq!(script.next().1, Did::Connect(1));
    assert_eq!(script.policy.verdict(), None);
    script.succeed(1);
    assert!(script.step().is_err(), "it waits");
    assert_eq!(
        script.policy.verdict(),
        Some(Status::Ok),
        "a cancel comes too late"
    );
}

#[test]
fn two_good_probes_bring_the_primary_back_and_one_that_comes_and_goes_is_held_down() {
    let mut known = HealthTable::new();
    failed_over(&mut known, 10_000);
    let (rose, probes) = rises(&mut known, 10_010);
    assert_eq!(probes, 2);
    assert!(rose < 15_000, "all use it within 5 s: {rose}");
    // It dies again.
    failed_over(&mut known, rose + 10);
    let (rose_again, _) = rises(&mut known, rose + 20);
    let down = rose_again - rose;
    assert!((60_000..66_000).contains(&down), "{down}");
}

/// Commands every 10 ms whose probes find the primary well: when one begins there again, and
/// after how many probes.
fn rises(known: &mut HealthTable, from: Millis) -> (Millis, u32) {
    let mut probes = 0;
    let mut now = from;
    loop {
        let mut script = Script::task(known, 1, now);
        let mut did = script.next().1;
        if did == Did::Probe(0) {
            probes += 1;
            script
                .policy
                .tell(News::Probed(0, Sighting::Alive), script.now);
            did = script.next().1;
        }
        let Did::Connect(host) = did else {
            return (0, probes);
        };
        script.succeed(host);
        assert_eq!(script.next().1, Did::End(Status::Ok));
        if host == 0 {
            return (now, probes);
        }
        now += 10;
    }
}

#[test]
fn while_all_hosts_are_dead_one_command_tries_and_the_others_watch() {
    let mut known = HealthTable::new();
    let mut connects = Vec::new();
    let mut clock = [0; 20];
    let mut policies: Vec<_> = (0..20)
        .map(|seed| {
            let rules = rules(Kind::Task, Repeat::Yes, &[]);
            Some(Fast::new(rules, Connections::ByPolicy, seed, 0))
        })
        .collect();
    for now in 0..60_000 {
        for (policy, due) in policies.iter_mut().zip(&mut clock) {
            if now < *due {
                continue;
            }
            let Some(taken) = policy.take() else {
                continue;
            };
            let mut script = Script::with(&mut known, taken, 1, now);
            *due = loop {
                match script.step() {
                    Ok(Did::Connect(host)) => {
                        connects.push((now, host));
                        script.refused(host);
                    }
                    Ok(other) => assert_eq!(other, Did::Connect(0)),
                    Err(until) => break until,
                }
            };
            *policy = Some(script.policy);
        }
    }
    let late = |from| connects.iter().filter(move |(at, _)| *at >= from);
    let to_primary = late(10_000).filter(|(_, host)| *host == 0).count();
    assert!((20..=25).contains(&to_primary), "{to_primary} in 50 s");
    let soon = connects
        .iter()
        .filter(|(at, host)| *host == 0 && *at < 5_000);
    let gap = soon.map(|(at, _)| *at).collect::<Vec<_>>();
    let longest = gap.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(
        longest <= Some(260),
        "a server that comes back soon is found: {longest:?}"
    );
}

#[test]
fn without_memory_laps_are_quick_at_first_and_then_slow_down_to_ten_seconds() {
    let settings = [("ECF_TIMEOUT", "600"), ("ECF_FAILOVER_JITTER", "off")];
    let rules = rules(Kind::Task, Repeat::Yes, &settings);
    let mut nothing = HealthTable::new();
    let mut script = Script::new(&mut nothing, rules, 0, 0);
    let mut times = Vec::new();
    loop {
        *script.known = HealthTable::new();
        let (at, did) = script.next();
        match did {
            Did::Connect(0) => script.refused(0),
            other => {
                assert_eq!((at, other), (600_000, Did::End(Status::Timeout)));
                break;
            }
        }
        times.push(at);
    }
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps[..4], [250, 250, 250, 250]);
    assert_eq!(gaps.last(), Some(&10_000));
    assert!(gaps.windows(2).all(|pair| pair[0] <= pair[1]));
}

#[test]
fn a_halted_primary_is_asked_again_a_halted_backup_is_not_in_charge() {
    let mut known = HealthTable::new();
    let mut script = Script::task(&mut known, 2, 0);
    script.next();
    script.connected(0);
    script.next();
    script.ended(Outcome::Halted, Fault::Closed, 0);
    assert_eq!(script.next(), (10_000, Did::Connect(0)));
    script.refused(0);
    assert_eq!(script.next(), (10_000, Did::Connect(1)));
    script.connected(1);
    script.next();
    script.ended(Outcome::Zombie, Fault::Closed, 0);
    assert_eq!(script.next(), (10_000, Did::Connect(2)));
}

#[test]
fn a_busy_server_is_not_left_because_its_queue_is_full_but_when_it_dies() {
    for dies in [true, false] {
        let mut known = HealthTable::new();
        let mut waiting = Script::task(&mut known, 1, 0);
        waiting.next();
        waiting.connected(0);
        waiting.next();
        assert_eq!(waiting.next(), (2_000, Did::Probe(0)));
        let mut next = Script::task(&mut known, 1, 2_000);
        assert_eq!(next.next(), (2_000, Did::Connect(0)));
        while next.now < 7_000 {
            match next.step() {
                Err(until) => next.now = until,
                Ok(did) => assert_eq!(did, Did::Send(0)),
            }
        }
        next.policy.tell(News::Failed(0, Fault::Silent), next.now);
        assert_eq!(
            next.next(),
            (7_000, Did::Connect(0)),
            "once more, and no other"
        );
        if dies {
            next.known.observe(next.keys[0], Observation::Mute, 7_000);
            assert_eq!(next.next(), (7_250, Did::Connect(1)));
        } else {
            // It is not known to be busy for ever.
            assert_eq!(next.next(), (31_000, Did::Connect(1)));
        }
    }
}

#[test]
fn those_who_change_hosts_together_do_so_one_after_another() {
    let mut known = HealthTable::new();
    let mut starts = Vec::new();
    for seed in 0..40 {
        let rules = rules(Kind::Task, Repeat::Yes, &[]);
        let policy = Fast::new(rules, Connections::ByPolicy, seed, 0);
        let mut script = Script::with(&mut known, policy, 1, 5_000);
        while let (_, did) = script.next()
            && did != Did::Connect(1)
        {
            if did == Did::Connect(0) {
                script.refused(0);
            }
        }
        starts.push(script.now - 5_000);
    }
    assert_eq!(starts[0], 0, "who is alone does not wait");
    assert!(
        starts[1] <= 24 && starts[2] <= 96 && starts[3] <= 216,
        "{starts:?}"
    );
    let late = starts.iter().filter(|start| **start > 600).count();
    assert!((10..=30).contains(&late) && starts.iter().all(|start| *start <= 1_200));
}

#[test]
fn a_backup_that_has_the_job_is_preferred_while_it_is_well() {
    let mut known = HealthTable::new();
    let rules = rules(Kind::Task, Repeat::Yes, &[]);
    for is_well in [true, false] {
        let policy = Fast::new(rules.clone(), Connections::ByPolicy, 1, 0).seeking_preferred();
        let mut script = Script::with(&mut known, policy, 2, 0);
        assert!(matches!(script.policy.next(0), Action::Ask(_)));
        while !matches!(script.policy.next(0), Action::ListBackups) {
            let Action::Ask(question) = script.policy.next(0) else {
                continue;
            };
            let answer = script.known.answer(question, &script.keys, 0);
            script.policy.tell(News::Answer(answer), 0);
        }
        script.policy.backups(2);
        script.policy.tell(News::Preferred(2), 0);
        let wanted = if is_well { 2 } else { 0 };
        assert_eq!(script.now(), Some(Did::Connect(wanted)));
        script.refused(wanted);
        script.now();
    }
}

#[test]
fn the_callers_own_attempts_go_from_host_to_host_at_once() {
    let mut known = HealthTable::new();
    let rules = rules(Kind::Task, Repeat::Yes, &[]);
    for round in 0..2 {
        let policy = Fast::new(rules.clone(), Connections::ByCaller, 1, 20_000);
        let mut script = Script::with(&mut known, policy, 1, 20_000);
        if round == 0 {
            assert_eq!(script.next(), (20_000, Did::Attempt(0)));
            script.policy.outcome(Outcome::NotSent, 20_000);
        } else {
            // It is dead; the first command after a while is its probe.
            assert_eq!(script.next(), (20_000, Did::Attempt(0)));
            script.policy.outcome(Outcome::NotSent, 20_000);
        }
        assert_eq!(script.next(), (20_000, Did::Attempt(1)));
        script.policy.outcome(Outcome::Ok, 20_001);
        assert_eq!(script.next().1, Did::End(Status::Ok));
    }
    let policy = Fast::new(rules, Connections::ByCaller, 1, 20_100);
    let mut script = Script::with(&mut known, policy, 1, 20_100);
    assert_eq!(script.next(), (20_100, Did::Attempt(1)));
}

#[test]
fn what_others_have_a_lease_of_is_tried_all_the_same_where_nothing_else_can_be() {
    let mut known = HealthTable::new();
    let keys = ["h0", "h1"].map(|name| HostKey::of(&endpoint(name)));
    for key in keys {
        known.observe(key, Observation::Mute, 1_000);
    }
    let lease = |host| Question::Lease {
        host,
        is_urgent: true,
        spread: 0,
    };
    for host in 0..2 {
        known.answer(lease(host), &keys, 10_000);
    }
    // A day is time enough to wait.
    let mut patient = Script::task(&mut known, 1, 10_010);
    assert!(patient.step().is_err());
    let short = rules(Kind::Task, Repeat::Yes, &[("ECF_TIMEOUT", "1")]);
    let mut short = Script::new(&mut known, short, 1, 10_010);
    assert_eq!(short.now(), Some(Did::Connect(0)));
    let all = [("ECF_HOSTFILE_POLICY", "all")];
    let ping = rules(Kind::Ping, Repeat::Yes, &all);
    let mut ping = Script::new(&mut known, ping, 1, 10_020);
    for host in 0..2 {
        assert_eq!(ping.now(), Some(Did::Connect(host)));
        ping.refused(host);
    }
    assert_eq!(ping.next().1, Did::End(Status::Unreachable));
}

#[test]
fn a_connection_to_a_host_of_an_older_list_is_not_used() {
    let mut known = HealthTable::new();
    let mut script = Script::task(&mut known, 1, 0);
    script.next();
    script.refused(0);
    assert_eq!(script.now(), Some(Did::Connect(1)));
    script.policy.tell(News::NewList, 0);
    script.connected(1);
    // Place 1 may be another host now.
    assert_eq!(script.now(), Some(Did::Connect(1)));
}

#[test]
fn a_user_command_has_its_tries_at_the_primary_and_no_others() {
    let mut known = HealthTable::new();
    let rules = rules(Kind::User, Repeat::Yes, &[]);
    let mut script = Script::new(&mut known, rules, 1, 0);
    assert_eq!(script.next(), (0, Did::Connect(0)));
    script.refused(0);
    let (at, did) = script.next();
    assert!(at <= 250 && did == Did::Connect(0), "{at} {did:?}");
    script.refused(0);
    assert_eq!(script.next().1, Did::End(Status::Unreachable));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_ends_and_starts_nothing_at_or_after_the_deadline(
        seed in any::<u64>(),
        happenings in prop::collection::vec((0_u8..10, 0_u64..3_000), 1..60),
        backups in 0_usize..4,
        repeat in prop::sample::select(vec![Repeat::Yes, Repeat::Ordered, Repeat::No]),
        kind in prop::sample::select(vec![Kind::Task, Kind::User, Kind::Ping]),
        policy in prop::sample::select(vec!["task", "all", "none"]),
        connections in prop::sample::select(vec![Connections::ByPolicy, Connections::ByCaller]),
    ) {
        let rules = rules(kind, repeat, &[("ECF_TIMEOUT", "20"), ("ECF_HOSTFILE_POLICY", policy)]);
        let mut known = HealthTable::new();
        let fast = Fast::new(rules, connections, seed, 0);
        let mut script = Script::with(&mut known, fast, backups, 0);
        let mut happenings = happenings.into_iter().cycle();
        let mut opening = Vec::new();
        let mut unconfirmed = 0;
        for _ in 0..100_000 {
            match script.step() {
                Ok(Did::Connect(host)) => {
                    prop_assert!(script.now < 20_000);
                    opening.push(host);
                }
                Ok(Did::Send(host)) => {
                    prop_assert!(script.now < 20_000);
                    prop_assert!(repeat != Repeat::No || unconfirmed == 0);
                    opening.retain(|other| *other == host);
                    opening.clear();
                    let (what, after) = happenings.next().unwrap_or_default();
                    let (outcome, fault) = match what {
                        0 => (Outcome::Wait, Fault::Closed),
                        1 => (Outcome::Halted, Fault::Closed),
                        2 => (Outcome::Zombie, Fault::Closed),
                        3 => (Outcome::NotSent, Fault::Broken),
                        4 => (Outcome::Unconfirmed, Fault::Mute),
                        _ => (Outcome::Unconfirmed, Fault::Closed),
                    };
                    unconfirmed += u32::from(outcome == Outcome::Unconfirmed);
                    script.ended(outcome, fault, after);
                }
                Ok(Did::Attempt(_)) => {
                    prop_assert!(script.now < 20_000);
                    prop_assert!(repeat != Repeat::No || unconfirmed == 0);
                    let (what, after) = happenings.next().unwrap_or_default();
                    script.now += after;
                    let outcome = match what {
                        0 => Outcome::Wait,
                        1 => Outcome::Halted,
                        2 => Outcome::Zombie,
                        3 | 4 => Outcome::Unconfirmed,
                        _ => Outcome::NotSent,
                    };
                    unconfirmed += u32::from(outcome == Outcome::Unconfirmed);
                    script.policy.outcome(outcome, script.now);
                }
                Ok(Did::Probe(host)) => {
                    script.policy.tell(News::Probed(host, Sighting::Nothing), script.now);
                }
                Ok(Did::GiveUp) => {}
                Ok(Did::End(end)) => {
                    prop_assert!(end != Status::Ok);
                    return Ok(());
                }
                Err(until) => {
                    prop_assert!(until > script.now, "time goes on");
                    script.now = until;
                    let (what, _) = happenings.next().unwrap_or_default();
                    if what < 6 && let Some(host) = opening.pop() {
                        match what {
                            0..3 => script.connected(host),
                            _ => script.policy.tell(News::Failed(host, Fault::Silent), script.now),
                        }
                    }
                }
            }
        }
        prop_assert!(false, "it does not end");
    }
}
