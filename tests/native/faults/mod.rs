//! Every fault of `rows.json`: what the peer does, what becomes of the attempt, how many whole
//! copies of the request it got, and who has the command in the end.
//!
//! A healthy backup is listed unless the row says otherwise. Where a fault is temporary or
//! fatal for the primary, the backup must have the command at the third attempt, one retry
//! period after the first: the timetable of profile `ecflow`.

mod manners;
mod names;
mod native;
mod network;
mod resolvers;
#[allow(dead_code, reason = "the comparison in benches/ uses the rest")]
mod rows;
mod waiting;
