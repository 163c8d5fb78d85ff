//! What names meant when the resolver last answered.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use parking_lot::Mutex;

use crate::model::{Cure, Endpoint, Host, Millis, Stage};
use crate::sys::cancel::CancelWatch;
use crate::sys::clock;
use crate::sys::resolver::{LookUp, NoAddress, look_up};

use super::{Failure, Sent};

/// What localhost means everywhere (RFC 6761, 6.3), so that no resolver is asked. ecFlow's
/// servers listen on IPv4.
const LOOPBACK: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// The last good addresses of every name, used when the resolver fails or is late.
#[derive(Debug, Default)]
pub struct AddressBook(Mutex<HashMap<Host, Vec<IpAddr>>>);

/// The addresses of an endpoint, or the question for them.
pub(super) enum Address {
    Known(Vec<SocketAddr>),
    Pending(LookUp),
    /// The resolver did not take the question.
    Unasked(NoAddress),
}

/// The addresses of an endpoint.
pub(super) struct Found {
    pub(super) addresses: Vec<SocketAddr>,
    /// Why they are the last good ones and not the resolver's, if they are.
    pub(super) remark: String,
}

impl AddressBook {
    /// The addresses of `endpoint`, looked up for `limit` milliseconds unless it is numeric;
    /// for half of that where the last good ones can be used instead. `end` bounds all.
    pub(super) fn find(
        &self,
        endpoint: &Endpoint,
        limit: Millis,
        end: Millis,
        cancel: CancelWatch<'_>,
    ) -> Result<Found, Failure> {
        if let Some(addresses) = without_resolver(endpoint) {
            return Ok(Found::fresh(addresses));
        }
        let limit = match self.last_good_ips(&endpoint.host) {
            Some(_) => limit / 2,
            None => limit,
        };
        let until = clock::start().saturating_add(limit).min(end);
        let answer = look_up(endpoint.host.as_str(), endpoint.port, until, cancel);
        self.settle(endpoint, answer)
    }

    /// Asks for the addresses of `endpoint`; the answer goes to [`AddressBook::settle`].
    pub(super) fn begin(&self, endpoint: &Endpoint) -> Address {
        match without_resolver(endpoint) {
            Some(addresses) => Address::Known(addresses),
            None => match LookUp::begin(endpoint.host.as_str()) {
                Ok(look_up) => Address::Pending(look_up),
                Err(why) => Address::Unasked(why),
            },
        }
    }

    /// Remembers what the resolver answered; where it failed, the last good addresses serve.
    pub(super) fn settle(
        &self,
        endpoint: &Endpoint,
        answer: Result<Vec<SocketAddr>, NoAddress>,
    ) -> Result<Found, Failure> {
        let Endpoint { host, .. } = endpoint;
        let why = match answer {
            Ok(addresses) => {
                if !host.is_numeric() {
                    let ips = addresses.iter().map(SocketAddr::ip).collect();
                    self.0.lock().insert(host.clone(), ips);
                }
                return Ok(Found::fresh(addresses));
            }
            Err(why) => why,
        };
        if let NoAddress::TimedOut | NoAddress::Failed(_) = why
            && let Some(found) = self.remembered(endpoint, &why)
        {
            return Ok(found);
        }
        Err(Failure {
            stage: Stage::Resolve,
            sent: Sent::No,
            errno: 0,
            what: format!("{}: {}", host.as_str(), told(&why)),
            cure: Cure::Retry,
        })
    }

    /// The last good addresses, and why they are used.
    pub(super) fn remembered(&self, endpoint: &Endpoint, why: &NoAddress) -> Option<Found> {
        let ips = self.last_good_ips(&endpoint.host)?;
        let host = endpoint.host.as_str();
        Some(Found {
            addresses: with_port(&ips, endpoint.port),
            remark: format!("{host}: {}, last good address used", told(why)),
        })
    }

    fn last_good_ips(&self, host: &Host) -> Option<Vec<IpAddr>> {
        self.0.lock().get(host).cloned()
    }
}

impl Found {
    fn fresh(addresses: Vec<SocketAddr>) -> Self {
        Self {
            addresses,
            remark: String::new(),
        }
    }
}

/// The addresses that need no resolver.
fn without_resolver(endpoint: &Endpoint) -> Option<Vec<SocketAddr>> {
    let Endpoint { host, port } = endpoint;
    match host.address() {
        Some(address) => Some(with_port(&[address], *port)),
        None if host.as_str().eq_ignore_ascii_case("localhost") => {
            Some(with_port(&LOOPBACK, *port))
        }
        None => None,
    }
}

fn with_port(ips: &[IpAddr], port: u16) -> Vec<SocketAddr> {
    ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect()
}

fn told(why: &NoAddress) -> String {
    match why {
        NoAddress::UnknownName => "the name is unknown".into(),
        NoAddress::Cancelled => "cancelled while the name was looked up".into(),
        NoAddress::TimedOut => "the resolver did not answer in time".into(),
        NoAddress::Failed(words) => format!("the name cannot be looked up: {words}"),
    }
}
