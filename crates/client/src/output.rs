//! What people read: tables, receipts, instants, the progress bar. Texts only; who prints them is elsewhere.

use std::fmt::Write;
use std::time::SystemTime;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use serde::Serialize;
use testward_wire::keys::{EffectiveRight, KeyStatus, KeyView, Scope, WhoAmI};
use testward_wire::results::{Counts, FileOutcome, FileReceipt, Problem, Receipt};

/// Returns `value` as JSON for scripts.
pub fn json(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("wire types have text keys only")
}

/// Returns foreign text on one line and without control characters, which could repaint a terminal or forge log lines.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Names a key as errors and questions do.
pub fn key_name(name: &str, handle: &str) -> String {
    format!("key {} ({})", plain(name), plain(handle))
}

pub fn who(me: &WhoAmI) -> String {
    let rights: String = me.rights.iter().map(right).collect();
    format!(
        "name      {}\nhandle    {}\nowner     {}\nscopes    {}\nprojects  {}\nexpires   {}{rights}",
        plain(&me.name),
        plain(&me.handle),
        plain(&me.owner.email),
        scopes(&me.scopes),
        projects(me.projects.as_deref()),
        me.expires_at.as_deref().map_or_else(|| "never".to_owned(), plain),
    )
}

/// Tells what a key may do in an organization, where that is less than its scopes say.
fn right(right: &EffectiveRight) -> String {
    let mut text = format!("\nin {:<6} as {}", right.organization, plain(&right.role));
    for (withheld, by) in [(&right.withheld_by_role, "role"), (&right.withheld_by_policy, "policy")] {
        if !withheld.is_empty() {
            let _ = write!(text, "; without {} (by {by})", scopes(withheld));
        }
    }
    text
}

pub fn created(key: &KeyView) -> String {
    let name = key_name(&key.name, &key.handle);
    let end =
        key.expires_at.as_deref().map_or_else(|| "never expires".to_owned(), |at| format!("expires {}", plain(at)));
    format!("created {name}; may: {}; projects: {}; {end}", scopes(&key.scopes), projects(key.projects.as_deref()))
}

pub fn rotated(key: &KeyView) -> String {
    let name = key_name(&key.name, &key.handle);
    match &key.rotation {
        Some(rotation) if rotation.is_overlapping => {
            format!("rotated {name}; the old secret is accepted until {}", plain(&rotation.overlap_until))
        }
        _ => format!("rotated {name}; the old secret is refused from now on"),
    }
}

fn scopes(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(",")
}

fn projects(projects: Option<&[i64]>) -> String {
    match projects {
        None => "all".to_owned(),
        Some(ids) => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
    }
}

/// Returns the keys as an aligned table.
pub fn key_table(keys: &[KeyView]) -> String {
    let head = ["HANDLE", "NAME", "SCOPES", "EXPIRES (UTC)", "LAST USED (UTC)", "STATUS"].map(str::to_owned);
    let rows = keys.iter().map(key_row);
    table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

fn key_row(key: &KeyView) -> [String; 6] {
    let used = key.last_used.as_ref().map(|used| used.at.as_str());
    [
        plain(&key.handle),
        plain(&key.name),
        scopes(&key.scopes),
        minute(key.expires_at.as_deref()),
        minute(used),
        status(key.status).to_owned(),
    ]
}

const fn status(status: KeyStatus) -> &'static str {
    match status {
        KeyStatus::Active => "active",
        KeyStatus::ExpiringSoon => "expiring soon",
        KeyStatus::Expired => "expired",
        KeyStatus::Disabled => "disabled",
        KeyStatus::Revoked => "revoked",
    }
}

/// Shortens an RFC 3339 instant to its minute.
fn minute(instant: Option<&str>) -> String {
    instant.map_or_else(|| "never".to_owned(), |at| plain(at).chars().take(16).collect::<String>().replace('T', " "))
}

fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let lines = rows.iter().map(|row| {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Says how long a key lasts that expires at `at`; nothing when `at` is no instant.
pub fn expiry_warning(at: &str, now: SystemTime) -> Option<String> {
    let at: Timestamp = at.parse().ok()?;
    let left = at.duration_since(Timestamp::try_from(now).ok()?).as_hours();
    let left = match left {
        ..0 => return None,
        0..48 => format!("{left} h"),
        _ => format!("{} days", left / 24),
    };
    Some(format!("this API key expires in {left}"))
}

/// Returns the counts of a run in one line.
pub fn counts(counts: &Counts) -> String {
    let outcomes = [
        (counts.passed, "passed"),
        (counts.failed, "failed"),
        (counts.error, "with errors"),
        (counts.incomplete, "incomplete"),
        (counts.skipped, "skipped"),
        (counts.not_run, "not run"),
    ];
    let named: Vec<_> = outcomes.iter().filter(|it| it.0 > 0).map(|(n, name)| format!("{n} {name}")).collect();
    let mut line = plural(counts.total, "test");
    if !named.is_empty() {
        let _ = write!(line, ": {}", named.join(", "));
    }
    if counts.flaky > 0 {
        let _ = write!(line, " ({} flaky)", counts.flaky);
    }
    line
}

pub fn plural(n: i64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// Whether a file was refused, or read only up to a problem.
pub fn is_refused(file: &FileReceipt) -> bool {
    file.outcome == FileOutcome::Refused || (file.outcome == FileOutcome::Read && file.problem.is_some())
}

/// Returns one line for each refused file: `path:line:column: problem`.
pub fn refusals(receipt: &Receipt) -> Vec<String> {
    receipt.files.iter().filter(|file| is_refused(file)).map(refusal).collect()
}

fn refusal(file: &FileReceipt) -> String {
    match &file.problem {
        Some(problem) => place(&file.path, problem),
        None => format!("{}: refused", plain(&file.path)),
    }
}

/// Returns the files that look like reports and are none; they were kept as they are.
pub fn strangers(receipt: &Receipt) -> Vec<String> {
    let kept = receipt.files.iter().filter(|file| file.outcome == FileOutcome::Kept);
    let is_suspicious = |file: &&FileReceipt| {
        let path = file.path.to_ascii_lowercase();
        [".xml", ".json"].iter().any(|end| path.ends_with(end))
    };
    let lines = kept
        .filter(is_suspicious)
        .filter_map(|file| Some(format!("kept {}", place(&file.path, file.problem.as_ref()?))));
    shortened(lines.collect(), "file")
}

/// Writes a place as compilers do, so that editors and CI systems can jump there.
fn place(path: &str, problem: &Problem) -> String {
    let mut text = plain(path);
    for number in [problem.line, problem.line.and(problem.column)].into_iter().flatten() {
        let _ = write!(text, ":{number}");
    }
    format!("{text}: {}", plain(&problem.message))
}

/// Lines of one kind that are shown before the rest is only counted.
const SHOWN: usize = 5;

/// Returns what the server mended.
pub fn repairs(receipt: &Receipt) -> Vec<String> {
    let all = receipt.files.iter().flat_map(|file| file.repairs.iter().map(|it| (&file.path, it)));
    shortened(all.map(|(path, repair)| format!("repaired {}", place(path, repair))).collect(), "repair")
}

/// Shortens a list: a broken writer makes the same mistake in every file.
fn shortened(mut lines: Vec<String>, noun: &str) -> Vec<String> {
    if lines.len() > SHOWN {
        let more = plural((lines.len() - SHOWN) as i64, noun);
        lines.truncate(SHOWN);
        lines.push(format!("… and {more} more"));
    }
    lines
}

/// Returns a bar that counts bytes; hidden unless someone watches.
pub fn progress(bytes: u64, is_watched: bool) -> ProgressBar {
    let target = if is_watched { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left");
    ProgressBar::with_draw_target(Some(bytes), target).with_style(style.expect("the template is well-formed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn counts_name_only_what_happened() {
        let mut all = Counts { total: 12, passed: 9, failed: 2, skipped: 1, flaky: 1, ..Counts::default() };
        assert_eq!(counts(&all), "12 tests: 9 passed, 2 failed, 1 skipped (1 flaky)");
        all = Counts { total: 1, error: 1, ..Counts::default() };
        assert_eq!(counts(&all), "1 test: 1 with errors");
        assert_eq!(counts(&Counts::default()), "0 tests");
    }

    #[test]
    fn the_expiry_warning_counts_days_and_near_the_end_hours() {
        let now = UNIX_EPOCH + Duration::from_hours(490_896);
        let warning = |at| expiry_warning(at, now);
        assert_eq!(warning("2026-01-11T01:00:00Z").as_deref(), Some("this API key expires in 10 days"));
        assert_eq!(warning("2026-01-01T05:30:00Z").as_deref(), Some("this API key expires in 5 h"));
        assert_eq!(warning("soon"), None);
    }

    #[test]
    fn a_place_without_a_column_is_still_a_place() {
        let problem = |line, column| Problem { line, column, message: "no\u{1b}[2J".into() };
        assert_eq!(place("a.xml", &problem(Some(41), Some(7))), "a.xml:41:7: no [2J");
        assert_eq!(place("a.xml", &problem(Some(41), None)), "a.xml:41: no [2J");
        assert_eq!(place("a.xml", &problem(None, Some(7))), "a.xml: no [2J");
    }
}
