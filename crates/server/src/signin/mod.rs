//! Signing in: password, then the second factor of whoever has one, then a session.

pub mod factor;
pub mod http;
pub mod pages;
mod policy;
mod store;

use sha2::{Digest as _, Sha256};

pub use policy::{Policy, find_policy, require_second_factor, strictest};

use crate::app::App;
use crate::blobs::hex;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity::http::{Place, authenticate_at};
use crate::identity::{self, NewSession, Person};
use crate::ids::PersonId;
use crate::time::{MINUTE, Millis};
use crate::web::limits::{Attempt, Source};

/// How long the second factor is awaited.
const PENDING_FOR: i64 = 10 * MINUTE;
/// Wrong codes after which the password must be given again.
const MAX_FAILURES: i64 = 5;

/// How far a right password led.
pub enum Begun {
    In(NewSession),
    /// The second factor is awaited, or is to be set up; the token says whose.
    Second(Pending),
}

/// A sign-in that awaits its second factor.
pub struct Pending {
    pub token: String,
    /// Whether there is none yet and an organization demands one.
    pub must_enrol: bool,
}

/// Checks e-mail and password. Whoever has a second factor, or must have one, gets no session for that alone.
pub async fn begin(app: &App, from: &Place, email: &str, password: &str) -> Result<Begun> {
    let person = authenticate_at(app, from, email, password).await?;
    enter(app, from, person).await
}

/// Leads on somebody whose first factor was right.
pub async fn enter(app: &App, from: &Place, person: Person) -> Result<Begun> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let is_enrolled = factor::is_enrolled(&mut tx, person.id).await?;
    let must_enrol = !is_enrolled && strictest(&mut tx, person.id).await?.second_factor_required;
    let begun = if is_enrolled || must_enrol {
        let token = app.random.base62(43);
        store::insert_pending(&mut tx, &token_hash(&token), person.id, now).await?;
        Begun::Second(Pending { token, must_enrol })
    } else {
        Begun::In(identity::start(&mut tx, now, &app.random, person, from.ip, &from.agent).await?)
    };
    tx.commit().await?;
    Ok(begun)
}

/// Whether a right password alone signs this person in, as programs need it.
pub async fn is_password_enough(tx: &mut Tx, person: PersonId) -> Result<bool> {
    Ok(!factor::is_enrolled(tx, person).await? && !strictest(tx, person).await?.second_factor_required)
}

/// Finds who is signing in.
pub async fn find_pending(tx: &mut Tx, now: Millis, token: &str) -> Result<Person> {
    let found = store::find_pending(tx, &token_hash(token)).await?;
    let live = found.filter(|it| now.since(it.created_at) < PENDING_FOR && it.failures < MAX_FAILURES);
    let pending = live.ok_or_else(sign_in_again)?;
    let person = identity::find(tx, pending.person_id).await?;
    if person.disabled_at.is_some() { Err(sign_in_again()) } else { Ok(person) }
}

fn sign_in_again() -> Error {
    Error::unauthenticated("sign_in_again", "this took too long or failed too often; begin again with your password")
}

/// Checks the code of the second factor and signs in. With `must_enrol`, the code also confirms the new authenticator.
pub async fn finish(app: &App, from: &Place, token: &str, code: &str) -> Result<NewSession> {
    let now = app.clock.now();
    let mut tx = app.db.read().await?;
    let person = find_pending(&mut tx, now, token).await?;
    drop(tx);
    let account = || Source::Account(person.email.to_lowercase());
    app.failures.check(now, Attempt::SignIn, from.ip)?;
    app.failures.check(now, Attempt::SignIn, account())?;
    let mut tx = app.db.write().await?;
    // Asked again under the lock: guesses sent all at once count one by one.
    find_pending(&mut tx, now, token).await?;
    if !factor::accept(&mut tx, app, now, person.id, code).await? {
        store::update_pending_failed(&mut tx, &token_hash(token)).await?;
        tx.commit().await?;
        app.failures.record(now, Attempt::SignIn, from.ip);
        app.failures.record(now, Attempt::SignIn, account());
        return Err(wrong_code());
    }
    store::delete_pending(&mut tx, &token_hash(token)).await?;
    let session = identity::start(&mut tx, now, &app.random, person, from.ip, &from.agent).await?;
    tx.commit().await?;
    Ok(session)
}

fn wrong_code() -> Error {
    Error::unauthenticated("wrong_code", "this code is not valid, or was used already; wait for the next one")
}

/// Accepts a code of the second factor in place of the password, before a secret is shown.
pub async fn check_code(app: &App, caller: &Caller, code: &str) -> Result<()> {
    let now = app.clock.now();
    let account = || Source::Account(format!("second factor of {}", caller.person));
    app.failures.check(now, Attempt::SignIn, account())?;
    let mut tx = app.db.write().await?;
    let is_right = factor::is_enrolled(&mut tx, caller.person).await?
        && factor::accept(&mut tx, app, now, caller.person, code).await?;
    tx.commit().await?;
    if is_right {
        return Ok(());
    }
    app.failures.record(now, Attempt::SignIn, account());
    Err(wrong_code())
}

/// Forgets sign-ins that nobody finished.
pub async fn forget_old(tx: &mut Tx, now: Millis) -> Result<()> {
    store::delete_pending_before(tx, now.plus(-PENDING_FOR)).await
}

/// The token has 256 bits of its own, so a plain hash cannot be guessed backwards.
fn token_hash(token: &str) -> String {
    hex(&Sha256::digest(token))
}
