//! TLS in front of any plain server, scripted or real.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection};

use super::certificates::Certificate;

/// What a front does otherwise than others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// TLS 1.2 and 1.3; says close_notify when the server behind has closed.
    Polite,
    /// Speaks TLS 1.2 only.
    OnlyTls12,
    /// Speaks TLS 1.3 only.
    OnlyTls13,
    /// Closes without close_notify.
    Abrupt,
    /// Reads no byte after the handshake.
    Deaf,
}

/// A front. It connects to the server behind it after a handshake, not before.
pub struct TlsFront {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    versions: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    threads: Arc<Mutex<Vec<thread::JoinHandle<()>>>>,
}

impl TlsFront {
    /// A front of the server on the port `behind`, as most servers are.
    pub fn new(certificate: &Certificate, behind: u16) -> Self {
        Self::with(Manner::Polite, certificate, behind)
    }

    /// The same in this manner.
    pub fn with(manner: Manner, certificate: &Certificate, behind: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("non-blocking");
        let front = Self {
            port: listener.local_addr().expect("an address").port(),
            versions: Arc::default(),
            stop: Arc::default(),
            threads: Arc::default(),
        };
        let config = configuration(manner, certificate);
        let (versions, stop) = (front.versions.clone(), front.stop.clone());
        let threads = front.threads.clone();
        let accepting = thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let Ok((client, _)) = listener.accept() else {
                    thread::sleep(Duration::from_millis(1));
                    continue;
                };
                let connection = ServerConnection::new(config.clone()).expect("a connection");
                let (versions, stop) = (versions.clone(), stop.clone());
                let serving = thread::spawn(move || {
                    let mut tunnel = Tunnel {
                        manner,
                        client,
                        connection,
                        stop,
                        versions,
                    };
                    tunnel.run(behind).ok();
                });
                threads.lock().unwrap().push(serving);
            }
        });
        front.threads.lock().unwrap().push(accepting);
        front
    }

    /// The version of TLS of each handshake that came to its end: `TLSv1_3`.
    pub fn versions(&self) -> Vec<String> {
        self.versions.lock().unwrap().clone()
    }
}

impl Drop for TlsFront {
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

/// Always the same certificate, whatever it looks like: a server of ecFlow does not check its own.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

fn configuration(manner: Manner, certificate: &Certificate) -> Arc<ServerConfig> {
    let versions: &[_] = match manner {
        Manner::OnlyTls12 => &[&TLS12],
        Manner::OnlyTls13 => &[&TLS13],
        Manner::Polite | Manner::Abrupt | Manner::Deaf => &[&TLS12, &TLS13],
    };
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(certificate.certificate.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).expect("a key");
    let key = ring::sign::any_supported_type(&key).expect("a key that ring knows");
    let certified = CertifiedKey::new(chain.expect("certificates"), key);
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Always(Arc::new(certified))));
    Arc::new(config)
}

/// One connection.
struct Tunnel {
    manner: Manner,
    client: TcpStream,
    connection: ServerConnection,
    stop: Arc<AtomicBool>,
    versions: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    fn run(&mut self, behind: u16) -> std::io::Result<()> {
        self.client.set_nonblocking(true)?;
        while self.connection.is_handshaking() {
            if !self.exchange()? {
                return Ok(());
            }
        }
        let version = self.connection.protocol_version();
        let version = version.and_then(|version| version.as_str().map(str::to_owned));
        self.versions
            .lock()
            .unwrap()
            .push(version.unwrap_or_default());
        if self.manner == Manner::Deaf {
            while !self.stop.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(2));
            }
            return Ok(());
        }
        let mut server = TcpStream::connect(("127.0.0.1", behind))?;
        server.set_nonblocking(true)?;
        self.forward(&mut server)
    }

    /// Bytes both ways until one side has closed.
    fn forward(&mut self, server: &mut TcpStream) -> std::io::Result<()> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let is_open = self.exchange()?;
            loop {
                match self.connection.reader().read(&mut buffer) {
                    Ok(0) => return Ok(()),
                    Ok(length) => write_all(server, &buffer[..length], &self.stop)?,
                    Err(why) if why.kind() == ErrorKind::WouldBlock => break,
                    Err(why) => return Err(why),
                }
            }
            if !is_open {
                return Ok(());
            }
            match server.read(&mut buffer) {
                Ok(0) => return self.say_goodbye(),
                Ok(length) => self.send(&buffer[..length])?,
                Err(why) if why.kind() == ErrorKind::WouldBlock => {}
                // What the server behind does to its connection is done to the client's.
                Err(why) => {
                    super::peer::reset(&self.client);
                    return Err(why);
                }
            }
        }
    }

    /// Moves what can be moved now; false when the client has closed.
    fn exchange(&mut self) -> std::io::Result<bool> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(ErrorKind::Interrupted.into());
        }
        let came = match self.connection.read_tls(&mut self.client) {
            Ok(0) => return Ok(false),
            Ok(_) => true,
            Err(why) if why.kind() == ErrorKind::WouldBlock => false,
            Err(why) => return Err(why),
        };
        let state = self.connection.process_new_packets();
        // An alert too, when the client cannot be understood.
        let went = self.flush()?;
        state.map_err(|why| std::io::Error::other(why.to_string()))?;
        if !came && !went {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(true)
    }

    fn flush(&mut self) -> std::io::Result<bool> {
        let mut went = false;
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut self.client) {
                Ok(_) => went = true,
                Err(why) if why.kind() == ErrorKind::WouldBlock => break,
                Err(why) => return Err(why),
            }
        }
        Ok(went)
    }

    fn send(&mut self, mut bytes: &[u8]) -> std::io::Result<()> {
        while !bytes.is_empty() {
            let taken = self.connection.writer().write(bytes)?;
            bytes = &bytes[taken..];
            self.drain()?;
        }
        Ok(())
    }

    fn drain(&mut self) -> std::io::Result<()> {
        while self.connection.wants_write() {
            if self.stop.load(Ordering::Relaxed) {
                return Err(ErrorKind::Interrupted.into());
            }
            if !self.flush()? {
                thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(())
    }

    fn say_goodbye(&mut self) -> std::io::Result<()> {
        if self.manner != Manner::Abrupt {
            self.connection.send_close_notify();
        }
        self.drain()
    }
}

fn write_all(stream: &mut TcpStream, mut bytes: &[u8], stop: &AtomicBool) -> std::io::Result<()> {
    while !bytes.is_empty() && !stop.load(Ordering::Relaxed) {
        match stream.write(bytes) {
            Ok(taken) => bytes = &bytes[taken..],
            Err(why) if why.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(why) => return Err(why),
        }
    }
    Ok(())
}
