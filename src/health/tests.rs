use proptest::prelude::*;

use super::image::{HEAD, HOST};
use super::*;
use crate::model::Millis;

/// What is known counts for ten minutes.
const TTL: Millis = 600_000;

const BOOT: [u8; 16] = [7; 16];

fn key(number: u64) -> HostKey {
    HostKey(number)
}

fn taught(observations: &[(Observation, Millis)]) -> HostHealth {
    let mut known = HealthTable::new();
    for (observation, at) in observations {
        known.observe(key(1), *observation, *at);
    }
    let last = observations.last().map_or(0, |(_, at)| *at);
    known.host(key(1), last)
}

#[test]
fn what_makes_a_host_dead_and_what_makes_it_well() {
    use Health::{Dead, Good, Suspect};
    use Observation::{Answered, Mute, ProbedBadly, ProbedWell, Refused, Silent};
    let rows: &[(&[Observation], Health)] = &[
        (&[], Good),
        (&[Refused], Dead),
        (&[Mute], Dead),
        (&[Silent], Suspect),
        (&[Silent, Silent], Dead),
        (&[Silent, Answered, Silent], Suspect),
        (&[Silent, ProbedWell], Good),
        (&[Refused, ProbedWell], Dead),
        (&[Refused, ProbedWell, ProbedWell], Good),
        (&[Refused, ProbedWell, ProbedBadly, ProbedWell], Dead),
        (&[Refused, Answered], Good),
    ];
    for (observations, health) in rows {
        let observations: Vec<_> = observations
            .iter()
            .map(|observation| (*observation, 1_000))
            .collect();
        assert_eq!(taught(&observations).health, *health, "{observations:?}");
    }
}

#[test]
fn what_is_known_and_not_renewed_is_forgotten() {
    let mut known = HealthTable::new();
    known.observe(key(1), Observation::Refused, 1_000);
    assert!(!known.host(key(1), 1_000 + TTL - 1).is_good());
    assert!(known.host(key(1), 1_000 + TTL).is_good());
    // So it does not count as one that comes and goes.
    for observation in [
        Observation::Refused,
        Observation::ProbedWell,
        Observation::ProbedWell,
    ] {
        known.observe(key(1), observation, 1_000 + TTL);
    }
    assert!(known.host(key(1), 1_000 + TTL).is_good());
}

#[test]
fn retries_are_a_share_of_first_attempts_while_anybody_answers() {
    let mut known = HealthTable::new();
    let mut retries = |commands: u32, now: Millis| {
        let before = 200_000;
        let mut granted = 0;
        for at in 0..commands {
            let now = before + now + u64::from(at);
            known.earn_retries(200, now);
            granted += u32::from(known.spend_retry(now));
        }
        granted
    };
    assert_eq!(retries(1_000, 0), 1_000, "nobody answers: no limit");
    let mut known = HealthTable::new();
    known.observe(key(1), Observation::Answered, 200_000);
    let mut granted = 0;
    for at in 0..1_000 {
        known.earn_retries(200, 200_000 + at);
        granted += u32::from(known.spend_retry(200_000 + at));
    }
    assert!((200..=215).contains(&granted), "{granted}");
}

#[test]
fn one_of_many_has_the_lease_and_after_it_another() {
    let mut known = HealthTable::new();
    known.observe(key(1), Observation::Silent, 1_000);
    let mut lease = |now| known.lease(key(1), Lease::Usual, 100, now);
    assert_eq!(lease(1_000), Permission::Granted);
    assert_eq!(lease(1_600), Permission::TakenFor(1_500));
    assert_eq!(lease(3_100), Permission::Granted);
}

#[test]
fn those_who_were_killed_while_they_changed_hosts_go_away() {
    let mut known = HealthTable::new();
    let besides: Vec<_> = (0..3).map(|_| known.join_stagger(1_000)).collect();
    assert_eq!(besides, [0, 1, 2]);
    known.leave_stagger(1_000);
    assert_eq!(known.join_stagger(1_000), 2);
    assert_eq!(known.join_stagger(2_000), 0);
}

#[test]
fn the_image_has_room_for_fifty_hosts_and_keeps_the_newest() {
    let mut known = HealthTable::new();
    for number in 0..80 {
        known.observe(key(number), Observation::Refused, 1_000 + number);
    }
    let image = known.to_image(BOOT);
    assert!(image.len() <= LONGEST_IMAGE);
    let read = HealthTable::from_image(&image, BOOT, 2_000).unwrap_or_default();
    assert_eq!(read, known);
    assert!(read.host(key(29), 2_000).is_good(), "forgotten");
    assert!((30..80).all(|number| !read.host(key(number), 2_000).is_good()));
}

#[test]
fn an_image_of_another_boot_or_from_the_future_is_none() {
    let mut known = HealthTable::new();
    known.observe(key(1), Observation::Refused, 100_000);
    let image = known.to_image(BOOT);
    assert!(HealthTable::from_image(&image, BOOT, 100_000).is_some());
    assert!(HealthTable::from_image(&image, [8; 16], 100_000).is_none());
    assert!(HealthTable::from_image(&image, BOOT, 90_000).is_none());
}

fn observation() -> impl Strategy<Value = Observation> {
    prop::sample::select(vec![
        Observation::Answered,
        Observation::Refused,
        Observation::Unreachable,
        Observation::Silent,
        Observation::Mute,
        Observation::Busy,
        Observation::ProbedWell,
        Observation::ProbedBadly,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_image_gives_back_what_was_known(
        observations in prop::collection::vec((0_u64..60, observation(), 0_u64..100_000), 0..200),
    ) {
        let mut known = HealthTable::new();
        let mut now = 1_000;
        for (host, observation, later) in observations {
            now += later;
            known.observe(key(host), observation, now);
        }
        let read = HealthTable::from_image(&known.to_image(BOOT), BOOT, now);
        prop_assert_eq!(read, Some(known));
    }

    #[test]
    fn a_damaged_image_is_none(at in any::<prop::sample::Index>(), flip in 1_u8..=255, cut in any::<bool>()) {
        let mut known = HealthTable::new();
        known.observe(key(1), Observation::Refused, 1_000);
        let mut image = known.to_image(BOOT);
        if cut {
            image.truncate(at.index(image.len()));
        } else {
            image[at.index(HEAD + HOST)] ^= flip;
        }
        prop_assert_eq!(HealthTable::from_image(&image, BOOT, 1_000), None);
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..5_000)) {
        prop_assert_eq!(HealthTable::from_image(&bytes, BOOT, 1_000), None);
    }
}
