//! Real ecFlow servers, of Debian's packages ecflow-server and ecflow-client.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::free_port;
use super::program::{Program, scratch};

/// A suite with a task of every attribute that task commands speak to.
pub fn suite() -> String {
    "suite s\n  edit ECF_DUMMY_TASK ''\n  family f\n    defstatus suspended\n    task t\n      event e\n      meter m 0 100 100\n      label l \"\"\n      queue q a b c\n    task u\n      event go\n  endfamily\nendsuite\n"
        .into()
}

/// The path of the suite's task.
const TASK: &str = "/s/f/t";

/// A real server in an empty directory.
pub struct Server {
    pub port: u16,
    pub home: PathBuf,
    child: Child,
}

impl Server {
    /// A server that runs, with the suite loaded and begun.
    pub fn running() -> Self {
        let server = Self::started();
        let definition = server.home.join("s.def");
        fs::write(&definition, suite()).expect("a file");
        server.client(&["--restart"]);
        server.client(&["--load", definition.to_str().unwrap()]);
        server.client(&["--begin", "s"]);
        server
    }

    /// A server as it is after its start: halted and empty.
    pub fn started() -> Self {
        for _ in 0..5 {
            let port = free_port();
            let home = scratch(&format!("server-{port}"));
            let log = File::create(home.join("server.out")).expect("a file");
            let mut command =
                Program::new("ecflow_server", &[("ECF_HOME", home.to_str().unwrap())])
                    .args(&["--port", &port.to_string()])
                    .directory(&home)
                    .command();
            let log_too = log.try_clone().expect("a file");
            let child = command
                .stdout(Stdio::from(log))
                .stderr(Stdio::from(log_too))
                .spawn()
                .expect("ecflow_server: install Debian's package ecflow-server, as tests/run does");
            let mut server = Self { port, home, child };
            if server.answers() {
                return server;
            }
        }
        panic!("no ecflow_server would start");
    }

    fn answers(&mut self) -> bool {
        let end = Instant::now() + Duration::from_secs(30);
        let address = ("127.0.0.1", self.port);
        while Instant::now() < end {
            if self.child.try_wait().expect("a child").is_some() {
                return false;
            }
            if std::net::TcpStream::connect(address).is_ok() {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }

    /// The real client's output, for a command that must succeed.
    pub fn client(&self, args: &[&str]) -> String {
        ecflow_client(self.port, &[]).args(args).succeed()
    }

    /// What the real client says of an attribute of the suite's task: `meter`, `m`.
    pub fn query(&self, kind: &str, name: &str) -> String {
        let path = match name {
            "" => TASK.to_owned(),
            name => format!("{TASK}:{name}"),
        };
        self.client(&["--query", kind, &path]).trim_end().to_owned()
    }

    /// How many lines of the server's log contain a text.
    pub fn logged(&self, text: &str) -> usize {
        let log = fs::read_dir(&self.home)
            .expect("a directory")
            .filter_map(Result::ok)
            .find(|entry| entry.file_name().to_string_lossy().ends_with(".ecf.log"));
        let log = log.map(|entry| fs::read(entry.path()).expect("the log"));
        let log = String::from_utf8_lossy(&log.unwrap_or_default()).into_owned();
        log.lines().filter(|line| line.contains(text)).count()
    }

    /// Ends it with SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        fs::remove_dir_all(&self.home).ok();
    }
}

/// The real client for a server on this port.
pub fn ecflow_client(port: u16, environment: &[(&str, &str)]) -> Program {
    let port = port.to_string();
    let mut all = vec![("ECF_HOST", "127.0.0.1"), ("ECF_PORT", port.as_str())];
    all.extend(environment);
    Program::new("ecflow_client", &all)
}
