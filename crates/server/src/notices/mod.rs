//! What people are told: on a page of theirs, by mail, and through the webhooks of their organizations. No notice holds
//! a secret; a key is named by its name and handle.

pub mod http;
pub mod pages;
mod mail;
mod store;
mod webhook;

use serde::{Deserialize, Serialize};

use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::ids::{NoticeId, PersonId};
use crate::time::{DAY, Millis};
use crate::work;

pub use mail::{Mailer, SendMail};
pub use webhook::{
    DeliverWebhook, Delivery, Webhook, add as add_webhook, list as list_webhooks, list_deliveries,
    remove as remove_webhook, secret as webhook_secret, test as test_webhook,
};

/// How long notices and the log of deliveries are kept.
const KEPT_FOR: i64 = 400 * DAY;
const DELIVERIES_KEPT_FOR: i64 = 30 * DAY;

/// What a notice is about. Each kind can be chosen to come by mail or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    KeyExpires,
    KeyCreated,
    KeyCopied,
    KeyNewNetwork,
    KeyRotated,
    KeyRevoked,
    DeadKeyUsed,
    KeyLeaked,
    SecretUploaded,
}

impl Kind {
    pub const ALL: [Self; 9] = [
        Self::KeyExpires,
        Self::KeyLeaked,
        Self::SecretUploaded,
        Self::DeadKeyUsed,
        Self::KeyNewNetwork,
        Self::KeyRevoked,
        Self::KeyRotated,
        Self::KeyCopied,
        Self::KeyCreated,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::KeyExpires => "key_expires",
            Self::KeyCreated => "key_created",
            Self::KeyCopied => "key_copied",
            Self::KeyNewNetwork => "key_new_network",
            Self::KeyRotated => "key_rotated",
            Self::KeyRevoked => "key_revoked",
            Self::DeadKeyUsed => "dead_key_used",
            Self::KeyLeaked => "key_leaked",
            Self::SecretUploaded => "secret_uploaded",
        }
    }

    /// Returns what a person reads beside the choice.
    pub const fn label(self) -> &'static str {
        match self {
            Self::KeyExpires => "A key of yours is about to expire",
            Self::KeyCreated => "A key was created for you",
            Self::KeyCopied => "A key of yours was copied",
            Self::KeyNewNetwork => "A key of yours is used from a new network",
            Self::KeyRotated => "A key of yours was rotated",
            Self::KeyRevoked => "A key of yours was deleted or disabled",
            Self::DeadKeyUsed => "A dead key of yours is still in use",
            Self::KeyLeaked => "A key of yours was found in public",
            Self::SecretUploaded => "A report that you uploaded held a secret",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it comes by mail unless somebody chose otherwise. What one just did oneself does not.
    const fn is_mailed(self) -> bool {
        !matches!(self, Self::KeyCreated | Self::KeyCopied | Self::KeyRotated)
    }
}

/// Something to tell a person.
#[derive(Debug, Clone)]
pub struct News {
    pub kind: Kind,
    /// One line, which is also the subject of the mail.
    pub title: String,
    /// What happened and what to do, in a few sentences.
    pub body: String,
    /// Path on this server that leads to what it is about.
    pub href: String,
    /// What it is about, such as a key's handle.
    pub subject: String,
}

/// A notice as its reader sees it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Notice {
    pub id: NoticeId,
    pub person_id: PersonId,
    pub at: Millis,
    pub kind: String,
    pub title: String,
    pub body: String,
    pub href: String,
    pub subject: String,
    pub read_at: Option<Millis>,
}

/// Tells a person, in the transaction of what there is to tell. Mails and calls go out after it is committed.
pub async fn tell(tx: &mut Tx, now: Millis, person: PersonId, news: &News) -> Result<()> {
    let id = NoticeId::next(tx).await?;
    store::insert(tx, id, person, now, news).await?;
    if wants_mail(tx, person, news.kind).await? {
        work::enqueue(tx, now, &SendMail { notice: id }).await?;
    }
    webhook::enqueue(tx, now, person, news).await
}

/// Tells a person unless they were told the same within a day.
pub async fn tell_daily(tx: &mut Tx, now: Millis, person: PersonId, news: &News) -> Result<()> {
    if store::was_told_since(tx, person, news, now.plus(-DAY)).await? {
        return Ok(());
    }
    tell(tx, now, person, news).await
}

async fn wants_mail(tx: &mut Tx, person: PersonId, kind: Kind) -> Result<bool> {
    let chosen = store::find_choice(tx, person, kind).await?;
    Ok(chosen.unwrap_or(kind.is_mailed()))
}

/// Lists the caller's notices, newest first, and says where the next page begins.
pub async fn list(
    tx: &mut Tx,
    caller: &Caller,
    before: Option<NoticeId>,
    limit: i64,
) -> Result<(Vec<Notice>, Option<NoticeId>)> {
    let mut notices = store::list(tx, caller.person, before, limit + 1).await?;
    let has_more = notices.len() as i64 > limit;
    notices.truncate(limit as usize);
    let next = notices.last().filter(|_| has_more).map(|it| it.id);
    Ok((notices, next))
}

/// Counts what a person has not read.
pub async fn count_unread(tx: &mut Tx, person: PersonId) -> Result<i64> {
    store::count_unread(tx, person).await
}

/// Marks the caller's notices as read, up to and including `last`: what came meanwhile stays unread.
pub async fn mark_read(tx: &mut Tx, now: Millis, caller: &Caller, last: NoticeId) -> Result<()> {
    store::update_read(tx, caller.person, last, now).await
}

/// Lists what the caller wants by mail.
pub async fn list_choices(tx: &mut Tx, caller: &Caller) -> Result<Vec<(Kind, bool)>> {
    let mut choices = Vec::with_capacity(Kind::ALL.len());
    for kind in Kind::ALL {
        choices.push((kind, wants_mail(tx, caller.person, kind).await?));
    }
    Ok(choices)
}

/// Takes the names of the kinds that the caller wants by mail; the others do not come that way.
pub async fn choose(tx: &mut Tx, caller: &Caller, by_mail: &[String]) -> Result<()> {
    if let Some(unknown) = by_mail.iter().find(|name| Kind::from_name(name).is_none()) {
        return Err(Error::invalid("by_mail", format!("names {unknown}, which is no kind of notice")));
    }
    for kind in Kind::ALL {
        let wanted = by_mail.iter().any(|name| name == kind.name());
        store::upsert_choice(tx, caller.person, kind, wanted).await?;
    }
    Ok(())
}

/// Forgets what nobody will look up any more.
pub async fn forget_old(tx: &mut Tx, now: Millis) -> Result<()> {
    store::delete_before(tx, now.plus(-KEPT_FOR)).await?;
    store::delete_deliveries_before(tx, now.plus(-DELIVERIES_KEPT_FOR)).await
}
