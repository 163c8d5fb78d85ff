//! HTTP in front of a real ecFlow server, or of nobody: `POST /v1/ecflow` as release 5.17 has it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::peer::{frame, read_frame, reset};

/// What a front does with one connection.
#[derive(Clone)]
pub enum Answer {
    /// Reads the request, has the JSON of the reply, and sends what this makes of it.
    Made(Maker),
    /// The same, and then it neither closes nor says more.
    Held(Maker),
    /// The same, byte by byte with a pause before each.
    Drip(Maker, Duration),
    /// Reads the request and sends these bytes; the server behind does not see the request.
    Bytes(Vec<u8>),
    /// Reads the request and sends the first bytes once, the second without end.
    Flood(Vec<u8>, Vec<u8>),
    /// Reads the request and is silent.
    Silence,
    /// Reads the request and resets the connection.
    Reset,
    /// Reads the head of the request, sends these bytes and closes.
    Early(Vec<u8>),
}

/// Makes a response of a reply's JSON.
pub type Maker = Arc<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// One request as a front saw it.
#[derive(Clone, Debug)]
pub struct Request {
    /// All before the body.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// The values of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }
}

/// Where the JSON of replies comes from.
#[derive(Clone)]
enum Behind {
    Server(u16),
    Nobody(String),
}

/// A front; its answers are given in order, the last one repeats.
pub struct Front {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    seen: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    threads: Arc<Mutex<Vec<thread::JoinHandle<()>>>>,
}

impl Front {
    /// In front of the server on this port, as a proxy that does all well.
    pub fn of(server: u16) -> Self {
        Self::answering(server, &[answers::length()])
    }

    /// In front of the server on this port.
    pub fn answering(server: u16, script: &[Answer]) -> Self {
        Self::start("127.0.0.1:0", Behind::Server(server), script)
    }

    /// With this JSON for every request.
    pub fn scripted(json: &str, script: &[Answer]) -> Self {
        Self::start("127.0.0.1:0", Behind::Nobody(json.to_owned()), script)
    }

    /// The same on another address.
    pub fn on(address: &str, json: &str) -> Self {
        let behind = Behind::Nobody(json.to_owned());
        Self::start(address, behind, &[answers::length()])
    }

    fn start(address: &str, behind: Behind, script: &[Answer]) -> Self {
        let listener = TcpListener::bind(address).expect("a port");
        listener.set_nonblocking(true).expect("non-blocking");
        let front = Self {
            port: listener.local_addr().expect("an address").port(),
            seen: Arc::default(),
            stop: Arc::default(),
            threads: Arc::default(),
        };
        let (seen, stop, threads) = (
            front.seen.clone(),
            front.stop.clone(),
            front.threads.clone(),
        );
        let script = script.to_vec();
        let accepting = thread::spawn(move || {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                let Ok((stream, _)) = listener.accept() else {
                    thread::sleep(Duration::from_millis(1));
                    continue;
                };
                let answer = script[number.min(script.len() - 1)].clone();
                number += 1;
                let connection = Connection {
                    stream,
                    behind: behind.clone(),
                    seen: seen.clone(),
                    stop: stop.clone(),
                };
                let serving = thread::spawn(move || {
                    connection.serve(answer).ok();
                });
                threads.lock().unwrap().push(serving);
            }
        });
        front.threads.lock().unwrap().push(accepting);
        front
    }

    /// The requests that came, but for their bodies not always whole.
    pub fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// How many requests came.
    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

impl Drop for Front {
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

struct Connection {
    stream: TcpStream,
    behind: Behind,
    seen: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
}

impl Connection {
    fn serve(mut self, answer: Answer) -> std::io::Result<()> {
        self.stream.set_nonblocking(false)?;
        let limit = Some(Duration::from_secs(30));
        self.stream.set_read_timeout(limit)?;
        self.stream.set_write_timeout(limit)?;
        let head = self.read_head()?;
        let number = {
            let mut seen = self.seen.lock().unwrap();
            seen.push(Request {
                head: head.clone(),
                body: Vec::new(),
            });
            seen.len() - 1
        };
        if let Answer::Early(bytes) = answer {
            return self.stream.write_all(&bytes);
        }
        let request = Request {
            head,
            body: Vec::new(),
        };
        let length = request.header("Content-Length").first().copied();
        let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        self.seen.lock().unwrap()[number].body.clone_from(&body);
        match answer {
            Answer::Made(maker) => {
                let reply = self.ask_behind(&body)?;
                self.stream.write_all(&maker(&reply))
            }
            Answer::Held(maker) => {
                let reply = self.ask_behind(&body)?;
                self.stream.write_all(&maker(&reply))?;
                self.linger(Duration::from_secs(30));
                Ok(())
            }
            Answer::Drip(maker, pause) => {
                self.stream.set_nodelay(true)?;
                for byte in maker(&self.ask_behind(&body)?) {
                    self.linger(pause);
                    self.stream.write_all(&[byte])?;
                }
                Ok(())
            }
            Answer::Bytes(bytes) => self.stream.write_all(&bytes),
            Answer::Flood(once, ever) => {
                self.stream.write_all(&once)?;
                while !self.stop.load(Ordering::Relaxed) {
                    self.stream.write_all(&ever)?;
                }
                Ok(())
            }
            Answer::Silence => {
                self.linger(Duration::from_secs(30));
                Ok(())
            }
            Answer::Reset => {
                reset(&self.stream);
                Ok(())
            }
            Answer::Early(_) => Ok(()),
        }
    }

