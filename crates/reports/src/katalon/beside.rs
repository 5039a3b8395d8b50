//! What lies beside the log: the execution's id, the suite collection's and the settings of the run.

use std::io::Read;

use serde_json::Value;

use crate::encoding::Utf8Bytes;
use crate::paths::file_name;
use crate::report::{Files, Report, Summary};

/// The settings are a few kilobytes; more is none of Katalon's.
const LARGEST: u64 = 1024 * 1024;
/// Settings kept.
const MOST: usize = 300;
/// Keys whose last part says enough, wherever they stand.
const PLAIN: [&str; 9] = [
    "hostName",
    "os",
    "hostAddress",
    "hostPort",
    "katalonVersion",
    "executionProfile",
    "browser",
    "browserVersion",
    "driverName",
];

/// Completes the summary from the files beside the log, any of which may be missing or broken.
pub(super) fn read(files: &dyn Files, report: &Report, summary: &mut Summary) {
    for &index in &report.parts {
        let name = file_name(files.path(index));
        let is_beside = matches!(name, "execution.uuid" | "tsc_id.txt" | "execution.properties");
        let Some(text) = is_beside.then(|| text(files, index)).flatten() else { continue };
        match name {
            "execution.uuid" => summary.session_id = first_word(&text),
            "tsc_id.txt" => {
                let id = Some(text.trim().to_owned()).filter(|id| !id.is_empty() && id.len() <= 1024);
                summary.environment.extend(id.map(|id| ("testSuiteCollectionId".to_owned(), id)));
            }
            _ => settings(&text, summary),
        }
    }
}

fn text(files: &dyn Files, index: usize) -> Option<String> {
    let mut text = String::new();
    Utf8Bytes::new(files.open(index).ok()?).take(LARGEST).read_to_string(&mut text).ok()?;
    Some(text)
}

fn first_word(text: &str) -> Option<String> {
    text.split_whitespace().next().filter(|word| word.len() <= 200).map(ToOwned::to_owned)
}

fn settings(text: &str, summary: &mut Summary) {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    let mut found = Vec::new();
    // Depth is bounded by the parser; still no recursion.
    let mut open = vec![(String::new(), &value)];
    while let Some((path, value)) = open.pop() {
        let scalar = match value {
            Value::Object(fields) => {
                let child = |name: &String| if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                open.extend(fields.iter().rev().map(|(name, value)| (child(name), value)));
                continue;
            }
            Value::Array(_) | Value::Null => continue,
            Value::String(text) => text.trim().to_owned(),
            other => other.to_string(),
        };
        if !scalar.is_empty() && !is_secret(&path) && found.len() < MOST {
            let last = path.rsplit('.').next().unwrap_or(&path);
            let name = if PLAIN.contains(&last) { last.to_owned() } else { path };
            found.push((name, scalar));
        }
    }
    let known: Vec<String> = summary.environment.iter().map(|(name, _)| name.clone()).collect();
    summary.environment.extend(found.into_iter().filter(|(name, _)| !known.contains(name)));
}

fn is_secret(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    ["password", "token", "secret", "apikey", "credential"].iter().any(|word| path.contains(word))
}
