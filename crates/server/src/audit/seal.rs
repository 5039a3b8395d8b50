//! The newest hash of the chain, kept outside the database under a MAC, so that cutting the chain off or computing it
//! anew is noticed.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::error::Result;
use crate::random::Random;
use crate::time::Millis;

const KEY_FILE: &str = "audit-key";
const HEAD_FILE: &str = "audit-head";

/// The key that seals, and what was sealed last.
pub struct Seal {
    key: Hmac<Sha256>,
    file: PathBuf,
    head: Mutex<Option<Head>>,
}

/// A row of the chain that was the newest when it was sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub seq: i64,
    pub hash: String,
    pub at: Millis,
    mac: String,
}

impl Seal {
    /// Reads the key, making it when there is none, and what was sealed last.
    pub fn open(secrets: &Path, data: &Path, random: &Random) -> Result<Self> {
        let file = secrets.join(KEY_FILE);
        if !file.exists() {
            make_key(&file, random).with_context(|| format!("making {}", file.display()))?;
        }
        Self::open_existing(secrets, data)
    }

    /// Reads the key, which must be there, and what was sealed last.
    pub fn open_existing(secrets: &Path, data: &Path) -> Result<Self> {
        let file = secrets.join(KEY_FILE);
        let key = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let key = BASE64.decode(key.trim()).ok().filter(|key| key.len() == 32);
        let key = key.ok_or_else(|| anyhow!("{} must hold 32 bytes in base64", file.display()))?;
        let seal = Self {
            key: Hmac::new_from_slice(&key).expect("HMAC takes a key of any length"),
            file: data.join(HEAD_FILE),
            head: Mutex::default(),
        };
        *seal.lock() = seal.read()?;
        Ok(seal)
    }

    /// Returns what was sealed last.
    pub fn head(&self) -> Option<Head> {
        self.lock().clone()
    }

    /// Returns a key for another purpose, made of this one and a label.
    pub fn derive(&self, label: &str) -> [u8; 32] {
        self.key.clone().chain_update(label).finalize().into_bytes().into()
    }

    /// Seals a row.
    pub async fn set(&self, now: Millis, seq: i64, hash: String) -> Result<()> {
        let mac = self.mac(seq, &hash, now).finalize().into_bytes();
        let head = Head { seq, hash, at: now, mac: BASE64.encode(mac) };
        let (file, text) = (self.file.clone(), serde_json::to_string(&head).context("writing a seal")?);
        tokio::task::spawn_blocking(move || replace(&file, &text)).await.context("writing a seal")??;
        *self.lock() = Some(head);
        Ok(())
    }

    fn read(&self) -> anyhow::Result<Option<Head>> {
        let text = match fs::read_to_string(&self.file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("reading {}", self.file.display()))?,
        };
        let head: Head = serde_json::from_str(&text).with_context(|| format!("reading {}", self.file.display()))?;
        let mac = BASE64.decode(&head.mac).unwrap_or_default();
        if self.mac(head.seq, &head.hash, head.at).verify_slice(&mac).is_err() {
            bail!("{} was not sealed with the key in the folder of the secrets", self.file.display());
        }
        Ok(Some(head))
    }

    fn mac(&self, seq: i64, hash: &str, at: Millis) -> Hmac<Sha256> {
        self.key.clone().chain_update(format!("testward audit head, version 1: row {seq}, hash {hash}, at {}", at.0))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Head>> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_key(file: &Path, random: &Random) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(file)?;
    out.write_all(BASE64.encode(random.bytes::<32>()).as_bytes())?;
    Ok(out.sync_all()?)
}

/// Writes a file so that either the old or the new text is there, whatever happens.
fn replace(file: &Path, text: &str) -> anyhow::Result<()> {
    let new = file.with_extension("new");
    let mut out = fs::File::create(&new).with_context(|| format!("making {}", new.display()))?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    Ok(fs::rename(&new, file)?)
}
