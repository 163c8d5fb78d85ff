//! Real ecFlow servers, of Debian's packages ecflow-server and ecflow-client.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::certificates::{Certificate, write_dh_parameters};
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
    /// Where it listens, on all addresses.
    pub port: u16,
    /// Its ECF_HOME, removed at the end.
    pub home: PathBuf,
    child: Child,
    /// What the server was started with beside its home and port.
    environment: Vec<(String, String)>,
    /// What the real client needs beside host and port.
    client_environment: Vec<(String, String)>,
}

impl Server {
    /// A server that runs, with the suite loaded and begun.
    pub fn running() -> Self {
        Self::started().begun()
    }

    /// A server as it is after its start: halted and empty.
    pub fn started() -> Self {
        Self::start(&|_, _| Vec::new(), &[])
    }

    /// A running server that speaks TLS only, with this certificate as `server.crt`.
    pub fn with_tls(certificate: &Certificate) -> Self {
        Self::with_tls_unchecked(certificate).begun()
    }

    /// The same as it is after its start, for a certificate that the real client would refuse.
    pub fn with_tls_unchecked(certificate: &Certificate) -> Self {
        let prepare = |home: &Path, _| {
            write_tls_files(home, "server", certificate, "dh2048");
            vec![("ECF_SSL".into(), "1".into())]
        };
        Self::start(&prepare, &[("ECF_SSL", "1")])
    }

    /// A running server that speaks TLS only, whose certificate is its own on this machine:
    /// `<host>.<port>.crt`.
    pub fn with_tls_of_its_own(certificate: &Certificate) -> Self {
        let prepare = |home: &Path, port| {
            let name = format!("{}.{port}", machine_name());
            write_tls_files(home, &name, certificate, &name);
            vec![("ECF_SSL".into(), name)]
        };
        // Any host's name is replaced only when it is localhost.
        let localhost = [("ECF_SSL", "1"), ("ECF_HOST", "localhost")];
        Self::start(&prepare, &localhost).begun()
    }

    /// A running server with password files: each row is `user password`. No row, no file.
    pub fn with_passwords(ordinary: &[&str], custom: &[&str]) -> Self {
        let prepare = |home: &Path, port| {
            for (rows, name) in [(ordinary, "passwd"), (custom, "custom_passwd")] {
                let host = machine_name();
                if !rows.is_empty() {
                    let file = home.join(format!("{host}.{port}.ecf.{name}"));
                    fs::write(file, password_file(&host, port, rows)).expect("a file");
                }
            }
            let for_clients = password_file("127.0.0.1", port, ordinary);
            fs::write(home.join("clients.passwd"), for_clients).expect("a file");
            Vec::new()
        };
        let mut server = Self::start(&prepare, &[]);
        if !ordinary.is_empty() {
            let file = server.home.join("clients.passwd");
            let file = file.to_str().expect("UTF-8").to_owned();
            server.client_environment.push(("ECF_PASSWD".into(), file));
        }
        server.begun()
    }

    fn begun(self) -> Self {
        let definition = self.home.join("s.def");
        fs::write(&definition, suite()).expect("a file");
        self.client(&["--restart"]);
        self.client(&["--load", definition.to_str().unwrap()]);
        self.client(&["--begin", "s"]);
        self
    }

