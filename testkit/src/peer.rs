//! A scripted server for what a real one cannot be made to do.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What a peer does with one connection.
#[derive(Clone, Debug)]
pub enum Act {
    /// Reads the request and answers with these bytes.
    Answer(Vec<u8>),
    /// Closes with a reset, before anything is read.
    Reset,
    /// Reads the request and closes without a word.
    CloseAfterRequest,
    /// Reads the request and says nothing until the test ends.
    Silence,
    /// One step after the other; by their words.
    Steps(Vec<String>),
}

/// The acts of a peer in order; the last one repeats.
pub struct Peer {
    /// Where it listens.
    pub port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    stop: Arc<AtomicBool>,
    threads: Arc<Mutex<Vec<thread::JoinHandle<()>>>>,
}

/// One connection as the peer saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When it came.
    pub at: Instant,
    /// The whole request, as far as the script read it.
    pub request: Vec<u8>,
    /// Whether the script has come to its end.
    pub is_over: bool,
}

impl Peer {
    /// A peer on 127.0.0.1.
    pub fn new(acts: &[Act]) -> Self {
        Self::on("127.0.0.1", acts)
    }

    /// A peer that can be reached by any name of this machine.
    pub fn on_all_addresses(acts: &[Act]) -> Self {
        Self::on("0.0.0.0", acts)
    }

    fn on(address: &str, acts: &[Act]) -> Self {
        Self::taking(TcpListener::bind((address, 0)).expect("a port"), acts)
    }

    /// A peer on a socket that listens already.
    pub fn taking(listener: TcpListener, acts: &[Act]) -> Self {
        listener.set_nonblocking(true).expect("non-blocking");
        let port = listener.local_addr().expect("an address").port();
        let peer = Self {
            port,
            seen: Arc::default(),
            stop: Arc::default(),
            threads: Arc::default(),
        };
        let (seen, stop, threads) = (peer.seen.clone(), peer.stop.clone(), peer.threads.clone());
        let acts = acts.to_vec();
        let accepting = thread::spawn(move || {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                let Ok((stream, _)) = listener.accept() else {
                    thread::sleep(Duration::from_millis(1));
                    continue;
                };
                let at = Instant::now();
                let act = acts[number.min(acts.len() - 1)].clone();
                number += 1;
                let (seen, stop) = (seen.clone(), stop.clone());
                let index = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(Seen {
                        at,
                        request: Vec::new(),
                        is_over: false,
                    });
                    seen.len() - 1
                };
                let serving = thread::spawn(move || {
                    let request = serve(stream, &act, &stop);
                    let mut seen = seen.lock().unwrap();
                    seen[index].request = request;
                    seen[index].is_over = true;
                });
                threads.lock().unwrap().push(serving);
            }
        });
        peer.threads.lock().unwrap().push(accepting);
        peer
    }

    /// A peer that answers every request with the same reply body.
    pub fn answering(body: &str) -> Self {
        Self::new(&[Act::Answer(frame(body.as_bytes()))])
    }

    /// How many connections came.
    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// When each connection came.
    pub fn times(&self) -> Vec<Instant> {
        self.seen
            .lock()
            .unwrap()
            .iter()
            .map(|seen| seen.at)
            .collect()
    }

    /// The requests of the connections that are over.
    pub fn finished(&self) -> Vec<Vec<u8>> {
        let seen = self.seen.lock().unwrap();
        let over = seen.iter().filter(|seen| seen.is_over);
        over.map(|seen| seen.request.clone()).collect()
    }

    /// The requests, once all connections are over. It stops what still goes on.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        self.stop.store(true, Ordering::Relaxed);
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            let seen = self.seen.lock().unwrap().clone();
            if seen.iter().all(|seen| seen.is_over) || Instant::now() > end {
                return seen.into_iter().map(|seen| seen.request).collect();
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        loop {
            let thread = self.threads.lock().unwrap().pop();
            match thread {
                Some(thread) => drop(thread.join()),
                None => break,
            }
        }
    }
}

/// A server whose queue of connections is full: a new one gets no answer at all.
pub struct FullBacklog {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    _held: Vec<TcpStream>,
    _listener: TcpListener,
}

impl FullBacklog {
    /// A server with as many connections as it takes.
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
        let mut held = Vec::new();
        // Connections are taken until one is left without an answer.
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            held.push(stream);
            assert!(held.len() < 64, "the queue has an end");
        }
        Self {
            port: address.port(),
            _held: held,
            _listener: listener,
        }
    }
}

impl FullBacklog {
    /// Those who wait are let in, and served.
    pub fn opened(self, acts: &[Act]) -> Peer {
        let Self {
            _held: held,
            _listener: listener,
            ..
        } = self;
        assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 1_024) }, 0);
        drop(held);
        Peer::taking(listener, acts)
    }
}

impl Default for FullBacklog {
    fn default() -> Self {
        Self::new()
    }
}

fn serve(mut stream: TcpStream, act: &Act, stop: &AtomicBool) -> Vec<u8> {
    stream.set_nonblocking(false).expect("blocking");
    let limit = Some(Duration::from_secs(30));
    stream.set_read_timeout(limit).expect("a limit");
    stream.set_write_timeout(limit).expect("a limit");
    match act {
        Act::Reset => {
            reset(&stream);
            return Vec::new();
        }
        Act::Steps(steps) => return perform(stream, steps, stop),
        Act::Answer(_) | Act::Silence | Act::CloseAfterRequest => {}
    }
    let request = read_frame(&mut stream).unwrap_or_default();
    match act {
        Act::Answer(bytes) => {
            stream.write_all(bytes).ok();
        }
        Act::Silence => {
            while !stop.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(5));
            }
        }
        Act::CloseAfterRequest | Act::Reset | Act::Steps(_) => {}
    }
    request
}

