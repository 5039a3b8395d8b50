//! `/api/v1/audit`: the log as pages of JSON, and whole as JSON lines.

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::{TryStreamExt as _, stream};
use schemars::SchemaGenerator;
use serde::Deserialize;
use testward_wire::audit::{AuditPerson, AuditRow};
use testward_wire::keys::Page;

use super::sentence;
use crate::app::App;
use crate::audit::{self, Filter, Shown};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::identity;
use crate::ids::OrganizationId;
use crate::time::{DAY, Millis};
use crate::web::extract::{Json, Query};
use crate::web::openapi::describe::{self, Answer, Success};

pub const PATH: &str = "/api/v1/audit";
const DEFAULT_LIMIT: i64 = 50;
const MAX_LIMIT: i64 = 500;
/// Rows of an export that are in memory at once.
const EXPORT_PAGE: i64 = 1_000;

/// What the log is searched for, in the address. An empty text asks for nothing.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Asked {
    pub who: String,
    pub action: String,
    pub subject: String,
    pub key: String,
    pub ip: String,
    /// A date or an instant, inclusive.
    pub from: String,
    /// A date, inclusive, or the first instant not wanted any more.
    pub until: String,
    pub cursor: String,
    pub limit: Option<i64>,
}

impl Asked {
    pub fn filter(&self, limit: i64) -> Result<Filter> {
        let text = |text: &str| text.trim().to_owned();
        let before = Some(self.cursor.trim()).filter(|it| !it.is_empty()).map(str::parse).transpose();
        Ok(Filter {
            who: text(&self.who),
            action: text(&self.action),
            subject: text(&self.subject),
            key: text(&self.key),
            ip: text(&self.ip),
            from: instant("from", &self.from, 0)?,
            until: instant("until", &self.until, DAY)?,
            before: before.map_err(|_| Error::invalid("cursor", "must be one that the previous page gave"))?,
            limit,
        })
    }

    /// Whether anything is searched for.
    pub fn is_set(&self) -> bool {
        let texts = [&self.who, &self.action, &self.subject, &self.key, &self.ip, &self.from, &self.until];
        texts.iter().any(|text| !text.trim().is_empty())
    }

    /// Returns the query of the page that begins behind `cursor`.
    pub fn query<'a>(&'a self, cursor: &'a str) -> [(&'static str, &'a str); 8] {
        [
            ("who", &self.who),
            ("action", &self.action),
            ("subject", &self.subject),
            ("key", &self.key),
            ("ip", &self.ip),
            ("from", &self.from),
            ("until", &self.until),
            ("cursor", cursor),
        ]
    }
}

/// Reads an instant; a bare date is its beginning in UTC, or `plus` later.
fn instant(field: &str, text: &str, plus: i64) -> Result<Option<Millis>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let date = || Millis::parse_rfc3339(&format!("{text}T00:00:00Z")).map(|at| at.plus(plus));
    let at = Millis::parse_rfc3339(text).or_else(date);
    at.map(Some).ok_or_else(|| Error::invalid(field, "must be a date like 2026-11-23, or an instant with its zone"))
}

pub async fn list(State(app): State<App>, caller: Caller, Query(asked): Query<Asked>) -> Result<Json<Page<AuditRow>>> {
    let mut tx = app.db.read().await?;
    let organization = readable(&mut tx, &caller).await?;
    let filter = asked.filter(asked.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT))?;
    let (rows, next) = audit::list(&mut tx, organization, &filter).await?;
    Ok(Json(Page { items: rows.into_iter().map(view).collect(), next: next.map(|seq| seq.to_string()) }))
}

/// Hands out everything that was asked for, newest first, one JSON object a line.
pub async fn export(State(app): State<App>, caller: Caller, Query(asked): Query<Asked>) -> Result<Export> {
    let mut tx = app.db.read().await?;
    let organization = readable(&mut tx, &caller).await?;
    drop(tx);
    let filter = asked.filter(EXPORT_PAGE)?;
    let pages = stream::try_unfold(Some(filter), move |filter| {
        let app = app.clone();
        async move {
            let Some(filter) = filter else { return Ok(None) };
            let mut tx = app.db.read().await?;
            let (rows, next) = audit::list(&mut tx, organization, &filter).await?;
            let lines: Result<String> = rows.into_iter().map(line).collect();
            let rest = next.map(|seq| Filter { before: Some(seq), ..filter });
            Ok::<_, Error>(Some((lines?, rest)))
        }
    });
    // An error in the middle cuts the answer off, which clients notice: it has no end.
    let body = Body::from_stream(pages.map_err(crate::web::into_anyhow));
    Ok(Export(body))
}

/// The log as a file of JSON lines.
pub struct Export(Body);

impl IntoResponse for Export {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, "application/x-ndjson"),
            (header::CONTENT_DISPOSITION, "attachment; filename=\"testward-audit.jsonl\""),
        ];
        (headers, self.0).into_response()
    }
}

impl Answer for Export {
    fn describe(generator: &mut SchemaGenerator) -> Success {
        let schema = generator.subschema_for::<AuditRow>().to_value();
        let body = Some(describe::Body { mime: "application/x-ndjson", schema });
        Success { body, ..Success::default() }
    }
}

fn line(shown: Shown) -> Result<String> {
    let row = serde_json::to_string(&view(shown)).map_err(anyhow::Error::from)?;
    Ok(format!("{row}\n"))
}

/// Returns whose log the caller may read.
async fn readable(tx: &mut Tx, caller: &Caller) -> Result<OrganizationId> {
    Ok(identity::administered(tx, caller).await?.organization)
}

fn view(shown: Shown) -> AuditRow {
    let sentence = format!("{} {}", sentence::who(&shown), sentence::what(&shown));
    let row = shown.row;
    let person = row.person_id.map(|id| AuditPerson {
        id: id.0,
        name: shown.person_name.unwrap_or_default(),
        email: shown.person_email.unwrap_or_default(),
    });
    AuditRow {
        seq: row.seq,
        at: row.at.iso_millis(),
        person,
        key: row.key_handle,
        ip: row.ip,
        action: row.action,
        subject: row.subject,
        detail: row.detail,
        sentence,
        organizations: row.organizations,
        previous_hash: shown.previous_hash.unwrap_or_else(|| audit::BEGINNING.to_owned()),
        hash: row.hash,
    }
}
