//! The numbers and choices of one command, drawn from the settings.

use crate::config::{HostfilePolicy, KeyIndex, Settings, WhenAlive};
use crate::model::{Kind, Millis, Repeat, Status};

/// Where a command may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Only to the primary; when its tries are used up the command ends so.
    Primary(Status),
    /// Once round primary and backups; then the command ends so.
    OneLap(Status),
    /// Round and round until the deadline.
    Laps,
}

/// What a policy needs to know of one command. Times are in milliseconds.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Where it may go.
    pub route: Route,
    /// Tries per host in a lap, at least 1.
    pub attempts: u32,
    /// Pause between two tries at one host.
    pub retry_period: Millis,
    /// Pause before a later change of host.
    pub host_period: Millis,
    /// The time without a server: counted from the command's start, and anew from each "wait".
    pub timeout: Millis,
    /// An earlier deadline of a command that only tells how far a job is, counted from its start.
    pub progress_timeout: Option<Millis>,
    /// How long a server may ask to wait, counted from the first time.
    pub wait_timeout: Option<Millis>,
    /// The earlier deadline while the last outcome is a zombie.
    pub zombie_timeout: Millis,
    /// The longest that one attempt may take, all stages together.
    pub attempt_limit: Millis,
    /// What a zombie from a live server means.
    pub on_zombie: WhenAlive,
    /// What halted means.
    pub on_halted: WhenAlive,
    /// What a second copy would do.
    pub repeat: Repeat,
}

/// A ping's own retry period.
const PING_RETRY_PERIOD: Millis = 1_000;
/// A period of 0 waits this long, so that a refusing host is asked at most 1000 times a second.
const SHORTEST_PERIOD: Millis = 1;

impl Rules {
    /// The rules of profile `ecflow` for a command of this kind.
    #[must_use]
    pub fn ecflow(settings: &Settings, kind: Kind, repeat: Repeat, attempt_limit: Millis) -> Self {
        Self::new(settings, kind, repeat, attempt_limit, WhenAlive::Rotate)
    }

    /// `when_alive` is what halted and zombie mean where the settings leave it to the profile.
    fn new(
        settings: &Settings,
        kind: Kind,
        repeat: Repeat,
        attempt_limit: Millis,
        when_alive: WhenAlive,
    ) -> Self {
        let route = route(kind, settings);
        let retry_period = match kind {
            Kind::Ping if !settings.is_given(KeyIndex::RETRY_PERIOD) => PING_RETRY_PERIOD,
            _ => settings.retry_period,
        };
        let when_alive = |choice: Option<WhenAlive>| match route {
            // "Fail at once" leaves no room for staying.
            Route::Primary(Status::Denied) => WhenAlive::Rotate,
            _ => choice.unwrap_or(when_alive),
        };
        Self {
            route,
            attempts: settings.attempts.max(1),
            retry_period: retry_period.max(SHORTEST_PERIOD),
            host_period: settings.host_period.max(SHORTEST_PERIOD),
            timeout: settings.timeout,
            progress_timeout: None,
            wait_timeout: settings.wait_timeout,
            zombie_timeout: settings.zombie_timeout,
            attempt_limit,
            on_zombie: when_alive(settings.on_zombie),
            on_halted: when_alive(settings.on_halted),
            repeat,
        }
    }

    /// The same for a command that may have a deadline of its own.
    #[must_use]
    pub fn within(self, progress_timeout: Option<Millis>) -> Self {
        Self {
            progress_timeout,
            ..self
        }
    }

    /// The pause after a "wait": what is left of ECF_TIMEOUT then is for the next attempt.
    pub(super) fn wait_period(&self) -> Millis {
        self.retry_period.min(self.timeout / 2).max(SHORTEST_PERIOD)
    }

    /// Whether the primary alone, tried for `longest` each time, could take more than half of the
    /// time: then it must be known from the start how many other hosts have a share of it.
    pub(super) fn is_short(&self, longest: Millis) -> bool {
        let try_and_pause = longest.saturating_add(self.retry_period);
        let primary = try_and_pause.saturating_mul(self.attempts.into());
        !matches!(self.route, Route::Primary(_)) && self.longest() < primary.saturating_mul(2)
    }

    /// How long the command may last without a server.
    #[must_use]
    pub fn longest(&self) -> Millis {
        self.progress_timeout
            .map_or(self.timeout, |progress| progress.min(self.timeout))
    }
}

/// What profile `fast` needs to know of one command. Times are in milliseconds.
#[derive(Clone, Debug)]
pub struct FastRules {
    /// What both profiles need.
    pub common: Rules,
    /// Silence before the next host's connection is opened beside the first.
    pub hedge: Millis,
    /// Silence of a connected server before it is given up.
    pub silence: Millis,
    /// Whether pauses are spread at random.
    pub jitter: bool,
    /// What a command earns for the retry budget, in thousandths of a retry.
    pub earns: u32,
}

impl FastRules {
    /// The rules of profile `fast` for a command of this kind.
    #[must_use]
    pub fn new(settings: &Settings, kind: Kind, repeat: Repeat, attempt_limit: Millis) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share is a number from 0 to 1"
        )]
        let earns = (settings.budget * 1_000.0) as u32;
        Self {
            common: Rules::new(settings, kind, repeat, attempt_limit, WhenAlive::Stay),
            hedge: settings.hedge,
            silence: settings.silence,
            jitter: settings.jitter,
            earns,
        }
    }

    /// The same for a command that may have a deadline of its own.
    #[must_use]
    pub fn within(self, progress_timeout: Option<Millis>) -> Self {
        Self {
            common: self.common.within(progress_timeout),
            ..self
        }
    }
}

fn route(kind: Kind, settings: &Settings) -> Route {
    use HostfilePolicy::{All, None, Task};
    match (kind, settings.hostfile_policy, settings.denied) {
        (Kind::Task, _, true) | (Kind::User, All, true) => Route::Primary(Status::Denied),
        (Kind::Task, Task | All, false) | (Kind::User, All, false) => Route::Laps,
        (Kind::Ping, All, _) => Route::OneLap(Status::Unreachable),
        (Kind::Task, None, false) | (Kind::User | Kind::Ping, Task | None, _) => {
            Route::Primary(Status::Unreachable)
        }
    }
}
