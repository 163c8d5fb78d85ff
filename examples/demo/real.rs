//! A real ecflow_server in a directory of its own.

use std::error::Error;
use std::fs;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::Server;

pub(super) struct Real {
    port: u16,
    home: PathBuf,
    child: Child,
}

/// Whether ecflow_server can be started.
pub(super) fn is_installed() -> bool {
    let version = Command::new("ecflow_server")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .status();
    version.is_ok()
}

impl Real {
    pub(super) fn start() -> Result<Self, Box<dyn Error>> {
        let port = free_port()?;
        let home = std::env::temp_dir().join(format!("ecf_failover-demo-server-{port}"));
        fs::create_dir_all(&home)?;
        let child = Command::new("ecflow_server")
            .args(["--port", &port.to_string()])
            .env("ECF_HOME", &home)
            .env_remove("ECF_PORT")
            .current_dir(&home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let server = Self { port, home, child };
        let end = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > end {
                return Err("the ecflow_server does not answer".into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }
}

/// A port below those that the kernel gives to clients.
fn free_port() -> io::Result<u16> {
    let start = 20_000 + std::process::id() % 10_000;
    (start..start + 1_000)
        .filter_map(|port| u16::try_from(port).ok())
        .find(|port| TcpListener::bind(("0.0.0.0", *port)).is_ok())
        .ok_or_else(|| io::Error::other("no free port"))
}

impl Server for Real {
    fn port(&self) -> u16 {
        self.port
    }

    fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        self.kill();
        fs::remove_dir_all(&self.home).ok();
    }
}
