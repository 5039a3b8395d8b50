//! Texts of statements about many rows at once.

use sqlx::AssertSqlSafe;

/// Rows in a full statement. Only full ones are worth keeping prepared.
pub const CHUNK: usize = 500;

/// Returns `n` placeholders, separated by commas.
///
/// Bare `?` rather than `$n`: the driver looks every named placeholder up by a walk over all of them, which makes a
/// statement with thousands of values slower by orders of magnitude.
pub(crate) fn marks(n: usize) -> String {
    let mut text = "?,".repeat(n);
    text.pop();
    text
}

/// Writes `INSERT INTO {table} ({columns}) VALUES (?, …), …` for `rows` rows.
pub(crate) fn insert(table: &str, columns: &str, rows: usize) -> AssertSqlSafe<String> {
    let row = format!("({}),", marks(columns.split(',').count()));
    let mut sql = format!("INSERT INTO {table} ({columns}) VALUES {}", row.repeat(rows));
    sql.pop();
    AssertSqlSafe(sql)
}
