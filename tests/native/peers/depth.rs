//! Long inputs on a small stack: nothing that a caller, a file or a server brings recurses.

use std::thread;

use ecf_failover::client::Client;
use ecf_failover::config::{Configuration, KEYS};
use ecf_failover::credentials::{PasswordFile, TokenFile, crypt};
use ecf_failover::hostfile::Hostfile;
use ecf_failover::model::{Endpoint, Secret, Secrets};

const LONG: usize = 300_000;

fn on_a_small_stack(body: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(96 << 10).spawn(body);
    thread.unwrap().join().unwrap();
}

#[test]
fn files_and_keys_of_any_length_are_read_on_a_small_stack() {
    on_a_small_stack(|| {
        for piece in [
            "a", "[", "::", "#", " ", "\n", "b1:", "x 1 \\\n", "{\"a\":", "5.1.0\n",
        ] {
            let text = piece.as_bytes().repeat(LONG / piece.len());
            assert!(Hostfile::parse(&text, 1).backups.len() <= 1_000);
            PasswordFile::parse(&text).ok();
            TokenFile::parse(&text).ok();
            Endpoint::parse(&text, 1).ok();
            assert!(!crypt(&text[..1_000], &text).is_empty());
            let mut configuration = Configuration::new();
            for key in KEYS {
                configuration.set(key.name.as_bytes(), &text).ok();
            }
            let secrets = Secrets::from(&Secret::from(&text[..10]));
            assert!(!secrets.redacted(text).is_empty());
        }
    });
}

#[test]
fn a_command_of_any_length_ends_on_a_small_stack() {
    on_a_small_stack(|| {
        let port = testkit::refused_port().to_string();
        let mut configuration = Configuration::new();
        for (key, value) in [
            ("ECF_HOST", "127.0.0.1"),
            ("ECF_PORT", port.as_str()),
            ("ECF_NAME", "/s/f/t"),
            ("ECF_PASS", "sesame"),
            ("ECF_DENIED", "1"),
            ("ECF_FAILOVER_RETRY_PERIOD", "0"),
        ] {
            assert_eq!(configuration.set(key.as_bytes(), value.as_bytes()), Ok(()));
        }
        let client = Client::new(configuration);
        let long = b"sesame; --group=".repeat(LONG / 16);
        for word in [
            "--label=l",
            "--group",
            "--abort",
            "--alter",
            "--load",
            "--begin",
            "--query",
        ] {
            let reply = client.send_any(&[word.as_bytes().to_vec(), long.clone()]);
            assert!(!reply.error.is_empty());
            assert!(!reply.report().contains("sesame"));
        }
    });
}
