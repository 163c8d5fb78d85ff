//! A server of a few lines for the demo: it knows one meter, and says OK to everything else.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

use super::Server;

/// An embedded server, which lives until it is killed.
pub(super) struct Embedded {
    port: u16,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Embedded {
    pub(super) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, meter) = (Arc::clone(&is_over), AtomicI64::new(0));
        let thread = thread::spawn(move || {
            while !over.load(Ordering::Acquire) {
                match listener.accept() {
                    // One request a connection; a broken one is the client's to notice.
                    Ok((stream, _)) => drop(serve(stream, &meter)),
                    Err(_) => thread::sleep(Duration::from_millis(1)),
                }
            }
        });
        Ok(Self {
            port,
            is_over,
            thread: Some(thread),
        })
    }
}

impl Server for Embedded {
    fn port(&self) -> u16 {
        self.port
    }

    fn kill(&mut self) {
        self.is_over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.kill();
    }
}

fn serve(mut stream: TcpStream, meter: &AtomicI64) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut header = [0; 8];
    stream.read_exact(&mut header)?;
    let length = String::from_utf8_lossy(&header);
    let length = usize::from_str_radix(length.trim(), 16).map_err(io::Error::other)?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let request: Value = serde_json::from_slice(&body)?;
    let reply = answer(&request["21ClientToServerRequest"]["cmd_"], meter).to_string();
    stream.write_all(format!("{:8x}{reply}", reply.len()).as_bytes())
}

fn answer(command: &Value, meter: &AtomicI64) -> Value {
    let (class, member, value) = match command["polymorphic_name"].as_str() {
        Some("MeterCmd") => {
            let value = &command["ptr_wrapper"]["data"]["value_"];
            meter.store(value.as_i64().unwrap_or_default(), Ordering::Relaxed);
            ("StcCmd", "api_", json!(0))
        }
        Some("QueryCmd") => {
            let value = meter.load(Ordering::Relaxed).to_string();
            ("SStringCmd", "str_", json!(value))
        }
        _ => ("StcCmd", "api_", json!(0)),
    };
    let data = json!({ "cereal_class_version": 0, "value0": { "cereal_class_version": 0 }, member: value });
    json!({ "22ServerToClientResponse": { "stc_cmd_": {
        "polymorphic_id": 0x8000_0001_u32,
        "polymorphic_name": class,
        "ptr_wrapper": { "id": 0x8000_0001_u32, "data": data }
    } } })
}
