//! Why a command has no backups, in words: told where its failure is told.

use crate::config::{HostfilePolicy, Settings};
use crate::model::{Kind, Status};

/// Why no command of this kind ever goes to the hosts of the hostfile that there is.
pub(super) fn never_used(settings: &Settings, kind: Kind) -> Option<String> {
    settings.hostfile.as_ref()?;
    let may_leave = is_for(settings, kind) && kind != Kind::Ping;
    let reason = if settings.no_ecf {
        "NO_ECF is set (empty counts, too)"
    } else if settings.hostfile_policy == HostfilePolicy::None {
        "ECF_HOSTFILE_POLICY is none"
    } else if settings.denied && may_leave {
        "ECF_DENIED is set (empty counts, too)"
    } else {
        return None;
    };
    Some(format!("the hostfile is never used, because {reason}"))
}

/// Whether the hostfile is for commands of this kind.
pub(super) fn is_for(settings: &Settings, kind: Kind) -> bool {
    match settings.hostfile_policy {
        HostfilePolicy::All => true,
        HostfilePolicy::Task => kind == Kind::Task,
        HostfilePolicy::None => false,
    }
}

/// Why a command of this kind that ended so had no backups; `looked` is what a look at the hostfile
/// brought, if there was one.
pub(super) fn why(
    settings: &Settings,
    kind: Kind,
    status: Status,
    looked: Option<&str>,
) -> Option<String> {
    let lacked_a_server = matches!(
        status,
        Status::Timeout | Status::Unreachable | Status::Denied | Status::Cancelled
    );
    if !lacked_a_server {
        return None;
    }
    if let Some(never) = never_used(settings, kind) {
        return Some(never);
    }
    let is_for_this_kind = is_for(settings, kind);
    match (&settings.hostfile, looked) {
        // Who gives no hostfile expects no backups; who cancels knows what he did.
        (Some(_), _) if !is_for_this_kind && status != Status::Cancelled => Some(
            "no backups: by ECF_HOSTFILE_POLICY (task) they are for task commands only".to_owned(),
        ),
        (Some(_), Some(looked)) => Some(format!("no backups: {looked} (ECF_HOSTFILE)")),
        _ => None,
    }
}