    /// The head of the request: all before its body.
    fn read_head(&mut self) -> std::io::Result<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        Ok(String::from_utf8_lossy(&head).into_owned())
    }

    fn ask_behind(&self, body: &[u8]) -> std::io::Result<Vec<u8>> {
        let port = match &self.behind {
            Behind::Nobody(json) => return Ok(json.clone().into_bytes()),
            Behind::Server(port) => *port,
        };
        let mut server = TcpStream::connect(("127.0.0.1", port))?;
        server.write_all(&frame(body))?;
        Ok(read_frame(&mut server)?.split_off(8))
    }

    fn linger(&self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end && !self.stop.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(1).min(time));
        }
    }
}

/// Answers by what they are.
pub mod answers {
    use super::{Answer, Arc};

    fn made(maker: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> Answer {
        Answer::Made(Arc::new(maker))
    }

    /// 200 with a length, as the bytes of it.
    pub fn response(json: &[u8]) -> Vec<u8> {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            json.len()
        );
        [head.as_bytes(), json].concat()
    }

    /// 200 with a length.
    pub fn length() -> Answer {
        made(response)
    }

    /// 200 with a length behind other bytes: interim responses.
    pub fn behind(first: &'static str) -> Answer {
        made(move |json| [first.as_bytes(), &response(json)].concat())
    }

    /// 200 with a length on a connection that stays open.
    pub fn length_held_open() -> Answer {
        Answer::Held(Arc::new(response))
    }

    /// 200 with a length, a byte at a time.
    pub fn drip(pause: std::time::Duration) -> Answer {
        Answer::Drip(Arc::new(response), pause)
    }

    /// 200 with a head of one's own, `LENGTH` for the length, before the body.
    pub fn headed(head: &'static str) -> Answer {
        made(move |json| {
            let head = head.replace("LENGTH", &json.len().to_string());
            [head.as_bytes(), json].concat()
        })
    }

    /// 200 in chunks of a size.
    pub fn chunked(size: usize) -> Answer {
        made(move |json| chunks(json, size, "", ""))
    }

    /// 200 in chunks with an extension each, and with trailers.
    pub fn chunked_with(extension: &'static str, trailers: &'static str) -> Answer {
        made(move |json| chunks(json, 100, extension, trailers))
    }

    /// The bytes of a chunked response.
    pub fn chunks(json: &[u8], size: usize, extension: &str, trailers: &str) -> Vec<u8> {
        let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for chunk in json.chunks(size) {
            bytes.extend(format!("{:x}{extension}\r\n", chunk.len()).into_bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
        }
        bytes.extend(format!("0{extension}\r\n{trailers}\r\n").into_bytes());
        bytes
    }

    /// 200 without a length: the end of the connection is the end of the body.
    pub fn until_close() -> Answer {
        headed("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    }

    /// The good answer, but for its last bytes.
    pub fn cut(missing: usize) -> Answer {
        made(move |json| cut_off(response(json), missing))
    }

    /// The answer in chunks, but for its last bytes.
    pub fn cut_chunks(missing: usize) -> Answer {
        made(move |json| cut_off(chunks(json, 100, "", ""), missing))
    }

    /// The body alone is short, in a response without a length.
    pub fn cut_until_close(missing: usize) -> Answer {
        made(move |json| {
            let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
            cut_off([head, json.to_vec()].concat(), missing)
        })
    }

    fn cut_off(mut bytes: Vec<u8>, missing: usize) -> Vec<u8> {
        bytes.truncate(bytes.len() - missing);
        bytes
    }

    /// A status as `404 Not Found` with a page for people, and without the server behind.
    pub fn status(status: &str) -> Answer {
        status_with(status, "")
    }

    /// The same with more headers, a line each with its end.
    pub fn status_with(status: &str, headers: &str) -> Answer {
        let page = format!("<html><body><h1>{status}</h1></body></html>");
        let length = page.len();
        Answer::Bytes(
            format!("HTTP/1.1 {status}\r\nContent-Type: text/html\r\n{headers}Content-Length: {length}\r\n\r\n{page}")
                .into_bytes(),
        )
    }
}
