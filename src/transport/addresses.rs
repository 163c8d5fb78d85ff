//! What names meant when the resolver last answered.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use parking_lot::Mutex;

use crate::config::Millis;
use crate::hosts::{Endpoint, Host};
use crate::sys::cancel::CancelWatch;
use crate::sys::clock;
use crate::sys::resolver::{NoAddress, look_up};

use super::{Cure, Failure, Sent, Stage};

/// What localhost means everywhere (RFC 6761, 6.3), so that no resolver is asked. ecFlow's
/// servers listen on IPv4.
const LOOPBACK: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// The last good addresses of every name, used when the resolver fails or is late.
#[derive(Debug, Default)]
pub struct AddressBook(Mutex<HashMap<Host, Vec<IpAddr>>>);

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
        let Endpoint { host, port } = endpoint;
        let found = |ips: &[IpAddr], remark: String| Found {
            addresses: ips.iter().map(|ip| SocketAddr::new(*ip, *port)).collect(),
            remark,
        };
        if let Some(address) = host.address() {
            return Ok(found(&[address], String::new()));
        }
        if host.as_str().eq_ignore_ascii_case("localhost") {
            return Ok(found(&LOOPBACK, String::new()));
        }
        let known = self.0.lock().get(host).cloned();
        let limit = match known {
            Some(_) => limit / 2,
            None => limit,
        };
        let until = clock::start().saturating_add(limit).min(end);
        let why = match look_up(host.as_str(), *port, until, cancel) {
            Ok(addresses) => {
                if !host.is_numeric() {
                    let ips = addresses.iter().map(SocketAddr::ip).collect();
                    self.0.lock().insert(host.clone(), ips);
                }
                return Ok(Found {
                    addresses,
                    remark: String::new(),
                });
            }
            Err(why) => why,
        };
        let what = match (&why, known) {
            (NoAddress::TimedOut | NoAddress::Failed(_), Some(known)) => {
                let remark = format!("{}: {}, last good address used", host.as_str(), told(&why));
                return Ok(found(&known, remark));
            }
            _ => format!("{}: {}", host.as_str(), told(&why)),
        };
        Err(Failure {
            stage: Stage::Resolve,
            sent: Sent::No,
            errno: 0,
            what,
            cure: Cure::Retry,
        })
    }
}

fn told(why: &NoAddress) -> String {
    match why {
        NoAddress::UnknownName => "the name is unknown".into(),
        NoAddress::Cancelled => "cancelled while the name was looked up".into(),
        NoAddress::TimedOut => "the resolver did not answer in time".into(),
        NoAddress::Failed(words) => format!("the name cannot be looked up: {words}"),
    }
}
