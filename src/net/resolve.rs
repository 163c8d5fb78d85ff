//! What names mean: the one way from an endpoint to its addresses.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use parking_lot::Mutex;

use super::{Sent, failed};
use crate::model::{AttemptResult, Endpoint, Host, Millis, Stage};
use crate::sys::resolver::{LookUp, NoAddress};

/// What localhost means everywhere (RFC 6761, 6.3), so that no resolver is asked. ecFlow's
/// servers listen on IPv4.
const LOOPBACK: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// The last good addresses of every name, used when the resolver fails or is late.
#[derive(Debug, Default)]
pub struct AddressBook(Mutex<HashMap<Host, Vec<IpAddr>>>);

/// How long the resolver is waited for, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Where nothing is known of the name.
    pub unknown: Millis,
    /// Where its last good addresses are.
    pub known: Millis,
}

/// The addresses of an endpoint.
pub(super) struct Addresses {
    pub(super) list: Vec<SocketAddr>,
    /// Why they are the last good ones and not the resolver's, if they are.
    pub(super) remark: String,
}

/// What is known of the addresses of an endpoint.
pub(super) enum Resolution {
    Known(Addresses),
    Pending(Resolving),
    Failed(AttemptResult),
}

/// A look-up that is waited for.
pub(super) struct Resolving {
    look_up: LookUp,
    since: Millis,
    patience: Millis,
}

impl AddressBook {
    /// Begins to find the addresses of `endpoint` at `now`; goes on with
    /// [`AddressBook::advance`].
    pub(super) fn begin(&self, endpoint: &Endpoint, patience: Patience, now: Millis) -> Resolution {
        if let Some(list) = without_resolver(endpoint) {
            return Resolution::Known(Addresses {
                list,
                remark: String::new(),
            });
        }
        match LookUp::begin(endpoint.host.as_str()) {
            Ok(look_up) => Resolution::Pending(Resolving {
                look_up,
                since: now,
                patience: match self.last_good(&endpoint.host) {
                    Some(_) => patience.known,
                    None => patience.unknown,
                },
            }),
            Err(why) => self.without_answer(endpoint, &why),
        }
    }

    /// Looks whether the resolver has answered; one that is late is waited for no longer.
    pub(super) fn advance(
        &self,
        endpoint: &Endpoint,
        resolving: Resolving,
        now: Millis,
    ) -> Resolution {
        match resolving.look_up.answer(endpoint.port) {
            Some(Ok(list)) => {
                if !endpoint.host.is_numeric() {
                    let ips = list.iter().map(SocketAddr::ip).collect();
                    self.0.lock().insert(endpoint.host.clone(), ips);
                }
                Resolution::Known(Addresses {
                    list,
                    remark: String::new(),
                })
            }
            Some(Err(why)) => self.without_answer(endpoint, &why),
            None if now >= resolving.gives_up_at() => {
                self.without_answer(endpoint, &NoAddress::TimedOut)
            }
            None => Resolution::Pending(resolving),
        }
    }

    /// The last good addresses serve where the resolver failed or is late.
    fn without_answer(&self, endpoint: &Endpoint, why: &NoAddress) -> Resolution {
        let host = endpoint.host.as_str();
        let words = format!("{host}: {}", words(why));
        let is_answer = *why == NoAddress::UnknownName;
        match self.last_good(&endpoint.host).filter(|_| !is_answer) {
            Some(ips) => Resolution::Known(Addresses {
                list: with_port(&ips, endpoint.port),
                remark: format!("{words}, last good address used"),
            }),
            None => Resolution::Failed(failed(Stage::Resolve, Sent::No, 0, words)),
        }
    }

    fn last_good(&self, host: &Host) -> Option<Vec<IpAddr>> {
        self.0.lock().get(host).cloned()
    }
}

impl Resolving {
    fn gives_up_at(&self) -> Millis {
        self.since.saturating_add(self.patience)
    }

    /// When it is to be looked at again. The C library tells nobody that it has an answer, so it
    /// is asked more and more rarely: it is seen late by a small part of the time that it took.
    pub(super) fn next_look(&self, now: Millis) -> Millis {
        const SHORTEST: Millis = 2;
        const LONGEST: Millis = 250;
        let waited = now.saturating_sub(self.since);
        let pause = (waited / 8).clamp(SHORTEST, LONGEST);
        now.saturating_add(pause).min(self.gives_up_at())
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

fn words(why: &NoAddress) -> String {
    match why {
        NoAddress::UnknownName => "the name is unknown".into(),
        NoAddress::TimedOut => "the resolver did not answer in time".into(),
        NoAddress::Failed(words) => format!("the name cannot be looked up: {words}"),
    }
}
