//! What names meant when the resolver last answered.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::AtomicBool;

use parking_lot::Mutex;

use crate::config::Millis;
use crate::hosts::{Endpoint, Host};
use crate::sys::resolver::{NoAddress, look_up};

use super::{Failure, Sent, Stage};

/// What localhost means everywhere (RFC 6761, 6.3), so that no resolver is asked. ecFlow's
/// servers listen on IPv4.
const LOOPBACK: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// The last good addresses of every name, used when the resolver fails or is late.
#[derive(Debug, Default)]
pub struct AddressBook(Mutex<HashMap<Host, Vec<IpAddr>>>);

impl AddressBook {
    /// The addresses of `endpoint`, looked up until `until` unless it is numeric.
    pub(super) fn find(
        &self,
        endpoint: &Endpoint,
        until: Millis,
        cancelled: &AtomicBool,
    ) -> Result<Vec<SocketAddr>, Failure> {
        let Endpoint { host, port } = endpoint;
        if let Some(address) = host.address() {
            return Ok(vec![SocketAddr::new(address, *port)]);
        }
        if host.as_str().eq_ignore_ascii_case("localhost") {
            return Ok(LOOPBACK.map(|ip| SocketAddr::new(ip, *port)).to_vec());
        }
        let why = match look_up(host.as_str(), *port, until, cancelled) {
            Ok(found) => {
                if !host.is_numeric() {
                    let addresses = found.iter().map(SocketAddr::ip).collect();
                    self.0.lock().insert(host.clone(), addresses);
                }
                return Ok(found);
            }
            Err(why) => why,
        };
        let what = match why {
            NoAddress::UnknownName => "the name is unknown".to_owned(),
            NoAddress::Cancelled => "cancelled while the name was looked up".to_owned(),
            NoAddress::TimedOut | NoAddress::Failed(_) => {
                if let Some(known) = self.0.lock().get(host) {
                    let with_port = known.iter().map(|ip| SocketAddr::new(*ip, *port));
                    return Ok(with_port.collect());
                }
                match why {
                    NoAddress::Failed(words) => format!("the name cannot be looked up: {words}"),
                    _ => "the resolver did not answer in time".to_owned(),
                }
            }
        };
        Err(Failure {
            stage: Stage::Resolve,
            sent: Sent::No,
            errno: 0,
            what: format!("{}: {what}", host.as_str()),
        })
    }
}
