//! Writes the C header from the doc comments of `src/ffi`.
//!
//! The header goes to OUT_DIR; the committed `include/ecf_failover.h` is compared with it by
//! the tests and written by `ECF_FAILOVER_BLESS=1 cargo test --test generated`. Where it is
//! missing it is written at once.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// The sources of the header, in the order in which a reader wants them.
const SOURCES: &[&str] = &[
    "status", "client", "send", "attempt", "plan", "reply", "about",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let header = Path::new(&env::var("OUT_DIR")?).join("ecf_failover.h");
    println!("cargo:rerun-if-changed=src/ffi");
    println!("cargo:rerun-if-changed=cbindgen.toml");

    let config = cbindgen::Config::from_file(root.join("cbindgen.toml"))?;
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(root.join(format!("src/ffi/{source}.rs")));
    }
    builder.generate()?.write_to_file(&header);

    let committed = root.join("include/ecf_failover.h");
    if !committed.exists() {
        fs::create_dir_all(root.join("include"))?;
        fs::copy(&header, committed)?;
    }
    Ok(())
}
