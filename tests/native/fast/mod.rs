//! Profile fast over real sockets: hosts that are silent, frozen, busy or half gone, real
//! servers among them, and what the processes of a node remember.

mod jobs;
mod memory;
mod network;
mod node;
mod place;
mod reach;
mod servers;

use std::fs;

use testkit::{Handle, scratch};

/// A hostfile that lists these ports of 127.0.0.1.
fn hostfile(name: &str, ports: &[u16]) -> String {
    let file = scratch("fast").join(name);
    let lines: String = ports
        .iter()
        .map(|port| format!("127.0.0.1:{port}\n"))
        .collect();
    fs::write(&file, lines).unwrap();
    file.to_str().unwrap().to_owned()
}

/// A client of profile fast, which remembers as long as it lives.
fn client(name: &str, primary: u16, backups: &[u16], settings: &[(&str, &str)]) -> Handle {
    let hostfile = hostfile(name, backups);
    let mut all = vec![
        ("ECF_FAILOVER_PROFILE", "fast"),
        ("ECF_FAILOVER_MEMORY", "handle"),
        ("ECF_HOSTFILE", hostfile.as_str()),
    ];
    all.extend(settings);
    Handle::quick(primary, &all)
}
