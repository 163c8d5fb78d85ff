//! Endpoints (who can be contacted) and the hostfile (which of them are backups).
//!
//! Pure: text in, endpoints out. Reading the file is the client's business.
#![forbid(unsafe_code)]

mod endpoint;
mod hostfile;

pub(crate) use endpoint::parse_port;
pub use endpoint::{Endpoint, Host, HostError, without_repeats};
pub use hostfile::{BadLine, Hostfile, MAX_BYTES, MAX_HOSTS};

/// ecFlow's own default port.
pub const ECFLOW_PORT: u16 = 3141;
