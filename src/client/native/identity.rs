//! As whom a user command is sent: the login name or a custom user, with the password that
//! stands in a file for the server that is contacted.

use std::io;
use std::path::Path;

use once_cell::sync::OnceCell;

use crate::client::refusal::Refusal;
use crate::command::Command;
use crate::config::Settings;
use crate::credentials::{PasswordFile, crypt};
use crate::model::{Endpoint, Secret, Secrets};
use crate::sys::{file, identity};
use crate::wire::{UserIdentity, UserOrigin};

/// A password file has a line for each user and server; this is plenty.
const LARGEST_FILE: u64 = 16 << 20;

/// A user's passwords beyond these are neither looked for nor encrypted in advance.
const MOST_ROWS: usize = 32;

/// The user of one command.
pub(super) struct Identity {
    name: Vec<u8>,
    origin: UserOrigin,
    /// What names the user.
    named_by: &'static str,
    passwords: Passwords,
    own_host: Vec<u8>,
}

/// Where the password comes from.
enum Passwords {
    None,
    Given(Secret),
    File { name: String, rows: PasswordFile },
}

impl Identity {
    /// Reads what is needed, once for each command.
    pub(super) fn read(
        settings: &Settings,
        command: Option<&Command>,
        sender: &Sender,
    ) -> Result<Self, Refusal> {
        let user = command.and_then(|given| given.user.as_deref());
        let custom = user.unwrap_or(&settings.user);
        let (name, origin) = match custom {
            [] => (login_name(sender)?, UserOrigin::Login),
            name => (name.to_vec(), UserOrigin::Custom),
        };
        let (key, path) = match origin {
            UserOrigin::Login => ("ECF_PASSWD", &settings.password_file),
            UserOrigin::Custom => ("ECF_CUSTOM_PASSWD", &settings.custom_password_file),
        };
        let given = command.and_then(|given| given.password.clone());
        let passwords = match (given, path) {
            (Some(password), _) => Passwords::Given(password),
            (None, None) => Passwords::None,
            (None, Some(path)) => read_file(key, path)?,
        };
        Ok(Self {
            name,
            origin,
            named_by: match user {
                Some(_) => "--user",
                None => "ECF_USER",
            },
            passwords,
            own_host: sender.host().to_vec(),
        })
    }

    /// What of it travels to `endpoint`.
    ///
    /// # Errors
    /// Why nothing may be sent there: a custom user needs a password.
    pub(super) fn towards(&self, endpoint: &Endpoint) -> Result<UserIdentity, String> {
        let password = self.password(endpoint);
        if self.origin == UserOrigin::Custom && password.is_none() {
            let user = self.name.escape_ascii();
            return Err(match &self.passwords {
                Passwords::File { name, .. } => format!(
                    "{name}: no line for user \"{user}\", host {} and port {}",
                    endpoint.host.as_str(),
                    endpoint.port
                ),
                _ => format!(
                    "{}: \"{user}\" needs a password: set ECF_CUSTOM_PASSWD to a password file, or give --password",
                    self.named_by
                ),
            });
        }
        Ok(UserIdentity {
            name: self.name.clone(),
            password: password.map(|password| self.encrypted(password)),
            origin: self.origin,
        })
    }

    /// Remembers what must not be told: the passwords, and as what they travel.
    pub(super) fn keep_quiet_about(&self, secrets: &mut Secrets) {
        let passwords: Vec<_> = match &self.passwords {
            Passwords::None => Vec::new(),
            Passwords::Given(password) => vec![password],
            Passwords::File { rows, .. } => rows.passwords_of(&self.name).take(MOST_ROWS).collect(),
        };
        for password in passwords {
            secrets.add(password);
            secrets.add(&self.encrypted(password));
        }
    }

    fn encrypted(&self, password: &Secret) -> Secret {
        Secret::from(&crypt(password.reveal(), &self.name)[..])
    }

    fn password(&self, endpoint: &Endpoint) -> Option<&Secret> {
        match &self.passwords {
            Passwords::None => None,
            Passwords::Given(password) => Some(password),
            Passwords::File { rows, .. } => rows.password(
                &self.name,
                endpoint.host.as_str(),
                endpoint.port,
                &self.own_host,
            ),
        }
    }
}

fn login_name(sender: &Sender) -> Result<Vec<u8>, Refusal> {
    let name = sender.user().map(<[u8]>::to_vec);
    name.ok_or_else(|| {
        Refusal::config("the user data base has no name for this process's user id".into())
    })
}

/// The password files that are named and not there: that is no error, but rarely meant.
pub(super) fn missing_files(settings: &Settings) -> Vec<String> {
    let files = [
        ("ECF_PASSWD", &settings.password_file),
        ("ECF_CUSTOM_PASSWD", &settings.custom_password_file),
    ];
    let named = files
        .into_iter()
        .filter_map(|(key, path)| path.as_ref().map(|path| (key, path)));
    named
        .filter(|(_, path)| !path.exists())
        .map(|(key, path)| format!("{key}=\"{}\": there is no such file", path.display()))
        .collect()
}

/// A file that is not there holds no passwords, as for ecflow_client.
fn read_file(key: &str, path: &Path) -> Result<Passwords, Refusal> {
    let name = format!("{key}=\"{}\"", path.display());
    let text = match file::read_regular(path, LARGEST_FILE) {
        Ok(text) => text,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Passwords::None),
        Err(why) => return Err(Refusal::config(format!("{name}: cannot be read: {why}"))),
    };
    match PasswordFile::parse(&text) {
        Ok(rows) => Ok(Passwords::File { name, rows }),
        Err(why) => Err(Refusal::config(format!("{name}: {why}"))),
    }
}

/// Who sends: looked up once for each client, for the user data base may be far away.
#[derive(Default)]
pub(in crate::client) struct Sender {
    host: OnceCell<Vec<u8>>,
    user: OnceCell<Vec<u8>>,
}

impl Sender {
    pub(in crate::client) fn host(&self) -> &[u8] {
        self.host.get_or_init(identity::host_name)
    }

    pub(in crate::client) fn user(&self) -> Option<&[u8]> {
        // Not inside the cell: other threads would wait for a slow data base.
        if self.user.get().is_none() {
            self.user.set(identity::login_name()?).ok();
        }
        self.user.get().map(Vec::as_slice)
    }
}
