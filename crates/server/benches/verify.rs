//! What one verification of a key costs, with 1, 1 000 and 1 000 000 keys in the index.
//!
//! `cargo bench -p testward-server --bench verify [-- NUMBER…]` measures these sizes, or those that are named. The index is filled the way the server fills it: from rows of a
//! database, read by [`Index::load`]. Calls are also timed one by one, because a mean hides the slow ones;
//! that adds the reading of the clock to each, some 30 ns.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures the real time")]

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use testward_server::db::Db;
use testward_server::keys::{Index, Rejection, Vault};
use testward_server::random::Random;
use testward_server::time::{Clock, Millis};
use testward_wire::keytext::{HANDLE_LEN, KeyText, Kind, SECRET_LEN, compose};

const SIZES: [usize; 3] = [1, 1_000, 1_000_000];
const OWNERS: usize = 1_000;
/// Keys that are asked for, in random order; enough that they do not stay in the processor's cache.
const ASKED: usize = 100_000;
const CALLS: usize = 400_000;
const ROWS_AT_ONCE: usize = 10_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    // Cargo adds words of its own.
    let asked: Vec<usize> = std::env::args().filter_map(|it| it.parse().ok()).collect();
    for &size in if asked.is_empty() { &SIZES[..] } else { &asked } {
        measure(size).await?;
    }
    Ok(())
}

async fn measure(size: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let vault = Vault::open(&folder.path().join("secrets"), false, &Random::System).map_err(failed)?;
    let file = folder.path().join("testward.db");
    Db::open(&file).await.map_err(failed)?.close().await; // makes the tables
    let live = fill(&file, &vault, size).await?;
    let db = Db::open(&file).await.map_err(failed)?;
    let unknown: Vec<_> = (0..ASKED).map(|_| new_key()).collect();

    let (rss, cpu, start) = (rss_kib()?, cpu_seconds()?, Instant::now());
    let index = Index::load(&db).await.map_err(failed)?;
    let (took, cpu) = (start.elapsed(), cpu_seconds()? - cpu);
    // Right for the first large size of a process only: later ones fill what the earlier ones gave back.
    let grown = rss_kib()?.saturating_sub(rss);
    println!("{size:>9} keys  read from the database in {:.2} s, {cpu:.2} s of CPU", took.as_secs_f64());
    if size >= 100_000 {
        let each = grown * 1024 / size as u64;
        println!("{:15} memory +{} MiB, {each} bytes a key", "", grown / 1024);
    }
    let now = Clock::System.now();
    report("live", &live, |text| assert!(verify(&index, &vault, now, text).is_ok()));
    report("unknown", &unknown, |text| assert_eq!(verify(&index, &vault, now, text), Err(Rejection::Unknown)));
    db.close().await;
    Ok(())
}

/// What admission does with the text of a key: shape, checksum, look-up, MAC, whether it is alive.
fn verify(index: &Index, vault: &Vault, now: Millis, text: &str) -> Result<i64, Rejection> {
    let key = KeyText::parse(black_box(text)).expect("made by compose");
    index.verify(vault, now, Ipv4Addr::LOCALHOST.into(), key).map(|key| key.id.0)
}

fn report(what: &str, keys: &[String], ask: impl Fn(&str)) {
    let asked = || keys.iter().cycle().take(CALLS);
    asked().for_each(|text| ask(text)); // warm up
    let start = Instant::now();
    asked().for_each(|text| ask(text));
    let mean = start.elapsed() / CALLS as u32;
    let timed = |text: &String| {
        let start = Instant::now();
        ask(text);
        start.elapsed()
    };
    let mut calls: Vec<Duration> = asked().map(timed).collect();
    calls.sort_unstable();
    let at = |share: f64| calls[((calls.len() - 1) as f64 * share) as usize];
    println!(
        "{:15} {what:<8} mean {mean:>8.2?}   p50 {:>8.2?}   p99 {:>8.2?}   p99.9 {:>8.2?}",
        "",
        at(0.5),
        at(0.99),
        at(0.999)
    );
}

fn new_key() -> String {
    compose(Kind::Personal, &Random::System.base62(HANDLE_LEN), &Random::System.base62(SECRET_LEN))
}

/// Writes `size` keys and returns those to ask for.
async fn fill(file: &Path, vault: &Vault, size: usize) -> anyhow::Result<Vec<String>> {
    let options = SqliteConnectOptions::new().filename(file).journal_mode(SqliteJournalMode::Wal);
    let options = options.synchronous(SqliteSynchronous::Off).pragma("cache_size", "-400000");
    let mut connection = options.connect().await.context("opening the database")?;
    let owners: Vec<_> = (1..=OWNERS).collect();
    let sql = "INSERT INTO person (id, email, name, password_hash, created_at) \
               SELECT value, 'person' || value || '@example.com', 'Person', '', 0 FROM json_each($1)";
    sqlx::query(sql).bind(serde_json::to_string(&owners)?).execute(&mut connection).await?;
    let every = size.div_ceil(ASKED);
    let mut asked = Vec::new();
    for first in (0..size).step_by(ROWS_AT_ONCE) {
        let keys: Vec<_> = (first..size.min(first + ROWS_AT_ONCE)).map(|id| (id + 1, new_key())).collect();
        insert(&mut connection, vault, &keys).await?;
        asked.extend(keys.into_iter().filter(|(id, _)| id % every == 0).map(|(_, text)| text));
    }
    connection.close().await?;
    asked.sort_unstable(); // by handle: in no order that the index knows
    Ok(asked)
}

async fn insert(connection: &mut SqliteConnection, vault: &Vault, keys: &[(usize, String)]) -> anyhow::Result<()> {
    let row = |(id, text): &(usize, String)| {
        let mac = testward_server::blobs::hex(&vault.secret(text).mac);
        let handle = KeyText::parse(text).expect("made by compose").handle().to_owned();
        (*id, handle, id % OWNERS + 1, mac)
    };
    let rows: Vec<_> = keys.iter().map(row).collect();
    let sql = "INSERT INTO api_key (id, handle, kind, owner_id, name, mac, pepper_version, scopes, custody, created_at, \
               expires_at, version, copies) SELECT value ->> 0, value ->> 1, 'personal', value ->> 2, \
               'Pipeline ' || (value ->> 0), value ->> 3, 1, 'everything', 'recall', 0, 9000000000000, 1, 0 \
               FROM json_each($1)";
    sqlx::query(sql).bind(serde_json::to_string(&rows)?).execute(connection).await?;
    Ok(())
}

fn rss_kib() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("this needs Linux")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Processor time of all threads so far, in hundredths of a second as Linux counts it.
fn cpu_seconds() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("this needs Linux")?;
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(|it| it.parse().unwrap_or(0)).sum();
    Ok(ticks as f64 / 100.0)
}

fn failed(error: testward_server::error::Error) -> anyhow::Error {
    testward_server::web::into_anyhow(error)
}
