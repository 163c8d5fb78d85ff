//! The guide speaks of the code as it is.

use std::fs;

use ecf_failover::config::KEYS;

use testkit::source_root;

fn read(path: &str) -> String {
    fs::read_to_string(source_root().join(path)).expect("a file")
}

#[test]
fn the_guides_code_is_that_of_the_examples() {
    let guide = read("docs/delegating.md");
    let sources = ["outcome.hpp", "adopt.hpp", "after.cpp", "event_loop.cpp"];
    let sources = sources.map(|name| read(&format!("examples/cpp/{name}")));
    let scripts = read("tests/languages/cpp/scripts.cpp");
    let blocks: Vec<_> = guide.split("```cpp\n").skip(1).collect();
    assert!(blocks.len() >= 2);
    for block in blocks {
        let (code, _) = block.split_once("```").expect("the end of a block");
        let mut sources = sources.iter().chain([&scripts]);
        assert!(sources.any(|source| source.contains(code)), "{code}");
    }
}

#[test]
fn the_guides_keys_and_events_exist() {
    let guide = read("docs/delegating.md");
    let is_part = |c: char| c.is_ascii_uppercase() || c == '_';
    for word in guide.split(|c| !is_part(c)) {
        let is_other = [
            "ECF_OUTCOME_",
            "ECF_ERR_",
            "ECF_OK",
            "ECF_KIND_",
            "ECF_PLAN_",
            "ECF_IN_PROGRESS",
            "ECF_LOG_",
        ];
        if word.starts_with("ECF_") && !is_other.iter().any(|other| word.starts_with(other)) {
            assert!(KEYS.iter().any(|key| key.name == word), "{word}");
        }
    }
    let places = [
        "mod.rs",
        "session/mod.rs",
        "session/under_way.rs",
        "session/end.rs",
    ];
    let client = places
        .map(|place| read(&format!("src/client/{place}")))
        .concat();
    let (_, events) = guide.split_once("<!-- events -->").expect("events");
    let (events, _) = events.split_once("<!-- events: end -->").expect("an end");
    let names: Vec<_> = events
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        assert!(client.contains(&format!("\"{name} ")), "{name}");
    }
}
