//! The table of commands: adding one is adding a row.

use super::draft::{Arity, DONE, Draft, TEXT, Words};
use super::words::{alter, definition, group, handle, paths, query, script, task, user};
use super::{Command, CommandError, Purpose, Shows};
use crate::model::{Kind, Repeat};
use crate::wire::{AnswerClass, Request};

/// One command.
pub struct CommandRow {
    /// The option's name, without dashes.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its class on the wire.
    pub class: &'static str,
    /// How many words it takes.
    pub arity: Arity,
    /// Its words, for people.
    pub words: &'static str,
    /// What it does, in one line.
    pub meaning: &'static str,
    /// The replies that may answer it.
    pub legal: &'static [AnswerClass],
    /// What a second copy would do.
    pub repeat: Repeat,
    /// How long its reply may take, in seconds (protocol of ecFlow).
    pub limit_s: u64,
    /// What it is for.
    pub purpose: Purpose,
    /// The replies that may answer it without a word, where they differ.
    legal_without_words: Option<&'static [AnswerClass]>,
    /// Whether a following word that begins with two dashes, and is no option, is its value.
    pub(super) takes_dashes: bool,
    /// Whether its first word may be empty.
    pub(super) takes_empty: bool,
    /// Whether its first word is the job's process id or batch id.
    pub(super) begins_with_remote_id: bool,
    /// Whether it may stand in a group.
    pub(super) in_group: InGroup,
    /// Whether a group that holds it prints the definitions that it got.
    pub(super) shows: Shows,
    build: Build,
}

/// Whether a command may stand in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InGroup {
    /// It may.
    Allowed,
    /// It may not, with the reason and the remedy.
    Never(&'static str),
}

