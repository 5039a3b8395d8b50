//! What the operator does at the console of the server's machine: people and keys without a page.
//!
//! A running server takes these orders on a socket in the folder of its secrets, so that they are in force at once;
//! without one, they are carried out on the data folder directly.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use testward_wire::keys::NewKey;
use testward_wire::keytext::Kind;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::app::App;
use crate::config::Config;
use crate::doctor;
use crate::error::{Error, Result};
use crate::identity::{self, Actor, Person};
use crate::keys::{self, Loses, SecretKind};
use crate::time::Millis;
use crate::web::into_anyhow;

/// An order of the operator.
#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
    CreateUser {
        email: String,
        name: String,
        role: String,
    },
    ListUsers,
    DisableUser {
        email: String,
    },
    EnableUser {
        email: String,
    },
    ResetPassword {
        email: String,
    },
    CreateKey {
        email: String,
        name: String,
        expires: Option<String>,
    },
    /// `secret` is `pepper` or `kek`.
    RotateSecret {
        secret: String,
    },
    SecretsStatus,
    RetireSecret {
        secret: String,
        force: bool,
    },
    Doctor,
}

/// What came of an order. `secret` is shown once.
#[derive(Debug, Serialize, Deserialize)]
pub enum Outcome {
    Done {
        message: String,
    },
    Secret {
        message: String,
        secret: String,
    },
    Users(Vec<User>),
    /// What was asked for; and what is wrong, if something is.
    Report {
        text: String,
        problems: Vec<String>,
    },
    Refused {
        message: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub struct User {
    pub id: i64,
    pub email: String,
    pub name: String,
    pub created_at: String,
    pub disabled_at: Option<String>,
}

/// Carries an order out.
pub async fn carry_out(app: &App, order: Order) -> Outcome {
    let done = match order {
        Order::CreateUser { email, name, role } => create_user(app, &email, &name, &role).await,
        Order::ListUsers => list_users(app).await,
        Order::DisableUser { email } => set_disabled(app, &email, Some(app.clock.now())).await,
        Order::EnableUser { email } => set_disabled(app, &email, None).await,
        Order::ResetPassword { email } => reset_password(app, &email).await,
        Order::CreateKey { email, name, expires } => create_key(app, &email, &name, expires).await,
        Order::RotateSecret { secret } => rotate_secret(app, &secret).await,
        Order::SecretsStatus => report_secrets(app).await,
        Order::RetireSecret { secret, force } => retire_secret(app, &secret, force).await,
        Order::Doctor => {
            doctor::examine(app).await.map(|it| Outcome::Report { text: it.report, problems: it.problems })
        }
    };
    done.unwrap_or_else(|error| {
        if let Error::Internal(cause) = &error {
            tracing::error!("an order at the console failed: {cause:#}");
        }
        Outcome::Refused { message: error.message() }
    })
}

async fn find(tx: &mut crate::db::Tx, email: &str) -> Result<Person> {
    identity::find_by_email(tx, email).await?.ok_or(Error::NotFound("person"))
}

async fn create_user(app: &App, email: &str, name: &str, role: &str) -> Result<Outcome> {
    let (password, hash) = new_password(app).await?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let team = identity::find_first_team(&mut tx)
        .await?
        .ok_or_else(|| Error::conflict("not_set_up", "this server is not set up yet; open the set-up link first"))?;
    let person = identity::add_person(&mut tx, now, email, name, &hash).await?;
    identity::join(&mut tx, now, person.id, &team, role.parse()?).await?;
    identity::audit_about(&mut tx, now, &Actor::default(), person.id, "person.create", &person.id, email).await?;
    let change = keys::owner_changed(&mut tx, person.id).await?;
    keys::commit(app, tx, change).await?;
    Ok(Outcome::Secret {
        message: format!("made {email}; the first password follows on standard output"),
        secret: password,
    })
}

async fn new_password(app: &App) -> Result<(String, String)> {
    let password = app.random.base62(20);
    let hash = app.passwords.hash(&app.random, &password).await?;
    Ok((password, hash))
}

async fn list_users(app: &App) -> Result<Outcome> {
    let mut tx = app.db.read().await?;
    let people = identity::list_people(&mut tx).await?;
    let users = people.into_iter().map(|person| User {
        id: person.id.0,
        email: person.email,
        name: person.name,
        created_at: person.created_at.rfc3339(),
        disabled_at: person.disabled_at.map(Millis::rfc3339),
    });
    Ok(Outcome::Users(users.collect()))
}

async fn set_disabled(app: &App, email: &str, at: Option<Millis>) -> Result<Outcome> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let person = find(&mut tx, email).await?;
    identity::set_disabled(&mut tx, person.id, at).await?;
    let (action, message) = match at {
        Some(_) => ("person.disable", format!("{email} is disabled: sessions ended, API keys refused")),
        None => ("person.enable", format!("{email} is enabled: may sign in, API keys work again")),
    };
    identity::audit_about(&mut tx, now, &Actor::default(), person.id, action, &person.id, email).await?;
    let change = keys::owner_changed(&mut tx, person.id).await?;
    keys::commit(app, tx, change).await?;
    Ok(Outcome::Done { message })
}

async fn reset_password(app: &App, email: &str) -> Result<Outcome> {
    let (password, hash) = new_password(app).await?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let person = find(&mut tx, email).await?;
    identity::reset_password(&mut tx, person.id, &hash).await?;
    identity::audit_about(&mut tx, now, &Actor::default(), person.id, "password.reset", &person.id, email).await?;
    tx.commit().await?;
    Ok(Outcome::Secret { message: format!("{email} has a new password; sessions ended"), secret: password })
}

async fn create_key(app: &App, email: &str, name: &str, expires: Option<String>) -> Result<Outcome> {
    let mut tx = app.db.write().await?;
    let owner = find(&mut tx, email).await?;
    let new = NewKey { name: name.to_owned(), expires, ..NewKey::default() };
    let (change, key, text) =
        keys::issue(&mut tx, app, app.clock.now(), &Actor::default(), (owner.id, Kind::Personal), &new).await?;
    keys::commit(app, tx, change).await?;
    Ok(Outcome::Secret { message: format!("made API key {} ({}) of {email}", key.handle, key.name), secret: text })
}

async fn rotate_secret(app: &App, secret: &str) -> Result<Outcome> {
    let status = keys::rotate_secret(app, secret.parse()?).await?;
    Ok(Outcome::Report { text: status.to_string(), problems: Vec::new() })
}

async fn report_secrets(app: &App) -> Result<Outcome> {
    let mut text = String::new();
    for kind in [SecretKind::Pepper, SecretKind::Kek] {
        text += &keys::secret_status(app, kind).await?.to_string();
    }
    Ok(Outcome::Report { text, problems: Vec::new() })
}

async fn retire_secret(app: &App, secret: &str, force: bool) -> Result<Outcome> {
    let loses = if force { Loses::WhatIsLeft } else { Loses::Nothing };
    let status = keys::retire_secret(app, secret.parse()?, loses).await?;
    Ok(Outcome::Report { text: status.to_string(), problems: Vec::new() })
}

/// Returns where a running server takes orders: a folder that only its own user may enter.
pub fn socket(config: &Config) -> PathBuf {
    config.secrets_dir().join("admin.sock")
}

/// Takes orders until dropped. Whoever may enter the folder of the secrets may give them.
pub async fn listen(app: App, socket: PathBuf) -> anyhow::Result<()> {
    // Left by a server that was killed; the lock on the data folder says that none is running.
    let _ = std::fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket).with_context(|| format!("listening on {}", socket.display()))?;
    loop {
        let (stream, _) = listener.accept().await?;
        let answered = app.panics.catch(answer(&app, stream)).await.map_err(into_anyhow);
        if let Err(error) = answered.flatten() {
            tracing::warn!("an order at the console was not understood: {error:#}");
        }
    }
}

async fn answer(app: &App, stream: UnixStream) -> anyhow::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let outcome = carry_out(app, serde_json::from_str(&line)?).await;
    stream.write_all(serde_json::to_string(&outcome)?.as_bytes()).await?;
    Ok(stream.write_all(b"\n").await?)
}

/// Gives an order to the running server; nothing, if none is running there.
pub async fn ask(socket: &Path, order: &Order) -> anyhow::Result<Option<Outcome>> {
    let Ok(stream) = UnixStream::connect(socket).await else { return Ok(None) };
    let mut stream = BufReader::new(stream);
    stream.write_all(serde_json::to_string(order)?.as_bytes()).await?;
    stream.write_all(b"\n").await?;
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    Ok(Some(serde_json::from_str(&line).context("reading the server's answer")?))
}
