//! What commands know from each other: dead hosts, probes, leases, turns.

use super::*;

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
    let (mut probes, mut graces) = (Vec::new(), Vec::new());
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
        graces.push(at - now);
    }
    // Who probes waits a little, one of eight a quarter of a second, the others not at all.
    assert!(graces.iter().all(|grace| *grace <= 251), "{graces:?}");
    let long = graces.iter().filter(|grace| **grace > 1).count();
    assert!(long <= probes.len(), "{graces:?}");
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
fn a_connected_probe_is_waited_for_but_not_at_a_primary_that_was_mute() {
    for (cause, graces) in [
        (Observation::Refused, 250..=250),
        (Observation::Mute, 15..=249),
    ] {
        let mut known = HealthTable::new();
        known.observe(HostKey::of(&endpoint("h0")), cause, 10_000);
        let mut script = Script::task(&mut known, 1, 20_000);
        assert_eq!(script.next().1, Did::Probe(0));
        assert_eq!(script.next().1, Did::Connect(1));
        script.record(Event::Probed(0, Sighting::Connected));
        script.succeed(1);
        let (at, did) = script.next();
        assert_eq!(did, Did::End(Status::Ok));
        assert!(graces.contains(&(at - 20_001)), "{cause:?}: {at}");
    }
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
            script.record(Event::Probed(0, Sighting::Alive));
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
fn what_others_have_a_lease_of_is_tried_all_the_same_where_nothing_else_can_be() {
    let mut known = HealthTable::new();
    let keys = ["h0", "h1"].map(|name| HostKey::of(&endpoint(name)));
    for key in keys {
        known.observe(key, Observation::Mute, 1_000);
    }
    for key in keys {
        known.lease(key, Lease::Urgent, 0, 10_000);
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
