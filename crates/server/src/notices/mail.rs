//! Notices by mail.

use anyhow::{Context as _, anyhow};
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{Message, SmtpTransport, Transport as _};
use serde::{Deserialize, Serialize};

use super::store;
use crate::app::App;
use crate::config::Mail;
use crate::error::{Error, Result};
use crate::identity;
use crate::ids::NoticeId;
use crate::work::Job;

/// Hands mail to the operator's mail server.
pub struct Mailer {
    server: SmtpTransport,
    from: Mailbox,
}

impl Mailer {
    pub fn new(settings: &Mail) -> Result<Self> {
        // The address may hold a password: of an error only its kind is told.
        let server = SmtpTransport::from_url(&settings.smtp_url)
            .map_err(|_| anyhow!("the SMTP address must be like smtps://user:password@mail.example.com"))?;
        let from =
            settings.from.parse().with_context(|| format!("{} is no address to send mail from", settings.from))?;
        Ok(Self { server: server.build(), from })
    }

    /// Sends a plain text; when this returns, the mail server has taken it.
    pub async fn send(&self, to: &str, subject: &str, text: String) -> Result<()> {
        let to = to.parse().with_context(|| "the person's address takes no mail".to_owned())?;
        let mail = Message::builder().from(self.from.clone()).to(to).subject(subject);
        let mail = mail.header(ContentType::TEXT_PLAIN).body(text).context("writing a mail")?;
        let server = self.server.clone();
        let sent = tokio::task::spawn_blocking(move || server.send(&mail)).await.context("sending mail")?;
        sent.map(drop).map_err(|error| Error::Unavailable { message: format!("sending mail failed: {error}") })
    }
}

/// Sends a notice to its reader.
#[derive(Debug, Serialize, Deserialize)]
pub struct SendMail {
    pub notice: NoticeId,
}

impl Job for SendMail {
    const KIND: &'static str = "send_mail";

    async fn run(self, app: App) -> Result<()> {
        let Some(mailer) = &app.mailer else { return Ok(()) };
        let mut tx = app.db.read().await?;
        let Some(notice) = store::find(&mut tx, self.notice).await? else { return Ok(()) };
        let person = identity::find(&mut tx, notice.person_id).await?;
        drop(tx);
        if person.disabled_at.is_some() {
            return Ok(());
        }
        let text = format!(
            "Hello {},\n\n{}\n\n{}\n\n--\nYou get this because of your choices at {}\n",
            person.name,
            notice.body,
            app.url(&notice.href),
            app.url("/notices")
        );
        mailer.send(&person.email, &notice.title, text).await
    }
}
