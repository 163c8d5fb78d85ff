//! The map of the layers in `src/lib.rs` must hold: no import goes up.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Who may call into the operating system.
const USERS_OF_SYS: &[&str] = &["ffi", "shell", "client", "net", "sys"];

/// The layers as `src/lib.rs` lists them, from top to bottom.
fn layers() -> Vec<String> {
    let map = source("src/lib.rs");
    let rows = map.lines().filter_map(|line| line.strip_prefix("//! | `"));
    rows.map(|row| row.split('`').next().unwrap().to_owned())
        .collect()
}

fn source(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules of this crate that a text names: `crate::net::...`, `crate::{config, net::...}`.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code: String = code.map(|line| line.to_owned() + "\n").collect();
    let mut found = BTreeSet::new();
    for behind in code.split("crate::").skip(1) {
        if let Some(list) = behind.strip_prefix('{') {
            let mut depth = 1;
            let mut flat = String::new();
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    c if depth == 1 => flat.push(c),
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
            found.extend(flat.split(',').map(|item| name(item.trim())));
        } else {
            found.insert(name(behind));
        }
    }
    found.remove("");
    found
}

fn name(path: &str) -> String {
    let is_part = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
    path.chars().take_while(is_part).collect()
}

/// The edges between the layers of the sources, each with a file that makes it.
fn edges() -> Vec<(String, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    files(&root, &mut paths);
    paths.sort();
    let mut edges = Vec::new();
    for path in paths {
        let relative = path.strip_prefix(&root).unwrap();
        let layer = relative.components().next().unwrap().as_os_str();
        let layer = layer.to_str().unwrap().trim_end_matches(".rs").to_owned();
        if layer == "lib" || layer == "bin" {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for other in imports(&text) {
            edges.push((layer.clone(), other, relative.display().to_string()));
        }
    }
    edges
}

#[test]
fn no_import_goes_up_the_map() {
    let layers = layers();
    assert!(layers.len() >= 10 && layers[0] == "ffi", "{layers:?}");
    let place = |layer: &str| layers.iter().position(|known| known == layer);
    let edges = edges();
    assert!(edges.len() > 50, "{edges:?}");
    let mut wrong = Vec::new();
    for (from, to, file) in edges {
        let is_allowed = match (place(&from), place(&to)) {
            _ if from == to => true,
            (_, None) if to == "sys" => USERS_OF_SYS.contains(&from.as_str()),
            // It knows the words that all share, and nothing else.
            (None, Some(_)) if from == "sys" => to == "model",
            (Some(from), Some(to)) => from < to,
            _ => false,
        };
        if !is_allowed {
            wrong.push(format!("{file}: {from} imports {to}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn imports_are_found_however_they_are_written() {
    let text = "use crate::net::Cancel;\n// crate::shell\nuse crate::{config::{self, KEYS},\n    wire};\nlet x = crate::model::quoted(b);\n";
    let found: Vec<_> = imports(text).into_iter().collect();
    assert_eq!(found, ["config", "model", "net", "wire"]);
}
