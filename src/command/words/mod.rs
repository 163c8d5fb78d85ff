//! What the words of commands mean: a function for each that the table does not read by itself.

pub(super) mod alter;
mod attributes;
pub(super) mod definition;
pub(super) mod group;
pub(super) mod handle;
pub(super) mod paths;
pub(super) mod query;
pub(super) mod script;
pub(super) mod task;
pub(super) mod user;
