//! Passwords: argon2id, off the request threads, two at a time.

use std::sync::Arc;

use anyhow::Context as _;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Argon2, Params};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};
use crate::random::Random;

/// Length is what makes a password strong (NIST SP 800-63B); no rules on its composition.
pub const MIN_PASSWORD_LEN: usize = 12;
/// Long passphrases are welcome; a megabyte is an attack.
const MAX_PASSWORD_LEN: usize = 1000;

/// Hashes and checks passwords. At most two at a time, so that a flood of sign-ins leaves memory and cores to others.
#[derive(Debug)]
pub struct Passwords {
    slots: Arc<Semaphore>,
}

/// Checked against when nobody has the e-mail address, so that this takes as long as a wrong password. No password is
/// known that it belongs to.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5LWlzLWhlcmUh$3q2+7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

impl Default for Passwords {
    fn default() -> Self {
        Self { slots: Arc::new(Semaphore::new(2)) }
    }
}

impl Passwords {
    /// Hashes a new password, if it is long enough.
    pub async fn hash(&self, random: &Random, password: &str) -> Result<String> {
        match password.chars().count() {
            0..MIN_PASSWORD_LEN => {
                return Err(Error::invalid("password", format!("must have at least {MIN_PASSWORD_LEN} characters")));
            }
            MIN_PASSWORD_LEN..=MAX_PASSWORD_LEN => {}
            _ => return Err(Error::invalid("password", format!("must have at most {MAX_PASSWORD_LEN} characters"))),
        }
        let (password, salt) = (password.to_owned(), salt(random));
        self.off_thread(move || hash_now(&password, &salt)).await?
    }

    /// Whether `password` is the one behind `hash`. No hash at all takes as long and is false.
    pub async fn verify(&self, hash: Option<String>, password: &str) -> Result<bool> {
        if password.len() > MAX_PASSWORD_LEN * 4 {
            return Ok(false);
        }
        let (known, password) = (hash.is_some(), password.to_owned());
        let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
        let matches = self.off_thread(move || verify_now(&hash, &password)).await??;
        Ok(matches && known)
    }

    async fn off_thread<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let slot = self.slots.clone().acquire_owned().await.context("waiting to hash a password")?;
        let done = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            work()
        });
        Ok(done.await.context("hashing a password")?)
    }
}

fn salt(random: &Random) -> SaltString {
    SaltString::encode_b64(&random.bytes::<16>()).expect("16 bytes are a salt")
}

/// Uses the first parameters that OWASP recommends for argon2id: 19 MiB, two passes, one lane.
fn hash_now(password: &str, salt: &SaltString) -> Result<String> {
    let hash = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, Params::default())
        .hash_password(password.as_bytes(), salt)
        .map_err(|error| anyhow::anyhow!("hashing a password: {error}"))?;
    Ok(hash.to_string())
}

fn verify_now(hash: &str, password: &str) -> Result<bool> {
    let hash = PasswordHash::new(hash).map_err(|error| anyhow::anyhow!("reading a password hash: {error}"))?;
    Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}
