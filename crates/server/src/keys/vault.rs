//! The secrets that lie outside the database: the pepper that keys are verified with, and the key that copies are
//! sealed with. A stolen database alone can neither verify a guess, nor plant a key, nor show a copy.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{Key, KeyInit as _, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::blobs::hex;
use crate::error::{Error, Result};
use crate::gate::Secret;
use crate::ids::{KeyId, PersonId};
use crate::random::Random;

/// The version of pepper and key-encryption key that new rows are written with.
pub const VERSION: i64 = 1;
const NONCE_LEN: usize = 24;

/// Holds the secrets in memory.
pub struct Vault {
    /// Keyed once; each verification starts from a copy.
    pepper: Hmac<Sha256>,
    kek: XChaCha20Poly1305,
}

/// The key that one person's copies are sealed with; itself stored sealed.
pub struct DataKey(XChaCha20Poly1305);

impl Vault {
    /// Reads the secrets. They are made once, with a new database; for an old one they must be there.
    pub fn open(folder: &Path, has_database: bool, random: &Random) -> Result<Self> {
        make_private_folder(folder)?;
        let pepper = read_or_make(&folder.join("pepper"), has_database, random)?;
        let kek = read_or_make(&folder.join("kek"), has_database, random)?;
        Ok(Self {
            pepper: <Hmac<Sha256> as hmac::Mac>::new_from_slice(&pepper).expect("HMAC takes a key of any length"),
            kek: XChaCha20Poly1305::new(Key::from_slice(&kek)),
        })
    }

    /// Returns the version of the pepper that keys are made with now.
    pub const fn pepper(&self) -> u8 {
        VERSION as u8
    }

    /// Returns what the table keeps of a key that is made now.
    pub fn secret(&self, key: &str) -> Secret {
        self.secret_with(self.pepper(), key)
    }

    /// Returns what the table keeps of a key, made with the pepper of that version.
    pub fn secret_with(&self, pepper: u8, key: &str) -> Secret {
        let mac = self.pepper.clone().chain_update(key.as_bytes()).finalize().into_bytes().into();
        Secret { mac, pepper }
    }

    /// Makes a data key for a person, with its sealed form for the table.
    pub fn new_data_key(&self, random: &Random, owner: PersonId) -> Result<(DataKey, i64, String)> {
        let bytes: [u8; 32] = random.bytes();
        let sealed = seal(&self.kek, random, &bytes, &data_key_label(owner))?;
        Ok((DataKey(XChaCha20Poly1305::new(Key::from_slice(&bytes))), VERSION, sealed))
    }

    /// Opens a person's data key.
    pub fn open_data_key(&self, owner: PersonId, _version: i64, sealed: &str) -> Result<DataKey> {
        let bytes = open(&self.kek, sealed, &data_key_label(owner))?;
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

fn data_key_label(owner: PersonId) -> String {
    format!("testward data key, owner {owner}, version {VERSION}")
}

fn secret_label(owner: PersonId, what: &str) -> String {
    format!("testward {what}, owner {owner}, version {VERSION}")
}

fn copy_label(id: KeyId, owner: PersonId) -> String {
    format!("testward api key {id}, owner {owner}, version {VERSION}")
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

fn read_or_make(file: &Path, must_exist: bool, random: &Random) -> Result<[u8; 32]> {
    match fs::read_to_string(file) {
        Ok(text) => {
            Ok(unhex(text.trim()).with_context(|| format!("{} must hold 64 hexadecimal digits", file.display()))?)
        }
        Err(error) if error.kind() == ErrorKind::NotFound && !must_exist => make(file, random),
        Err(error) => Err(Error::Internal(anyhow::Error::new(error).context(format!(
            "reading {}: without it no API key can be verified; restore it from where you keep it",
            file.display()
        )))),
    }
}

fn make(file: &Path, random: &Random) -> Result<[u8; 32]> {
    let bytes: [u8; 32] = random.bytes();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(file).with_context(|| format!("making {}", file.display()))?;
    out.write_all(hex(&bytes).as_bytes())?;
    out.sync_all()?;
    if cfg!(unix) {
        File::open(file.parent().unwrap_or(file))?.sync_all()?;
    }
    Ok(bytes)
}

fn make_private_folder(folder: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    Ok(builder.create(folder).with_context(|| format!("making {}", folder.display()))?)
}

/// Reads 64 hexadecimal digits.
fn unhex(text: &str) -> anyhow::Result<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        bail!("it has {} characters", text.len());
    }
    let mut bytes = [0; 32];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits)?, 16)?;
    }
    Ok(bytes)
}

/// Reads a MAC as the table writes it.
pub fn mac_from_hex(text: &str) -> anyhow::Result<[u8; 32]> {
    unhex(text)
}
