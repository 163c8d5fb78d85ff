//! Keys and certificates, made by the command `openssl`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::program::{Program, scratch};

/// Its sections are the kinds of certificates; `ca` is for those that need dates of their own.
const CONFIGURATION: &str = "\
[req]
distinguished_name = name
[name]
[authority]
subjectKeyIdentifier = hash
basicConstraints = critical,CA:TRUE
[server]
basicConstraints = critical,CA:FALSE
subjectAltName = $ENV::NAMES
[ca]
default_ca = dated
[dated]
database = index
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
policy = policy
[policy]
commonName = supplied
";

const LONG_AGO: (&str, &str) = ("20200101000000Z", "20210101000000Z");
const FAR_AWAY: (&str, &str) = ("20480101000000Z", "20490101000000Z");
const NOW: (&str, &str) = ("20200101000000Z", "20490101000000Z");

/// Which names a certificate has that nobody compares with anything.
const SOME_NAME: &str = "DNS:ecflow.example";

/// Fast to make.
const USUAL_KEY: &[&str] = &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"];

/// A certificate and its key, both PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl Certificate {
    /// As `openssl req -x509` makes it: version 3, an authority, signed by itself.
    pub fn self_signed() -> Self {
        Self::self_signed_with(USUAL_KEY)
    }

    /// The same with a key of a kind in words of `openssl genpkey -algorithm`.
    pub fn self_signed_with(kind: &[&str]) -> Self {
        let place = Place::new();
        place.make_key(kind);
        let args = ["-x509", "-extensions", "authority", "-days", "30"];
        place.request("self-signed", &args, "server.crt");
        place.take()
    }

    /// As ecFlow's manual makes it: RSA, version 1, for `openssl x509 -req` adds no extension.
    pub fn version_one() -> Self {
        let place = Place::new();
        place.make_key(&["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
        place.request("version one", &[], "request");
        place.openssl(&[
            "x509",
            "-req",
            "-in",
            "request",
            "-signkey",
            "server.key",
            "-days",
            "30",
            "-out",
            "server.crt",
        ]);
        let text = place.openssl(&["x509", "-in", "server.crt", "-noout", "-text"]);
        assert!(text.contains("Version: 1 (0x0)"), "{text}");
        place.take()
    }

    /// Signed by itself for names as `DNS:localhost,IP:127.0.0.1`; not an authority.
    pub fn for_names(names: &str) -> Self {
        Self::dated("server", names, NOW)
    }

    /// Its time is over.
    pub fn expired() -> Self {
        Self::dated("authority", SOME_NAME, LONG_AGO)
    }

    /// Its time has not come.
    pub fn not_yet_valid() -> Self {
        Self::dated("authority", SOME_NAME, FAR_AWAY)
    }

    fn dated(extensions: &str, names: &str, dates: (&str, &str)) -> Self {
        let place = Place::new();
        place.make_key(USUAL_KEY);
        place.request("dated", &[], "request");
        place.sign(&["-selfsign"], "server.key", extensions, names, dates);
        place.take()
    }
}

/// A private authority.
pub struct Authority {
    place: Place,
    /// Its own certificate, PEM.
    pub certificate: String,
}

impl Authority {
    /// A new authority.
    pub fn new() -> Self {
        let place = Place::new();
        place.make_key(USUAL_KEY);
        let args = ["-x509", "-extensions", "authority", "-days", "30"];
        place.request("private authority", &args, "server.crt");
        let Certificate { certificate, key } = place.take();
        fs::write(place.0.join("authority.crt"), &certificate).expect("a file");
        fs::write(place.0.join("authority.key"), &key).expect("a file");
        Self { place, certificate }
    }

    /// An authority whose own time is over.
    pub fn expired() -> Self {
        Self::by(Certificate::expired())
    }

    /// Somebody who signs with this certificate, whether or not it says that he may.
    pub fn by(own: Certificate) -> Self {
        let Certificate { certificate, key } = own;
        let place = Place::new();
        fs::write(place.0.join("authority.crt"), &certificate).expect("a file");
        fs::write(place.0.join("authority.key"), &key).expect("a file");
        Self { place, certificate }
    }

    /// A certificate for names as `DNS:localhost,IP:127.0.0.1`.
    pub fn issue(&self, names: &str) -> Certificate {
        self.issue_dated(names, NOW)
    }

    /// The same, its time is over.
    pub fn issue_expired(&self, names: &str) -> Certificate {
        self.issue_dated(names, LONG_AGO)
    }

    fn issue_dated(&self, names: &str, dates: (&str, &str)) -> Certificate {
        self.place.make_key(USUAL_KEY);
        self.place.request("issued", &[], "request");
        let issuer = ["-cert", "authority.crt"];
        self.place
            .sign(&issuer, "authority.key", "server", names, dates);
        self.place.take()
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// A directory in which openssl works.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = scratch(&format!("certificates-{number}"));
        fs::write(directory.join("configuration"), CONFIGURATION).expect("a file");
        fs::write(directory.join("index"), "").expect("a file");
        Self(directory)
    }

    fn openssl(&self, args: &[&str]) -> String {
        self.openssl_for(args, SOME_NAME)
    }

    fn openssl_for(&self, args: &[&str], names: &str) -> String {
        let program = Program::new("openssl", &[("NAMES", names)]);
        program.args(args).directory(&self.0).succeed()
    }

    fn make_key(&self, kind: &[&str]) {
        let mut args = vec!["genpkey", "-out", "server.key", "-algorithm"];
        args.extend(kind);
        self.openssl(&args);
    }

    fn request(&self, name: &str, more: &[&str], out: &str) {
        let subject = format!("/CN={name}");
        let mut args = vec!["req", "-new", "-config", "configuration"];
        args.extend(["-key", "server.key", "-subj", &subject, "-out", out]);
        args.extend(more);
        self.openssl(&args);
    }

    fn sign(
        &self,
        issuer: &[&str],
        key: &str,
        extensions: &str,
        names: &str,
        (start, end): (&str, &str),
    ) {
        let mut args = vec!["ca", "-batch", "-notext", "-config", "configuration"];
        args.extend(["-extensions", extensions, "-keyfile", key]);
        args.extend(["-startdate", start, "-enddate", end]);
        args.extend(["-in", "request", "-out", "server.crt"]);
        args.extend(issuer);
        self.openssl_for(&args, names);
    }

    fn take(&self) -> Certificate {
        let read = |name| fs::read_to_string(self.0.join(name)).expect("what openssl wrote");
        Certificate {
            certificate: read("server.crt"),
            key: read("server.key"),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Parameters that a server of ecFlow wants beside its certificate, into a file.
pub fn write_dh_parameters(file: &Path) {
    let out = file.to_str().expect("UTF-8");
    let group = "group:ffdhe2048";
    Program::new("openssl", &[])
        .args(&["genpkey", "-genparam", "-algorithm", "DH"])
        .args(&["-pkeyopt", group, "-out", out])
        .succeed();
}
