//! The second factor: an authenticator app (TOTP, RFC 6238), and recovery codes for the day the telephone is lost.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use data_encoding::BASE32_NOPAD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::store;
use crate::app::App;
use crate::blobs::hex;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity::{self, Actor, Membership};
use crate::ids::PersonId;
use crate::keys;
use crate::time::{Millis, SECOND};

/// What every authenticator app understands: SHA-1, 6 digits, 30 seconds, 160 bits (RFC 4226, 4).
const STEP_SECS: u64 = 30;
const DIGITS: u32 = 6;
const SECRET_LEN: usize = 20;
/// Steps that the clocks may be apart, either way (RFC 6238, 5.2).
const DRIFT: i64 = 1;
const RECOVERY_CODES: usize = 10;
/// Names the secret in its seal.
const SEALED_AS: &str = "authenticator";

/// An authenticator that is being set up.
pub struct Setup {
    /// The secret as people type it.
    pub secret: String,
    /// The same as apps read it from a QR code.
    pub uri: String,
}

/// Whether the person has a second factor.
pub async fn is_enrolled(tx: &mut Tx, person: PersonId) -> Result<bool> {
    Ok(store::find_authenticator(tx, person).await?.is_some_and(|it| it.confirmed_at.is_some()))
}

/// Counts the recovery codes that are left.
pub async fn count_recovery_codes(tx: &mut Tx, person: PersonId) -> Result<i64> {
    store::count_recovery_codes(tx, person).await
}

/// Makes a secret for an authenticator; it guards nothing until a code of it was given. Asked again, shows it again.
pub async fn set_up(tx: &mut Tx, app: &App, now: Millis, person: PersonId) -> Result<Setup> {
    let secret = match store::find_authenticator(tx, person).await? {
        Some(it) if it.confirmed_at.is_some() => {
            return Err(Error::conflict("second_factor_exists", "there is an authenticator already; remove it first"));
        }
        Some(it) => open(tx, app, person, &it.sealed).await?,
        None => {
            let secret = app.random.bytes::<SECRET_LEN>().to_vec();
            let sealed = keys::seal_secret(tx, app, person, SEALED_AS, &BASE64.encode(&secret)).await?;
            store::insert_authenticator(tx, person, &sealed, now).await?;
            secret
        }
    };
    let email = identity::find(tx, person).await?.email;
    let secret = BASE32_NOPAD.encode(&secret);
    let label = utf8_percent_encode(&email, NON_ALPHANUMERIC);
    // Apps ignore what is the default, but some fail without the issuer in both places.
    let uri = format!("otpauth://totp/Testward:{label}?secret={secret}&issuer=Testward");
    Ok(Setup { secret, uri })
}

async fn open(tx: &mut Tx, app: &App, person: PersonId, sealed: &str) -> Result<Vec<u8>> {
    let text = keys::open_secret(tx, app, person, SEALED_AS, sealed).await?;
    BASE64.decode(text).map_err(|_| Error::Internal(anyhow::anyhow!("an authenticator's secret is damaged")))
}

/// Accepts a code of the authenticator, or a recovery code; each works once.
///
/// A code of an authenticator that is being set up confirms it.
pub async fn accept(tx: &mut Tx, app: &App, now: Millis, person: PersonId, code: &str) -> Result<bool> {
    let code: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    let Some(authenticator) = store::find_authenticator(tx, person).await? else { return Ok(false) };
    if code.len() == DIGITS as usize {
        let secret = open(tx, app, person, &authenticator.sealed).await?;
        let Some(step) = matching_step(&secret, now, &code, authenticator.last_step) else { return Ok(false) };
        store::update_authenticator_used(tx, person, step, now).await?;
        if authenticator.confirmed_at.is_none() {
            let actor = Actor { person: Some(person), ..Actor::default() };
            identity::audit_as(tx, now, &actor, "second_factor.add", &person, "").await?;
        }
        return Ok(true);
    }
    if authenticator.confirmed_at.is_none() || !store::delete_recovery_code(tx, person, &hash(&code)).await? {
        return Ok(false);
    }
    let actor = Actor { person: Some(person), ..Actor::default() };
    identity::audit_as(tx, now, &actor, "second_factor.recover", &person, "with a recovery code").await?;
    Ok(true)
}

