//! The table of commands: adding one is adding a row.

use super::{CommandError, alter, argv::Words, task, user};
use crate::config::{Millis, Repeat};
use crate::policy::Kind;
use crate::wire::{Field, ReplyClass, Value};

/// How many words an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// None.
    None,
    /// None or one; more are left unread, like ecflow_client does.
    Optional,
    /// Exactly one.
    One,
    /// One or more.
    Many,
}

/// One command.
pub struct Row {
    /// The option's name, without dashes.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its class on the wire.
    pub class: &'static str,
    /// How many words it takes.
    pub arity: Arity,
    /// The replies that may answer it.
    pub legal: &'static [ReplyClass],
    /// What a second copy would do.
    pub repeat: Repeat,
    /// How long its reply may take, in seconds (protocol of ecFlow).
    pub limit_s: Millis,
    /// Words to members.
    pub(super) build: Build,
}

pub(super) type Build = fn(&Words<'_>, &mut Draft) -> Result<(), CommandError>;

/// A command while its words are read: starts as its row says, and the words may change it.
pub(super) struct Draft {
    pub(super) fields: Vec<Field>,
    pub(super) legal: &'static [ReplyClass],
    pub(super) repeat: Repeat,
}

impl Draft {
    pub(super) fn text(&mut self, name: &'static str, text: impl Into<Vec<u8>>) {
        self.fields.push((name, Value::Text(text.into())));
    }

    pub(super) fn number(&mut self, name: &'static str, number: i64) {
        self.fields.push((name, Value::Number(number)));
    }

    pub(super) fn flag(&mut self, name: &'static str, flag: bool) {
        self.fields.push((name, Value::Flag(flag)));
    }

    pub(super) fn texts(&mut self, name: &'static str, texts: &[&[u8]]) {
        let texts = texts.iter().map(|text| text.to_vec()).collect();
        self.fields.push((name, Value::Texts(texts)));
    }
}

const TASK: &[ReplyClass] = &[ReplyClass::Ok, ReplyClass::Halted, ReplyClass::Zombie];
const WAIT: &[ReplyClass] = &[
    ReplyClass::Ok,
    ReplyClass::Halted,
    ReplyClass::Zombie,
    ReplyClass::Wait,
];
/// A zombie that is fobbed off gets OK instead of a step.
pub(super) const STEP: &[ReplyClass] = &[
    ReplyClass::Text,
    ReplyClass::Ok,
    ReplyClass::Halted,
    ReplyClass::Zombie,
];
const DONE: &[ReplyClass] = &[ReplyClass::Ok];
const TEXT: &[ReplyClass] = &[ReplyClass::Text];
const SUITES: &[ReplyClass] = &[ReplyClass::Suites];

const fn task(name: &'static str, class: &'static str, arity: Arity, build: Build) -> Row {
    Row {
        name,
        kind: Kind::Task,
        class,
        arity,
        legal: TASK,
        repeat: Repeat::Yes,
        limit_s: 190,
        build,
    }
}

const fn user(name: &'static str, class: &'static str, arity: Arity, build: Build) -> Row {
    Row {
        name,
        kind: Kind::User,
        class,
        arity,
        legal: DONE,
        repeat: Repeat::Yes,
        limit_s: 60,
        build,
    }
}

const fn ordered(row: Row) -> Row {
    Row {
        repeat: Repeat::Ordered,
        ..row
    }
}

const fn once(row: Row) -> Row {
    Row {
        repeat: Repeat::No,
        ..row
    }
}

const fn answered(row: Row, legal: &'static [ReplyClass]) -> Row {
    Row { legal, ..row }
}

const fn within(row: Row, limit_s: Millis) -> Row {
    Row { limit_s, ..row }
}

/// Every command that this release offers.
#[rustfmt::skip]
pub const COMMANDS: &[Row] = &[
    task("init", "InitCmd", Arity::One, task::init),
    task("complete", "CompleteCmd", Arity::None, task::complete),
    task("abort", "AbortCmd", Arity::Optional, task::abort),
    ordered(task("event", "EventCmd", Arity::Many, task::event)),
    ordered(task("meter", "MeterCmd", Arity::Many, task::meter)),
    ordered(task("label", "LabelCmd", Arity::Many, task::label)),
    answered(task("wait", "CtsWaitCmd", Arity::One, task::wait), WAIT),
    ordered(task("queue", "QueueCmd", Arity::Many, task::queue)),
    within(Row { kind: Kind::Ping, ..user("ping", "CtsCmd", Arity::None, user::ping) }, 10),
    answered(user("server_version", "ServerVersionCmd", Arity::None, user::no_members), TEXT),
    answered(user("suites", "CtsCmd", Arity::None, user::suites), SUITES),
    user("restart", "CtsCmd", Arity::None, user::restart),
    user("shutdown", "CtsCmd", Arity::Optional, user::shutdown),
    user("halt", "CtsCmd", Arity::Optional, user::halt),
    user("suspend", "PathsCmd", Arity::Many, user::suspend),
    user("resume", "PathsCmd", Arity::Many, user::resume),
    within(user("begin", "BeginCmd", Arity::Optional, user::begin), 80),
    once(within(user("load", "LoadDefsCmd", Arity::Many, user::load), 600)),
    answered(user("query", "QueryCmd", Arity::Many, user::query), TEXT),
    ordered(user("force", "ForceCmd", Arity::Many, user::force)),
    once(user("requeue", "RequeueNodeCmd", Arity::Many, user::requeue)),
    once(user("alter", "AlterCmd", Arity::Many, alter::alter)),
];

/// The options of ecflow_client that this release refuses, with the reason.
pub const NOT_OFFERED: &[&str] = &[
    "archive",
    "ch_add",
    "ch_auto_add",
    "ch_drop",
    "ch_drop_user",
    "ch_register",
    "ch_rem",
    "ch_suites",
    "check",
    "checkJobGenOnly",
    "check_pt",
    "debug_server_off",
    "debug_server_on",
    "delete",
    "edit_history",
    "edit_script",
    "file",
    "force-dep-eval",
    "free-dep",
    "get",
    "get_state",
    "group",
    "help",
    "http",
    "https",
    "job_gen",
    "kill",
    "log",
    "migrate",
    "msg",
    "news",
    "order",
    "password",
    "plug",
    "reloadcustompasswdfile",
    "reloadpasswdfile",
    "reloadwsfile",
    "replace",
    "restore",
    "restore_from_checkpt",
    "run",
    "server_load",
    "show",
    "ssl",
    "stats",
    "stats_reset",
    "stats_server",
    "status",
    "sync",
    "sync_clock",
    "sync_full",
    "terminate",
    "user",
    "version",
    "why",
    "zombie_adopt",
    "zombie_block",
    "zombie_fail",
    "zombie_fob",
    "zombie_get",
    "zombie_kill",
    "zombie_remove",
];