/// How a command's words become its members.
#[derive(Clone, Copy)]
enum Build {
    /// No words: the class has one number.
    Api(i64),
    /// A number and perhaps the path of a node.
    Node(i64),
    /// A number and paths.
    Paths(i64),
    /// What is done to the zombies at some paths.
    Zombie(i64),
    /// Words of its own.
    Words(fn(&Words<'_>, &mut Draft) -> Result<(), CommandError>),
}

const TASK: &[AnswerClass] = &[AnswerClass::Ok, AnswerClass::Halted, AnswerClass::Zombie];
const WAIT: &[AnswerClass] = &[
    AnswerClass::Ok,
    AnswerClass::Halted,
    AnswerClass::Zombie,
    AnswerClass::Wait,
];
const CLEARED: &[AnswerClass] = &[AnswerClass::Ok, AnswerClass::Cleared];
const TEXTS: &[AnswerClass] = &[AnswerClass::Texts];
const SUITES: &[AnswerClass] = &[AnswerClass::Suites];
const STATS: &[AnswerClass] = &[AnswerClass::Stats];
const LOG_PATH: &[AnswerClass] = &[AnswerClass::LogPath];
const ZOMBIES: &[AnswerClass] = &[AnswerClass::Zombies];
const HANDLE: &[AnswerClass] = &[AnswerClass::Handle];
const HANDLES: &[AnswerClass] = &[AnswerClass::Handles];
const NODE: &[AnswerClass] = &[AnswerClass::Node];
const DEFINITION: &[AnswerClass] = &[AnswerClass::Definition];
const NEWS: &[AnswerClass] = &[AnswerClass::News];
const SYNC: &[AnswerClass] = &[AnswerClass::Sync];
/// A group whose commands are all done is answered like one command.
const GROUP: &[AnswerClass] = &[AnswerClass::Group, AnswerClass::Ok, AnswerClass::Cleared];

type Reader = fn(&Words<'_>, &mut Draft) -> Result<(), CommandError>;

const fn task(name: &'static str, class: &'static str, arity: Arity, read: Reader) -> CommandRow {
    CommandRow {
        kind: Kind::Task,
        legal: TASK,
        limit_s: 190,
        in_group: InGroup::Never(
            "a halted server may drop a task command in a group and answer that all is well; send it alone",
        ),
        ..user(name, class, arity, Build::Words(read))
    }
}

const fn user(name: &'static str, class: &'static str, arity: Arity, build: Build) -> CommandRow {
    CommandRow {
        name,
        kind: Kind::User,
        class,
        arity,
        words: "",
        meaning: "",
        legal: DONE,
        repeat: Repeat::Yes,
        limit_s: 60,
        purpose: Purpose::Control,
        legal_without_words: None,
        takes_dashes: false,
        takes_empty: false,
        begins_with_remote_id: false,
        in_group: InGroup::Allowed,
        shows: Shows::Nothing,
        build,
    }
}

/// A command that is a number for the server as a whole.
const fn server(name: &'static str, api: i64) -> CommandRow {
    user(name, "CtsCmd", Arity::None, Build::Api(api))
}

/// A command for one node, or for all.
const fn node(name: &'static str, api: i64) -> CommandRow {
    user(name, "CtsNodeCmd", Arity::Optional, Build::Node(api))
}

/// A command for some nodes.
const fn nodes(name: &'static str, api: i64) -> CommandRow {
    user(name, "PathsCmd", Arity::Many, Build::Paths(api))
}

const fn zombie(name: &'static str, action: i64) -> CommandRow {
    user(name, "ZombieCmd", Arity::Many, Build::Zombie(action)).ordered()
}

const fn some(name: &'static str, class: &'static str, read: Reader) -> CommandRow {
    user(name, class, Arity::Many, Build::Words(read))
}

const fn maybe(name: &'static str, class: &'static str, read: Reader) -> CommandRow {
    user(name, class, Arity::Optional, Build::Words(read))
}

impl CommandRow {
    /// What the row says of a command before its words are read.
    fn draft(&self, legal: &'static [AnswerClass]) -> Draft {
        Draft {
            fields: Vec::new(),
            legal,
            repeat: self.repeat,
            queries: Vec::new(),
            parts: Vec::new(),
            shows: self.shows,
        }
    }

    const fn ordered(self) -> Self {
        Self {
            repeat: Repeat::Ordered,
            ..self
        }
    }

    /// Tells how far the job is: a second copy of an older one would undo a newer one.
    const fn progress(self) -> Self {
        Self {
            purpose: Purpose::Progress,
            ..self.ordered()
        }
    }

    const fn once(self) -> Self {
        Self {
            repeat: Repeat::No,
            ..self
        }
    }

    const fn answered(self, legal: &'static [AnswerClass]) -> Self {
        Self { legal, ..self }
    }

    const fn within(self, limit_s: u64) -> Self {
        Self { limit_s, ..self }
    }

    const fn says(self, words: &'static str, meaning: &'static str) -> Self {
        Self {
            words,
            meaning,
            ..self
        }
    }

    const fn answered_without_words(self, legal: &'static [AnswerClass]) -> Self {
        Self {
            legal_without_words: Some(legal),
            ..self
        }
    }

    const fn dashes(self) -> Self {
        Self {
            takes_dashes: true,
            ..self
        }
    }

    const fn perhaps_empty(self) -> Self {
        Self {
            takes_empty: true,
            ..self
        }
    }

    /// Tells that the job has begun, and its process id or batch id.
    const fn begins_job(self) -> Self {
        Self {
            purpose: Purpose::JobBegin,
            begins_with_remote_id: true,
            ..self
        }
    }

    /// Tells that the job has ended.
    const fn ends_job(self) -> Self {
        Self {
            purpose: Purpose::JobEnd,
            ..self
        }
    }

    const fn never_in_a_group(self, why: &'static str) -> Self {
        Self {
            in_group: InGroup::Never(why),
            ..self
        }
    }

    const fn shows(self, shows: Shows) -> Self {
        Self { shows, ..self }
    }

    pub(super) fn read(&self, words: &Words<'_>) -> Result<Draft, CommandError> {
        let without_words = self.legal_without_words.filter(|_| words.values.is_empty());
        let mut draft = self.draft(without_words.unwrap_or(self.legal));
        match self.build {
            Build::Api(api) => draft.number("api_", api),
            Build::Node(api) => user::node(api, words, &mut draft),
            Build::Paths(api) => paths::simple(self.name, api, words, &mut draft)?,
            Build::Zombie(action) => paths::zombie(self.name, action, words, &mut draft)?,
            Build::Words(read) => read(words, &mut draft)?,
        }
        Ok(draft)
    }
}

/// Every command of ecflow_client that is offered.
#[rustfmt::skip]
pub const COMMANDS: &[CommandRow] = &[
    task("init", "InitCmd", Arity::One, task::init).begins_job()
        .says("RID [--add NAME=VALUE...]", "tell that the job has started, with its process id or batch id"),
    task("complete", "CompleteCmd", Arity::None, task::complete).ends_job()
        .says("[--remove NAME...]", "tell that the job has ended well"),
    task("abort", "AbortCmd", Arity::Optional, task::abort).ends_job().dashes().perhaps_empty()
        .says("[REASON]", "tell that the job has failed"),
    task("event", "EventCmd", Arity::Many, task::event).progress()
        .says("NAME [set|clear]", "set or clear an event of the task"),
    task("meter", "MeterCmd", Arity::Many, task::meter).progress().dashes()
        .says("NAME NUMBER", "tell how far the job has come"),
    task("label", "LabelCmd", Arity::Many, task::label).progress().dashes()
        .says("NAME TEXT...", "set the text of a label"),
    task("wait", "CtsWaitCmd", Arity::One, task::wait).answered(WAIT).dashes()
        .says("EXPRESSION", "wait until an expression is true"),
    task("queue", "QueueCmd", Arity::Many, task::queue).ordered()
        .says("NAME active|complete|aborted|no_of_aborted|reset [STEP] [PATH]", "take a step of a queue (active), tell how it ended (complete, aborted), count the failed ones, or begin again"),

    CommandRow { kind: Kind::Ping, ..server("ping", 8).within(10) }
        .says("", "tell whether the server is there"),
    user("server_version", "ServerVersionCmd", Arity::None, Build::Words(user::no_members)).answered(TEXT)
        .says("", "print the server's version"),
    server("restart", 2)
        .says("", "let the server schedule jobs and take task commands"),
    maybe("shutdown", "CtsCmd", user::shutdown)
        .says("yes", "stop scheduling; task commands are still taken"),
    maybe("halt", "CtsCmd", user::halt)
        .says("yes", "stop scheduling and task commands"),
    // A second one would end what was started instead, or a backup.
    maybe("terminate", "CtsCmd", user::terminate).once()
        .says("yes", "end the server"),
    server("suites", 11).answered(SUITES)
        .says("", "print the names of all suites"),
    server("stats", 10).answered(TEXT)
        .says("", "print the server's statistics"),
    server("stats_server", 17).answered(STATS)
        .says("", "the same, put into a table by the client"),
    server("stats_reset", 15).ordered()
        .says("", "set the statistics to 0"),
    maybe("server_load", "CtsCmd", user::server_load).answered(LOG_PATH)
        .says("", "print the path of the log to plot the load from; the plot is ecflow_client's"),
    maybe("check_pt", "CheckPtCmd", user::check_pt)
        .says("[never|on_time[:S]|always[:S]|S|alarm:S]", "write a check point now, or say when it is written"),
    server("restore_from_checkpt", 1).once()
        .says("", "load the check point into a halted server without suites"),
    server("reloadwsfile", 6)
        .says("", "let the server read its white list again"),
    server("reloadpasswdfile", 16)
        .says("", "let the server read its password file again"),
    server("reloadcustompasswdfile", 18)
        .says("", "let the server read its custom users' password file again"),
    server("force-dep-eval", 7)
        .says("", "let the server evaluate all dependencies now"),
    server("debug_server_on", 12)
        .says("", "let the server print what it does"),
    server("debug_server_off", 13)
        .says("", "let it stop that"),
    some("log", "LogCmd", user::log).ordered()
        .says("get [N]|path|clear|flush|new [PATH]", "read or change the server's log"),
    user("msg", "LogMessageCmd", Arity::One, Build::Words(user::msg)).ordered().dashes()
        .says("TEXT", "write a line into the server's log"),

    some("load", "LoadDefsCmd", definition::load).once().within(600)
        .says("FILE [force]", "load a definition; force replaces suites of the same name"),
    some("replace", "ReplaceNodeCmd", definition::replace).once().within(300)
        .says("PATH FILE [parent|false [force]]", "replace a node by the one in a definition"),
    maybe("begin", "BeginCmd", user::begin).within(80)
        .says("[SUITE | \"SUITE --force\"]", "start a suite, or all"),
    some("delete", "DeleteCmd", paths::delete).once().answered(CLEARED)
        .says("[force] yes PATH...|_all_", "delete nodes, or all suites"),
    nodes("suspend", 1)
        .says("PATH...", "schedule no more jobs below these nodes"),
    nodes("resume", 2)
        .says("PATH...", "schedule them again"),
    nodes("kill", 3).ordered()
        .says("PATH...", "kill the jobs of these nodes by ECF_KILL_CMD"),
    nodes("status", 4).ordered()
        .says("PATH...", "ask for the jobs' status by ECF_STATUS_CMD"),
    some("check", "PathsCmd", paths::check).answered(TEXT)
        .says("PATH...|_all_", "check expressions and limits"),
    some("edit_history", "PathsCmd", paths::edit_history).answered(TEXTS)
        .says("PATH...|clear", "print who changed these nodes"),
    some("archive", "PathsCmd", paths::archive).ordered()
        .says("[force] PATH...", "move nodes from memory to disk (force is ignored, as by ecflow_client)"),
    nodes("restore", 8).ordered()
        .says("PATH...", "move archived nodes back"),
    some("force", "ForceCmd", paths::force).ordered()
        .says("unknown|complete|queued|submitted|active|aborted [recursive] [full] PATH... | set|clear PATH:EVENT...", "set the state of nodes, or events"),
    some("free-dep", "FreeDepCmd", paths::free_dep).ordered()
        .says("[trigger] [all] [date] [time] PATH...", "let nodes run without their dependencies"),
    some("requeue", "RequeueNodeCmd", paths::requeue).once()
        .says("[abort|force] PATH...", "queue nodes again"),
    some("run", "RunNodeCmd", paths::run).once()
        .says("[force] PATH...", "run jobs now, without their dependencies"),
    some("order", "OrderNodeCmd", paths::order).ordered()
        .says("PATH top|bottom|alpha|order|up|down|runtime", "change the order of nodes"),
    some("plug", "PlugCmd", paths::plug).once().within(120)
        .says("PATH PATH|HOST:PORT[PATH]", "move a node, also to another server"),
    some("alter", "AlterCmd", alter::alter).once().dashes()
        .says("add|change|delete|set_flag|clear_flag|sort TYPE [NAME] [VALUE] PATH...", "change the attributes of nodes"),
    some("query", "QueryCmd", query::query).answered(TEXT)
        .says("state|dstate|repeat|event|meter|label|variable|limit|limit_max|trigger PATH[:NAME] [next|prev|EXPRESSION]", "print a state, or what an attribute is now"),
    some("file", "CFileCmd", script::file).answered(TEXT)
        .says("PATH [script|job|jobout|manual|kill|stat [LINES]]", "print a file of a task"),
    some("edit_script", "EditScriptCmd", script::edit_script)
        .says("PATH edit|pre_process|submit FILE|pre_process_file FILE|submit_file FILE [create_alias] [no_run]", "print a task's script, or run an edited one"),

    node("get", 3).answered(NODE).answered_without_words(DEFINITION).within(600).shows(Shows::Structure)
        .says("[PATH]", "print a definition, as the server wrote it"),
    node("get_state", 5).answered(NODE).answered_without_words(DEFINITION).shows(Shows::State)
        .says("[PATH]", "the same"),
    node("migrate", 6).answered(NODE).answered_without_words(DEFINITION).within(120).shows(Shows::Migration)
        .says("[PATH]", "the same"),
    node("job_gen", 1)
        .says("[PATH]", "submit the jobs that can run"),
    node("checkJobGenOnly", 2)
        .says("[PATH]", "generate jobs without running them (all suites must be begun again)"),
    maybe("show", "ShowCmd", user::show).shows(Shows::Structure)
        .says("[defs|state|migrate]", "in a group: print the definition that the group got"),

    server("zombie_get", 9).answered(ZOMBIES)
        .says("", "print all zombies"),
    zombie("zombie_fob", 0)
        .says("PATH...", "let a zombie's commands succeed without effect"),
    zombie("zombie_fail", 1)
        .says("PATH...", "let them fail"),
    zombie("zombie_adopt", 2)
        .says("PATH...", "take the zombie for the task's job"),
    zombie("zombie_remove", 3)
        .says("PATH...", "forget the zombie"),
    zombie("zombie_block", 4)
        .says("PATH...", "let its commands wait"),
    zombie("zombie_kill", 5)
        .says("PATH...", "kill it"),

    some("ch_register", "ClientHandleCmd", handle::register).once().answered(HANDLE)
        .says("[HANDLE] true|false [SUITE...]", "make a client handle for some suites, or change one"),
    user("ch_drop", "ClientHandleCmd", Arity::One, Build::Words(handle::drop)).once().answered(HANDLE)
        .says("HANDLE", "drop a client handle"),
    maybe("ch_drop_user", "ClientHandleCmd", handle::drop_user).once().answered(HANDLE)
        .says("[USER]", "drop all client handles of a user"),
    some("ch_add", "ClientHandleCmd", handle::add).ordered()
        .says("HANDLE SUITE...", "add suites to a client handle"),
    some("ch_rem", "ClientHandleCmd", handle::remove).ordered()
        .says("HANDLE SUITE...", "remove suites from a client handle"),
    some("ch_auto_add", "ClientHandleCmd", handle::auto_add).ordered()
        .says("HANDLE true|false", "whether new suites are added to a client handle"),
    user("ch_suites", "ClientHandleCmd", Arity::None, Build::Words(handle::suites)).answered(HANDLES)
        .says("", "print all client handles"),
    some("news", "CSyncCmd", handle::news).answered(NEWS).within(20)
        .says("HANDLE STATE_NUMBER MODIFY_NUMBER", "ask whether anything is new"),
    some("sync", "CSyncCmd", handle::sync).answered(SYNC).within(600)
        .says("HANDLE STATE_NUMBER MODIFY_NUMBER", "ask for what is new"),
    some("sync_clock", "CSyncCmd", handle::sync_clock).answered(SYNC).within(600)
        .says("HANDLE STATE_NUMBER MODIFY_NUMBER", "the same, with the suites' clocks"),
    user("sync_full", "CSyncCmd", Arity::One, Build::Words(handle::sync_full)).answered(SYNC).within(600)
        .says("HANDLE", "ask for everything"),
    user("group", "GroupCTSCmd", Arity::One, Build::Words(group::group)).answered(GROUP)
        .never_in_a_group("a group cannot hold a group; list its commands in one")
        .says("\"COMMAND; COMMAND...\"", "send several user commands at once"),
];

/// What of ecflow_client is not offered, with the reason; the words behind an option's name
/// tell which of its uses.
pub const NOT_OFFERED: &[(&str, &str)] = &[
    (
        "why",
        "the client itself evaluates a definition, which needs ecFlow's own reader",
    ),
    (
        "load FILE check_only",
        "needs ecFlow's own reader of definitions",
    ),
    (
        "load FILE print",
        "needs ecFlow's own reader of definitions",
    ),
    (
        "load FILE stats",
        "needs ecFlow's own reader of definitions",
    ),
    (
        "server_load LOGFILE",
        "draws with gnuplot from a file, without any server",
    ),
    (
        "group with task commands",
        "a halted ecFlow 5.17.0 drops them and answers that all is well",
    ),
    (
        "group with two commands that are answered alike",
        "ecFlow's servers give the last answer to both",
    ),
];

impl Command {
    /// The command of a row, with nothing beside it.
    pub(super) fn new(row: &CommandRow, draft: Draft) -> Self {
        Self {
            name: row.name,
            kind: row.kind,
            request: Request {
                class: row.class,
                fields: draft.fields,
            },
            legal: draft.legal,
            parts: draft.parts,
            queries: draft.queries,
            shows: draft.shows,
            repeat: draft.repeat,
            reply_limit: row.limit_s * 1_000,
            purpose: row.purpose,
            host: None,
            port: None,
            remote_id: Vec::new(),
            user: None,
            password: None,
            protocol: None,
            debug: false,
        }
    }
}