/// Returns the time step that the code belongs to, unless that or a later one was used before.
fn matching_step(secret: &[u8], now: Millis, code: &str, last_step: i64) -> Option<i64> {
    let current = now.0 / SECOND / STEP_SECS as i64;
    (current - DRIFT..=current + DRIFT).find(|step| {
        let seconds = step.unsigned_abs() * STEP_SECS;
        let expected = totp_lite::totp_custom::<Sha1>(STEP_SECS, DIGITS, secret, seconds);
        bool::from(expected.as_bytes().ct_eq(code.as_bytes())) && *step > last_step
    })
}

/// Makes new recovery codes in place of the old ones. They are shown once.
pub async fn renew_recovery_codes(tx: &mut Tx, app: &App, now: Millis, person: PersonId) -> Result<Vec<String>> {
    if !is_enrolled(tx, person).await? {
        return Err(Error::conflict("no_second_factor", "set up an authenticator first"));
    }
    store::delete_recovery_codes(tx, person).await?;
    let mut codes = Vec::new();
    for _ in 0..RECOVERY_CODES {
        let code = BASE32_NOPAD.encode(&app.random.bytes::<10>());
        store::insert_recovery_code(tx, person, &hash(&code)).await?;
        codes.push(format!("{}-{}-{}-{}", &code[..4], &code[4..8], &code[8..12], &code[12..]));
    }
    let actor = Actor { person: Some(person), ..Actor::default() };
    identity::audit_as(tx, now, &actor, "second_factor.codes", &person, "").await?;
    Ok(codes)
}

/// Confirms the caller's new authenticator with a code of it. Returns the recovery codes, which are shown once.
pub async fn confirm(tx: &mut Tx, app: &App, now: Millis, caller: &Caller, code: &str) -> Result<Vec<String>> {
    if is_enrolled(tx, caller.person).await? {
        return Err(Error::conflict("second_factor_exists", "there is an authenticator already"));
    }
    if !accept(tx, app, now, caller.person, code).await? {
        return Err(Error::invalid("code", "is not the one that the app shows now; compare the clocks"));
    }
    renew_recovery_codes(tx, app, now, caller.person).await
}

/// Takes the caller's own second factor away.
pub async fn remove(tx: &mut Tx, now: Millis, caller: &Caller) -> Result<()> {
    caller.require_confirmed(now)?;
    if super::strictest(tx, caller.person).await?.second_factor_required {
        return Err(Error::conflict("second_factor_required", "your organization demands a second factor"));
    }
    store::delete_factors(tx, caller.person).await?;
    identity::audit(tx, now, caller, "second_factor.remove", &caller.person, "").await
}

/// Takes the second factor of a member away, who then signs in with the password alone and sets up another.
pub async fn reset(
    tx: &mut Tx,
    now: Millis,
    caller: &Caller,
    organization: &Membership,
    person: PersonId,
) -> Result<()> {
    caller.require_confirmed(now)?;
    let role = identity::role_in(tx, person, organization.organization).await?.ok_or(Error::NotFound("person"))?;
    if role > organization.role {
        return Err(Error::forbidden("role_too_high", "nobody resets the second factor of a higher role"));
    }
    store::delete_factors(tx, person).await?;
    identity::audit(tx, now, caller, "second_factor.reset", &person, "").await
}

fn hash(code: &str) -> String {
    hex(&Sha256::digest(code.to_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = b"12345678901234567890";
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            let now = Millis(seconds * 1000);
            assert_eq!(matching_step(secret, now, code, 0), Some(seconds / 30), "{seconds}");
            assert_eq!(matching_step(secret, now.plus(30_000), code, 0), Some(seconds / 30), "one step late");
            assert_eq!(matching_step(secret, now.plus(-30_000), code, 0), Some(seconds / 30), "one step early");
            assert_eq!(matching_step(secret, now.plus(60_000), code, 0), None, "two steps late");
            assert_eq!(matching_step(secret, now, code, seconds / 30), None, "used before");
        }
    }
}
