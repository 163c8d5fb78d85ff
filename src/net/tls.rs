//! TLS 1.2 and 1.3 over a connection that does not block, and whom it trusts.
//!
//! ecFlow's servers have certificates that they signed themselves, often of version 1, which
//! the usual verification cannot take: such a certificate is compared, byte for byte, with the
//! one in the operator's file. Everything else must lead to a certificate of that file.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring, verify_tls13_signature_with_raw_key};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct,
    OtherError, RootCertStore, SignatureScheme,
};
use x509_cert::der::Encode;

use super::certificate::{self, Distrust};
use super::channel::{Channel, Described, Direction};
use super::{Sent, failed};
use crate::model::{AttemptResult, Cure, Endpoint, Host, Stage};

/// Whether a certificate must be made out to the host that is contacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameCheck {
    /// It must, unless the very certificate stands in the file.
    Compare,
    /// It need not: ecFlow never compares names.
    Ignore,
}

/// Whom a connection trusts.
#[derive(Clone)]
pub struct Trust {
    config: Arc<ClientConfig>,
    source: String,
    doubts: Vec<Option<String>>,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust")
    }
}

impl Trust {
    /// Trusts the certificates in `pem`, which came from `source` (a file's name).
    ///
    /// # Errors
    /// What is wrong with `pem`, when there is no certificate in it.
    pub fn new(pem: &[u8], source: String, names: NameCheck) -> Result<Self, String> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let mut certificates = read.map_err(|why| format!("{source}: no PEM file: {why}"))?;
        // The same one may stand in two files.
        let mut seen = HashSet::new();
        certificates.retain(|one| seen.insert(one.clone()));
        if certificates.is_empty() {
            return Err(format!("{source}: no certificate is in it (PEM)"));
        }
        let mut roots = RootCertStore::empty();
        let now = UnixTime::now();
        let is_alone = certificates.len() == 1;
        let authorities = certificates
            .iter()
            .filter(|one| certificate::may_sign(one, is_alone, now));
        roots.add_parsable_certificates(authorities.cloned());
        let doubts = certificate::doubts(&certificates, now);
        let provider = Arc::new(ring::default_provider());
        let verifier = Verifier {
            certificates,
            roots,
            names,
            source: source.clone(),
            algorithms: provider.signature_verification_algorithms,
        };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|why| why.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        let config = Arc::new(config);
        Ok(Self {
            config,
            source,
            doubts,
        })
    }

    /// Where the certificates came from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// For each certificate of the file what keeps it from being of use, if anything does: its
    /// time, its key.
    #[must_use]
    pub fn doubts(&self) -> &[Option<String>] {
        &self.doubts
    }
}

impl From<Distrust> for rustls::Error {
    fn from(why: Distrust) -> Self {
        Self::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(why))))
    }
}

#[derive(Debug)]
struct Verifier {
    certificates: Vec<CertificateDer<'static>>,
    roots: RootCertStore,
    names: NameCheck,
    source: String,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    fn distrust(&self, why: rustls::Error) -> Distrust {
        match why {
            rustls::Error::InvalidCertificate(why) => match why {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    Distrust::Expired
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    Distrust::NotYetValid
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => Distrust::Name,
                _ => self.not_known(),
            },
            _ => self.not_known(),
        }
    }
}

