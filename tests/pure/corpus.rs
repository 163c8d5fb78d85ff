//! The inputs that the fuzzers of tests/deep found worth keeping, replayed.

#[path = "../deep/fuzz/inputs.rs"]
mod inputs;

use std::fs;
use std::path::Path;

#[test]
fn every_kept_input_is_read_without_harm() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deep/corpus");
    let mut count = 0;
    for (name, read) in [
        ("reply", inputs::reply as fn(&[u8])),
        ("http", inputs::http),
        ("hostfile", inputs::hostfile),
        ("argv", inputs::argv),
        ("keys", inputs::keys),
        ("passwords", inputs::passwords),
        ("tokens", inputs::tokens),
        ("memory", inputs::memory),
    ] {
        for entry in fs::read_dir(corpus.join(name)).expect("a corpus") {
            read(&fs::read(entry.expect("an entry").path()).expect("an input"));
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
}
