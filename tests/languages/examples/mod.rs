//! The examples for C, Python, Perl, Lua and job scripts do what they say, against real servers.

mod jobs;
mod programs;
