//! The C ABI: pointers in, status out, one file for each C type or group of functions.
//!
//! The doc comments here, and those of the numbers in `model`, become `include/ecf_failover.h`,
//! so they speak to a C programmer.
//! Every body runs inside `guard::guarded`; no panic crosses the boundary.
#![allow(unsafe_code, non_camel_case_types)]

mod about;
mod attempt;
mod bash;
mod client;
mod guard;
mod plan;
mod post;
mod reply;
mod send;
mod step;
mod strings;

pub use about::*;
pub use attempt::*;
pub use client::*;
pub use plan::*;
pub use post::*;
pub use reply::*;
pub use send::*;
pub use step::*;
