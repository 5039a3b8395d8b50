//! SQL of the audit log.

use super::{Filter, Row, Shown};
use crate::db::{Tx, on};
use crate::error::Result;
use crate::ids::OrganizationId;
use crate::time::Millis;

macro_rules! row_columns {
    () => {
        "a.seq, a.at, a.person_id, a.key_handle, a.ip, a.action, a.subject, a.detail, a.organizations, a.hash"
    };
}

#[derive(sqlx::FromRow)]
struct LinkRow {
    #[sqlx(flatten)]
    row: Row,
    listed: Option<String>,
}

pub async fn insert(tx: &mut Tx, row: &Row) -> Result<()> {
    let sql = "INSERT INTO audit (seq, at, person_id, key_handle, ip, action, subject, detail, organizations, hash) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let query = sqlx::query(sql).bind(row.seq).bind(row.at).bind(row.person_id).bind(&row.key_handle).bind(&row.ip);
    let query = query.bind(&row.action).bind(&row.subject).bind(&row.detail).bind(&row.organizations).bind(&row.hash);
    on!(tx, conn => query.execute(conn).await)?;
    Ok(())
}

pub async fn insert_organization(tx: &mut Tx, organization: OrganizationId, seq: i64) -> Result<()> {
    let sql = "INSERT INTO audit_organization (organization_id, seq) VALUES ($1, $2)";
    on!(tx, conn => sqlx::query(sql).bind(organization).bind(seq).execute(conn).await)?;
    Ok(())
}

pub async fn find_hash(tx: &mut Tx, seq: i64) -> Result<Option<String>> {
    let sql = "SELECT hash FROM audit WHERE seq = $1";
    Ok(on!(tx, conn => sqlx::query_scalar(sql).bind(seq).fetch_optional(conn).await)?)
}

/// Returns number and hash of the newest row.
pub async fn find_head(tx: &mut Tx) -> Result<Option<(i64, String)>> {
    let sql = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1";
    Ok(on!(tx, conn => sqlx::query_as(sql).fetch_optional(conn).await)?)
}

/// Lists rows behind `seq`, oldest first, each with the organizations it is listed for.
pub async fn list_after(tx: &mut Tx, seq: i64, limit: i64) -> Result<Vec<(Row, String)>> {
    let sql = concat!(
        "SELECT ",
        row_columns!(),
        ", (SELECT group_concat(o.organization_id, ' ' ORDER BY o.organization_id) FROM audit_organization o \
         WHERE o.seq = a.seq) AS listed FROM audit a WHERE a.seq > $1 ORDER BY a.seq LIMIT $2"
    );
    let rows: Vec<LinkRow> = on!(tx, conn => sqlx::query_as(sql).bind(seq).bind(limit).fetch_all(conn).await)?;
    Ok(rows.into_iter().map(|it| (it.row, it.listed.unwrap_or_default())).collect())
}

/// Lists one row more than the limit, so that the caller knows whether there is more.
pub async fn list(tx: &mut Tx, organization: OrganizationId, filter: &Filter) -> Result<Vec<Shown>> {
    let sql = concat!(
        "SELECT ",
        row_columns!(),
        ", p.name AS person_name, p.email AS person_email, b.hash AS previous_hash \
         FROM audit_organization o JOIN audit a ON a.seq = o.seq LEFT JOIN person p ON p.id = a.person_id \
         LEFT JOIN audit b ON b.seq = a.seq - 1 WHERE o.organization_id = $1 AND o.seq < $2 \
         AND a.at >= $3 AND a.at < $4 AND substr(a.action, 1, length($5)) = $5 \
         AND substr(COALESCE(a.ip, ''), 1, length($6)) = $6 \
         AND ($7 = '' OR instr(lower(p.name), lower($7)) > 0 OR instr(lower(p.email), lower($7)) > 0) \
         AND ($8 = '' OR a.key_handle = $8 OR a.subject = $8) \
         AND ($9 = '' OR instr(lower(a.subject), lower($9)) > 0 OR instr(lower(a.detail), lower($9)) > 0) \
         ORDER BY o.seq DESC LIMIT $10"
    );
    let query = sqlx::query_as(sql).bind(organization).bind(filter.before.unwrap_or(i64::MAX));
    let query = query.bind(filter.from.unwrap_or(Millis(0))).bind(filter.until.unwrap_or(Millis(i64::MAX)));
    let query = query.bind(&filter.action).bind(&filter.ip).bind(&filter.who).bind(&filter.key).bind(&filter.subject);
    Ok(on!(tx, conn => query.bind(filter.limit + 1).fetch_all(conn).await)?)
}
