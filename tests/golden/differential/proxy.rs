//! A proxy in front of a server that keeps what the clients send.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use testkit::frame;

/// Longer than any answer of a server that lives.
const LIMIT: Duration = Duration::from_secs(10);

/// Passes one connection after the other on to a server and keeps the bodies of the requests.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    pub(crate) fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (requests, stop) = <(Arc<Mutex<Vec<_>>>, Arc<AtomicBool>)>::default();
        let (kept, stopped) = (requests.clone(), stop.clone());
        let thread = thread::spawn(move || {
            for client in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                // A client or a server that goes away sees to the end of it by itself.
                client.and_then(|client| pass(client, server, &kept)).ok();
            }
        });
        Self {
            port,
            requests,
            stop,
            thread: Some(thread),
        }
    }

    /// The requests since the last call; one that was repeated at once counts once.
    pub(crate) fn take(&self) -> Vec<Vec<u8>> {
        let mut requests = std::mem::take(&mut *self.requests.lock().unwrap());
        requests.dedup();
        requests
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for a client.
        TcpStream::connect(("127.0.0.1", self.port)).ok();
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn pass(mut client: TcpStream, server: u16, requests: &Mutex<Vec<Vec<u8>>>) -> io::Result<()> {
    client.set_read_timeout(Some(LIMIT))?;
    client.set_write_timeout(Some(LIMIT))?;
    let request = read(&mut client)?;
    requests.lock().unwrap().push(request.clone());
    let reply = ask(server, &request)?;
    client.write_all(&frame(&reply))?;
    client.shutdown(Shutdown::Write)
}

/// The body of a server's reply to the body of a request.
pub(crate) fn ask(server: u16, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", server))?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(&frame(request))?;
    read(&mut stream)
}

/// The body of a frame.
fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut header = [0; 8];
    stream.read_exact(&mut header)?;
    let length = std::str::from_utf8(&header).ok();
    let length = length.and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
    let mut body = vec![0; length.ok_or(io::ErrorKind::InvalidData)?];
    stream.read_exact(&mut body)?;
    Ok(body)
}
