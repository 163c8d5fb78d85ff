//! Every number of profile fast that is no setting.

use crate::model::Millis;

/// A connection that was not answered for so long counts as silent.
pub(super) const SILENT: Millis = 1_000;
/// When another host is connected, one that was open for so many times as long as that took
/// counts as silent.
pub(super) const SILENCE_RATIO: Millis = 4;
/// But not one that was open for less than this.
pub(super) const SHORTEST_SILENCE: Millis = 50;

/// The first pause between two laps.
pub(super) const FIRST_PAUSE: Millis = 250;
/// The longest one.
pub(super) const LONGEST_PAUSE: Millis = 10_000;
/// Pauses stay short for so long: most servers that go away come back at once.
pub(super) const SOON: Millis = 5_000;

/// While others have the leases, what they found is looked at again after this time at first.
pub(super) const FIRST_RECHECK: Millis = 250;
/// And after this time at last.
pub(super) const LAST_RECHECK: Millis = 2_000;
/// While a busy host is waited for, what others know of it is looked at so often.
pub(super) const BUSY_RECHECK: Millis = 1_000;

/// A connected server that says nothing is observed to be busy after this time.
pub(super) const BUSY_AFTER: Millis = 1_000;
/// It is watched from this time on: by what others know, and by probes.
pub(super) const WATCH_AFTER: Millis = 2_000;

/// How long a probe may take.
pub(super) const PROBE_LIMIT: Millis = 1_000;
/// A command that is confirmed waits no longer than this for the probe that it makes for others.
pub(super) const LONGEST_GRACE: Millis = 250;
/// And no shorter.
pub(super) const SHORTEST_GRACE: Millis = 15;
/// One of so many commands waits for its probe as long as it may: a primary that is far away is
/// found by that one.
pub(super) const PATIENT_ONE_OF: u64 = 8;
/// A lease for a probe that costs a command a second is longer by this.
pub(super) const COSTLY: Millis = 28_000;
/// Leases of different nodes are spread by up to this.
pub(super) const LEASE_SPREAD: Millis = 400;

/// A primary that died within this time did so a moment ago: many change hosts now.
pub(super) const MOMENT: Millis = 5_000;
/// Commands that change hosts together are spread: the second over this time, the third over
/// four of it, the fourth over nine, and so on. How many there are on other nodes nobody knows,
/// so many here are taken for many everywhere.
pub(super) const STAGGER: u32 = 24;
/// They are spread over no more than this.
pub(super) const STAGGER_WINDOW: Millis = 1_200;

/// What follows a pause: 1.6 times as long.
pub(super) const fn longer(pause: Millis) -> Millis {
    pause * 8 / 5
}
