//! What a certificate says about itself: its time, its key, its names, and whom it may sign for.

use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use x509_cert::Certificate;
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{Decode, Header, Reader, SliceReader};
use x509_cert::ext::pkix::{BasicConstraints, SubjectAltName};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

/// Why a server is not trusted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Distrust {
    #[error(
        "the server's certificate is not the one in {0}, nor signed by an authority there that is valid today"
    )]
    Other(String),
    #[error(
        "the server's certificate is not the one in {0}, and an authority there has {1}, whose signatures are not verified: make a new key and certificate for it, RSA of 2048 bits or more or EC P-256, and sign the server's with it"
    )]
    Authority(String, String),
    #[error("the server's certificate has expired")]
    Expired,
    #[error("the server's certificate is not yet valid (by this machine's clock)")]
    NotYetValid,
    #[error("the server's certificate is made out to another host")]
    Name,
    #[error("the server's certificate cannot be read")]
    Unreadable,
    #[error(
        "the server's certificate has {0}: make a new key and certificate for it, RSA of 2048 bits or more or EC P-256, and copy the certificate to the clients"
    )]
    Key(String),
}

/// The shortest and the longest RSA keys, in bits, whose signatures are verified.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const CURVES: [ObjectIdentifier; 2] = [
    ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"),
    ObjectIdentifier::new_unwrap("1.3.132.0.34"),
];

pub(super) fn read(certificate: &CertificateDer<'_>) -> Result<Certificate, Distrust> {
    Certificate::from_der(certificate).map_err(|_| Distrust::Unreadable)
}

/// The key of a certificate.
pub(super) fn key(certificate: &CertificateDer<'_>) -> Result<SubjectPublicKeyInfoOwned, Distrust> {
    Ok(read(certificate)?.tbs_certificate.subject_public_key_info)
}

/// Whether a certificate says which hosts it is for.
pub(super) fn has_names(certificate: &CertificateDer<'_>) -> bool {
    let parsed = read(certificate).ok();
    let names = parsed.map(|parsed| parsed.tbs_certificate.get::<SubjectAltName>());
    matches!(names, Some(Ok(Some(_))))
}

/// Whether a certificate of the file may sign others: it is valid today, and says that it is an
/// authority. One that says nothing of it, as those of version 1 do, is taken for a private
/// authority where it `is_alone` in the file; of several, each stands for its own server.
pub(super) fn may_sign(certificate: &CertificateDer<'_>, is_alone: bool, now: UnixTime) -> bool {
    let Ok(parsed) = read(certificate) else {
        return false;
    };
    let constraints = parsed.tbs_certificate.get::<BasicConstraints>();
    let is_authority = match constraints {
        Ok(Some((_, BasicConstraints { ca, .. }))) => ca,
        Ok(None) => is_alone,
        Err(_) => false,
    };
    is_authority && check_dates(certificate, now).is_ok()
}

/// Whether `der` is a sequence with this content (shorter than 128 bytes, as these all are).
pub(super) fn is_sequence_of(der: &[u8], content: &[u8]) -> bool {
    const SEQUENCE: u8 = 0x30;
    der.strip_prefix(&[SEQUENCE])
        .and_then(<[u8]>::split_first)
        .is_some_and(|(length, rest)| usize::from(*length) == content.len() && rest == content)
}

pub(super) fn check_dates(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Distrust> {
    let validity = read(certificate)?.tbs_certificate.validity;
    let now = Duration::from_secs(now.as_secs());
    if now < validity.not_before.to_unix_duration() {
        return Err(Distrust::NotYetValid);
    }
    match now > validity.not_after.to_unix_duration() {
        true => Err(Distrust::Expired),
        false => Ok(()),
    }
}

/// Whether signatures by the certificate's key can be verified here.
pub(super) fn check_key(certificate: &CertificateDer<'_>) -> Result<(), Distrust> {
    let key = key(certificate)?;
    let curve = || {
        let parameters = key.algorithm.parameters.as_ref()?;
        parameters.decode_as::<ObjectIdentifier>().ok()
    };
    let fault = match key.algorithm.oid {
        RSA => match rsa_bits(key.subject_public_key.raw_bytes()) {
            Some(bits) if RSA_BITS.contains(&bits) => None,
            Some(bits) => Some(format!("an RSA key of {bits} bits")),
            None => return Err(Distrust::Unreadable),
        },
        EC if curve().is_some_and(|curve| CURVES.contains(&curve)) => None,
        EC => Some("a key of an elliptic curve other than P-256 and P-384".to_owned()),
        ED25519 => None,
        other => Some(format!("a key of a kind that is not known here ({other})")),
    };
    match fault {
        Some(fault) => Err(Distrust::Key(fault)),
        None => Ok(()),
    }
}

/// The bits of the modulus of an RSA key.
fn rsa_bits(der: &[u8]) -> Option<usize> {
    let mut reader = SliceReader::new(der).ok()?;
    Header::decode(&mut reader).ok()?;
    let modulus: UintRef<'_> = reader.decode().ok()?;
    let bytes = modulus.as_bytes();
    let zeros = bytes.first()?.leading_zeros();
    Some(bytes.len() * 8 - usize::try_from(zeros).ok()?)
}

/// For each certificate of a file what keeps it from being of use, in words that have its subject.
pub(super) fn doubts(certificates: &[CertificateDer<'_>], now: UnixTime) -> Vec<Option<String>> {
    let doubt = |certificate: &CertificateDer<'_>| {
        let fault = check_dates(certificate, now).and_then(|()| check_key(certificate));
        let subject = read(certificate).map(|read| read.tbs_certificate.subject);
        match (fault, subject) {
            (Ok(()), _) => None,
            (Err(why), Ok(subject)) => Some(format!("{why} (the one for {subject})")),
            (Err(why), Err(_)) => Some(why.to_string()),
        }
    };
    certificates.iter().map(doubt).collect()
}
