//! What the words of each command mean: a function for each, named in the table.

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
