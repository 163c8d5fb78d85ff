//! A virtual world in which the policies of the library are run: servers, hosts, time and chance
//! are made up, and a run can be had again by its seed.

pub mod chance;
pub mod figures;
pub mod scenarios;
pub mod server;
pub mod views;
pub mod world;
