//! The one table of keys: an entry is all that a key needs. The environment, `ecf_client_set`,
//! `ecf_client_get`, [`Settings`], docs/keys.md and the manual page are all made from it.

use std::path::PathBuf;

use super::choices::{
    DefaultPort, HostfilePolicy, Memory, Profile, Protocol, StockClient, WhenAlive,
};
use super::need::Need;
use super::value::{
    Why, choice, default_port, host, is_on, optional, path, port, positive_seconds, seconds, share,
    text, whole,
};
use crate::model::{Host, Millis, Repeat, Secret, TaskIdentity};

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
    /// Which commands a value ends that cannot be used.
    pub needed_by: Need,
    pub(super) apply: Apply,
}

/// Reads a value and puts it where it belongs.
type Apply = fn(&mut Settings, &[u8]) -> Result<(), Why>;

/// Makes the table and the settings of its entries:
///
/// `SORT(name, default, what it takes, what it does) [for NEED] => field: Type = reader;`
///
/// SORT is `value`, `secret`, `flag` or `mode`; NEED is of [`Need`], everybody's if it is left out. `task.path` is a field of a field that stands in
/// [`Settings`] already.
macro_rules! keys {
    (@settings { $($fields:tt)* }) => {
        /// Every key as a typed value. Durations are in milliseconds.
        #[derive(Clone, Debug, Default)]
        pub struct Settings {
            $($fields)*
            /// ECF_NAME, ECF_PASS, ECF_RID, ECF_TRYNO.
            pub task: TaskIdentity,
            /// HOME, where the usual files lie. No key: it is the environment's alone.
            pub home: Option<PathBuf>,
            /// XDG_RUNTIME_DIR, where the node's memory may lie. No key: it is the environment's
            /// alone.
            pub runtime_directory: Option<PathBuf>,
            /// A bit for each key that was given a value.
            pub(super) given: u64,
        }
    };
    (@settings { $($fields:tt)* } ($name:literal $field:ident: $type:ty) $($rest:tt)*) => {
        keys!(@settings { $($fields)* #[doc = $name] pub $field: $type, } $($rest)*);
    };
    (@settings { $($fields:tt)* } ($name:literal $whole:ident.$part:ident: $type:ty) $($rest:tt)*) => {
        keys!(@settings { $($fields)* } $($rest)*);
    };
    ($(
        $sort:ident($name:literal, $($told:expr),+) $(for $need:ident)? => $($place:ident).+: $type:ty = $reader:expr;
    )+) => {
        keys!(@settings {} $(($name $($place).+: $type))+);

        /// Every key, in the order in which people are told about them.
        pub const KEYS: &[Key] = &[$(
            Key {
                $(needed_by: Need::$need,)?
                ..$sort($name, $($told),+, |settings, value| {
                    let read: fn(&[u8]) -> Result<$type, Why> = $reader;
                    settings.$($place).+ = read(value)?;
                    Ok(())
                })
            }
        ),+];
    };
}

const _: () = assert!(
    KEYS.len() <= u64::BITS as usize,
    "a bit for each in Settings::given"
);

const fn value(
    name: &'static str,
    default: &'static str,
    values: &'static str,
    meaning: &'static str,
    apply: Apply,
) -> Key {
    Key {
        name,
        default,
        values,
        meaning,
        is_secret: false,
        is_flag: false,
        needed_by: Need::Everybody,
        apply,
    }
}

const fn flag(name: &'static str, meaning: &'static str, apply: Apply) -> Key {
    Key {
        is_flag: true,
        ..value(name, "", "set or not set", meaning, apply)
    }
}

/// On when it is in the environment at all, but with a value that says more.
const fn mode(
    name: &'static str,
    values: &'static str,
    meaning: &'static str,
    apply: Apply,
) -> Key {
    Key {
        is_flag: true,
        ..value(name, "", values, meaning, apply)
    }
}

const fn secret(name: &'static str, meaning: &'static str, apply: Apply) -> Key {
    Key {
        is_secret: true,
        ..value(name, "", TEXT, meaning, apply)
    }
}

const SECONDS: &str = "seconds > 0";
const SECONDS_OR_ZERO: &str = "seconds >= 0";
const PATH: &str = "path";
const TEXT: &str = "text";
const ROTATE_OR_STAY: &[(&str, WhenAlive)] =
    &[("rotate", WhenAlive::Rotate), ("stay", WhenAlive::Stay)];

keys! {
    value("ECF_HOST", "localhost", "host name or address",
        "the primary's host; `--host` comes first")
        => host: Host = host;
    value("ECF_PORT", "3141", "1 to 65535",
        "the primary's port; `--port` comes first")
        => port: u16 = port;
    value("ECF_HOSTFILE", "", PATH,
        "the list of backups, one `host` or `host:port` a line; unset: no backups")
        => hostfile: Option<PathBuf> = |v| optional(v, path);
    value("ECF_HOSTFILE_POLICY", "task", "`task`, `all`, `none`",
        "who may use the backups: task commands, user commands too, nobody")
        => hostfile_policy: HostfilePolicy = |v| choice(v, &[
        ("task", HostfilePolicy::Task), ("all", HostfilePolicy::All), ("none", HostfilePolicy::None)]);
    value("ECF_TIMEOUT", "86400", SECONDS,
        "how long a command may find no server; what is asked is what is given, and each \"wait\" of a server starts it anew")
        => timeout: Millis = positive_seconds;
    value("ECF_ZOMBIE_TIMEOUT", "43200", SECONDS,
        "the same while the server's answer is \"zombie\"") for Tasks
        => zombie_timeout: Millis = positive_seconds;
    value("ECF_FAILOVER_PROGRESS_TIMEOUT", "", SECONDS,
        "when event, meter and label give up, if that is sooner: a model that only tells how far it is does not wait a day (unset: ECF_TIMEOUT)") for Tasks
        => progress_timeout: Option<Millis> = |v| optional(v, positive_seconds);
    value("ECF_FAILOVER_WAIT_TIMEOUT", "", SECONDS,
        "how long `wait` may be told to wait, from the first time on (unset: as long as a server says so)") for Tasks
        => wait_timeout: Option<Millis> = |v| optional(v, positive_seconds);
    value("ECF_FAILOVER_POST_QUEUE", "1024", "1 to 1000000",
        "how many posted commands may wait to be delivered; a newer value of a meter or a label takes the place of an older one") for Tasks
        => post_queue: u32 = |v| whole(v, 1, 1_000_000);
    value("ECF_CONNECT_TIMEOUT", "", SECONDS_OR_ZERO,
        "limit of each stage of an attempt (look-up, connect, write, reply); unset or 0: look-up 30 s, connect 5 s, write and reply the command's own limit (task 190 s)")
        => connect_timeout: Option<Millis> = zero_is_unset;
    value("ECF_FAILOVER_CONNECT_TIMEOUT", "", SECONDS_OR_ZERO,
        "seconds for look-up and connecting only; comes before ECF_CONNECT_TIMEOUT (unset or 0: as that says)")
        => failover_connect_timeout: Option<Millis> = zero_is_unset;
    value("ECF_FAILOVER_REPLY_TIMEOUT", "", SECONDS,
        "limit of waiting for the reply of one attempt; unset: the command's own")
        => reply_timeout: Option<Millis> = |v| optional(v, positive_seconds);
    value("ECF_FAILOVER_REPEATABLE", "", "`yes`, `ordered`, `no`",
        "delegated commands: whether a second copy is harmless (unset: yes); native commands have their own class") for Delegated
        => repeatable: Option<Repeat> = |v| optional(v, |v| choice(v, &[
        ("yes", Repeat::Yes), ("ordered", Repeat::Ordered), ("no", Repeat::No)]));
    flag("ECF_DENIED", "fail at once where a task command would go on retrying")
        => denied: bool = is_on;
    flag("NO_ECF", "every command succeeds at once, nothing is sent")
        => no_ecf: bool = is_on;
    value("ECF_NAME", "", TEXT, "the task's path")
        => task.path: Vec<u8> = text;
    secret("ECF_PASS", "the job's password; cannot be read back")
        => task.password: Secret = |v| Ok(Secret::from(v));
    value("ECF_RID", "", TEXT, "the job's process id or batch id")
        => task.remote_id: Vec<u8> = text;
    value("ECF_TRYNO", "1", "0 to 2147483647", "the job's try number") for Tasks
        => task.try_number: i32 = |v| whole(v, 0, i32::MAX);
    value("ECF_USER", "", TEXT, "the custom user of user commands instead of the login name; `--user` comes first")
        => user: Vec<u8> = text;
    value("ECF_PASSWD", "", PATH, "password file for the login name; `--password` comes first") for Native
        => password_file: Option<PathBuf> = |v| optional(v, path);
    value("ECF_CUSTOM_PASSWD", "", PATH, "password file for the custom user; `--password` comes first") for Native
        => custom_password_file: Option<PathBuf> = |v| optional(v, path);
    mode("ECF_SSL", "`1` or `<host>.<port>`",
        "speak TLS, whatever the value, an empty one too; `1`: servers are trusted by `server.crt` and by `<host>.<port>.crt`, else by the latter only")
        => ssl: Vec<u8> = text;
    value("ECF_SSL_DIR", "", PATH, "directory of the TLS certificates (unset: `$HOME/.ecflowrc/ssl`)") for Native
        => ssl_directory: Option<PathBuf> = |v| optional(v, path);
    value("ECF_HOST_PROTOCOL", "plain", "`plain`, `ssl`, `http`, `https`",
        "how servers are spoken to; `--ssl`, `--http` and `--https` come first") for Native
        => protocol: Protocol = |v| choice(v, &[
        ("plain", Protocol::Plain), ("ssl", Protocol::Ssl), ("http", Protocol::Http), ("https", Protocol::Https)]);
    value("ECF_AUTHTOKENS", "", PATH,
        "token file for HTTP and HTTPS (unset: `$HOME/.ecflowapirc`, else `./.ecflowapirc`)") for Native
        => token_file: Option<PathBuf> = |v| optional(v, path);
    value("ECF_FAILOVER_CA_FILE", "", PATH,
        "PEM file of the certificates that HTTPS servers are trusted by (unset: the system's)") for Native
        => authorities_file: Option<PathBuf> = |v| optional(v, path);
    flag("ECF_DEBUG_CLIENT", "log to stderr")
        => debug_client: bool = is_on;
    value("ECF_FAILOVER_NOTICES", "off", "`on`, `off`",
        "a line on stderr when a host fails first or for another reason, when such a command is delivered, and when a signal ends it; at most one in ten seconds. On by default in ecf_client and in the builtin")
        => notices: bool = |v| choice(v, &[("on", true), ("off", false)]);
    value("ECF_FAILOVER_STOCK_CLIENT", "name", "`name`, `run`",
        "what ecf_client does with a command that it does not offer: name the next ecflow_client in PATH, or run it; the builtin names it")
        => stock_client: StockClient = |v| choice(v, &[("name", StockClient::Name), ("run", StockClient::Run)]);
    value("ECF_FAILOVER_PROFILE", "ecflow", "`ecflow`, `fast`",
        "`ecflow`: the documented behaviour, to the second; `fast`: a live server as soon as possible")
        => profile: Profile = |v| choice(v, &[("ecflow", Profile::Ecflow), ("fast", Profile::Fast)]);
    value("ECF_FAILOVER_ATTEMPTS", "2", "1 to 1000", "tries per host in a lap")
        => attempts: u32 = |v| whole(v, 1, 1000);
    value("ECF_FAILOVER_RETRY_PERIOD", "10", SECONDS_OR_ZERO,
        "pause between two tries at one host (a ping: 1 unless given); 0 waits a millisecond")
        => retry_period: Millis = seconds;
    value("ECF_FAILOVER_HOST_PERIOD", "30", SECONDS_OR_ZERO,
        "pause before a later change of host; the first change is immediate; 0 waits a millisecond") for Ecflow
        => host_period: Millis = seconds;
    value("ECF_FAILOVER_DEFAULT_PORT", "3141", "1 to 65535, `primary`",
        "port of a hostfile's entry without one; `primary`: the primary's port") for Hostfile
        => default_port: DefaultPort = default_port;
    value("ECF_FAILOVER_ON_ZOMBIE", "", "`rotate`, `stay`",
        "whether \"zombie\" from a live server makes the next host be tried (unset: rotate; profile fast: stay)") for Tasks
        => on_zombie: Option<WhenAlive> = |v| optional(v, |v| choice(v, ROTATE_OR_STAY));
    value("ECF_FAILOVER_ON_HALTED", "", "`rotate`, `stay`",
        "the same for \"halted\" (unset: rotate; profile fast: stay)")
        => on_halted: Option<WhenAlive> = |v| optional(v, |v| choice(v, ROTATE_OR_STAY));
    value("ECF_FAILOVER_HEDGE", "0.25", SECONDS_OR_ZERO,
        "profile fast: silence before the next host's connection is opened beside the first") for Fast
        => hedge: Millis = seconds;
    value("ECF_FAILOVER_SILENCE", "30", SECONDS,
        "profile fast: silence of a connected server before it counts as unconfirmed") for Fast
        => silence: Millis = positive_seconds;
    value("ECF_FAILOVER_MEMORY", "", "`off`, `handle`, `node`",
        "profile fast: how long-lived the knowledge of dead hosts is: not at all, as long as the handle, or on the node, for all processes of the user (unset: node)") for Fast
        => memory: Option<Memory> = |v| optional(v, |v| choice(v, &[
        ("off", Memory::Off), ("handle", Memory::Handle), ("node", Memory::Node)]));
    value("ECF_FAILOVER_MEMORY_DIR", "", PATH,
        "where the node's memory lies, a directory that no other node sees (unset: the first usable of `$XDG_RUNTIME_DIR`, `/dev/shm` and `/tmp`)") for Fast
        => memory_directory: Option<PathBuf> = |v| optional(v, path);
    value("ECF_FAILOVER_JITTER", "on", "`on`, `off`", "profile fast: random spread of retries") for Fast
        => jitter: bool = |v| choice(v, &[("on", true), ("off", false)]);
    value("ECF_FAILOVER_BUDGET", "0.2", "0 to 1",
        "profile fast: retries allowed as a share of first attempts while any host answers, beside ten a minute") for Fast
        => budget: f64 = share;
    value("ECF_FAILOVER_MAX_REPLY", "", "bytes, 1 to 4294967295",
        "larger replies are refused before memory is taken (unset: 1 GiB for user commands, 16 MiB for task commands)") for Native
        => max_reply: Option<u32> = |v| optional(v, |v| whole(v, 1, u32::MAX));
}

fn zero_is_unset(value: &[u8]) -> Result<Option<Millis>, Why> {
    Ok(optional(value, seconds)?.filter(|limit| *limit > 0))
}

/// The place of a key in [`KEYS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyIndex(pub(super) usize);

impl KeyIndex {
    /// ECF_FAILOVER_RETRY_PERIOD, whose default differs for a ping.
    pub const RETRY_PERIOD: Self = Self(position("ECF_FAILOVER_RETRY_PERIOD"));
    /// ECF_FAILOVER_DEFAULT_PORT, which nobody need be told of who has given it.
    pub const DEFAULT_PORT: Self = Self(position("ECF_FAILOVER_DEFAULT_PORT"));
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
