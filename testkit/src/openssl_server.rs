//! `openssl s_server`, for what no server in Rust would speak.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use super::certificates::Certificate;
use super::program::{Program, scratch};

/// A server of TLS that knows nothing of ecFlow.
pub struct OpensslServer {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    child: Child,
}

impl OpensslServer {
    /// One with this certificate, and `options` of `openssl s_server`.
    pub fn new(name: &str, certificate: &Certificate, options: &[&str]) -> Self {
        let place = scratch(name);
        fs::write(place.join("server.crt"), &certificate.certificate).expect("a file");
        fs::write(place.join("server.key"), &certificate.key).expect("a file");
        let args = ["s_server", "-accept", "127.0.0.1:0"];
        let files = ["-cert", "server.crt", "-key", "server.key"];
        let mut command = Program::new("openssl", &[])
            .args(&args)
            .args(&files)
            .args(options)
            .directory(&place)
            .command();
        // The end of its input would end the conversation.
        let command = command.stdin(Stdio::piped());
        let command = command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("openssl");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let port = lines.find_map(|line| {
            let line = line.expect("a line");
            line.strip_prefix("ACCEPT 127.0.0.1:")?.parse().ok()
        });
        let port = port.expect("openssl tells its port");
        // What it says later goes nowhere, and does not end it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { port, child }
    }
}

impl Drop for OpensslServer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
