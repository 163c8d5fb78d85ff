//! The one table of keys. The environment, `ecf_client_set`, `ecf_client_get` and the
//! README's table are all made from it; adding a key is adding a row.

use super::settings::{
    DefaultPort, HostfilePolicy, Memory, Profile, Protocol, Settings, WhenAlive,
};
use super::value::{Lowest, Why, choice, path, port, seconds, share, whole};
use crate::model::{Host, Repeat, Secret};

/// One key: its name, what it takes, and where its value goes.
pub struct Key {
    /// The name in the environment, in `ecf_client_set` and in `ecf_client_get`.
    pub name: &'static str,
    /// The value when none is given; empty when there is none.
    pub default: &'static str,
    /// What it takes, for people.
    pub values: &'static str,
    /// What it does, in one line.
    pub meaning: &'static str,
    /// Never given out again.
    pub is_secret: bool,
    /// On when it is in the environment at all, whatever its value.
    pub is_flag: bool,
    pub(super) apply: fn(&mut Settings, &[u8]) -> Result<(), Why>,
}

/// The place of a key in [`KEYS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyIndex(pub(super) usize);

impl KeyIndex {
    /// ECF_FAILOVER_RETRY_PERIOD, whose default differs for a ping.
    pub const RETRY_PERIOD: Self = Self(position("ECF_FAILOVER_RETRY_PERIOD"));
}

