//! Sessions of signed-in people: an opaque token in a cookie, its hash in the table.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use super::{Actor, Passwords, Person, audit_as, store};
use crate::blobs::hex;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::gate::{Caller, SessionFacts, Via};
use crate::ids::PersonId;
use crate::random::Random;
use crate::time::{DAY, HOUR, MINUTE, Millis};
use testward_wire::credentials::SESSION_TOKEN_LEN;

/// A session ends this long after it began, whatever happens.
pub const ACTIVE_FOR: i64 = 30 * DAY;
/// The same for a session of a program: no official client fetches a second token, so it lasts for the longest build.
pub const PROGRAM_ACTIVE_FOR: i64 = DAY;
/// A session ends when it was not used for this long.
const IDLE_FOR: i64 = 7 * DAY;
/// How stale `seen_at` may get before it is written again: a page view is no reason for a write.
const SEEN_EVERY: i64 = HOUR;
const _: () = assert!(SEEN_EVERY > MINUTE && SEEN_EVERY < IDLE_FOR);

/// A session as its owner sees it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Session {
    pub token_hash: String,
    pub person_id: PersonId,
    pub created_at: Millis,
    pub seen_at: Millis,
    pub confirmed_at: Millis,
    pub ip: String,
    pub user_agent: String,
    /// When it ends at the latest, if sooner than for all.
    pub ends_at: Option<Millis>,
}

/// A session that was just started: its token is shown once, to the browser.
pub struct NewSession {
    pub token: String,
    pub person: Person,
}

/// Checks e-mail and password. A wrong password and an unknown or disabled person get the same answer in the same time.
pub async fn authenticate(db: &Db, passwords: &Passwords, email: &str, password: &str) -> Result<Person> {
    let mut tx = db.read().await?;
    let found = store::find_credentials(&mut tx, email.trim()).await?;
    drop(tx);
    let (person, hash) = found.unzip();
    let matches = passwords.verify(hash, password).await?;
    person.filter(|person| matches && person.disabled_at.is_none()).ok_or_else(|| {
        Error::unauthenticated("wrong_credentials", "this e-mail address and password do not go together")
    })
}

/// Signs a person in who has proved who they are.
pub async fn start(
    tx: &mut Tx,
    now: Millis,
    random: &Random,
    person: Person,
    ip: IpAddr,
    agent: &str,
) -> Result<NewSession> {
    let session = new(now, &person, ip, agent);
    add(tx, now, random, person, session).await
}

/// Signs in a program that has a person's password. Its session ends with the longest build, and as nobody has just
/// typed the password, it shows and makes no secret.
pub async fn start_for_program(
    tx: &mut Tx,
    now: Millis,
    random: &Random,
    person: Person,
    ip: IpAddr,
    agent: &str,
) -> Result<NewSession> {
    let ends_at = Some(now.plus(PROGRAM_ACTIVE_FOR));
    let session = Session { ends_at, confirmed_at: Millis(0), ..new(now, &person, ip, agent) };
    add(tx, now, random, person, session).await
}

fn new(now: Millis, person: &Person, ip: IpAddr, agent: &str) -> Session {
    Session {
        token_hash: String::new(),
        person_id: person.id,
        created_at: now,
        seen_at: now,
        confirmed_at: now,
        ip: ip.to_string(),
        user_agent: agent.chars().take(200).collect(),
        ends_at: None,
    }
}

async fn add(tx: &mut Tx, now: Millis, random: &Random, person: Person, session: Session) -> Result<NewSession> {
    let token = random.base62(SESSION_TOKEN_LEN);
    let session = Session { token_hash: token_hash(&token), ..session };
    store::insert_session(tx, &session).await?;
    let actor = Actor { person: Some(person.id), key: None, ip: Some(session.ip) };
    let detail = if session.ends_at.is_some() { "for a program" } else { "" };
    audit_as(tx, now, &actor, "session.start", &person.id, detail).await?;
    Ok(NewSession { token, person })
}

/// Finds who a session's token belongs to; nobody, when it ended or its owner was disabled.
pub async fn find_caller(db: &Db, now: Millis, token: &str, ip: IpAddr) -> Result<Option<Caller>> {
    let hash = token_hash(token);
    let mut tx = db.read().await?;
    let found = store::find_session(&mut tx, &hash).await?;
    drop(tx);
    let Some(session) = found.filter(|it| is_live(it, now)) else { return Ok(None) };
    if now.since(session.seen_at) > SEEN_EVERY {
        let mut tx = db.write().await?;
        store::update_session_seen(&mut tx, &hash, now).await?;
        tx.commit().await?;
    }
    let facts = SessionFacts { token_hash: hash, confirmed_at: session.confirmed_at, ends_at: session.ends_at };
    Ok(Some(Caller::new(session.person_id, Via::Session(facts), ip)))
}

fn is_live(session: &Session, now: Millis) -> bool {
    let has_ended = session.ends_at.is_some_and(|at| at <= now);
    !has_ended && now.since(session.created_at) < ACTIVE_FOR && now.since(session.seen_at) < IDLE_FOR
}

/// Notes that the caller just gave their password again.
pub async fn confirm(tx: &mut Tx, now: Millis, caller: &Caller) -> Result<()> {
    store::update_session_confirmed(tx, &caller.session()?.token_hash, now).await
}

/// Signs the caller out.
pub async fn end(tx: &mut Tx, now: Millis, caller: &Caller) -> Result<()> {
    store::delete_session(tx, caller.person, &caller.session()?.token_hash).await?;
    super::audit(tx, now, caller, "session.end", &caller.person, "").await
}

/// Ends another session of the caller, named by its hash.
pub async fn end_one(tx: &mut Tx, now: Millis, caller: &Caller, token_hash: &str) -> Result<()> {
    store::delete_session(tx, caller.person, token_hash).await?;
    super::audit(tx, now, caller, "session.end", &caller.person, "another session").await
}

/// Ends all sessions of the caller but this one.
pub async fn end_others(tx: &mut Tx, now: Millis, caller: &Caller) -> Result<()> {
    store::delete_other_sessions(tx, caller.person, &caller.session()?.token_hash).await?;
    super::audit(tx, now, caller, "session.end", &caller.person, "all others").await
}

/// Lists the caller's live sessions, the newest first.
pub async fn list(tx: &mut Tx, now: Millis, caller: &Caller) -> Result<Vec<Session>> {
    let mut sessions = store::list_sessions(tx, caller.person).await?;
    sessions.retain(|session| is_live(session, now));
    Ok(sessions)
}

/// Replaces the caller's password and ends their other sessions: whoever else was in is out.
pub async fn change_password(tx: &mut Tx, now: Millis, caller: &Caller, password_hash: &str) -> Result<()> {
    store::update_password(tx, caller.person, password_hash).await?;
    store::delete_other_sessions(tx, caller.person, &caller.session()?.token_hash).await?;
    confirm(tx, now, caller).await?;
    super::audit(tx, now, caller, "password.change", &caller.person, "").await
}

/// Deletes sessions that have ended. They open nothing already; this only keeps the table small.
pub async fn forget_ended(tx: &mut Tx, now: Millis) -> Result<()> {
    store::delete_ended_sessions(tx, now, now.plus(-ACTIVE_FOR), now.plus(-IDLE_FOR)).await
}

/// The token has 256 bits of its own, so a plain hash cannot be guessed backwards.
fn token_hash(token: &str) -> String {
    hex(&Sha256::digest(token))
}
