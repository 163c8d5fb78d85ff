//! The Python module, and loading and unloading from Python.

use std::fs;

use ecf_failover::model::{Kind, Outcome};
use testkit::{Program, Server, library_directory, refused_port, source_root};

#[test]
fn the_module_sends_delegates_and_raises() {
    testkit::needs!(EcflowServer, Python);
    let server = Server::running();
    let (port, refused) = (server.port.to_string(), refused_port().to_string());
    let library = library_directory().join("libecf_failover.so");
    let module = source_root().join("include");
    let environment = [
        ("ECF_FAILOVER_LIBRARY", library.to_str().unwrap()),
        ("PYTHONPATH", module.to_str().unwrap()),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ];
    let script = source_root().join("tests/languages/python/layer.py");
    let told = Program::new("/usr/bin/python3", &environment)
        .args(&[script.to_str().unwrap(), &port, &refused])
        .succeed();
    assert_eq!(told, format!("python {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(server.query("state", ""), "complete");
}

#[test]
fn a_thousand_loads_and_unloads_leave_nothing_behind() {
    testkit::needs!(EcflowServer, Python);
    let server = Server::running();
    let port = server.port.to_string();
    let library = library_directory().join("libecf_failover.so");
    let script = source_root().join("tests/languages/python/cycles.py");
    Program::new("/usr/bin/python3", &[])
        .args(&[script.to_str().unwrap(), library.to_str().unwrap(), &port])
        .succeed();
    assert_eq!(server.logged("--server_version"), 1_000);
}

/// `NAME = NUMBER` of a class in the module.
fn numbers(class: &str) -> Vec<(String, i32)> {
    let module = fs::read_to_string(source_root().join("include/ecf_failover.py")).unwrap();
    let (_, body) = module.split_once(&format!("class {class}(")).unwrap();
    let lines = body
        .lines()
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with("    "));
    let pairs = lines.filter_map(|line| line.trim().split_once(" = "));
    pairs
        .filter_map(|(name, number)| Some((name.to_owned(), number.parse().ok()?)))
        .collect()
}

#[test]
fn the_modules_numbers_are_those_of_the_library() {
    use ecf_failover::model::{Status, outcome_from_number, outcome_name};
    for (name, number) in numbers("Status") {
        let status = Status::from_number(number).unwrap().name();
        let name = match name.as_str() {
            "OK" | "IN_PROGRESS" => format!("ECF_{name}"),
            _ => format!("ECF_ERR_{name}"),
        };
        assert_eq!(status, name);
    }
    for (name, number) in numbers("Outcome") {
        let outcome = outcome_name(outcome_from_number(number).unwrap());
        assert_eq!(outcome, format!("ECF_OUTCOME_{name}"));
    }
    assert_eq!(numbers("Status").len(), Status::InProgress as usize + 1);
    assert_eq!(numbers("Outcome").len(), Outcome::Fatal as usize + 1);
    let kinds = [
        ("TASK", Kind::Task),
        ("USER", Kind::User),
        ("PING", Kind::Ping),
    ];
    let kinds = kinds.map(|(name, kind)| (name.to_owned(), kind as i32));
    assert_eq!(numbers("Kind"), kinds);
}