#[expect(clippy::panic, reason = "runs in the compiler only")]
const fn position(name: &str) -> usize {
    let mut index = 0;
    while index < KEYS.len() {
        if same(KEYS[index].name, name) {
            return index;
        }
        index += 1;
    }
    panic!("a key of the table")
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

const fn key(
    name: &'static str,
    default: &'static str,
    values: &'static str,
    meaning: &'static str,
    apply: fn(&mut Settings, &[u8]) -> Result<(), Why>,
) -> Key {
    Key {
        name,
        default,
        values,
        meaning,
        is_secret: false,
        is_flag: false,
        apply,
    }
}

const fn flag(
    name: &'static str,
    meaning: &'static str,
    apply: fn(&mut Settings, &[u8]) -> Result<(), Why>,
) -> Key {
    Key {
        is_flag: true,
        ..key(name, "", "set or not set", meaning, apply)
    }
}

const fn secret(key: Key) -> Key {
    Key {
        is_secret: true,
        ..key
    }
}

const SECONDS: &str = "seconds > 0";
const SECONDS_OR_ZERO: &str = "seconds >= 0";
const PATH: &str = "path";
const TEXT: &str = "text";
const ROTATE_OR_STAY: &[(&str, WhenAlive)] =
    &[("rotate", WhenAlive::Rotate), ("stay", WhenAlive::Stay)];

/// Every key, in the order in which people are told about them.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key("ECF_HOST", "localhost", "host name or address",
        "the primary's host; `--host` comes first",
        |s, v| { s.host = Host::parse(v.trim_ascii()).map_err(|why| why.to_string())?; Ok(()) }),
    key("ECF_PORT", "3141", "1 to 65535",
        "the primary's port; `--port` comes first",
        |s, v| { s.port = port(v)?; Ok(()) }),
    key("ECF_HOSTFILE", "", PATH,
        "the list of backups, one `host` or `host:port` a line; unset: no backups",
        |s, v| { s.hostfile = optional(v, path)?; Ok(()) }),
    key("ECF_HOSTFILE_POLICY", "task", "`task`, `all`, `none`",
        "who may use the backups: task commands, user commands too, nobody",
        |s, v| {
            s.hostfile_policy = choice(v, &[("task", HostfilePolicy::Task),
                ("all", HostfilePolicy::All), ("none", HostfilePolicy::None)])?;
            Ok(())
        }),
    key("ECF_TIMEOUT", "86400", SECONDS,
        "when a command gives up; what is asked is what is given",
        |s, v| { s.timeout = seconds(v, Lowest::AboveZero)?; Ok(()) }),
    key("ECF_ZOMBIE_TIMEOUT", "43200", SECONDS,
        "the same while the server's answer is \"zombie\"",
        |s, v| { s.zombie_timeout = seconds(v, Lowest::AboveZero)?; Ok(()) }),
    key("ECF_FAILOVER_PROGRESS_TIMEOUT", "", SECONDS,
        "when event, meter and label give up, if that is sooner: a model that only tells how far it is does not wait a day (unset: ECF_TIMEOUT)",
        |s, v| { s.progress_timeout = optional(v, |v| seconds(v, Lowest::AboveZero))?; Ok(()) }),
    key("ECF_CONNECT_TIMEOUT", "", SECONDS_OR_ZERO,
        "limit of each stage of an attempt (look-up, connect, write, reply); unset or 0: look-up and connect 5 s each, write and reply the command's own limit (task 190 s)",
        |s, v| {
            s.connect_timeout = optional(v, |v| seconds(v, Lowest::Zero))?.filter(|limit| *limit > 0);
            Ok(())
        }),
    key("ECF_FAILOVER_REPLY_TIMEOUT", "", SECONDS,
        "limit of waiting for the reply of one attempt; unset: the command's own",
        |s, v| { s.reply_timeout = optional(v, |v| seconds(v, Lowest::AboveZero))?; Ok(()) }),
    key("ECF_FAILOVER_REPEATABLE", "", "`yes`, `ordered`, `no`",
        "delegated commands: whether a second copy is harmless (unset: yes); native commands have their own class",
        |s, v| {
            s.repeatable = optional(v, |v| choice(v, &[("yes", Repeat::Yes),
                ("ordered", Repeat::Ordered), ("no", Repeat::No)]))?;
            Ok(())
        }),
    flag("ECF_DENIED", "fail at once where a task command would go on retrying",
        |s, v| { s.denied = !v.is_empty(); Ok(()) }),
    flag("NO_ECF", "every command succeeds at once, nothing is sent",
        |s, v| { s.no_ecf = !v.is_empty(); Ok(()) }),
    key("ECF_NAME", "", TEXT, "the task's path",
        |s, v| { s.task.path = v.to_vec(); Ok(()) }),
    secret(key("ECF_PASS", "", TEXT, "the job's password; cannot be read back",
        |s, v| { s.task.password = Secret::from(v); Ok(()) })),
    key("ECF_RID", "", TEXT, "the job's process id or batch id",
        |s, v| { s.task.remote_id = v.to_vec(); Ok(()) }),
    key("ECF_TRYNO", "1", "0 to 2147483647", "the job's try number",
        |s, v| {
            s.task.try_number = i32::try_from(whole(v, 0, i32::MAX as u64)?).unwrap_or(i32::MAX);
            Ok(())
        }),
    key("ECF_USER", "", TEXT, "the custom user of user commands instead of the login name; `--user` comes first",
        |s, v| { s.user = v.to_vec(); Ok(()) }),
    key("ECF_PASSWD", "", PATH, "password file for the login name; `--password` comes first",
        |s, v| { s.password_file = optional(v, path)?; Ok(()) }),
    key("ECF_CUSTOM_PASSWD", "", PATH, "password file for the custom user; `--password` comes first",
        |s, v| { s.custom_password_file = optional(v, path)?; Ok(()) }),
    key("ECF_SSL", "", "`1` or `<host>.<port>`",
        "speak TLS; `1`: servers are trusted by `server.crt` and by `<host>.<port>.crt`, else by the latter only",
        |s, v| { s.ssl = v.to_vec(); Ok(()) }),
    key("ECF_SSL_DIR", "", PATH, "directory of the TLS certificates (unset: `$HOME/.ecflowrc/ssl`)",
        |s, v| { s.ssl_directory = optional(v, path)?; Ok(()) }),
    key("ECF_HOST_PROTOCOL", "plain", "`plain`, `ssl`, `http`, `https`",
        "how servers are spoken to; `--ssl`, `--http` and `--https` come first",
        |s, v| {
            s.protocol = choice(v, &[("plain", Protocol::Plain), ("ssl", Protocol::Ssl),
                ("http", Protocol::Http), ("https", Protocol::Https)])?;
            Ok(())
        }),
    key("ECF_AUTHTOKENS", "", PATH,
        "token file for HTTP and HTTPS (unset: `$HOME/.ecflowapirc`, else `./.ecflowapirc`)",
        |s, v| { s.token_file = optional(v, path)?; Ok(()) }),
    key("ECF_FAILOVER_CA_FILE", "", PATH,
        "PEM file of the certificates that HTTPS servers are trusted by (unset: the system's)",
        |s, v| { s.authorities_file = optional(v, path)?; Ok(()) }),
    flag("ECF_DEBUG_CLIENT", "log to stderr",
        |s, v| { s.debug_client = !v.is_empty(); Ok(()) }),
    key("ECF_FAILOVER_PROFILE", "ecflow", "`ecflow`, `fast`",
        "`ecflow`: the documented behaviour, to the second; `fast`: a live server as soon as possible",
        |s, v| { s.profile = choice(v, &[("ecflow", Profile::Ecflow), ("fast", Profile::Fast)])?; Ok(()) }),
    key("ECF_FAILOVER_ATTEMPTS", "2", "1 to 1000", "tries per host in a lap",
        |s, v| { s.attempts = u32::try_from(whole(v, 1, 1000)?).unwrap_or(1); Ok(()) }),
    key("ECF_FAILOVER_RETRY_PERIOD", "10", SECONDS_OR_ZERO,
        "pause between two tries at one host (a ping: 1 unless given); 0 waits a millisecond",
        |s, v| { s.retry_period = seconds(v, Lowest::Zero)?; Ok(()) }),
    key("ECF_FAILOVER_HOST_PERIOD", "30", SECONDS_OR_ZERO,
        "pause before a later change of host; the first change is immediate; 0 waits a millisecond",
        |s, v| { s.host_period = seconds(v, Lowest::Zero)?; Ok(()) }),
    key("ECF_FAILOVER_DEFAULT_PORT", "3141", "1 to 65535, `primary`",
        "port of a hostfile's entry without one; `primary`: the primary's port",
        |s, v| {
            s.default_port = match v.trim_ascii().eq_ignore_ascii_case(b"primary") {
                true => DefaultPort::Primary,
                false => DefaultPort::Number(port(v).map_err(|why| format!("{why}, or \"primary\""))?),
            };
            Ok(())
        }),
    key("ECF_FAILOVER_ON_ZOMBIE", "", "`rotate`, `stay`",
        "whether \"zombie\" from a live server makes the next host be tried (unset: rotate; profile fast: stay)",
        |s, v| { s.on_zombie = optional(v, |v| choice(v, ROTATE_OR_STAY))?; Ok(()) }),
    key("ECF_FAILOVER_ON_HALTED", "", "`rotate`, `stay`",
        "the same for \"halted\" (unset: rotate; profile fast: stay)",
        |s, v| { s.on_halted = optional(v, |v| choice(v, ROTATE_OR_STAY))?; Ok(()) }),
    key("ECF_FAILOVER_HEDGE", "0.25", SECONDS_OR_ZERO,
        "profile fast: silence before the next host's connection is opened beside the first",
        |s, v| { s.hedge = seconds(v, Lowest::Zero)?; Ok(()) }),
    key("ECF_FAILOVER_SILENCE", "30", SECONDS,
        "profile fast: silence of a connected server before it counts as unconfirmed",
        |s, v| { s.silence = seconds(v, Lowest::AboveZero)?; Ok(()) }),
    key("ECF_FAILOVER_MEMORY", "", "`off`, `handle`, `node`",
        "profile fast: how long-lived the knowledge of dead hosts is: not at all, as long as the handle, or on the node, in `$XDG_RUNTIME_DIR` or `$TMPDIR` (unset: node)",
        |s, v| {
            s.memory = optional(v, |v| choice(v, &[("off", Memory::Off),
                ("handle", Memory::Handle), ("node", Memory::Node)]))?;
            Ok(())
        }),
    key("ECF_FAILOVER_JITTER", "on", "`on`, `off`", "profile fast: random spread of retries",
        |s, v| { s.jitter = choice(v, &[("on", true), ("off", false)])?; Ok(()) }),
    key("ECF_FAILOVER_BUDGET", "0.2", "0 to 1",
        "profile fast: retries allowed as a share of first attempts while any host answers, beside ten a minute",
        |s, v| { s.budget = share(v)?; Ok(()) }),
    key("ECF_FAILOVER_MAX_REPLY", "", "bytes, 1 to 4294967295",
        "larger replies are refused before memory is taken (unset: 1 GiB for user commands, 16 MiB for task commands)",
        |s, v| {
            s.max_reply = optional(v, |v| whole(v, 1, u64::from(u32::MAX)))?
                .map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX));
            Ok(())
        }),
];

fn optional<T>(value: &[u8], read: impl Fn(&[u8]) -> Result<T, Why>) -> Result<Option<T>, Why> {
    (!value.is_empty()).then(|| read(value)).transpose()
}
