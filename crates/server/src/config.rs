//! What the operator decides. Read once at start; nothing else looks at the environment.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::net::Networks;
use crate::outbound;

#[derive(Debug, Clone)]
pub struct Config {
    /// Holds the database, the uploaded files and the secrets.
    pub data_dir: PathBuf,
    /// Holds the pepper and the key-encryption key, apart from the database if they are to be backed up apart.
    pub secrets_dir: Option<PathBuf>,
    pub listen: SocketAddr,
    /// Address under which people and clients reach the server, without a trailing slash. Absent: where it listens.
    pub base_url: Option<String>,
    /// Makes the first person without a page, when the database is empty.
    pub first_person: Option<FirstPerson>,
    /// What the server may call.
    pub outbound: outbound::Settings,
    /// How mail is sent; without, none is.
    pub mail: Option<Mail>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Networks,
    /// Unix socket on which proxies of this machine ask about keys.
    pub verify_socket: Option<PathBuf>,
}

impl Config {
    /// Returns the configuration for a data folder, with defaults for the rest and no port of its own.
    pub fn on(data_dir: PathBuf) -> Self {
        Self {
            data_dir,
            secrets_dir: None,
            listen: ([127, 0, 0, 1], 0).into(),
            base_url: None,
            first_person: None,
            outbound: outbound::Settings::default(),
            mail: None,
            trusted_proxies: Networks::default(),
            verify_socket: None,
        }
    }

    /// Returns the folder of the secrets: within the data folder, unless said otherwise.
    pub fn secrets_dir(&self) -> PathBuf {
        self.secrets_dir.clone().unwrap_or_else(|| self.data_dir.join("secrets"))
    }
}

/// The operator's mail server.
#[derive(Clone)]
pub struct Mail {
    /// Such as `smtps://user:password@mail.example.com`.
    pub smtp_url: String,
    /// Sender, such as `Testward <testward@example.com>`.
    pub from: String,
}

/// Leaves the address out, because it may hold a password.
impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("from", &self.from).finish_non_exhaustive()
    }
}

/// What a container's environment says of the first person.
#[derive(Clone)]
pub struct FirstPerson {
    pub name: String,
    pub email: String,
    pub password: String,
    pub organization: String,
    pub team: String,
    pub project: String,
}

/// Leaves the password out, so that the configuration can be logged.
impl std::fmt::Debug for FirstPerson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FirstPerson").field("organization", &self.organization).finish_non_exhaustive()
    }
}
