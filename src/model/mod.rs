//! The words that the layers share, and nothing that decides: time, kinds of commands,
//! outcomes, events, ends, endpoints, secrets.
#![forbid(unsafe_code)]

mod attempt;
mod endpoint;
mod event;
mod kind;
mod level;
mod limit;
mod outcome;
mod secret;
mod status;
mod task;
mod text;
mod time;

pub use attempt::{AttemptResult, Cure, Fault, Sighting, Stage};
pub(crate) use endpoint::parse_port;
pub use endpoint::{ECFLOW_PORT, Endpoint, Host, HostError, without_repeats};
pub use event::{Event, HostIndex};
pub use kind::{Kind, Repeat};
pub use level::Level;
pub use limit::Limit;
pub use outcome::{Outcome, outcome_c_name, outcome_from_number, outcome_name};
pub use secret::{Secret, Secrets};
pub use status::Status;
pub use task::TaskIdentity;
pub use text::quoted;
pub use time::Millis;
