//! The certificates that servers are trusted by: ecFlow's files for each host, or a list of
//! authorities for HTTPS.

use std::io;
use std::path::{Path, PathBuf};

use crate::client::refusal::Refusal;
use crate::config::{Protocol, Settings};
use crate::model::Endpoint;
use crate::net::{NameCheck, Security, Trust};
use crate::sys::file;

/// A file of certificates is no larger than this.
const LARGEST_FILE: u64 = 4 << 20;

/// Whom the servers of one command are trusted by.
pub(super) enum Trusted {
    NoTls,
    /// Each host by files of its own.
    Files(Files),
    /// All hosts by the same.
    Shared(Security),
}

impl Trusted {
    /// Reads what is needed, once for each command. `option` is what the command line says,
    /// `machine` this machine's name.
    pub(super) fn read(
        protocol: Protocol,
        option: Option<Protocol>,
        settings: &Settings,
        machine: &[u8],
    ) -> Result<Self, Refusal> {
        match protocol {
            Protocol::Plain | Protocol::Http => Ok(Self::NoTls),
            Protocol::Ssl => Ok(Self::Files(Files {
                asked_by: match (option, settings.protocol) {
                    (Some(_), _) => "--ssl",
                    (None, Protocol::Ssl) => "ECF_HOST_PROTOCOL",
                    (None, _) => "ECF_SSL",
                },
                directory: certificate_directory(settings)?,
                choice: match (option, settings.ssl.as_slice()) {
                    (Some(_), _) | (None, b"" | b"1") => Choice::SharedAndOwn,
                    (None, _) => Choice::Own,
                },
                machine: String::from_utf8_lossy(machine).into_owned(),
            })),
            Protocol::Https => {
                let (path, pem) = authorities(settings)?;
                let source = path.display().to_string();
                let trust = Trust::new(&pem, source, NameCheck::Compare)
                    .map_err(|why| Refusal::config(format!("ECF_FAILOVER_CA_FILE: {why}")))?;
                Ok(Self::Shared(Security::Tls(trust)))
            }
        }
    }

    pub(super) fn security(&self, endpoint: &Endpoint) -> Result<Security, String> {
        match self {
            Self::NoTls => Ok(Security::Plain),
            Self::Files(files) => files.trust(endpoint).map(Security::Tls),
            Self::Shared(security) => Ok(security.clone()),
        }
    }

    /// What is wrong with the certificates that `endpoint` is trusted by. Of a long list of
    /// authorities some may be old; one that is of no use at all is told.
    pub(super) fn doubts(&self, endpoint: &Endpoint) -> Vec<String> {
        match self.security(endpoint) {
            Ok(Security::Tls(trust)) => {
                let doubts = trust.doubts();
                let is_told = matches!(self, Self::Files(_)) || doubts.iter().all(Option::is_some);
                let doubts = doubts.iter().flatten().filter(|_| is_told);
                doubts
                    .map(|why| format!("{}: {why}", trust.source()))
                    .collect()
            }
            Ok(Security::Plain) | Err(_) => Vec::new(),
        }
    }

    pub(super) fn handshakes(&self) -> u64 {
        u64::from(!matches!(self, Self::NoTls))
    }
}

fn certificate_directory(settings: &Settings) -> Result<PathBuf, Refusal> {
    let usual = || {
        settings
            .home
            .as_ref()
            .map(|home| home.join(".ecflowrc/ssl"))
    };
    let directory = settings.ssl_directory.clone().or_else(usual);
    directory.ok_or_else(|| {
        Refusal::config(
            "ECF_SSL_DIR: set it to the directory of the certificates (HOME, for $HOME/.ecflowrc/ssl, is not set)"
                .into(),
        )
    })
}

/// Where systems keep the certificates of the authorities that they trust.
const SYSTEM_AUTHORITIES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The certificates that HTTPS servers are trusted by, with the file's name.
fn authorities(settings: &Settings) -> Result<(PathBuf, Vec<u8>), Refusal> {
    if let Some(path) = &settings.authorities_file {
        let read = file::read_regular(path, LARGEST_FILE);
        return match read {
            Ok(pem) => Ok((path.clone(), pem)),
            Err(why) => Err(Refusal::config(format!(
                "ECF_FAILOVER_CA_FILE=\"{}\": cannot be read: {why}",
                path.display()
            ))),
        };
    }
    let found = SYSTEM_AUTHORITIES.iter().map(Path::new).find_map(|path| {
        let pem = file::read_regular(path, LARGEST_FILE).ok()?;
        Some((path.to_owned(), pem))
    });
    found.ok_or_else(|| {
        Refusal::config(
            "ECF_FAILOVER_CA_FILE: set it, for this system has no list of authorities in a known place"
                .into(),
        )
    })
}

/// Which certificate files count for a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    /// `server.crt` and the host's own, those that are there.
    SharedAndOwn,
    /// The host's own.
    Own,
}

/// The certificate files of ecFlow's servers.
pub(super) struct Files {
    /// What asks for TLS.
    asked_by: &'static str,
    directory: PathBuf,
    choice: Choice,
    /// This machine's name, which stands for localhost.
    machine: String,
}

impl Files {
    fn trust(&self, endpoint: &Endpoint) -> Result<Trust, String> {
        let candidates = self.candidates(endpoint);
        let mut found: Vec<(String, Vec<u8>)> = Vec::new();
        for path in &candidates {
            match file::read_regular(path, LARGEST_FILE) {
                Ok(pem) => found.push((path.display().to_string(), pem)),
                Err(why) if why.kind() == io::ErrorKind::NotFound => {}
                Err(why) => {
                    let (key, path) = (self.asked_by, path.display());
                    return Err(format!("{key}: {path} cannot be read: {why}"));
                }
            }
        }
        let names = |paths: Vec<String>| paths.join(" or ");
        if found.is_empty() {
            let looked_for = candidates.iter().map(|path| path.display().to_string());
            return Err(format!(
                "{}: no certificate file for {endpoint}: {} is wanted (ECF_SSL_DIR names another directory)",
                self.asked_by,
                names(looked_for.collect())
            ));
        }
        let source = names(found.iter().map(|(name, _)| name.clone()).collect());
        let pem: Vec<_> = found.into_iter().map(|(_, pem)| pem).collect();
        Trust::new(&pem.join(&b"\n"[..]), source, NameCheck::Ignore)
            .map_err(|why| format!("{}: {why}", self.asked_by))
    }

    fn candidates(&self, endpoint: &Endpoint) -> Vec<PathBuf> {
        let host = match endpoint.host.as_str() {
            "localhost" if !self.machine.is_empty() => &self.machine,
            host => host,
        };
        let own = self.directory.join(format!("{host}.{}.crt", endpoint.port));
        match self.choice {
            Choice::SharedAndOwn => vec![self.directory.join("server.crt"), own],
            Choice::Own => vec![own],
        }
    }
}
