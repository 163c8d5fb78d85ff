//! Ports on loopback that nobody else has.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the ports that the kernel gives to clients, so that no connection takes them.
const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

/// A port on which nobody listens now. Tests of several processes start in different places.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + offset).unwrap();
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}

/// A port that refuses connections.
pub fn refused_port() -> u16 {
    free_port()
}
