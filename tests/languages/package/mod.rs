//! The CMake package as other projects meet it: built and installed, moved away, and used by
//! programs outside the tree that send commands to a real server.

mod consumers;
mod installed;
mod library;
mod options;
mod pages;
mod shells;