impl Verifier {
    /// Neither the server's certificate is here, nor one that has signed it, as far as signatures
    /// can be verified.
    fn not_known(&self) -> Distrust {
        let now = UnixTime::now();
        let is_alone = self.certificates.len() == 1;
        let mut authorities = self.certificates.iter();
        let doubt = authorities.find_map(|one| {
            let may_sign = certificate::may_sign(one, is_alone, now);
            may_sign
                .then(|| certificate::check_key(one).err())
                .flatten()
        });
        match doubt {
            Some(Distrust::Key(fault)) => Distrust::Authority(self.source.clone(), fault),
            _ => Distrust::Other(self.source.clone()),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let distrust = |why| self.distrust(why);
        certificate::check_key(end_entity)?;
        if self.certificates.iter().any(|known| known == end_entity) {
            certificate::check_dates(end_entity, now)?;
            // A file with one certificate says which server is meant; of several, each that
            // has names must stay with its own host.
            let is_one_of_many = self.certificates.len() > 1 && certificate::has_names(end_entity);
            if self.names == NameCheck::Compare && is_one_of_many {
                let certificate = ParsedCertificate::try_from(end_entity).map_err(distrust)?;
                rustls::client::verify_server_name(&certificate, server_name).map_err(distrust)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        let certificate = ParsedCertificate::try_from(end_entity).map_err(distrust)?;
        rustls::client::verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &self.roots,
            intermediates,
            now,
            self.algorithms.all,
        )
        .map_err(distrust)?;
        if self.names == NameCheck::Compare {
            rustls::client::verify_server_name(&certificate, server_name).map_err(distrust)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let key = certificate::key(cert)?;
        let kind = key.algorithm.to_der().map_err(|_| Distrust::Unreadable)?;
        let bits = key.subject_public_key.raw_bytes();
        let candidates = self.algorithms.mapping.iter();
        let mut candidates = candidates
            .filter(|(scheme, _)| *scheme == dss.scheme)
            .flat_map(|(_, algorithms)| *algorithms)
            .filter(|algorithm| {
                certificate::is_sequence_of(&kind, algorithm.public_key_alg_id().as_ref())
            });
        let is_valid = candidates.any(|algorithm| {
            algorithm
                .verify_signature(bits, message, dss.signature())
                .is_ok()
        });
        match is_valid {
            true => Ok(HandshakeSignatureValid::assertion()),
            false => Err(rustls::Error::InvalidCertificate(
                CertificateError::BadSignature,
            )),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let key = certificate::key(cert)?;
        let key = key.to_der().map_err(|_| Distrust::Unreadable)?;
        let key = SubjectPublicKeyInfoDer::from(key);
        verify_tls13_signature_with_raw_key(message, &key, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// A TCP connection with TLS on it.
pub(super) struct TlsStream {
    connection: ClientConnection,
    stream: TcpStream,
    client: Arc<NoCertificate>,
}

/// What this client has to show, and whether a server has asked for it.
#[derive(Debug, Default)]
struct NoCertificate {
    was_asked: AtomicBool,
}

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.was_asked.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// As much plain text as goes into one record.
const RECORD: usize = 16 * 1024;

impl TlsStream {
    pub(super) fn new(
        stream: TcpStream,
        trust: &Trust,
        endpoint: &Endpoint,
    ) -> Result<Self, AttemptResult> {
        let client = Arc::new(NoCertificate::default());
        let mut config = ClientConfig::clone(&trust.config);
        config.client_auth_cert_resolver = client.clone();
        match ClientConnection::new(Arc::new(config), server_name(&endpoint.host)) {
            Ok(connection) => Ok(Self {
                connection,
                stream,
                client,
            }),
            Err(why) => Err(failed(Stage::Tls, Sent::No, 0, why.to_string())),
        }
    }

    fn process(&mut self) -> io::Result<()> {
        self.connection.process_new_packets().map_err(|why| {
            // The alert that tells the server; nobody waits for it.
            self.connection.write_tls(&mut Socket(&self.stream)).ok();
            io::Error::other(why)
        })?;
        Ok(())
    }
}

impl Channel for TlsStream {
    fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// One step: what is there is written or read, then the caller looks at the time.
    fn shake_hands(&mut self) -> io::Result<Option<Direction>> {
        match self.flush() {
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => {
                return Ok(Some(Direction::Out));
            }
            flushed => flushed?,
        }
        if !self.connection.is_handshaking() {
            return Ok(None);
        }
        match self.connection.read_tls(&mut Socket(&self.stream)) {
            Ok(0) => {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the server closed the connection inside the TLS handshake",
                ));
            }
            Ok(_) => self.process()?,
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
            Err(why) => return Err(why),
        }
        let is_over = !self.connection.is_handshaking();
        Ok(match (self.connection.wants_write(), is_over) {
            (true, _) => Some(Direction::Out),
            (false, true) => None,
            (false, false) => Some(Direction::In),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        let piece = &bytes[..bytes.len().min(RECORD)];
        let taken = self.connection.writer().write(piece)?;
        match self.flush() {
            Err(why) if why.kind() != io::ErrorKind::WouldBlock => Err(why),
            _ => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut Socket(&self.stream))?;
        }
        Ok(())
    }

    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        match self.connection.reader().read(piece) {
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
        self.connection.read_tls(&mut Socket(&self.stream))?;
        let processed = self.process();
        // An answer to what came, like an alert, leaves when it can.
        let _ = self.flush();
        // What came whole before something bad counts; the bad is told at the next call. What
        // did not bring a byte for the caller lets it look at the time.
        match (self.connection.reader().read(piece), processed) {
            (Ok(count @ 1..), _) => Ok(count),
            (_, Err(why)) => Err(why),
            (read, Ok(())) => read,
        }
    }

    fn may_hold_bytes(&self) -> bool {
        true
    }

    fn describe(&self, why: &io::Error) -> Described {
        let phase = Phase {
            is_handshaking: self.connection.is_handshaking(),
            was_asked: self.client.was_asked.load(Ordering::Relaxed),
        };
        describe(why, phase)
    }

    fn hint_at_silent_end(&self) -> &'static str {
        ""
    }
}

/// Writes by `send` only: a vectored write to a closed peer would raise SIGPIPE.
struct Socket<'a>(&'a TcpStream);

impl Read for Socket<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The name in the handshake; a host that no name can stand for goes by an address.
fn server_name(host: &Host) -> ServerName<'static> {
    let text = host.as_str().split('%').next().unwrap_or_default();
    ServerName::try_from(text.to_owned())
        .unwrap_or_else(|_| ServerName::IpAddress(IpAddr::from(Ipv4Addr::UNSPECIFIED).into()))
}

const REJECTED: &str = "certificates were rejected";
const NO_TLS: &str = "TLS was spoken to servers that do not speak it";
const NOTHING_IN_COMMON: &str = "servers have no version or cipher of TLS in common with us";
/// What is spoken here, and what is not.
const OUR_CIPHERS: &str = "this client speaks TLS 1.3, and TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305; \
    not DHE, RSA key exchange, CBC, nor TLS before 1.2; with keys of RSA, EC P-256 and P-384, and Ed25519, \
    exchanged by X25519, P-256 or P-384: enable one of these at the server";
const WANTS_CERTIFICATE: &str = "servers want certificates of clients";

/// How far a connection is.
#[derive(Clone, Copy)]
struct Phase {
    is_handshaking: bool,
    /// For a certificate of this client.
    was_asked: bool,
}

/// What an error means, in words, and whether a retry could help.
fn describe(why: &io::Error, phase: Phase) -> Described {
    let Phase {
        is_handshaking,
        was_asked,
    } = phase;
    let plain = |cure, what: String| Described { what, cure };
    let Some(inner) = why.get_ref().and_then(|inner| inner.downcast_ref()) else {
        return plain(Cure::Retry, why.to_string());
    };
    match inner {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(why))) => {
            plain(Cure::Nobody(REJECTED), why.to_string())
        }
        rustls::Error::InvalidCertificate(_) => plain(
            Cure::Nobody(REJECTED),
            format!("the server's certificate was rejected: {inner}"),
        ),
        rustls::Error::InvalidMessage(_) if is_handshaking => plain(
            Cure::Nobody(NO_TLS),
            format!("the server speaks no TLS, or another protocol ({inner})"),
        ),
        // By TLS 1.2 this is how a server says that it wants one.
        rustls::Error::AlertReceived(
            AlertDescription::HandshakeFailure
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateRequired,
        ) if was_asked => plain(
            Cure::Nobody(WANTS_CERTIFICATE),
            "the server wants a certificate of the client, which no client of ecFlow has: let it take clients without one".to_owned(),
        ),
        rustls::Error::AlertReceived(
            alert @ (AlertDescription::HandshakeFailure
            | AlertDescription::ProtocolVersion
            | AlertDescription::InsufficientSecurity),
        ) if is_handshaking => plain(
            Cure::Nobody(NOTHING_IN_COMMON),
            format!(
                "the server has no version or cipher of TLS in common with this client ({alert:?}): {OUR_CIPHERS}"
            ),
        ),
        rustls::Error::PeerIncompatible(why) if is_handshaking => plain(
            Cure::Nobody(NOTHING_IN_COMMON),
            format!(
                "the server has no version or cipher of TLS in common with this client ({why:?}): {OUR_CIPHERS}"
            ),
        ),
        rustls::Error::AlertReceived(alert) => plain(
            Cure::Retry,
            format!("the server broke the TLS connection off: {alert:?}"),
        ),
        other => plain(Cure::Retry, format!("TLS: {other}")),
    }
}