/// Does the steps of one connection; gives the request, when it was read whole.
fn perform(mut stream: TcpStream, steps: &[String], stop: &AtomicBool) -> Vec<u8> {
    let mut request = Vec::new();
    for text in steps {
        let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
        if name == "reset" {
            reset(&stream);
            return request;
        }
        if name == "close" {
            return request;
        }
        if step(&mut stream, name, rest, &mut request, stop).is_err() {
            return request;
        }
    }
    request
}

/// One step: `read all`, `read N`, `send TEXT`, `reply NAME`, `body TEXT` in a frame, `part N`
/// bytes of an OK, `short` a length that is too small, `nest N` brackets, `swap A|B` in an OK,
/// `echo`, `flood` without end, `drip MS` an OK byte by byte, `pause MS`, `silence`; and `close`, `reset`.
fn step(
    stream: &mut TcpStream,
    name: &str,
    rest: &str,
    request: &mut Vec<u8>,
    stop: &AtomicBool,
) -> std::io::Result<()> {
    let number = || rest.parse::<usize>().expect("a number");
    let ok = replies::ok();
    match name {
        "read" if rest == "all" => *request = read_frame(stream)?,
        "read" => stream.read_exact(&mut vec![0; number()])?,
        "send" => stream.write_all(rest.as_bytes())?,
        "reply" => stream.write_all(&frame(replies::named(rest).as_bytes()))?,
        "body" => stream.write_all(&frame(rest.as_bytes()))?,
        "part" => stream.write_all(&frame(ok.as_bytes())[..number()])?,
        "short" => stream.write_all(&[b"      10", ok.as_bytes()].concat())?,
        "nest" => stream.write_all(&frame("[".repeat(number()).as_bytes()))?,
        "swap" => {
            let (old, new) = rest.split_once('|').expect("A|B");
            stream.write_all(&frame(ok.replace(old, new).as_bytes()))?;
        }
        "flood" => {
            stream.write_all(b"3fffffff")?;
            while !stop.load(Ordering::Relaxed) {
                stream.write_all(&[b' '; 1 << 16])?;
            }
        }
        "echo" => stream.write_all(request)?,
        "pause" => linger(number(), stop),
        "silence" => linger(60_000, stop),
        "drip" => {
            for byte in frame(ok.as_bytes()) {
                stream.write_all(&[byte])?;
                linger(number(), stop);
            }
        }
        other => panic!("no step: {other}"),
    }
    Ok(())
}

fn linger(millis: usize, stop: &AtomicBool) {
    let end = Instant::now() + Duration::from_millis(millis as u64);
    while Instant::now() < end && !stop.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(2.min(millis as u64)));
    }
}

/// Makes the close a reset.
pub(super) fn reset(stream: &TcpStream) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<libc::linger>() as libc::socklen_t,
        );
    }
}

pub(super) fn read_frame(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut header = [0; 8];
    stream.read_exact(&mut header)?;
    let length = std::str::from_utf8(&header).ok();
    let length = length.and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body)?;
    Ok([&header[..], &body].concat())
}

/// A frame around a reply's body.
pub fn frame(body: &[u8]) -> Vec<u8> {
    let mut framed = format!("{:8x}", body.len()).into_bytes();
    framed.extend(body);
    framed
}

/// Bodies of replies, as an ecFlow server writes them.
pub mod replies {
    fn reply(class: &str, member: &str) -> String {
        format!(
            "{{\n\"22ServerToClientResponse\": {{\n\"stc_cmd_\": {{\n\"polymorphic_id\": 2147483649,\n\"polymorphic_name\": \"{class}\",\n\"ptr_wrapper\": {{\n\"id\": 2147483649,\n\"data\": {{\n\"cereal_class_version\": 0,\n\"value0\": {{\n\"cereal_class_version\": 0\n}},\n{member}\n}}\n}}\n}}\n}}\n}}"
        )
    }

    /// A reply by its name in a script.
    pub fn named(name: &str) -> String {
        match name {
            "ok" => ok(),
            "halted" => halted(),
            "wait" => wait(),
            "zombie" => zombie(),
            "error" => error("no such node"),
            "text" => text("5.9.2"),
            other => panic!("no reply: {other}"),
        }
    }

    /// The command was done.
    pub fn ok() -> String {
        reply("StcCmd", "\"api_\": 0")
    }

    /// The server is halted and does not do it.
    pub fn halted() -> String {
        reply("StcCmd", "\"api_\": 1")
    }

    /// The job is to ask again.
    pub fn wait() -> String {
        reply("StcCmd", "\"api_\": 2")
    }

    /// The job is taken for a zombie.
    pub fn zombie() -> String {
        reply("BlockClientZombieCmd", "\"zombie_type_\": 5")
    }

    /// The command is refused, in these words.
    pub fn error(words: &str) -> String {
        reply("ErrorCmd", &format!("\"error_msg_\": \"{words}\""))
    }

    /// The command was done, and this is what it gives.
    pub fn text(text: &str) -> String {
        reply("SStringCmd", &format!("\"str_\": \"{text}\""))
    }
}