    /// Starts a server after `prepare` has written its files and told its environment.
    fn start(prepare: &Prepare<'_>, client_environment: &[(&str, &str)]) -> Self {
        for _ in 0..5 {
            let port = free_port();
            let home = scratch(&format!("server-{port}"));
            let more = prepare(&home, port);
            let child = spawn(&home, port, &more);
            let mut for_clients = vec![("HOME".to_owned(), home.to_str().unwrap().to_owned())];
            for_clients.extend(
                client_environment
                    .iter()
                    .map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
            );
            let mut server = Self {
                port,
                home,
                child,
                environment: more,
                client_environment: for_clients,
            };
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
        let environment = self.client_environment.iter();
        let environment: Vec<_> = environment.map(|(k, v)| (k.as_str(), v.as_str())).collect();
        ecflow_client(self.port, &environment).args(args).succeed()
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
        let log = self.log();
        log.lines().filter(|line| line.contains(text)).count()
    }

    /// The same without what came between a start and `--restart`: a server that is halted logs a
    /// task command, but puts it off.
    pub fn taken(&self, text: &str) -> usize {
        let mut is_halted = true;
        let log = self.log();
        let taken = log.lines().filter(|line| {
            if line.contains("Server initial state is HALTED") {
                is_halted = true;
            } else if line.contains("--restart") {
                is_halted = false;
            }
            !is_halted && line.contains(text)
        });
        taken.count()
    }

    fn log(&self) -> String {
        let log = fs::read_dir(&self.home)
            .expect("a directory")
            .filter_map(Result::ok)
            .find(|entry| entry.file_name().to_string_lossy().ends_with(".ecf.log"));
        let log = log.map(|entry| fs::read(entry.path()).expect("the log"));
        String::from_utf8_lossy(&log.unwrap_or_default()).into_owned()
    }

    /// Where it writes its checkpoint and reads it when it starts.
    pub fn checkpoint(&self) -> PathBuf {
        let name = format!("{}.{}.ecf.check", machine_name(), self.port);
        self.home.join(name)
    }

    /// Starts it again after it was killed, on the same port; it reads its checkpoint, and is
    /// halted.
    pub fn start_again(&mut self) {
        self.child = spawn(&self.home, self.port, &self.environment);
        assert!(self.answers(), "the server starts again");
    }

    /// Stops its process, which keeps its connections, or lets it go on.
    pub fn freeze(&self, is_frozen: bool) {
        let signal = match is_frozen {
            true => libc::SIGSTOP,
            false => libc::SIGCONT,
        };
        let process = i32::try_from(self.child.id()).expect("a process");
        assert_eq!(unsafe { libc::kill(process, signal) }, 0);
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

fn spawn(home: &Path, port: u16, more: &[(String, String)]) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(home.join("server.out"))
        .expect("a file");
    let number = port.to_string();
    let directory = home.to_str().unwrap();
    let mut environment = vec![("ECF_HOME", directory), ("HOME", directory)];
    // A server looks for the files of TLS before it reads its arguments.
    environment.push(("ECF_PORT", &number));
    environment.extend(more.iter().map(|(k, v)| (k.as_str(), v.as_str())));
    let mut command = Program::new("ecflow_server", &environment)
        .args(&["--port", &number])
        .directory(home)
        .command();
    let log_too = log.try_clone().expect("a file");
    command
        .stdout(Stdio::from(log))
        .stderr(Stdio::from(log_too))
        .spawn()
        .expect("ecflow_server: install Debian's package ecflow-server, as tests/run does")
}

/// Writes a server's files into its home and tells its environment.
type Prepare<'a> = dyn Fn(&Path, u16) -> Vec<(String, String)> + 'a;

fn write_tls_files(home: &Path, name: &str, certificate: &Certificate, dh: &str) {
    let directory = home.join(".ecflowrc/ssl");
    fs::create_dir_all(&directory).expect("a directory");
    let write = |end: &str, pem: &str| {
        fs::write(directory.join(format!("{name}.{end}")), pem).expect("a file");
    };
    write("crt", &certificate.certificate);
    write("key", &certificate.key);
    write_dh_parameters(&directory.join(format!("{dh}.pem")));
}

/// A password file; each row is `user password`.
pub fn password_file(host: &str, port: u16, rows: &[&str]) -> String {
    let rows = rows.iter().map(|row| {
        let (user, password) = row.split_once(' ').expect("user password");
        format!("{user} {host} {port} {password}\n")
    });
    format!(
        "4.5.0\n# user host port password\n{}",
        rows.collect::<String>()
    )
}

/// This machine's name, which ecFlow uses for `localhost`.
pub fn machine_name() -> String {
    let mut name = vec![0_u8; 256];
    assert_eq!(
        unsafe { libc::gethostname(name.as_mut_ptr().cast(), 255) },
        0
    );
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(0);
    String::from_utf8(name[..end].to_vec()).expect("UTF-8")
}

/// The real client for a server on this port.
pub fn ecflow_client(port: u16, environment: &[(&str, &str)]) -> Program {
    let port = port.to_string();
    let mut all = vec![("ECF_HOST", "127.0.0.1"), ("ECF_PORT", port.as_str())];
    all.extend(environment);
    Program::new("ecflow_client", &all)
}
