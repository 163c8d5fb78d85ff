//! What servers answer.

use std::collections::BTreeMap;

use crate::model::Secret;

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Done.
    Ok,
    /// Done, and what the client knows of the definition is void.
    Cleared,
    /// The server is halted or shut down; task commands are to come again.
    Halted,
    /// The expression is false; the command is to come again.
    Wait,
    /// The task is taken for a zombie and is to block.
    Zombie,
    /// No, with the server's words.
    Error(Vec<u8>),
    /// A text.
    Text(Vec<u8>),
    /// Several texts, a line each.
    Texts(Vec<Vec<u8>>),
    /// The names of the suites.
    Suites(Vec<Vec<u8>>),
    /// One node as text.
    Node(Vec<u8>),
    /// The whole definition as text.
    Definition(Vec<u8>),
    /// Whether there is anything new: 0 no, 1 yes, 2 too much for anything but a full sync.
    News(i64),
    /// The changes; a text where the server chose to send all of a definition instead.
    Sync(Option<Vec<u8>>),
    /// The server's statistics.
    Stats(Box<Stats>),
    /// The path of the server's log.
    LogPath(Vec<u8>),
    /// The number of a client handle.
    Handle(i64),
    /// All client handles.
    Handles(Handles),
    /// All zombies.
    Zombies(Vec<ZombieRecord>),
    /// What the commands of a group were answered that have more to tell than that they are
    /// done. Which command a reply belongs to is not told.
    Group(Vec<Reply>),
}

/// The replies as classes, to say which are legal for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyClass {
    /// [`Reply::Ok`].
    Ok,
    /// [`Reply::Cleared`].
    Cleared,
    /// [`Reply::Halted`].
    Halted,
    /// [`Reply::Wait`].
    Wait,
    /// [`Reply::Zombie`].
    Zombie,
    /// [`Reply::Error`].
    Error,
    /// [`Reply::Text`].
    Text,
    /// [`Reply::Texts`].
    Texts,
    /// [`Reply::Suites`].
    Suites,
    /// [`Reply::Node`].
    Node,
    /// [`Reply::Definition`].
    Definition,
    /// [`Reply::News`].
    News,
    /// [`Reply::Sync`].
    Sync,
    /// [`Reply::Stats`].
    Stats,
    /// [`Reply::LogPath`].
    LogPath,
    /// [`Reply::Handle`].
    Handle,
    /// [`Reply::Handles`].
    Handles,
    /// [`Reply::Zombies`].
    Zombies,
    /// [`Reply::Group`].
    Group,
}

impl Reply {
    /// The reply's class.
    #[must_use]
    pub fn class(&self) -> ReplyClass {
        match self {
            Self::Ok => ReplyClass::Ok,
            Self::Cleared => ReplyClass::Cleared,
            Self::Halted => ReplyClass::Halted,
            Self::Wait => ReplyClass::Wait,
            Self::Zombie => ReplyClass::Zombie,
            Self::Error(_) => ReplyClass::Error,
            Self::Text(_) => ReplyClass::Text,
            Self::Texts(_) => ReplyClass::Texts,
            Self::Suites(_) => ReplyClass::Suites,
            Self::Node(_) => ReplyClass::Node,
            Self::Definition(_) => ReplyClass::Definition,
            Self::News(_) => ReplyClass::News,
            Self::Sync(_) => ReplyClass::Sync,
            Self::Stats(_) => ReplyClass::Stats,
            Self::LogPath(_) => ReplyClass::LogPath,
            Self::Handle(_) => ReplyClass::Handle,
            Self::Handles(_) => ReplyClass::Handles,
            Self::Zombies(_) => ReplyClass::Zombies,
            Self::Group(_) => ReplyClass::Group,
        }
    }
}

/// The statistics of a server: 82 values in an order of their own, some of them texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// The values that are numbers, by their place.
    pub numbers: BTreeMap<usize, i64>,
    /// The values that are texts, by their place.
    pub texts: BTreeMap<usize, Vec<u8>>,
}

/// The client handles of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handles {
    /// Every user with the numbers of their handles.
    pub users: Vec<(Vec<u8>, Vec<i64>)>,
    /// Every handle with the names of its suites.
    pub suites: Vec<(i64, Vec<Vec<u8>>)>,
}

/// A job that the server does not take for the one that it started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZombieRecord {
    /// The task's path.
    pub path: Vec<u8>,
    /// Why it is one (protocol's number).
    pub kind: i64,
    /// How long it has been one, in seconds.
    pub age_s: i64,
    /// The job's password, as the server shows it to every user.
    pub password: Secret,
    /// Its process id or batch id.
    pub remote_id: Vec<u8>,
    /// Its try number.
    pub try_number: i64,
    /// What is done about it (protocol's number).
    pub action: i64,
    /// Who decided that.
    pub decision: ZombieDecision,
    /// Its last command (protocol's number).
    pub last_command: i64,
    /// How many commands it has sent.
    pub calls: i64,
    /// The user command that made it one, if one did.
    pub user_command: Vec<u8>,
    /// The host that it runs on.
    pub host: Vec<u8>,
}

/// Who decided what is done about a zombie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZombieDecision {
    /// The server, by its defaults or by an attribute of the node.
    Automatic,
    /// A user.
    Manual,
}
