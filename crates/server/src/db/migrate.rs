//! Brings the tables up to date: each migration once, in order, in a transaction of its own.

use anyhow::{Context as _, bail};
use sqlx::{AssertSqlSafe, SqlitePool};

/// Append only: a landed migration is never edited.
const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_accounts", include_str!("../../migrations/0001_accounts.sql")),
    ("0002_keys", include_str!("../../migrations/0002_keys.sql")),
    ("0003_results", include_str!("../../migrations/0003_results.sql")),
    ("0004_jobs", include_str!("../../migrations/0004_jobs.sql")),
    ("0005_session_end", include_str!("../../migrations/0005_session_end.sql")),
    ("0006_key_life", include_str!("../../migrations/0006_key_life.sql")),
    ("0007_policy", include_str!("../../migrations/0007_policy.sql")),
    ("0008_trust", include_str!("../../migrations/0008_trust.sql")),
    ("0009_run_filters", include_str!("../../migrations/0009_run_filters.sql")),
    ("0010_key_usage", include_str!("../../migrations/0010_key_usage.sql")),
    ("0011_audit", include_str!("../../migrations/0011_audit.sql")),
    ("0012_service_accounts", include_str!("../../migrations/0012_service_accounts.sql")),
    ("0013_key_requests", include_str!("../../migrations/0013_key_requests.sql")),
    ("0014_second_factor", include_str!("../../migrations/0014_second_factor.sql")),
    ("0015_scim", include_str!("../../migrations/0015_scim.sql")),
    ("0016_notices", include_str!("../../migrations/0016_notices.sql")),
    ("0017_leaks", include_str!("../../migrations/0017_leaks.sql")),
];

pub async fn run(pool: &SqlitePool) -> anyhow::Result<()> {
    sqlx::raw_sql("CREATE TABLE IF NOT EXISTS migration (number BIGINT PRIMARY KEY, name TEXT NOT NULL)")
        .execute(pool)
        .await?;
    let applied: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM migration").fetch_one(pool).await?;
    let applied = usize::try_from(applied)?;
    if applied > MIGRATIONS.len() {
        bail!("this database was written by a newer Testward; start that version, or restore a backup");
    }
    for (number, (name, sql)) in MIGRATIONS.iter().enumerate().skip(applied) {
        let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
        // SQLite keeps rows in the order of an INTEGER key; any other key is a second tree beside them.
        let sql = AssertSqlSafe(sql.replace("BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY"));
        sqlx::raw_sql(sql).execute(&mut *tx).await.with_context(|| format!("applying migration {name}"))?;
        sqlx::query("INSERT INTO migration (number, name) VALUES ($1, $2)")
            .bind(i64::try_from(number)?)
            .bind(*name)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
    }
    Ok(())
}
