//! A primary dies, and a task command arrives at the backup.
//!
//! `cargo run --example demo` uses two real ecFlow servers where ecflow_server is installed,
//! otherwise two small embedded ones (`-- --embedded` takes those anyway).

#![allow(clippy::print_stdout, reason = "a program for people")]

mod embedded;
mod real;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use ecf_failover::client::{Client, Reply};
use ecf_failover::config::Configuration;
use ecf_failover::model::Status;

/// A server that the demo can end.
trait Server {
    fn port(&self) -> u16;
    fn kill(&mut self);
}

/// The suite that both servers have.
const SUITE: &str = "suite demo\n  edit ECF_DUMMY_TASK ''\n  task model\n    defstatus suspended\n    meter step 0 100 100\nendsuite\n";

/// The pause between two tries; 10 s unless set, shortened here for the spectator.
const RETRY_PERIOD: &str = "1";

fn main() -> Result<(), Box<dyn Error>> {
    let wants_embedded = std::env::args().any(|arg| arg == "--embedded");
    let is_real = !wants_embedded && real::is_installed();
    let mut primary = start(is_real)?;
    let backup = start(is_real)?;
    let kind = if is_real { "real" } else { "embedded" };
    println!(
        "Two {kind} servers: the primary on port {}, the backup on port {}.",
        primary.port(),
        backup.port()
    );

    let hostfile = Hostfile::new(backup.port())?;
    let client = client(&[
        ("ECF_HOST", "127.0.0.1"),
        ("ECF_PORT", &primary.port().to_string()),
        ("ECF_HOSTFILE", &hostfile.0.display().to_string()),
        ("ECF_NAME", "/demo/model"),
        ("ECF_PASS", "_DJP_"),
        ("ECF_TIMEOUT", "60"),
        ("ECF_FAILOVER_RETRY_PERIOD", RETRY_PERIOD),
    ])?;

    tell("--init=4711", &client.send_task(&words(&["--init=4711"])))?;
    println!("\nThe primary is killed.");
    primary.kill();
    tell(
        "--meter=step 42",
        &client.send_task(&words(&["--meter=step", "42"])),
    )?;

    let port = format!("--port={}", backup.port());
    let query = ["--query", "meter", "/demo/model:step", &port];
    let reply = client.send_user(&words(&query));
    println!(
        "\nThe backup says that the meter stands at {}.",
        String::from_utf8_lossy(&reply.text).trim()
    );
    match (reply.status, reply.text.as_slice()) {
        (Status::Ok, b"42\n") => Ok(()),
        _ => Err("the meter did not arrive".into()),
    }
}

fn start(is_real: bool) -> Result<Box<dyn Server>, Box<dyn Error>> {
    if !is_real {
        return Ok(Box::new(embedded::Embedded::start()?));
    }
    let server = real::Real::start()?;
    let client = client(&[
        ("ECF_HOST", "127.0.0.1"),
        ("ECF_PORT", &server.port().to_string()),
    ])?;
    for command in [&["--restart"][..], &["--load", SUITE], &["--begin=demo"]] {
        let reply = client.send_user(&words(command));
        if reply.status != Status::Ok {
            return Err(String::from_utf8_lossy(&reply.error).into_owned().into());
        }
    }
    Ok(Box::new(server))
}

/// A client with these settings and nothing from the environment.
fn client(settings: &[(&str, &str)]) -> Result<Client, Box<dyn Error>> {
    let mut configuration = Configuration::new();
    for (key, value) in settings {
        configuration.set(key.as_bytes(), value.as_bytes())?;
    }
    Ok(Client::new(configuration))
}

fn words(argv: &[&str]) -> Vec<Vec<u8>> {
    argv.iter().map(|word| word.as_bytes().to_vec()).collect()
}

/// Prints the report of a command as a timeline.
fn tell(command: &str, reply: &Reply) -> Result<(), Box<dyn Error>> {
    let report: serde_json::Value = serde_json::from_str(&reply.report())?;
    println!("\n{command}");
    for attempt in report["attempts"].as_array().into_iter().flatten() {
        let millis = attempt["start_ms"].as_u64().unwrap_or_default();
        println!(
            "  {:>3}.{:03} s  {}:{:<6} {:<8} {:<24} {}",
            millis / 1_000,
            millis % 1_000,
            attempt["host"].as_str().unwrap_or_default(),
            attempt["port"],
            attempt["stage"].as_str().unwrap_or_default(),
            attempt["outcome"].as_str().unwrap_or_default(),
            attempt["note"].as_str().unwrap_or_default(),
        );
    }
    println!("  {}", report["summary"].as_str().unwrap_or_default());
    match reply.status {
        Status::Ok => Ok(()),
        status => Err(status.to_string().into()),
    }
}

/// A hostfile that goes away with the demo.
struct Hostfile(PathBuf);

impl Hostfile {
    fn new(port: u16) -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("ecf_failover-demo-{}", std::process::id()));
        fs::write(&path, format!("# the backup\n127.0.0.1:{port}\n"))?;
        Ok(Self(path))
    }
}

impl Drop for Hostfile {
    fn drop(&mut self) {
        fs::remove_file(&self.0).ok();
    }
}
