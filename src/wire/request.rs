//! Requests: one polymorphic object in ecFlow's envelope.
//!
//! The server reads some members by position, so the order here is the order on the wire.

use super::json::Writer;
use crate::config::TaskIdentity;

/// "The first new object follows", for class names and for objects.
const FIRST: i64 = 0x8000_0001;

/// Who speaks: every command has one of these two bases.
#[derive(Clone, Copy, Debug)]
pub enum Base<'a> {
    /// A task command speaks for a job.
    Task(&'a TaskIdentity),
    /// A user command speaks for a user.
    User {
        /// The login name.
        name: &'a [u8],
    },
}

/// One member of a command.
pub type Field = (&'static str, Value);

/// The value of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A string of bytes.
    Text(Vec<u8>),
    /// A number or an enumeration.
    Number(i64),
    /// true or false.
    Flag(bool),
    /// An array of strings.
    Texts(Vec<Vec<u8>>),
    /// An array of names with values.
    Variables(Vec<(Vec<u8>, Vec<u8>)>),
}

/// The body of a request: `class` with `fields`, sent by `base` from the host `client_host`.
#[must_use]
pub fn encode(class: &str, base: Base<'_>, client_host: &[u8], fields: &[Field]) -> Vec<u8> {
    Writer::object(|w| {
        w.member_object("21ClientToServerRequest", |w| {
            w.member_object("cmd_", |w| {
                w.member_number("polymorphic_id", FIRST);
                w.member_text("polymorphic_name", class.as_bytes());
                w.member_object("ptr_wrapper", |w| {
                    w.member_number("id", FIRST);
                    w.member_object("data", |w| {
                        w.member_number("cereal_class_version", 0);
                        w.member_object("value0", |w| write_base(w, base, client_host));
                        for (name, value) in fields {
                            write_field(w, name, value);
                        }
                    });
                });
            });
        });
    })
}

fn write_base(w: &mut Writer, base: Base<'_>, client_host: &[u8]) {
    w.member_number("cereal_class_version", 0);
    w.member_object("value0", |w| {
        w.member_number("cereal_class_version", 0);
        w.member_text("cl_host_", client_host);
    });
    match base {
        Base::Task(task) => {
            w.member_text("path_to_submittable_", &task.path);
            w.member_text("jobs_password_", task.password.reveal());
            w.member_text("process_or_remote_id_", &task.remote_id);
            w.member_number("try_no_", i64::from(task.try_number));
        }
        Base::User { name } => w.member_text("user_", name),
    }
}

fn write_field(w: &mut Writer, name: &str, value: &Value) {
    match value {
        Value::Text(text) => w.member_text(name, text),
        Value::Number(number) => w.member_number(name, *number),
        Value::Flag(flag) => w.member_flag(name, *flag),
        Value::Texts(texts) => w.member_array(name, |w| {
            for text in texts {
                w.element_text(text);
            }
        }),
        Value::Variables(variables) => w.member_array(name, |w| {
            for (variable, value) in variables {
                w.element_object(|w| {
                    w.member_text("n_", variable);
                    w.member_text("v_", value);
                });
            }
        }),
    }
}
