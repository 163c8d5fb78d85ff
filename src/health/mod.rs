//! What is known of hosts beyond one command: who is dead, who answered, who may probe, and who
//! has which job.
//!
//! It serves the order of hosts and pauses, and nothing else: a command never fails, and never
//! succeeds, because of it. A policy reads it and adds to it through [`SharedHealth`]. It lives
//! in a handle or, as an [image](HealthTable::to_image) of at most [`LONGEST_IMAGE`] bytes, in a
//! file that all processes of a user on a node share.
//!
//! | file              | what is in it                                                        |
//! |-------------------|----------------------------------------------------------------------|
//! | `breaker.rs`      | one host: what makes it dead and what makes it well                  |
//! | `leases.rs`       | who may contact a dead host                                          |
//! | `stagger.rs`      | how many commands change hosts at this moment                        |
//! | `retry_budget.rs` | retries as a share of first attempts                                 |
//! | `table.rs`        | all of these for the hosts of a node                                 |
//! | `image.rs`        | the table as bytes                                                   |
//! | `homes.rs`        | which backup has which job, as bytes of a second file                |
//! | `shared.rs`       | what a policy sees of it                                             |
#![forbid(unsafe_code)]

mod breaker;
mod hash;
mod homes;
mod image;
mod leases;
mod retry_budget;
mod shared;
mod stagger;
mod table;

pub use breaker::{Cause, Health, HostHealth, Observation};
pub use homes::{JobKey, LONGEST_HOMES, LONGEST_JOB, SHELF, Written};
pub use image::LONGEST_IMAGE;
pub use leases::{Lease, Permission};
pub use shared::{NothingKnown, SharedHealth};
pub use table::{HealthTable, HostKey, TableView};

#[cfg(test)]
mod tests;
