//! Walks the whole chain and says where it is broken first.

use super::seal::{Head, Seal};
use super::{Row, chain, store};
use crate::db::Db;
use crate::error::Result;

/// Rows read at once.
const PAGE: i64 = 2_000;

/// What a walk found.
#[derive(Debug, Clone)]
pub struct Report {
    /// Rows that hold.
    pub rows: i64,
    /// The newest row that holds.
    pub seq: i64,
    pub hash: String,
    pub sealed: Option<Head>,
    pub broken: Option<Broken>,
}

/// The first thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub seq: i64,
    pub what: String,
}

/// Checks every row, the order of rows, who may read them, and the seal.
pub async fn verify(db: &Db, seal: &Seal) -> Result<Report> {
    let sealed = seal.head();
    let mut walk = Report { rows: 0, seq: 0, hash: chain::BEGINNING.to_owned(), sealed, broken: None };
    let mut tx = db.read().await?;
    loop {
        let rows = store::list_after(&mut tx, walk.seq, PAGE).await?;
        for (row, organizations) in &rows {
            walk.step(row, organizations);
            if walk.broken.is_some() {
                return Ok(walk);
            }
        }
        if rows.is_empty() {
            walk.end();
            return Ok(walk);
        }
    }
}

impl Report {
    fn step(&mut self, row: &Row, organizations: &str) {
        let seq = self.seq + 1;
        if row.seq != seq {
            return self.fail(seq, "the row is missing");
        }
        if row.hash != chain::hash(&self.hash, row) {
            return self.fail(seq, "the row, or the one before it, was altered");
        }
        if row.organizations != organizations {
            return self.fail(seq, "who may read the row was altered");
        }
        if self.sealed.as_ref().is_some_and(|it| it.seq == seq && it.hash != row.hash) {
            return self.fail(seq, "the row is not the one that was sealed: the chain was computed anew");
        }
        self.rows += 1;
        self.seq = seq;
        self.hash.clone_from(&row.hash);
    }

    fn end(&mut self) {
        match self.sealed.as_ref().map(|it| it.seq) {
            Some(sealed) if sealed > self.seq => self.fail(self.seq + 1, "rows were cut off: a later one was sealed"),
            None if self.rows > 0 => self.fail(self.seq, "nothing was sealed: the file audit-head is missing"),
            _ => {}
        }
    }

    fn fail(&mut self, seq: i64, what: &str) {
        self.broken = Some(Broken { seq, what: what.to_owned() });
    }
}
