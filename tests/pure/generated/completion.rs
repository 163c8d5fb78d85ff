//! Completion in bash: `completions/ecf_client.in` with the tables' names filled in.

use std::process::Command;

use ecf_failover::command::{BESIDE, COMMANDS};
use ecf_failover::shell::OWN_OPTIONS;

use super::{committed, must_be_current};

const PATH: &str = "completions/ecf_client";

#[test]
fn the_completion_is_what_the_tables_say() {
    let (_, template) = committed(&format!("{PATH}.in"));
    let filled: String = template
        .lines()
        .map(|line| match line.trim() {
            "@options@" => names(all_options().map(|(name, _)| name)),
            "@own options@" => {
                let own = OWN_OPTIONS.iter().map(|row| row.name);
                names(own.filter(|own| all_options().all(|(name, _)| name != *own)))
            }
            "@words@" => words(),
            other => {
                assert!(!other.starts_with('@'), "no mark: {line}");
                format!("{line}\n")
            }
        })
        .collect();
    must_be_current(PATH, &filled);
}

/// What bash offers for a line with the cursor at its end, as bash asks for it.
fn offered(command: &str, line: &[&str], current: &str) -> Vec<String> {
    let script = format!(
        "source '{PATH}'
         ecflow_client() {{ :; }}
         COMP_WORDS=({} \"$@\") COMP_CWORD=$#
         _ecf_client '{command}' \"$CURRENT\" ''
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        command
    );
    let output = Command::new("bash")
        .args(["--norc", "-c", &script, "bash"])
        .args(line)
        .env("CURRENT", current)
        .env("PATH", "/usr/bin:/bin")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("bash");
    let told = String::from_utf8(output.stdout).expect("UTF-8");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.is_empty(), "{errors}");
    let lines = told.lines().filter(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

#[test]
fn bash_offers_options_their_words_and_files() {
    testkit::needs!(Bash);
    for command in ["ecf_client", "ecflow_client"] {
        let offered = |line: &[&str], current| offered(command, line, current);
        assert_eq!(offered(&["--me"], "--me"), ["--meter"]);
        assert_eq!(offered(&["--rep"], "--rep"), ["--replace", "--report"]);
        assert_eq!(offered(&["--explain", ""], ""), ["task", "user", "ping"]);
        // bash splits at the sign, and tells it as the word when nothing follows it.
        assert_eq!(offered(&["--help", "=", "me"], "me"), ["meter"]);
        let all = offered(&["--help", "="], "");
        assert!(
            all.len() > COMMANDS.len() && all.contains(&"alter".into()),
            "{all:?}"
        );
        assert_eq!(offered(&["--query", "lim"], "lim"), ["limit", "limit_max"]);
        assert_eq!(offered(&["--event", "=", "e", "c"], "c"), ["clear"]);
        assert_eq!(
            offered(&["--load", "=", "Cargo.t"], "Cargo.t"),
            ["Cargo.toml"]
        );
        assert_eq!(offered(&["--load", "Cargo.toml", "fo"], "fo"), ["force"]);
        assert!(offered(&["--meter", "Cargo.t"], "Cargo.t").is_empty());
        assert!(offered(&["Car"], "Car").is_empty());
        let every = offered(&["--"], "--");
        for (name, _) in all_options() {
            assert!(every.contains(&format!("--{name}")), "{name}");
        }
    }
    // The stock program does not know this one.
    assert!(offered("/usr/bin/ecflow_client", &["--repo"], "--repo").is_empty());
}

/// Every option of ecflow_client with its words.
fn all_options() -> impl Iterator<Item = (&'static str, &'static str)> {
    let commands = COMMANDS.iter().map(|row| (row.name, row.words));
    commands.chain(BESIDE.iter().map(|row| (row.name, row.words)))
}

/// `--name` each, in lines that are not long.
fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut lines = vec![String::from("       ")];
    for name in names {
        let line = lines.last_mut().expect("a line");
        if line.len() + name.len() > 90 {
            lines.push(String::from("       "));
        }
        let line = lines.last_mut().expect("a line");
        line.push_str(&format!(" --{name}"));
    }
    lines.join("\n") + "\n"
}

/// A case for each option with words that are always the same, or files.
fn words() -> String {
    let own = OWN_OPTIONS.iter().map(|row| (row.name, row.words));
    let cases = all_options().chain(own).filter_map(|(name, words)| {
        let mut literals = literals(words);
        if name == "help" {
            literals.push("$names".into());
        }
        let mut action = match literals.is_empty() {
            true => String::new(),
            false => format!(" words=\"{}\"", literals.join(" ")),
        };
        if words.contains("FILE") {
            action.push_str(" files=yes");
        }
        (!action.is_empty()).then(|| format!("        --{name}){action} ;;\n"))
    });
    cases.collect()
}

/// What is written in small letters in the help of an option is to be typed as it is, but for
/// other options.
fn literals(words: &str) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let words = words.split(|c| !is_part(c));
    let mut literals: Vec<_> = words
        .filter(|word| {
            word.len() > 1 && word.starts_with(|c: char| c == '_' || c.is_ascii_lowercase())
        })
        .map(str::to_owned)
        .collect();
    literals.dedup();
    literals
}
