mod shared;

use proptest::prelude::*;

use super::*;
use crate::config::{Configuration, Settings};
use crate::health::{Health, HealthTable, HostKey, Lease, Observation};
use crate::model::{Endpoint, Fault, Kind, Outcome, Repeat, Sighting};

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
    /// How long the server or the caller that was last asked may take.
    patience: Millis,
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
            patience: 0,
        }
    }

    /// What is asked at once, without letting time go on; `None` when it is to wait.
    fn now(&mut self) -> Option<Did> {
        self.step().ok()
    }

    fn step(&mut self) -> Result<Did, Millis> {
        loop {
            let mut health = self.known.view(&self.keys);
            match self.policy.next(self.now, &mut health) {
                Action::ListBackups => {
                    let listed = Event::Listed(self.keys.len() - 1);
                    self.policy.record(listed, self.now, &mut health);
                }
                Action::Wait { until } => return Err(until),
                Action::Connect { host } => return Ok(Did::Connect(host)),
                Action::Send { host, silence, .. } => {
                    self.patience = silence;
                    return Ok(Did::Send(host));
                }
                Action::Probe { host, .. } => return Ok(Did::Probe(host)),
                Action::Attempt { host, limit } => {
                    self.patience = limit;
                    return Ok(Did::Attempt(host));
                }
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

    fn record(&mut self, event: Event) {
        let mut health = self.known.view(&self.keys);
        self.policy.record(event, self.now, &mut health);
    }

    fn refused(&mut self, host: HostIndex) {
        self.record(Event::Failed(host, Fault::Refused));
    }

    fn connected(&mut self, host: HostIndex) {
        self.record(Event::Connected(host));
    }

    fn ended(&mut self, outcome: Outcome, fault: Fault, after: Millis) {
        self.now += after;
        self.record(Event::Ended(outcome, fault));
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
    let primary = known.host(HostKey::of(&endpoint("h0")), 251);
    assert_eq!(primary.health, Health::Suspect);
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
fn who_comes_second_without_a_hedge_is_not_silent() {
    let mut known = HealthTable::new();
    let rules = rules(Kind::Task, Repeat::Yes, &[("ECF_FAILOVER_HEDGE", "0")]);
    let mut script = Script::new(&mut known, rules, 1, 0);
    assert_eq!(script.now(), Some(Did::Connect(0)));
    assert_eq!(script.now(), Some(Did::Connect(1)));
    script.now += 1;
    script.succeed(1);
    let primary = known.host(HostKey::of(&endpoint("h0")), 2);
    assert_eq!(primary.health, Health::Good);
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
    script.record(Event::Probed(0, Sighting::Nothing));
    assert_eq!(script.next(), (4_000, Did::Probe(0)));
    script.record(Event::Probed(0, Sighting::Nobody));
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
        assert_eq!(known.host(key, after).health, health, "after {after} ms");
    }
}

#[test]
fn a_name_that_is_looked_up_is_not_silent() {
    let mut known = HealthTable::new();
    let mut script = Script::task(&mut known, 1, 0);
    script.next();
    script.record(Event::LookingUp(0));
    assert_eq!(script.next(), (250, Did::Connect(1)));
    script.succeed(1);
    let key = HostKey::of(&endpoint("h0"));
    assert_eq!(known.host(key, 251).health, Health::Good);
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
        next.record(Event::Failed(0, Fault::Silent));
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
fn a_busy_server_whose_queue_is_full_is_asked_once_a_second() {
    let mut known = HealthTable::new();
    known.observe(HostKey::of(&endpoint("h0")), Observation::Busy, 50);
    let mut script = Script::task(&mut known, 1, 100);
    for second in 0..3 {
        assert_eq!(script.next(), (100 + 1_000 * second, Did::Connect(0)));
        script.record(Event::Failed(0, Fault::Silent));
    }
}

#[test]
fn a_backup_that_has_the_job_is_preferred_while_it_is_well() {
    let mut known = HealthTable::new();
    let rules = rules(Kind::Task, Repeat::Yes, &[]);
    for is_well in [true, false] {
        let policy = Fast::new(rules.clone(), Connections::ByPolicy, 1, 0).seeking_preferred();
        let mut script = Script::with(&mut known, policy, 2, 0);
        let listing = script.policy.next(0, &mut script.known.view(&script.keys));
        assert_eq!(listing, Action::ListBackups);
        script.record(Event::Listed(2));
        script.record(Event::Preferred(2));
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
            script.record(Event::Attempted(Outcome::NotSent));
        } else {
            // It is dead; the first command after a while is its probe.
            assert_eq!(script.next(), (20_000, Did::Attempt(0)));
            script.record(Event::Attempted(Outcome::NotSent));
        }
        assert_eq!(script.next(), (20_000, Did::Attempt(1)));
        script.now = 20_001;
        script.record(Event::Attempted(Outcome::Ok));
        assert_eq!(script.next().1, Did::End(Status::Ok));
    }
    let policy = Fast::new(rules, Connections::ByCaller, 1, 20_100);
    let mut script = Script::with(&mut known, policy, 1, 20_100);
    assert_eq!(script.next(), (20_100, Did::Attempt(1)));
}

#[test]
fn a_connection_to_a_host_of_an_older_list_is_not_used() {
    let mut known = HealthTable::new();
    let mut script = Script::task(&mut known, 1, 0);
    script.next();
    script.refused(0);
    assert_eq!(script.now(), Some(Did::Connect(1)));
    script.record(Event::NewList);
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

#[test]
fn each_wait_starts_the_timeout_anew_and_a_limit_of_its_own_ends_it() {
    let limits = [("ECF_TIMEOUT", "8"), ("ECF_FAILOVER_WAIT_TIMEOUT", "30")];
    for connections in [Connections::ByPolicy, Connections::ByCaller] {
        let mut known = HealthTable::new();
        let rules = rules(Kind::Task, Repeat::Yes, &limits);
        let fast = Fast::new(rules, connections, 7, 0);
        let mut script = Script::with(&mut known, fast, 1, 0);
        let mut asked = Vec::new();
        let end = loop {
            match script.next() {
                (_, Did::Connect(host)) => script.connected(host),
                (at, Did::Send(0)) => {
                    asked.push(at);
                    script.ended(Outcome::Wait, Fault::Closed, 0);
                }
                (at, Did::Attempt(0)) => {
                    asked.push(at);
                    script.record(Event::Attempted(Outcome::Wait));
                }
                end => break end,
            }
        };
        assert_eq!(
            asked,
            [0, 4_000, 8_000, 12_000, 16_000, 20_000, 24_000, 28_000]
        );
        assert_eq!(end, (30_000, Did::End(Status::Timeout)));
        assert_eq!(script.policy.first_limit(), Limit::Wait);
    }
}

#[test]
fn a_frozen_server_leaves_the_others_their_share_of_a_short_time() {
    for (timeout, backups, wanted) in [
        ("30", 1, vec![(0, 0), (15_000, 1)]),
        ("30", 2, vec![(0, 0), (10_000, 1), (20_000, 2)]),
        ("600", 1, vec![(0, 0), (30_000, 1)]),
    ] {
        for connections in [Connections::ByPolicy, Connections::ByCaller] {
            let mut known = HealthTable::new();
            let mut rules = rules(Kind::Task, Repeat::Yes, &[("ECF_TIMEOUT", timeout)]);
            rules.common.attempt_limit = 30_000;
            rules.jitter = false;
            let fast = Fast::new(rules, connections, 7, 0);
            let mut script = Script::with(&mut known, fast, backups, 0);
            let mut sent = Vec::new();
            while sent.len() <= backups {
                match script.next() {
                    (_, Did::Connect(host)) => script.connected(host),
                    (at, Did::Send(host)) => {
                        sent.push((at, host));
                        let silence = script.patience;
                        script.ended(Outcome::Unconfirmed, Fault::Mute, silence);
                    }
                    (at, Did::Attempt(host)) => {
                        sent.push((at, host));
                        script.now += script.patience;
                        script.record(Event::Attempted(Outcome::Unconfirmed));
                    }
                    (_, Did::End(end)) => unreachable!("{end:?} after {sent:?}"),
                    _ => {}
                }
            }
            assert_eq!(sent, wanted, "{connections:?}");
        }
    }
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
        let rules = rules(kind, repeat, &[
            ("ECF_TIMEOUT", "20"), ("ECF_FAILOVER_WAIT_TIMEOUT", "50"), ("ECF_HOSTFILE_POLICY", policy)]);
        let mut deadline = 20_000;
        let mut known = HealthTable::new();
        let fast = Fast::new(rules, connections, seed, 0);
        let mut script = Script::with(&mut known, fast, backups, 0);
        let mut happenings = happenings.into_iter().cycle();
        let mut opening = Vec::new();
        let mut unconfirmed = 0;
        for _ in 0..100_000 {
            match script.step() {
                Ok(Did::Connect(host)) => {
                    prop_assert!(script.now < deadline);
                    opening.push(host);
                }
                Ok(Did::Send(host)) => {
                    prop_assert!(script.now < deadline);
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
                    if outcome == Outcome::Wait {
                        deadline = script.now + 20_000;
                    }
                }
                Ok(Did::Attempt(_)) => {
                    prop_assert!(script.now < deadline);
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
                    script.record(Event::Attempted(outcome));
                    if outcome == Outcome::Wait {
                        deadline = script.now + 20_000;
                    }
                }
                Ok(Did::Probe(host)) => {
                    script.record(Event::Probed(host, Sighting::Nothing));
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
                            _ => script.record(Event::Failed(host, Fault::Silent)),
                        }
                    }
                }
            }
        }
        prop_assert!(false, "it does not end");
    }
}
