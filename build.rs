//! Writes the C header from the doc comments of `src/ffi`, and gives the shared library its
//! SONAME.
//!
//! The header goes to OUT_DIR, like all that a build writes; the committed
//! `include/ecf_failover.h` is compared with it by the tests, and written by
//! `ECF_FAILOVER_BLESS=1 cargo test --test pure generated`.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// The sources of the header, in the order in which a reader wants them.
const SOURCES: &[&str] = &[
    "model/status",
    "model/outcome",
    "model/kind",
    "model/level",
    "ffi/step",
    "ffi/client",
    "ffi/send",
    "ffi/post",
    "ffi/attempt",
    "ffi/plan",
    "ffi/reply",
    "ffi/about",
];

/// The names that the generator cannot make from the variants.
const C_NAMES: &[(&str, &str)] = &[
    ("ECF_STATUS_OK", "ECF_OK"),
    ("ECF_STATUS_IN_PROGRESS", "ECF_IN_PROGRESS"),
    ("ECF_STATUS_", "ECF_ERR_"),
    ("ECF_LOG_LEVEL_", "ECF_LOG_"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let header = Path::new(&env::var("OUT_DIR")?).join("ecf_failover.h");
    println!("cargo:rerun-if-changed=src/ffi");
    println!("cargo:rerun-if-changed=src/model");
    println!("cargo:rerun-if-changed=cbindgen.toml");

    let mut config = cbindgen::Config::from_file(root.join("cbindgen.toml"))?;
    config.after_includes = Some(version_macros()?);
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(root.join(format!("src/{source}.rs")));
    }
    builder.generate()?.write_to_file(&header);
    let text = C_NAMES
        .iter()
        .fold(fs::read_to_string(&header)?, |text, (generated, in_c)| {
            text.replace(generated, in_c)
        });
    fs::write(&header, text)?;

    if env::var("CARGO_CFG_TARGET_OS")? == "linux" {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,{SONAME}");
        link_soname(&header);
    }
    Ok(())
}

/// The version of this package as macros.
fn version_macros() -> Result<String, Box<dyn Error>> {
    let mut macros = String::from(
        "/* The version of this header; ecf_version_number() tells the running library's. */\n",
    );
    let mut number = 0;
    for part in ["MAJOR", "MINOR", "PATCH"] {
        let value: u32 = env::var(format!("CARGO_PKG_VERSION_{part}"))?.parse()?;
        number = number * 100 + value;
        macros.push_str(&format!("#define ECF_FAILOVER_VERSION_{part} {value}\n"));
    }
    macros.push_str(&format!("#define ECF_FAILOVER_VERSION_NUMBER {number}"));
    Ok(macros)
}

/// The name by which a program finds the library when it runs; cmake/CMakeLists.txt has its
/// number, too.
const SONAME: &str = "libecf_failover.so.0";

/// A program that is linked with the library in target/release looks for it by its SONAME, so
/// that name must lead to it. Where a link cannot be made, an installed library is needed.
fn link_soname(header: &Path) {
    // OUT_DIR is target/PROFILE/build/ecf_failover-HASH/out.
    let Some(profile) = header.ancestors().nth(4) else {
        return;
    };
    for directory in [profile.to_owned(), profile.join("deps")] {
        let link = directory.join(SONAME);
        if directory.is_dir() && fs::symlink_metadata(&link).is_err() {
            std::os::unix::fs::symlink("libecf_failover.so", link).ok();
        }
    }
}
