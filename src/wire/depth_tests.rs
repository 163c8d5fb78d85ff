//! Deep and long inputs on small stacks: nothing that a server sends may recurse without bound.

use std::thread;

use super::*;

/// Runs `body` on a thread whose stack is so small that a recursion over its input ends it.
fn on_a_small_stack(body: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(64 << 10).spawn(body);
    let ended = thread.map(thread::JoinHandle::join);
    assert!(matches!(ended, Ok(Ok(()))));
}

/// A reply of groups in groups, each with its own number, around `inner`.
fn nested(depth: usize, inner: &str) -> String {
    let mut body = String::from("{\"22ServerToClientResponse\": {\"stc_cmd_\": ");
    for level in 0..depth {
        let number = 2_147_483_649 + level;
        body.push_str(&format!(
            "{{\"polymorphic_id\": {number}, \"polymorphic_name\": \"GroupSTCCmd\", \
             \"ptr_wrapper\": {{\"id\": {number}, \"data\": {{\"cmdVec_\": ["
        ));
    }
    body.push_str(inner);
    body.push_str(&"]}}}".repeat(depth));
    body.push_str("}}");
    body
}

#[test]
fn a_group_in_a_groups_reply_is_no_answer() {
    let text = "{\"polymorphic_id\": 2147483700, \"polymorphic_name\": \"SStringCmd\", \
                \"ptr_wrapper\": {\"id\": 2147483700, \"data\": {\"str_\": \"x\"}}}";
    assert!(decode(nested(1, text).as_bytes()).is_ok());
    on_a_small_stack(move || {
        for depth in [2, 20, 30, 1_000, 100_000] {
            let told = decode(nested(depth, text).as_bytes()).map_err(|why| why.to_string());
            let is_told = |why: &String| why.contains("a group in a group");
            assert!(told.as_ref().is_err_and(is_told), "{depth}: {told:?}");
        }
    });
}

#[test]
fn a_body_of_any_shape_is_decoded_on_a_small_stack() {
    const LONG: usize = 200_000;
    on_a_small_stack(|| {
        for piece in [
            "[",
            "{\"a\":",
            "[{\"a\":",
            "\"",
            "\\",
            "{\"22ServerToClientResponse\":",
        ] {
            assert!(decode(piece.repeat(LONG).as_bytes()).is_err());
            // Inside of what is passed over, and of what is read.
            for member in [
                "new_in_6_",
                "incremental_changes_",
                "stats_",
                "vec_",
                "attr_",
                "cmdVec_",
            ] {
                let inner = format!(
                    "{{\"polymorphic_id\": 2147483649, \"polymorphic_name\": \
                    \"SSyncCmd\", \"ptr_wrapper\": {{\"id\": 2147483649, \"data\": {{\"{member}\": {}}}}}}}",
                    piece.repeat(LONG)
                );
                assert!(decode(nested(1, &inner).as_bytes()).is_err());
            }
        }
    });
}

#[test]
fn frames_and_http_of_any_length_are_read_on_a_small_stack() {
    on_a_small_stack(|| {
        for piece in [
            &b" "[..],
            b"0",
            b"1\r\n\n\r\n",
            b"HTTP/1.1 100 x\r\n\r\n",
            b"a: b\r\n",
        ] {
            let head: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            for bytes in [piece.repeat(50_000), [head, &piece.repeat(50_000)].concat()] {
                FrameReader::new(1 << 20).push(&bytes).ok();
                HttpReader::new(1 << 20).push(&bytes).ok();
            }
        }
    });
}
