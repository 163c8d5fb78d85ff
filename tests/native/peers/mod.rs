//! What the library does with servers that are scripted: order and times of the attempts,
//! outcomes, settings, the hostfile, replies that are none.

mod depth;
mod hostfile;
mod notes;
mod outcomes;
mod refusals;
mod replies;
mod settings;
mod stop;
mod timetable;
