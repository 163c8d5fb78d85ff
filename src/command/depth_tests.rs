//! Long inputs on small stacks: nothing that a caller passes may recurse without bound.

use std::thread;

use super::*;

/// Runs `body` on a thread whose stack is so small that a recursion over its input ends it.
fn on_a_small_stack(body: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(64 << 10).spawn(body);
    let ended = thread.map(thread::JoinHandle::join);
    assert!(matches!(ended, Ok(Ok(()))));
}

fn read(argv: &[Vec<u8>]) -> Result<Understood, CommandError> {
    let read_file = |_: &Path| Ok(Vec::new());
    let task = TaskIdentity {
        path: b"/s/t".to_vec(),
        password: Secret::from(&b"pw"[..]),
        ..TaskIdentity::default()
    };
    let around = Surroundings {
        task: &task,
        read_file: &read_file,
    };
    parse(argv, &around)
}

#[test]
fn a_group_in_a_group_is_refused_before_it_is_read() {
    on_a_small_stack(|| {
        for depth in [2, 200, 20_000, 200_000] {
            let word = [&b"--group=".repeat(depth)[..], b"ping"].concat();
            let told = read(&[word]).map_err(|why| why.to_string());
            assert!(told.is_err_and(|told| told.contains("cannot hold a group")));
        }
    });
}

#[test]
fn every_command_takes_words_of_any_length_on_a_small_stack() {
    const LONG: usize = 60_000;
    on_a_small_stack(|| {
        for row in COMMANDS {
            for text in [
                "/a", "--", "a;", "=", "'\"", "--group=", "a b ", "\n", ":1,",
            ] {
                let long = text.as_bytes().repeat(LONG / text.len());
                let name = format!("--{}", row.name).into_bytes();
                let attached = [&name[..], b"=", &long].concat();
                // What comes of it is told elsewhere; here the process lives on.
                read(&[attached]).ok();
                read(&[name.clone(), long.clone()]).ok();
                let mut many = vec![name];
                many.extend(vec![text.as_bytes().to_vec(); 1_000]);
                read(&many).ok();
            }
        }
    });
}
