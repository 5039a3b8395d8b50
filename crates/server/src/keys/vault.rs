//! The secrets that lie outside the database: the pepper that keys are verified with, and the key that copies are
//! sealed with. A stolen database alone can neither verify a guess, nor plant a key, nor show a copy.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{Key, KeyInit as _, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::secret_files::{self, SecretKind};
use crate::error::{Error, Result};
use crate::gate::Secret;
use crate::ids::{KeyId, PersonId};
use crate::random::Random;

/// Labels carry the version of this format, so that another one could be told from it.
const FORMAT: i64 = 1;
const NONCE_LEN: usize = 24;

/// Holds the secrets in memory.
pub struct Vault {
    folder: PathBuf,
    live: RwLock<Arc<Live>>,
}

/// All versions that are there, the newest last.
#[derive(Clone)]
struct Live {
    /// Keyed once; each verification starts from a copy.
    peppers: Vec<(u8, Hmac<Sha256>)>,
    keks: Vec<(u8, XChaCha20Poly1305)>,
}

impl Live {
    fn pepper(&self) -> &(u8, Hmac<Sha256>) {
        self.peppers.last().expect("a vault opens with a pepper")
    }

    fn kek(&self, version: u8) -> Result<&XChaCha20Poly1305> {
        let kek = self.keks.iter().find(|(it, _)| *it == version).map(|(_, kek)| kek);
        kek.ok_or_else(|| Error::Internal(anyhow!("version {version} of the key-encryption key is not there")))
    }

    fn add(&mut self, kind: SecretKind, version: u8, secret: &[u8; 32]) {
        match kind {
            SecretKind::Pepper => {
                let pepper =
                    <Hmac<Sha256> as hmac::Mac>::new_from_slice(secret).expect("HMAC takes a key of any length");
                self.peppers.push((version, pepper));
            }
            SecretKind::Kek => self.keks.push((version, XChaCha20Poly1305::new(Key::from_slice(secret)))),
        }
    }
}

/// The key that one person's copies are sealed with; itself stored sealed.
pub struct DataKey(XChaCha20Poly1305);

impl Vault {
    /// Reads the secrets. They are made once, with a new database; for an old one they must be there.
    pub fn open(folder: &Path, has_database: bool, random: &Random) -> Result<Self> {
        secret_files::open_folder(folder)?;
        let mut live = Live { peppers: Vec::new(), keks: Vec::new() };
        for kind in [SecretKind::Pepper, SecretKind::Kek] {
            let mut versions = secret_files::list(folder, kind)?;
            if versions.is_empty() && !has_database {
                secret_files::make(folder, kind, 1, random)?;
                versions.push(1);
            }
            // An old database without its secret: reading the first version says what is missing.
            let versions = if versions.is_empty() { vec![1] } else { versions };
            for version in versions {
                live.add(kind, version, &secret_files::read(folder, kind, version)?);
            }
        }
        Ok(Self { folder: folder.to_owned(), live: RwLock::new(Arc::new(live)) })
    }

    fn live(&self) -> Arc<Live> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the versions of a secret that are there, the newest last.
    pub fn versions(&self, kind: SecretKind) -> Vec<u8> {
        let live = self.live();
        match kind {
            SecretKind::Pepper => live.peppers.iter().map(|(version, _)| *version).collect(),
            SecretKind::Kek => live.keks.iter().map(|(version, _)| *version).collect(),
        }
    }

