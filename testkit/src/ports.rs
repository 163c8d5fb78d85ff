//! Ports on loopback that nobody else has.

use std::fs::{self, File};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

use super::program::target_tmp;

/// Below the ports that the kernel gives to clients, so that no connection takes them.
const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

/// A port on which nobody listens now, and that no other test gets as long as this process lives.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + offset).unwrap();
        if is_ours(port) && TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}

/// Whether no process has this port; from now on this one has.
fn is_ours(port: u16) -> bool {
    let directory = target_tmp().join("ports");
    fs::create_dir_all(&directory).expect("a directory");
    let file = File::create(directory.join(port.to_string())).expect("a file");
    let is_ours = file.try_lock().is_ok();
    if is_ours {
        // Kept until the process ends; not by its children, for whom it is closed.
        std::mem::forget(file);
    }
    is_ours
}

/// A port that refuses connections.
pub fn refused_port() -> u16 {
    free_port()
}
