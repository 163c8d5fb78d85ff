//! The documents: every link leads somewhere, and every place that is named is there.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The documents that name places of the source.
const MAPS: &[&str] = &["ARCHITECTURE.md", "CONTRIBUTING.md"];

/// The folders whose places are looked for, where a text names them in backticks.
const FOLDERS: &[&str] = &[
    "benches/",
    "cmake/",
    "completions/",
    "docs/",
    "examples/",
    "include/",
    "man/",
    "src/",
    "testkit/",
    "tests/",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Markdown file of the repository.
fn documents() -> Vec<PathBuf> {
    let mut documents = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            // What cargo builds, and Git's own.
            let is_other = name.starts_with('.') || path.join("CACHEDIR.TAG").exists();
            if path.is_dir() && !path.is_symlink() && !is_other && name != "target" {
                folders.push(path);
            } else if name.ends_with(".md") {
                documents.push(path);
            }
        }
    }
    documents.sort();
    documents
}

/// A text without its blocks of code: in them brackets are the code's.
fn prose(text: &str) -> String {
    let mut is_code = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The parts of a text that stand in backticks, and the text without them.
fn code_and_rest(text: &str) -> (Vec<&str>, String) {
    let (mut code, mut rest) = (Vec::new(), String::new());
    for (number, part) in text.split('`').enumerate() {
        match number % 2 {
            0 => rest.push_str(part),
            _ => code.push(part),
        }
    }
    (code, rest)
}

/// Where the links of a text lead: `[words](target)`, and `[words]: target` at a line's begin.
fn targets(text: &str) -> Vec<String> {
    let (_, rest) = code_and_rest(text);
    let inline = rest.split("](").skip(1);
    let inline = inline.filter_map(|part| Some(part.split_once(')')?.0.to_owned()));
    let lines = rest.lines().filter(|line| line.starts_with('['));
    let listed = lines.filter_map(|line| Some(line.split_once("]: ")?.1.trim().to_owned()));
    inline.chain(listed).collect()
}

/// The anchors of a document's headings, as hosts of repositories make them.
fn anchors(text: &str) -> HashSet<String> {
    let mut anchors = HashSet::new();
    for line in text.lines().filter(|line| line.starts_with('#')) {
        let title = line.trim_start_matches('#').trim();
        let (title, _) = title.split_once("](").unwrap_or((title, ""));
        let kept = title.chars().filter_map(|letter| match letter {
            ' ' | '-' => Some('-'),
            letter if letter.is_alphanumeric() || letter == '_' => Some(letter),
            _ => None,
        });
        let anchor = kept.flat_map(char::to_lowercase).collect::<String>();
        let repeated = (1..).map(|number| format!("{anchor}-{number}"));
        let mut free = std::iter::once(anchor.clone()).chain(repeated);
        let free = free.find(|anchor| !anchors.contains(anchor));
        anchors.insert(free.expect("one of endless names"));
    }
    anchors
}

/// Why a link of a document leads nowhere.
fn problem(document: &Path, target: &str) -> Option<String> {
    if ["https://", "http://", "mailto:"]
        .iter()
        .any(|scheme| target.starts_with(scheme))
    {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = match path {
        "" => document.to_owned(),
        path if path.starts_with('/') => return Some("a path of one machine".into()),
        path => document.parent().expect("a folder").join(path),
    };
    let Ok(file) = file.canonicalize() else {
        return Some("no such file".into());
    };
    if !file.starts_with(root().canonicalize().expect("the root")) {
        return Some("outside of the repository".into());
    }
    if anchor.is_empty() {
        return None;
    }
    let text = fs::read_to_string(&file).unwrap_or_default();
    let is_there = anchors(&prose(&text)).contains(anchor);
    (!is_there).then(|| "no such heading".into())
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    let documents = documents();
    assert!(documents.len() > 10, "{documents:?}");
    let mut links = 0;
    let mut problems = Vec::new();
    for document in documents {
        let text = prose(&fs::read_to_string(&document).expect("a document"));
        for target in targets(&text) {
            links += 1;
            if let Some(why) = problem(&document, &target) {
                problems.push(format!("{}: {target}: {why}", document.display()));
            }
        }
    }
    assert!(links > 50, "{links}");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Who begins with the README finds all of them.
#[test]
fn every_document_is_linked_from_the_readme() {
    let readme = fs::read_to_string(root().join("README.md")).expect("the README");
    let links: HashSet<_> = targets(&prose(&readme)).into_iter().collect();
    for document in documents() {
        let place = document.strip_prefix(root()).expect("inside");
        let place = place.to_str().expect("UTF-8");
        let is_linked = links
            .iter()
            .any(|link| link.split('#').next() == Some(place));
        // The release is told of where contributing is.
        let is_elsewhere = ["README.md", "RELEASING.md"].contains(&place);
        assert!(is_linked || is_elsewhere, "{place}");
    }
}

/// A place may be named without the ending of its file, so that a module is a file or a folder.
fn is_there(place: &str) -> bool {
    let path = root().join(place.trim_end_matches('/'));
    match place.ends_with('/') {
        true => path.is_dir(),
        false => path.exists() || root().join(format!("{place}.rs")).exists(),
    }
}

/// The places that a text names: paths in backticks; and in a row of a table that begins with
/// a folder, the names in its last cell.
fn places(text: &str) -> Vec<String> {
    let in_folders = |word: &str| FOLDERS.iter().any(|folder| word.starts_with(folder));
    let mut places: Vec<String> = Vec::new();
    for line in text.lines() {
        let (code, _) = code_and_rest(line);
        let paths = code.iter().filter(|word| !word.contains([' ', '*']));
        let paths = paths.filter(|word| in_folders(word));
        places.extend(paths.map(|word| (*word).to_owned()));
        let cells: Vec<_> = line.trim_matches('|').split(" | ").collect();
        if let [first, _, last] = cells[..]
            && let [folder] = code_and_rest(first).0[..]
            && in_folders(folder)
        {
            let (names, _) = code_and_rest(last);
            let folder = folder.trim_end_matches('/');
            places.extend(names.iter().map(|name| format!("{folder}/{name}")));
        }
    }
    places
}

#[test]
fn every_place_that_the_map_names_is_there() {
    let mut missing = Vec::new();
    for document in MAPS {
        let text = prose(&fs::read_to_string(root().join(document)).expect("a document"));
        let places = places(&text);
        assert!(places.len() > 10, "{document}: {places:?}");
        let gone = places.iter().filter(|place| !is_there(place));
        missing.extend(gone.map(|place| format!("{document}: {place}")));
    }
    missing.sort();
    missing.dedup();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let document = root().join("README.md");
    let text =
        "[a](docs/keys.md#the-hostfile) [b](docs/keys.md#nothing) `[c](d)` [e](no.md)\n[f]: /etc\n";
    let wrong: Vec<_> = targets(text)
        .into_iter()
        .filter(|target| problem(&document, target).is_some())
        .collect();
    assert_eq!(wrong, ["docs/keys.md#nothing", "no.md", "/etc"]);
    let headings = "# A `b`-c, d!\n## Twice\n## Twice\n";
    let expected = ["a-b-c-d", "twice", "twice-1"].map(str::to_owned);
    assert_eq!(anchors(headings), HashSet::from(expected));
    assert_eq!(
        places("`src/lib` `src/x.rs` | no\n| `src/ffi/` | what `it` is | `guard`, `none` |"),
        [
            "src/lib",
            "src/x.rs",
            "src/ffi/",
            "src/ffi/guard",
            "src/ffi/none"
        ]
    );
    assert!(is_there("src/lib") && is_there("src/ffi/") && is_there("src/ffi/guard"));
    assert!(!is_there("src/ffi/none") && !is_there("src/lib.rs/"));
}
