//! What is wrong with a client's settings, told without sending anything.

use super::without_backups::never_used;
use super::{Client, hostlist, memory_place, native};
use crate::config::Profile;
use crate::model::Kind;

impl Client {
    /// Every problem of the configuration and the hostfile, one a line; empty when all is well.
    #[must_use]
    pub fn check(&self) -> String {
        let configuration = self.configuration();
        let settings = configuration.settings();
        let mut lines: Vec<_> = configuration.problems().map(ToString::to_string).collect();
        if settings.profile == Profile::Fast {
            lines.extend(memory_place::problem(settings));
        }
        lines.extend(settings.surprises());
        if settings.no_ecf {
            lines.push("NO_ECF is set (empty counts, too): no command is sent".into());
        }
        lines.extend(hostlist::inspect(settings, settings.port).problems);
        lines.extend(never_used(settings, Kind::Task));
        let native = native::problems(settings, &self.shared.sender);
        lines.extend(
            native
                .into_iter()
                .map(|why| format!("native commands only: {why}")),
        );
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}