    /// Makes the next version of a secret: a file first, so that no row ever names one that a crash took away.
    pub fn add(&self, kind: SecretKind, random: &Random) -> Result<u8> {
        let newest = self.versions(kind).last().copied().unwrap_or_default();
        let version = newest.checked_add(1).ok_or_else(|| anyhow!("there were 255 versions of the {}", kind.name()))?;
        let secret = secret_files::make(&self.folder, kind, version, random)?;
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut live).add(kind, version, &secret);
        Ok(version)
    }

    /// Destroys all versions of a secret but the newest.
    pub fn retire(&self, kind: SecretKind) -> Result<()> {
        let versions = self.versions(kind);
        let (newest, old) = versions.split_last().expect("a vault opens with one version of each");
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        let kept = Arc::make_mut(&mut live);
        kept.peppers.retain(|(version, _)| kind != SecretKind::Pepper || version == newest);
        kept.keks.retain(|(version, _)| kind != SecretKind::Kek || version == newest);
        for version in old {
            secret_files::destroy(&self.folder, kind, *version)?;
        }
        Ok(())
    }

    /// Returns the version of the pepper that keys are made with now.
    pub fn pepper(&self) -> u8 {
        self.live().pepper().0
    }

    /// Returns the version of the key-encryption key that data keys are wrapped with now.
    pub fn kek(&self) -> u8 {
        self.live().keks.last().expect("a vault opens with a key-encryption key").0
    }

    /// Returns what the table keeps of a key that is made now.
    pub fn secret(&self, key: &str) -> Secret {
        let live = self.live();
        mac(live.pepper(), key)
    }

    /// Returns what the table keeps of a key, made with the pepper of that version; with the newest one, and so nobody's
    /// that has the old one's, if that version is gone.
    pub fn secret_with(&self, pepper: u8, key: &str) -> Secret {
        let live = self.live();
        mac(live.peppers.iter().find(|(version, _)| *version == pepper).unwrap_or_else(|| live.pepper()), key)
    }

    /// Makes a data key for a person, with its sealed form for the table.
    pub fn new_data_key(&self, random: &Random, owner: PersonId) -> Result<(DataKey, i64, String)> {
        let bytes: [u8; 32] = random.bytes();
        let (version, sealed) = self.wrap(random, owner, &bytes)?;
        Ok((DataKey(XChaCha20Poly1305::new(Key::from_slice(&bytes))), version, sealed))
    }

    fn wrap(&self, random: &Random, owner: PersonId, data_key: &[u8]) -> Result<(i64, String)> {
        let live = self.live();
        let (version, kek) = live.keks.last().expect("a vault opens with a key-encryption key");
        Ok((i64::from(*version), seal(kek, random, data_key, &data_key_label(owner))?))
    }

    fn unwrap(&self, owner: PersonId, version: i64, sealed: &str) -> Result<Vec<u8>> {
        let version = u8::try_from(version).context("reading the version of a key-encryption key")?;
        open(self.live().kek(version)?, sealed, &data_key_label(owner))
    }

    /// Wraps a person's data key with the newest key-encryption key; returns its version and the sealed form.
    pub fn rewrap(&self, random: &Random, owner: PersonId, version: i64, sealed: &str) -> Result<(i64, String)> {
        self.wrap(random, owner, &self.unwrap(owner, version, sealed)?)
    }

    /// Opens a person's data key.
    pub fn open_data_key(&self, owner: PersonId, version: i64, sealed: &str) -> Result<DataKey> {
        let bytes = self.unwrap(owner, version, sealed)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| anyhow!("a data key has another length"))?;
        Ok(DataKey(XChaCha20Poly1305::new(Key::from_slice(&bytes))))
    }
}

impl DataKey {
    /// Makes the key that the answer of a rotation is sealed with, of what only its asker has: the old API key and the
    /// token of the request.
    pub fn of_rotation(key: &str, token: &str) -> Self {
        let mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
        let bytes =
            mac.chain_update(b"testward rotation, token ").chain_update(token.as_bytes()).finalize().into_bytes();
        Self(XChaCha20Poly1305::new(&bytes))
    }

    /// Seals another secret of the owner, bound to what it is.
    pub fn seal_secret(&self, random: &Random, owner: PersonId, what: &str, secret: &str) -> Result<String> {
        seal(&self.0, random, secret.as_bytes(), &secret_label(owner, what))
    }

    /// Opens what [`seal_secret`](Self::seal_secret) sealed.
    pub fn open_secret(&self, owner: PersonId, what: &str, sealed: &str) -> Result<String> {
        let bytes = open(&self.0, sealed, &secret_label(owner, what))?;
        Ok(String::from_utf8(bytes).context("reading a sealed secret")?)
    }

    /// Seals the text of an API key, bound to that key and its owner: another row's sealed text does not open.
    pub fn seal(&self, random: &Random, id: KeyId, owner: PersonId, key: &str) -> Result<String> {
        seal(&self.0, random, key.as_bytes(), &copy_label(id, owner))
    }

    /// Opens the sealed copy of an API key.
    pub fn open(&self, id: KeyId, owner: PersonId, sealed: &str) -> Result<String> {
        let bytes = open(&self.0, sealed, &copy_label(id, owner))?;
        Ok(String::from_utf8(bytes).context("reading a sealed copy")?)
    }
}

fn mac((version, pepper): &(u8, Hmac<Sha256>), key: &str) -> Secret {
    let mac = pepper.clone().chain_update(key.as_bytes()).finalize().into_bytes().into();
    Secret { mac, pepper: *version }
}

fn data_key_label(owner: PersonId) -> String {
    format!("testward data key, owner {owner}, version {FORMAT}")
}

fn secret_label(owner: PersonId, what: &str) -> String {
    format!("testward {what}, owner {owner}")
}

fn copy_label(id: KeyId, owner: PersonId) -> String {
    format!("testward api key {id}, owner {owner}, version {FORMAT}")
}

fn seal(cipher: &XChaCha20Poly1305, random: &Random, message: &[u8], label: &str) -> Result<String> {
    // 192 random bits: nonces never meet, however many copies are sealed.
    let nonce: [u8; NONCE_LEN] = random.bytes();
    let payload = Payload { msg: message, aad: label.as_bytes() };
    let sealed = cipher.encrypt(XNonce::from_slice(&nonce), payload).map_err(|_| anyhow!("sealing failed"))?;
    Ok(BASE64.encode([&nonce[..], &sealed].concat()))
}

fn open(cipher: &XChaCha20Poly1305, sealed: &str, label: &str) -> Result<Vec<u8>> {
    let bytes = BASE64.decode(sealed).context("reading a sealed text")?;
    let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or_else(|| anyhow!("a sealed text is cut short"))?;
    let payload = Payload { msg: sealed, aad: label.as_bytes() };
    let opened = cipher.decrypt(XNonce::from_slice(nonce), payload);
    opened.map_err(|_| {
        Error::Internal(anyhow!("a sealed text does not open: it was altered, or the key-encryption key is another"))
    })
}
