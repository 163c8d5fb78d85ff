//! Both clients, one after the other, against one server in the same state.

use ecf_failover::model::Status;
use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use super::cases::{self, Case};
use super::proxy::{Proxy, ask};
use super::words::CommandLine;
use testkit::{Handle, Peer, Program, Server, replies, source_root};

/// What one client did with a command line.
pub(crate) struct Seen {
    /// The bodies of its requests.
    pub(crate) requests: Vec<Vec<u8>>,
    /// What it told its caller: stdout, or the reply's text.
    pub(crate) text: Vec<u8>,
    /// Exit 0, or ECF_OK.
    pub(crate) is_ok: bool,
    /// Why not, in its own words.
    pub(crate) words: String,
    /// The server's definition, zombies and client handles afterwards.
    pub(crate) effect: Vec<Vec<u8>>,
}

/// A server with a proxy in front of it, and what is needed to bring back a state of it.
pub(crate) struct Bench {
    server: Server,
    proxy: Proxy,
    /// The request of each command line that prepares a state: recorded once, then sent again
    /// without a client.
    bodies: Mutex<HashMap<String, Vec<u8>>>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let server = Server::started();
        let proxy = Proxy::to(server.port);
        let user = Program::new("id", &[]).args(&["-un"]).succeed();
        for (name, text) in cases::FILES {
            let file = server.home.join(name);
            fs::create_dir_all(file.parent().unwrap()).expect("a directory");
            let text = text
                .replace("{port}", &proxy.port.to_string())
                .replace("{user}", user.trim());
            fs::write(file, text).expect("a file");
        }
        Self {
            server,
            proxy,
            bodies: Mutex::default(),
        }
    }

    /// What the real ecflow_client does.
    pub(crate) fn theirs(&self, case: &Case) -> Seen {
        self.prepare(case);
        let (is_ok, text, words) = self.run(&self.line(case.line), self.proxy.port);
        self.seen(is_ok, text, words)
    }

    /// What ours does.
    pub(crate) fn ours(&self, case: &Case) -> Seen {
        self.prepare(case);
        let line = self.line(case.line);
        let port = self.proxy.port.to_string();
        let handle = Handle::new(&[
            ("ECF_HOST", "127.0.0.1"),
            ("ECF_PORT", &port),
            ("ECF_HOSTFILE_POLICY", "none"),
            ("ECF_FAILOVER_RETRY_PERIOD", "0.02"),
            ("ECF_FAILOVER_HOST_PERIOD", "0.02"),
            ("ECF_TIMEOUT", "5"),
            ("ECF_ZOMBIE_TIMEOUT", "5"),
        ]);
        for (key, value) in &line.environment {
            if key != "PATH" && handle.set(key, value) != Status::Ok {
                return self.seen(false, Vec::new(), format!("{key}={value} is refused"));
            }
        }
        let words: Vec<&str> = line.words.iter().map(String::as_str).collect();
        let told = match line.is_task {
            true => handle.task(&words),
            false => handle.user(&words),
        };
        self.seen(told.status == 0, told.text, told.error)
    }

    fn seen(&self, is_ok: bool, text: Vec<u8>, words: String) -> Seen {
        Seen {
            requests: self.proxy.take(),
            text,
            is_ok,
            words,
            effect: cases::EFFECT
                .iter()
                .map(|line| self.replay(line).unwrap_or_else(|| b"no server".to_vec()))
                .collect(),
        }
    }

    /// Brings back the state that a case starts from.
    fn prepare(&self, case: &Case) {
        for line in cases::CLEAN {
            self.replay(line);
        }
        for line in cases::COMMON.iter().chain(case.before.lines) {
            let reply = self.replay(line).expect("a server");
            let reply = String::from_utf8_lossy(&reply);
            assert!(!reply.contains("\"ErrorCmd\""), "{line}: {reply}");
        }
        self.proxy.take();
    }

    /// Does a command line as the real client does; gives the reply's body, while there is a
    /// server to give one.
    fn replay(&self, line: &str) -> Option<Vec<u8>> {
        let known = self.bodies.lock().unwrap().get(line).cloned();
        let body = known.unwrap_or_else(|| self.record(line));
        ask(self.server.port, &body).ok()
    }

    /// The request that the real client makes of a command line. It is not done.
    fn record(&self, line: &str) -> Vec<u8> {
        let peer = Peer::answering(&replies::ok());
        let (_, _, words) = self.run(&self.line(line), peer.port);
        let request = peer.requests().into_iter().next().expect(&words);
        let body = request[8..].to_vec();
        let mut bodies = self.bodies.lock().unwrap();
        bodies.insert(line.to_owned(), body.clone());
        body
    }

    /// Runs the real client; gives whether it succeeded, its stdout and stderr.
    fn run(&self, line: &CommandLine, port: u16) -> (bool, Vec<u8>, String) {
        let port = port.to_string();
        let mut environment = vec![("ECF_HOST", "127.0.0.1"), ("ECF_PORT", &port)];
        let own = line.environment.iter();
        environment.extend(own.map(|(key, value)| (key.as_str(), value.as_str())));
        let words: Vec<&str> = line.words.iter().map(String::as_str).collect();
        let output = Program::new(ecflow_client(), &environment)
            .args(&words)
            .directory(&self.server.home)
            .run();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), output.stdout, words)
    }

    fn line(&self, line: &str) -> CommandLine {
        let files = source_root().join("tests/golden/files");
        CommandLine::read(line, |word| {
            word.replace("{home}", self.server.home.to_str().unwrap())
                .replace("{files}", files.to_str().unwrap())
                .replace("{port}", &self.proxy.port.to_string())
        })
    }
}

/// By its path: a case may hide other programs from it.
fn ecflow_client() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join("ecflow_client"))
        .find(|file| file.exists())
        .expect("ecflow_client: install Debian's package ecflow-client, as tests/run does")
}
