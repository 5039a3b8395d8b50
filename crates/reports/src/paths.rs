//! Paths within an upload, written by any system.

use crate::report::Files;

/// Returns the folder of a path, without its last separator; empty for a file at the top.
pub(crate) fn folder(path: &str) -> &str {
    path.rfind(is_separator).map_or("", |at| &path[..at])
}

pub(crate) fn file_name(path: &str) -> &str {
    path.rfind(is_separator).map_or(path, |at| &path[at + 1..])
}

/// Finds the file of the upload that an attachment path written in `report_path` means: relative to the report, to the
/// upload root, else by longest common suffix.
///
/// Handles doubled backslashes and absolute paths of Windows and Unix.
pub fn find_attachment(files: &dyn Files, report_path: &str, written: &str) -> Option<usize> {
    let written = written.trim();
    let written = written.strip_prefix("file://").unwrap_or(written);
    let wanted = components(written);
    let name = *wanted.last()?;
    let beside: Vec<&str> = components_joined(folder(report_path), written);
    let mut best: Option<(Rank, usize)> = None;
    for index in 0..files.len() {
        let path = files.path(index);
        if !file_name(path).eq_ignore_ascii_case(name) {
            continue;
        }
        let rank = Rank::of(&components(path), &beside, &wanted, report_path);
        if best.as_ref().is_none_or(|(best, _)| rank > *best) {
            best = Some((rank, index));
        }
    }
    best.map(|(_, index)| index)
}

/// How well a file fits; the greatest wins, the first of equals.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    is_beside: bool,
    is_at_root: bool,
    is_exact_name: bool,
    common_suffix: usize,
    /// Of two equal suffixes, the one nearer to the report.
    common_prefix: usize,
}

impl Rank {
    fn of(path: &[&str], beside: &[&str], wanted: &[&str], report_path: &str) -> Self {
        let report = components(report_path);
        Self {
            is_beside: path == beside,
            is_at_root: path == wanted,
            is_exact_name: path.last() == wanted.last(),
            common_suffix: std::iter::zip(path.iter().rev(), wanted.iter().rev())
                .take_while(|(a, b)| a.eq_ignore_ascii_case(b))
                .count(),
            common_prefix: std::iter::zip(path, &report).take_while(|(a, b)| a == b).count(),
        }
    }
}

fn is_separator(c: char) -> bool {
    matches!(c, '/' | '\\')
}

/// The parts of a path with `.` and `..` resolved, as far as they can be.
fn components(path: &str) -> Vec<&str> {
    components_joined("", path)
}

fn components_joined<'p>(folder: &'p str, path: &'p str) -> Vec<&'p str> {
    let mut parts = Vec::new();
    for part in folder.split(is_separator).chain(path.split(is_separator)) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts
}
