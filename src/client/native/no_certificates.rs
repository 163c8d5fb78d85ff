//! What stands in for certificates where TLS was left out: nothing is sent in the clear that
//! was meant to be protected.

use crate::client::refusal::Refusal;
use crate::config::{Protocol, Settings};
use crate::model::Endpoint;
use crate::net::Security;

/// Nobody, and nobody needs to be.
pub(super) struct Trusted;

impl Trusted {
    pub(super) fn read(
        protocol: Protocol,
        _: Option<Protocol>,
        settings: &Settings,
        _: &[u8],
    ) -> Result<Self, Refusal> {
        let key = if settings.ssl.is_empty() {
            "ECF_HOST_PROTOCOL, --ssl or --https"
        } else {
            "ECF_SSL"
        };
        match protocol {
            Protocol::Plain | Protocol::Http => Ok(Self),
            Protocol::Ssl | Protocol::Https => Err(Refusal::config(format!(
                "{key}: TLS is asked for, and this ecf_failover was built without it"
            ))),
        }
    }

    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "as with TLS")]
    pub(super) fn security(&self, _: &Endpoint) -> Result<Security, String> {
        Ok(Security::Plain)
    }

    #[expect(clippy::unused_self, reason = "as with TLS")]
    pub(super) fn doubts(&self, _: &Endpoint) -> Vec<String> {
        Vec::new()
    }

    #[expect(clippy::unused_self, reason = "as with TLS")]
    pub(super) fn handshakes(&self) -> u64 {
        0
    }
}
