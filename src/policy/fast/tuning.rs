//! Every number of profile fast that is no setting.
//!
//! Behind each stands the figure that it moves, as `before -> after` where it has the value in
//! brackets: "table" is `simulate table 1`, with 1,000 jobs in the hour without servers; "random"
//! is `simulate made-up 5000 1`; else it is the test of that name.

use crate::model::Millis;

/// A connection that was not answered for so long counts as silent. [4 s: random, p99 31.3 -> 32.6 s]
pub(super) const SILENT: Millis = 1_000;
/// When another host is connected, a connection that was open for so many times as long as that took counts as silent. [1: random, timed out 376 -> 416, probes 245 -> 344]
pub(super) const SILENCE_RATIO: Millis = 4;
/// But not one that was open for less than this; it matters where HEDGE is shorter. [0: `who_comes_second_without_a_hedge_is_not_silent`]
pub(super) const SHORTEST_SILENCE: Millis = 50;

/// The first pause between two laps. [2 s: table, a restarted server is found after 35 -> 133 ms]
pub(super) const FIRST_PAUSE: Millis = 250;
/// The longest one. [2 s: random, copies 727 -> 815]
pub(super) const LONGEST_PAUSE: Millis = 10_000;
/// Pauses stay short for so long: most servers that go away come back at once. [0: table, a restarted server is found after 35 -> 1,383 ms]
pub(super) const SOON: Millis = 5_000;

/// While others have the leases, what they found is looked at again after this time at first. [2 s: table, an hour's end is noticed after 2.4 -> 3.2 s]
pub(super) const FIRST_RECHECK: Millis = 250;
/// And after this time at last. [10 s: table, an hour's end is noticed after 2.4 -> 4.8 s]
pub(super) const LAST_RECHECK: Millis = 2_000;
/// While a busy host is waited for, what others know of it is looked at so often. [8 s: `a_busy_server_is_not_left_because_its_queue_is_full_but_when_it_dies`]
pub(super) const BUSY_RECHECK: Millis = 1_000;

/// A connected server that says nothing is observed to be busy after this time. [1.9 s: random, copies 727 -> 737]
pub(super) const BUSY_AFTER: Millis = 1_000;
/// It is watched from this time on: by what others know, and by probes. [8 s: random, confirmed 4,415 -> 4,401]
pub(super) const WATCH_AFTER: Millis = 2_000;

/// How long a probe may take. [0.1 s: `a_primary_that_is_far_away_is_found_again_beside_a_backup_that_is_near`]
pub(super) const PROBE_LIMIT: Millis = 1_000;
/// A command that is confirmed waits no longer than this for the probe that it makes for others. [15 ms: table, a primary 20 ms away is used again after 19.5 -> 105 s]
pub(super) const LONGEST_GRACE: Millis = 250;
/// And no shorter. [0.2 s: table 2, that primary after 12.4 -> 3.4 s, but random, p50 20 -> 36 ms]
pub(super) const SHORTEST_GRACE: Millis = 15;
/// One of so many commands waits for its probe as long as it may: a primary that is far away is found by that one. [none: table, that primary after 19.5 -> 105 s]
pub(super) const PATIENT_ONE_OF: u64 = 8;
/// A lease for a probe that costs a command a second is longer by this. Such probes are attempts of a caller's, which the simulator does not have.
pub(super) const COSTLY: Millis = 28_000;
/// Leases of different nodes are spread by up to this. [0: table, an hour's end is noticed after 2.4 -> 8.4 s]
pub(super) const LEASE_SPREAD: Millis = 400;

/// A primary that died within this time did so a moment ago: many change hosts now. [0.5 s: random, unknown outcome 209 -> 230]
pub(super) const MOMENT: Millis = 5_000;
/// Commands that change hosts together are spread: the second over this time, the third over four of it, the fourth over nine, and so on; how many there are on other nodes nobody knows, so many here are taken for many everywhere. [6 ms: `ten_thousand_jobs_change_hosts_at_once_and_the_backup_is_not_overrun`]
pub(super) const STAGGER: u32 = 24;
/// They are spread over no more than this. [0.3 s: table, a backup's queue drops 0 -> 3,822]
pub(super) const STAGGER_WINDOW: Millis = 1_200;

/// What follows a pause: 1.6 times as long.
pub(super) const fn longer(pause: Millis) -> Millis {
    pause * 8 / 5
}
