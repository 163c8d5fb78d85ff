//! `--help` and `--version`, answered here from the tables.

use super::beside::BESIDE;
use super::table::{COMMANDS, CommandRow, NOT_OFFERED};
use crate::model::Kind;

/// The first line has the words by which build scripts find out what an ecflow_client is: the
/// newest ecFlow whose protocol is spoken, and whether there is TLS. The second tells who it is.
pub(super) fn version() -> Vec<u8> {
    let tls = match cfg!(feature = "tls") {
        true => "enabled",
        false => "disabled",
    };
    format!(
        "Ecflow version(5.17.0) protocol(JSON) openssl({tls})\n\
         ecf_failover {}, not ecFlow's own client: speaks with servers of ecFlow 5.9.2 to 5.17.0, \
         TLS is rustls\n",
        env!("CARGO_PKG_VERSION")
    )
    .into_bytes()
}

/// What is known of one option, of a class of them, or of all.
pub(super) fn about(topic: &[u8]) -> Vec<u8> {
    let is_task = |row: &&CommandRow| row.kind == Kind::Task;
    let is_user = |row: &&CommandRow| row.kind != Kind::Task;
    let task = || block("Task commands", COMMANDS.iter().filter(is_task).map(of_row));
    let user = || block("User commands", COMMANDS.iter().filter(is_user).map(of_row));
    let beside = || {
        let rows = BESIDE.iter().map(|row| (row.name, row.words, row.meaning));
        block("Options beside a command", rows)
    };
    let not_offered = || {
        let rows = NOT_OFFERED.iter().map(|(name, why)| (*name, "", *why));
        block("Not offered, only by ecFlow's own client", rows)
    };
    let name = topic.strip_prefix(b"--").unwrap_or(topic);
    let text = match name {
        b"child" => task(),
        b"user" => user(),
        b"option" => beside(),
        name => match find(name) {
            Some(entry) => entry,
            None => [task(), user(), beside(), not_offered()].join("\n"),
        },
    };
    text.into_bytes()
}

fn find(name: &[u8]) -> Option<String> {
    let command = COMMANDS.iter().find(|row| row.name.as_bytes() == name);
    let command = command.map(|row| {
        let function = match row.kind {
            Kind::Task => "task command",
            Kind::User | Kind::Ping => "user command",
        };
        let limit = format!("{function}; its reply may take {} s", row.limit_s);
        format!(
            "--{} {}\n  {}\n  {limit}\n",
            row.name, row.words, row.meaning
        )
    });
    let option = BESIDE.iter().find(|row| row.name.as_bytes() == name);
    command.or(option.map(|row| format!("--{} {}\n  {}\n", row.name, row.words, row.meaning)))
}

type Entry = (&'static str, &'static str, &'static str);

fn of_row(row: &CommandRow) -> Entry {
    (row.name, row.words, row.meaning)
}

fn block(title: &str, entries: impl Iterator<Item = Entry>) -> String {
    let lines = entries.map(|(name, words, meaning)| {
        let option = format!("--{name} {words}");
        format!("  {}\n      {meaning}\n", option.trim_end())
    });
    format!("{title}:\n{}", lines.collect::<String>())
}
