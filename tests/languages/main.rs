//! What other languages, shells and build tools make of the library: the header and the exported
//! symbols, the layers for C++, Fortran and Python, job scripts, the examples, the package.

#![allow(
    unsafe_code,
    missing_docs,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code ends at the first surprise"
)]

mod abi;
mod cpp;
mod examples;
mod examples_cpp;
mod fortran;
mod package;
mod python;
mod shell;
