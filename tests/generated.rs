//! What is generated and committed must be current: the header, and the README's key table.
//!
//! `ECF_FAILOVER_BLESS=1 cargo test --test generated` brings both up to date.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code ends at the first surprise"
)]

use std::fs;
use std::path::Path;

use ecf_failover::config::KEYS;

const BEGIN: &str = "<!-- keys: generated from src/config/table.rs -->\n";
const END: &str = "<!-- keys: end -->\n";

fn committed(path: &str) -> (std::path::PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = fs::read_to_string(&path).expect("a committed file");
    (path, text)
}

fn must_be_current(path: &str, is: &str, should_be: &str) {
    if is == should_be {
        return;
    }
    if std::env::var_os("ECF_FAILOVER_BLESS").is_some() {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(path), should_be).unwrap();
        return;
    }
    panic!(
        "{path} is not what the sources say: run ECF_FAILOVER_BLESS=1 cargo test --test generated"
    );
}

#[test]
fn the_header_is_what_the_sources_say() {
    let (_, header) = committed("include/ecf_failover.h");
    let generated = include_str!(concat!(env!("OUT_DIR"), "/ecf_failover.h"));
    must_be_current("include/ecf_failover.h", &header, generated);
}

#[test]
fn the_key_table_of_the_readme_is_what_the_sources_say() {
    let (_, readme) = committed("README.md");
    let (start, rest) = readme.split_once(BEGIN).expect("the table's begin");
    let (_, end) = rest.split_once(END).expect("the table's end");
    let should_be = format!("{start}{BEGIN}{}{END}{end}", key_table());
    must_be_current("README.md", &readme, &should_be);
}

fn key_table() -> String {
    let mut table = String::from("| key | default | values | meaning |\n|---|---|---|---|\n");
    for key in KEYS {
        let default = match key.default {
            "" => String::new(),
            default => format!("`{default}`"),
        };
        table.push_str(&format!(
            "| `{}` | {default} | {} | {} |\n",
            key.name, key.values, key.meaning
        ));
    }
    table
}

#[test]
fn every_key_of_the_table_is_documented() {
    for key in KEYS {
        assert!(
            !key.meaning.is_empty() && !key.values.is_empty(),
            "{}",
            key.name
        );
    }
}
