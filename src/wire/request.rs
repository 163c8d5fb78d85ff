//! Requests: one polymorphic object in ecFlow's envelope.
//!
//! The server reads some members by position, so the order here is the order on the wire.

use super::json::Writer;
use crate::model::{Secret, TaskIdentity};

/// "New, and what it stands for follows": set in the number of a class name or of an object.
const NEW: u32 = 0x8000_0000;

/// Who speaks: every command has one of these two bases.
#[derive(Clone, Copy, Debug)]
pub enum Base<'a> {
    /// A task command speaks for a job.
    Task(&'a TaskIdentity),
    /// A user command speaks for a user.
    User(&'a UserIdentity),
}

/// Who a user is towards a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserIdentity {
    /// The login name, or the custom user's.
    pub name: Vec<u8>,
    /// The password as it travels, encrypted by crypt(3), if there is one.
    pub password: Option<Secret>,
    /// Where the name comes from.
    pub origin: UserOrigin,
}

/// Where a user's name comes from: servers keep a password file for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserOrigin {
    /// The login name.
    #[default]
    Login,
    /// ECF_USER or `--user`.
    Custom,
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
    /// An array of names with values, as a task's variables are written.
    Variables(Vec<(Vec<u8>, Vec<u8>)>),
    /// An array of pairs.
    Pairs(Vec<(Vec<u8>, Vec<u8>)>),
    /// An array of commands: a group's.
    Commands(Vec<Request>),
}

/// A command as it travels: its class and the members behind its base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The class.
    pub class: &'static str,
    /// The members.
    pub fields: Vec<Field>,
}

/// The body of a request, sent by `base` from the host `client_host`.
#[must_use]
pub fn encode(request: &Request, base: Base<'_>, client_host: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder {
        base,
        client_host,
        classes: Vec::new(),
        objects: 0,
    };
    Writer::object(|w| {
        w.member_object("21ClientToServerRequest", |w| {
            w.member_object("cmd_", |w| encoder.pointer(w, request));
        });
    })
}

/// What a document has had so far: names, numbers and versions are written at their first
/// occurrence only.
struct Encoder<'a> {
    base: Base<'a>,
    client_host: &'a [u8],
    classes: Vec<&'static str>,
    objects: u32,
}

impl Encoder<'_> {
    fn pointer(&mut self, w: &mut Writer, request: &Request) {
        let known = self.classes.iter().position(|name| *name == request.class);
        match known {
            Some(index) => w.member_number("polymorphic_id", index as i64 + 1),
            None => {
                self.classes.push(request.class);
                let number = self.classes.len() as i64 + i64::from(NEW);
                w.member_number("polymorphic_id", number);
                w.member_text("polymorphic_name", request.class.as_bytes());
            }
        }
        w.member_object("ptr_wrapper", |w| {
            let is_first = self.objects == 0;
            self.objects += 1;
            w.member_number("id", i64::from(NEW | self.objects));
            w.member_object("data", |w| {
                write_version(w, known.is_none());
                w.member_object("value0", |w| self.write_base(w, is_first));
                for (name, value) in &request.fields {
                    self.write_field(w, name, value);
                }
            });
        });
    }

    fn write_base(&self, w: &mut Writer, is_first: bool) {
        write_version(w, is_first);
        w.member_object("value0", |w| {
            write_version(w, is_first);
            w.member_text("cl_host_", self.client_host);
        });
        match self.base {
            Base::Task(task) => {
                w.member_text("path_to_submittable_", &task.path);
                w.member_text("jobs_password_", task.password.reveal());
                w.member_text("process_or_remote_id_", &task.remote_id);
                w.member_number("try_no_", i64::from(task.try_number));
            }
            Base::User(user) => {
                w.member_text("user_", &user.name);
                if let Some(password) = &user.password {
                    w.member_text("pswd_", password.reveal());
                }
                if user.origin == UserOrigin::Custom {
                    w.member_flag("cu_", true);
                }
            }
        }
    }

    fn write_field(&mut self, w: &mut Writer, name: &str, value: &Value) {
        match value {
            Value::Text(text) => w.member_text(name, text),
            Value::Number(number) => w.member_number(name, *number),
            Value::Flag(flag) => w.member_flag(name, *flag),
            Value::Texts(texts) => w.member_array(name, |w| {
                for text in texts {
                    w.element_text(text);
                }
            }),
            Value::Variables(variables) => write_pairs(w, name, ["n_", "v_"], variables),
            Value::Pairs(pairs) => write_pairs(w, name, ["first", "second"], pairs),
            Value::Commands(commands) => w.member_array(name, |w| {
                for command in commands {
                    w.element_object(|w| self.pointer(w, command));
                }
            }),
        }
    }
}

fn write_version(w: &mut Writer, is_first: bool) {
    if is_first {
        w.member_number("cereal_class_version", 0);
    }
}

fn write_pairs(w: &mut Writer, name: &str, members: [&str; 2], pairs: &[(Vec<u8>, Vec<u8>)]) {
    w.member_array(name, |w| {
        for (first, second) in pairs {
            w.element_object(|w| {
                w.member_text(members[0], first);
                w.member_text(members[1], second);
            });
        }
    });
}
