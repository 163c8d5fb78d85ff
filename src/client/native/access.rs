//! How servers are spoken to: in ecFlow's frames or in HTTP, in the clear or inside TLS; with
//! the certificates that each host is trusted by, and the tokens for HTTP.

use std::path::PathBuf;

use super::certificates::Trusted;
use crate::client::refusal::Refusal;
use crate::config::{Protocol, Settings};
use crate::credentials::TokenFile;
use crate::model::{Endpoint, Secret, Secrets};
use crate::net::Security;
use crate::sys::file;

/// A token file is no larger than this.
const LARGEST_FILE: u64 = 4 << 20;

/// How requests and replies are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Frames,
    Http,
}

/// How the servers of one command are spoken to.
pub(super) struct Access {
    pub(super) format: Format,
    trusted: Trusted,
    scheme: &'static str,
    tokens: Option<TokenFile>,
    /// What a person should know.
    pub(super) warnings: Vec<String>,
}

impl Access {
    /// Reads what is needed, once for each command. `option` is what the command line says,
    /// `machine` this machine's name.
    pub(super) fn read(
        settings: &Settings,
        option: Option<Protocol>,
        machine: &[u8],
    ) -> Result<Self, Refusal> {
        let protocol = protocol(settings, option)?;
        let mut access = Self {
            format: match protocol {
                Protocol::Plain | Protocol::Ssl => Format::Frames,
                Protocol::Http | Protocol::Https => Format::Http,
            },
            trusted: Trusted::read(protocol, option, settings, machine)?,
            scheme: match protocol {
                Protocol::Https => "https",
                _ => "http",
            },
            tokens: None,
            warnings: Vec::new(),
        };
        if access.format == Format::Http {
            access.read_tokens(settings)?;
        }
        Ok(access)
    }

    /// How the connection to `endpoint` is protected.
    ///
    /// # Errors
    /// Why there can be none: no certificate file, or one that is none.
    pub(super) fn security(&self, endpoint: &Endpoint) -> Result<Security, String> {
        self.trusted.security(endpoint)
    }

    /// What is wrong with the certificates that `endpoint` is trusted by.
    pub(super) fn doubts(&self, endpoint: &Endpoint) -> Vec<String> {
        self.trusted.doubts(endpoint)
    }

    /// How many network stages there are before the request is written, beside the connection.
    pub(super) fn handshakes(&self) -> u64 {
        self.trusted.handshakes()
    }

    /// The value of the header Authorization for `endpoint`.
    pub(super) fn authorization(&self, endpoint: &Endpoint) -> Option<Secret> {
        let url = self.url(endpoint);
        self.tokens.as_ref()?.authorization(&url)
    }

    fn url(&self, endpoint: &Endpoint) -> String {
        format!("{}://{endpoint}", self.scheme)
    }

    /// Remembers what must not be told: the tokens of all servers.
    pub(super) fn keep_quiet_about(&self, secrets: &mut Secrets) {
        let tokens = self.tokens.iter().flat_map(TokenFile::secrets);
        tokens.for_each(|secret| secrets.add(secret));
    }

    /// Warns when there is a token file, and no token in it for `endpoint`.
    pub(super) fn warn_of_missing_token(&mut self, endpoint: &Endpoint) {
        if self.tokens.is_some() && self.authorization(endpoint).is_none() {
            let url = self.url(endpoint);
            self.warnings
                .push(format!("no token of the token file is for {url}"));
        }
    }

    /// The first of the known files that is there; only one that was named must be there.
    fn read_tokens(&mut self, settings: &Settings) -> Result<(), Refusal> {
        const NAME: &str = ".ecflowapirc";
        let named = settings.token_file.clone();
        let usual = [
            settings.home.as_ref().map(|home| home.join(NAME)),
            Some(PathBuf::from(NAME)),
        ];
        let paths = match named {
            Some(named) => vec![named],
            None => usual.into_iter().flatten().collect(),
        };
        for path in paths {
            let text = match file::read_regular(&path, LARGEST_FILE) {
                Ok(text) => text,
                Err(_) if settings.token_file.is_none() => continue,
                Err(why) => {
                    let shown = path.display();
                    let message = format!("ECF_AUTHTOKENS=\"{shown}\": cannot be read: {why}");
                    return Err(Refusal::config(message));
                }
            };
            let tokens = TokenFile::parse(&text);
            let tokens = tokens.map_err(|why| {
                Refusal::config(format!("ECF_AUTHTOKENS: {}: {why}", path.display()))
            })?;
            self.tokens = Some(tokens);
            break;
        }
        Ok(())
    }
}

/// The command line comes first. ECF_SSL is never outvoted by a protocol without TLS.
fn protocol(settings: &Settings, option: Option<Protocol>) -> Result<Protocol, Refusal> {
    match (option, settings.protocol, settings.ssl.is_empty()) {
        (Some(option), ..) => Ok(option),
        (None, Protocol::Plain, false) => Ok(Protocol::Ssl),
        (None, Protocol::Http, false) => Err(Refusal::config(
            "ECF_SSL is set, and ECF_HOST_PROTOCOL=http would send in the clear: use https, or unset one of them"
                .into(),
        )),
        (None, protocol, _) => Ok(protocol),
    }
}
