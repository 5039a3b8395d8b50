//! The shared state of a running server: the only one there is.

use std::ops::Deref;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::{Mutex, Notify};

use crate::audit;
use crate::blobs::Blobs;
use crate::config::Config;
use crate::db::Db;
use crate::error::Result;
use crate::identity::Passwords;
use crate::keys;
use crate::notices::Mailer;
use crate::oidc::Issuers;
use crate::outbound::Outbound;
use crate::panics::Panics;
use crate::random::Random;
use crate::time::Clock;
use crate::web::limits::Failures;

/// A handle on everything a request or a job may need. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

pub struct Parts {
    pub db: Db,
    pub blobs: Blobs,
    pub clock: Clock,
    pub random: Random,
    /// All keys, in memory: what admission asks.
    pub keys: keys::Index,
    /// Pepper and key-encryption key.
    pub vault: keys::Vault,
    pub passwords: Passwords,
    /// Keys of the issuers whose tokens are accepted.
    pub issuers: Issuers,
    /// Seals the audit log.
    pub audit_seal: audit::Seal,
    /// Sends mail, if the operator has a mail server.
    pub mailer: Option<Mailer>,
    /// What was taken away from keys, for a restore to know.
    pub revocations: keys::Revocations,
    /// Calls other servers.
    pub outbound: Outbound,
    /// Failed sign-ins and failed keys by address.
    pub failures: Failures,
    /// Rung when an upload is complete and waits to be imported.
    pub uploads_waiting: Notify,
    /// Rung for everybody who waits when an upload was imported.
    pub uploads_imported: Notify,
    /// Held by whoever imports: one upload at a time.
    pub importing: Mutex<()>,
    /// What the operator decided.
    pub config: Config,
    /// Panics met since the start.
    pub panics: Panics,
    /// Address under which the server is reached, without a trailing slash.
    pub base_url: String,
    /// Opens the set-up page of an empty server; printed when it starts, worthless once somebody is here.
    pub setup_token: String,
    /// Names this process in request ids.
    pub instance: String,
}

impl App {
    /// Opens database, blobs, secrets and the index of keys. `base_url` is where the server is reached.
    pub async fn open(config: &Config, base_url: String, clock: Clock, random: Random) -> Result<Self> {
        let data_dir = &config.data_dir;
        std::fs::create_dir_all(data_dir).with_context(|| format!("making the data folder {}", data_dir.display()))?;
        let database = data_dir.join("testward.db");
        let vault = keys::Vault::open(&config.secrets_dir(), database.exists(), &random)?;
        let db = Db::open(&database).await?;
        let keys = keys::Index::load(&db).await?;
        Ok(Self(Arc::new(Parts {
            db,
            blobs: Blobs::open(data_dir.join("blobs"))?,
            clock,
            passwords: Passwords::default(),
            issuers: Issuers::default(),
            audit_seal: audit::Seal::open(&config.secrets_dir(), data_dir, &random)?,
            mailer: config.mail.as_ref().map(Mailer::new).transpose()?,
            revocations: keys::Revocations::open(data_dir)?,
            outbound: Outbound::new(&config.outbound)?,
            keys,
            vault,
            failures: Failures::default(),
            uploads_waiting: Notify::new(),
            uploads_imported: Notify::new(),
            importing: Mutex::new(()),
            config: config.clone(),
            panics: Panics::default(),
            base_url,
            setup_token: random.base62(32),
            instance: random.base62(6),
            random,
        })))
    }

    /// Returns the absolute address of `path`, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
