//! The rows, and the servers that they describe.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;

use testkit::{Act, Peer, refused_port, scratch};

/// One fault.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Row {
    /// The number of the fault.
    pub(crate) row: String,
    /// What happens.
    pub(crate) fault: String,
    /// What the primary does: "refused", or the steps of a connection.
    pub(crate) primary: Server,
    /// What the backup does; it is healthy unless this is given.
    #[serde(default)]
    pub(crate) backup: Option<Server>,
    /// "event" or "large", a label that no socket buffer holds.
    #[serde(default = "event")]
    pub(crate) command: String,
    #[serde(default)]
    pub(crate) settings: BTreeMap<String, String>,
    /// What may become of each attempt at the primary.
    pub(crate) outcome: Vec<String>,
    /// How many whole requests the primary got, at least.
    pub(crate) copies: usize,
    /// Words that stand in the report.
    pub(crate) told: String,
    /// How the command ends.
    #[serde(default = "ok")]
    pub(crate) end: String,
    /// Who confirms or refuses it.
    #[serde(default = "backup")]
    pub(crate) by: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Server {
    Steps(Vec<String>),
    Named(Named),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Named {
    /// Nobody listens.
    Refused,
}

fn event() -> String {
    "event".into()
}

fn ok() -> String {
    "ECF_OK".into()
}

fn backup() -> String {
    "backup".into()
}

pub(crate) fn rows() -> Vec<Row> {
    serde_json::from_str(include_str!("rows.json")).expect("the rows")
}

/// A row's servers, which live until they are dropped.
pub(crate) struct Stage {
    pub(crate) primary: Option<Peer>,
    pub(crate) backup: Option<Peer>,
    pub(crate) primary_port: u16,
    pub(crate) backup_port: u16,
    pub(crate) hostfile: String,
}

impl Stage {
    pub(crate) fn new(row: &Row, index: usize) -> Self {
        let healthy = Server::Steps(vec!["read all".into(), "reply ok".into(), "close".into()]);
        let (primary, primary_port) = start(&row.primary);
        let (backup, backup_port) = start(row.backup.as_ref().unwrap_or(&healthy));
        let hostfile = scratch("faults").join(format!("hosts-{index}"));
        fs::write(&hostfile, format!("127.0.0.1:{backup_port}\n")).unwrap();
        Self {
            primary,
            backup,
            primary_port,
            backup_port,
            hostfile: hostfile.to_str().unwrap().to_owned(),
        }
    }

    pub(crate) fn copies(&self) -> usize {
        let whole = |peer: &Peer| {
            let requests = peer.requests();
            requests
                .iter()
                .filter(|request| !request.is_empty())
                .count()
        };
        self.primary.as_ref().map_or(0, whole)
    }
}

fn start(server: &Server) -> (Option<Peer>, u16) {
    match server {
        Server::Named(Named::Refused) => (None, refused_port()),
        Server::Steps(steps) => {
            let peer = Peer::new(&[Act::Steps(steps.clone())]);
            let port = peer.port;
            (Some(peer), port)
        }
    }
}

pub(crate) fn words(row: &Row) -> Vec<String> {
    match row.command.as_str() {
        "event" => vec!["--event=e".into()],
        "large" => vec!["--label=l".into(), "x".repeat(16 << 20)],
        other => panic!("no command: {other}"),
    }
}
