//! What servers answer.

use std::collections::BTreeMap;

use crate::model::Secret;

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
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
    Group(Vec<Answer>),
}

/// The replies as classes, to say which are legal for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerClass {
    /// [`Answer::Ok`].
    Ok,
    /// [`Answer::Cleared`].
    Cleared,
    /// [`Answer::Halted`].
    Halted,
    /// [`Answer::Wait`].
    Wait,
    /// [`Answer::Zombie`].
    Zombie,
    /// [`Answer::Error`].
    Error,
    /// [`Answer::Text`].
    Text,
    /// [`Answer::Texts`].
    Texts,
    /// [`Answer::Suites`].
    Suites,
    /// [`Answer::Node`].
    Node,
    /// [`Answer::Definition`].
    Definition,
    /// [`Answer::News`].
    News,
    /// [`Answer::Sync`].
    Sync,
    /// [`Answer::Stats`].
    Stats,
    /// [`Answer::LogPath`].
    LogPath,
    /// [`Answer::Handle`].
    Handle,
    /// [`Answer::Handles`].
    Handles,
    /// [`Answer::Zombies`].
    Zombies,
    /// [`Answer::Group`].
    Group,
}

impl Answer {
    /// The reply's class.
    #[must_use]
    pub fn class(&self) -> AnswerClass {
        match self {
            Self::Ok => AnswerClass::Ok,
            Self::Cleared => AnswerClass::Cleared,
            Self::Halted => AnswerClass::Halted,
            Self::Wait => AnswerClass::Wait,
            Self::Zombie => AnswerClass::Zombie,
            Self::Error(_) => AnswerClass::Error,
            Self::Text(_) => AnswerClass::Text,
            Self::Texts(_) => AnswerClass::Texts,
            Self::Suites(_) => AnswerClass::Suites,
            Self::Node(_) => AnswerClass::Node,
            Self::Definition(_) => AnswerClass::Definition,
            Self::News(_) => AnswerClass::News,
            Self::Sync(_) => AnswerClass::Sync,
            Self::Stats(_) => AnswerClass::Stats,
            Self::LogPath(_) => AnswerClass::LogPath,
            Self::Handle(_) => AnswerClass::Handle,
            Self::Handles(_) => AnswerClass::Handles,
            Self::Zombies(_) => AnswerClass::Zombies,
            Self::Group(_) => AnswerClass::Group,
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
