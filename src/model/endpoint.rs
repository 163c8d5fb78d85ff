//! A host and a port, and the ways people write them.

use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use thiserror::Error;

/// A host name, an IPv4 address or an IPv6 address. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host(Arc<str>);

/// Why a text is not a host or an endpoint.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum HostError {
    /// Nothing was written.
    #[error("no host is given")]
    Empty,
    /// A byte that no host name has.
    #[error(
        "a host may only have letters, digits, '-', '_' and '.', or be an IPv4 or IPv6 address"
    )]
    NotAHost,
    /// `[` without `]`, or something other than a port behind `]`.
    #[error("an IPv6 address with a port is written [address]:port")]
    Brackets,
    /// `host:` or `host:x`, or a number out of range.
    #[error("the port must be a whole number from 1 to 65535")]
    Port,
    /// The longest name that DNS knows has 253 characters.
    #[error("a host name has at most 253 characters")]
    TooLong,
}

impl Host {
    /// The host that ecFlow takes when none is named.
    #[must_use]
    pub fn localhost() -> Self {
        Self("localhost".into())
    }

    /// Reads a bare host: a name, an IPv4 address, an IPv6 address with or without brackets.
    ///
    /// # Errors
    /// [`HostError`] when `text` is none of these.
    pub fn parse(text: &[u8]) -> Result<Self, HostError> {
        let text = std::str::from_utf8(text).map_err(|_| HostError::NotAHost)?;
        let bare = match text.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').ok_or(HostError::Brackets)?,
            None => text,
        };
        if bare.is_empty() {
            return Err(HostError::Empty);
        }
        if bare.len() > 253 {
            return Err(HostError::TooLong);
        }
        let is_name = bare
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            && bare.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        if is_ipv6(bare) || (is_name && text == bare) {
            Ok(Self(bare.into()))
        } else {
            Err(HostError::NotAHost)
        }
    }

    /// The host as it was written, without brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address, when the host is a numeric one without a scope: no resolver is needed.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        let v4 = self.0.parse::<Ipv4Addr>().map(IpAddr::V4);
        v4.or_else(|_| self.0.parse::<Ipv6Addr>().map(IpAddr::V6))
            .ok()
    }

    /// Whether it is a numeric address, with or without a scope (`fe80::1%eth0`).
    #[must_use]
    pub fn is_numeric(&self) -> bool {
        self.address().is_some() || is_ipv6(&self.0)
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::localhost()
    }
}

fn is_ipv6(text: &str) -> bool {
    let (address, scope) = match text.split_once('%') {
        Some((address, scope)) => (address, Some(scope)),
        None => (text, None),
    };
    let scope_is_good = scope.is_none_or(|s| {
        !s.is_empty()
            && s.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    });
    scope_is_good && address.parse::<Ipv6Addr>().is_ok()
}

/// ecFlow's own default port.
pub const ECFLOW_PORT: u16 = 3141;

/// One server: a host and a port. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The host.
    pub host: Host,
    /// The TCP port, never 0.
    pub port: u16,
}

impl Endpoint {
    /// Reads `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address.
    ///
    /// # Errors
    /// [`HostError`] when the host or the port cannot be one.
    pub fn parse(text: &[u8], default_port: u16) -> Result<Self, HostError> {
        let (host, port) = split_port(text)?;
        let port = match port {
            Some(digits) => parse_port(digits)?,
            None => default_port,
        };
        Ok(Self {
            host: Host::parse(host)?,
            port,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.as_str().contains(':') {
            write!(f, "[{}]:{}", self.host.as_str(), self.port)
        } else {
            write!(f, "{}:{}", self.host.as_str(), self.port)
        }
    }
}

/// The servers without those that stand before them already, however they are written.
#[must_use]
pub fn without_repeats(servers: Vec<Endpoint>) -> Vec<Endpoint> {
    let mut seen = HashSet::new();
    let is_new = |server: &Endpoint| {
        let name = server.host.as_str().to_ascii_lowercase();
        let name = match (server.host.address(), name.as_str()) {
            (Some(address), _) => address.to_string(),
            (None, "localhost") => Ipv4Addr::LOCALHOST.to_string(),
            (None, _) => name,
        };
        seen.insert((name, server.port))
    };
    servers.into_iter().filter(is_new).collect()
}

fn split_port(text: &[u8]) -> Result<(&[u8], Option<&[u8]>), HostError> {
    if text.starts_with(b"[") {
        let close = text
            .iter()
            .position(|&b| b == b']')
            .ok_or(HostError::Brackets)?;
        let (host, rest) = text.split_at(close + 1);
        return match rest {
            [] => Ok((host, None)),
            [b':', port @ ..] => Ok((host, Some(port))),
            _ => Err(HostError::Brackets),
        };
    }
    let mut colons = text.iter().enumerate().filter(|(_, b)| **b == b':');
    match (colons.next(), colons.next()) {
        (Some((at, _)), None) => Ok((&text[..at], Some(&text[at + 1..]))),
        _ => Ok((text, None)),
    }
}

/// A port as people write it: decimal digits, 1 to 65535.
pub(crate) fn parse_port(digits: &[u8]) -> Result<u16, HostError> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(HostError::Port);
    }
    std::str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse::<u16>().ok())
        .filter(|port| *port != 0)
        .ok_or(HostError::Port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_an_endpoint_is_read() {
        for (text, shown) in [
            ("b1", "b1:3141"),
            ("b1.site.int:31415", "b1.site.int:31415"),
            ("10.0.0.1:1", "10.0.0.1:1"),
            ("::1", "[::1]:3141"),
            ("fe80::1%eth0", "[fe80::1%eth0]:3141"),
            ("[::1]", "[::1]:3141"),
            ("[::1]:65535", "[::1]:65535"),
            ("under_score", "under_score:3141"),
        ] {
            let endpoint = Endpoint::parse(text.as_bytes(), 3141).map(|e| e.to_string());
            assert_eq!(endpoint.as_deref(), Ok(shown), "{text}");
        }
    }

    #[test]
    fn a_server_that_is_listed_twice_is_one() {
        let listed = [
            "B1",
            "b2:7",
            "b1:3141",
            "localhost",
            "127.0.0.1",
            "::1",
            "0:0::1",
            "b2",
        ];
        let servers = listed
            .iter()
            .filter_map(|text| Endpoint::parse(text.as_bytes(), 3141).ok());
        let kept = without_repeats(servers.collect());
        let kept: Vec<_> = kept.iter().map(ToString::to_string).collect();
        assert_eq!(
            kept,
            ["B1:3141", "b2:7", "localhost:3141", "[::1]:3141", "b2:3141"]
        );
    }

    #[test]
    fn what_cannot_be_an_endpoint_is_refused_with_the_reason() {
        for (text, why) in [
            ("", HostError::Empty),
            ("b1:", HostError::Port),
            ("b1:0", HostError::Port),
            ("b1:65536", HostError::Port),
            ("b1:+1", HostError::Port),
            (":3141", HostError::Empty),
            ("[::1", HostError::Brackets),
            ("[::1]3141", HostError::Brackets),
            ("[b1]:3141", HostError::NotAHost),
            ("1:2:3", HostError::NotAHost),
            ("b 1", HostError::NotAHost),
            ("-b1", HostError::NotAHost),
            ("b\u{e9}", HostError::NotAHost),
        ] {
            assert_eq!(Endpoint::parse(text.as_bytes(), 3141), Err(why), "{text:?}");
        }
    }
}
