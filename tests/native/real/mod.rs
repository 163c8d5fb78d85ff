//! The library against real ecFlow servers, checked with the real ecflow_client.

mod failover;
mod threads;
mod user_commands;
mod wait;
