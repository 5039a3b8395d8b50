//! Finds the session of an upload before anything is read, so that its rows go to the right run at once.

use std::io::Read as _;

use serde_json::Value;
use testward_reports::Files;

/// The files that name a session are small; a larger one is none of them.
const MAX_BYTES: u64 = 64 * 1024;

/// Returns the session that the files name. What a reporter's metadata says goes before the id of an execution.
pub fn session(files: &dyn Files) -> Option<String> {
    let named = |name: &'static str| {
        let is_named = move |index: &usize| files.path(*index).rsplit('/').next() == Some(name);
        (0..files.len()).filter(is_named).filter_map(|index| text(files, index))
    };
    let found = named("metadata.json")
        .find_map(|text| field(&text, &["sessionId", "executionUuid"]))
        .or_else(|| named("execution.uuid").find_map(|text| text.split_whitespace().next().map(str::to_owned)))
        .or_else(|| named("execution.json").find_map(|text| field(&text, &["uuid"])))?;
    Some(found).filter(|session| !session.trim().is_empty() && session.len() <= 500)
}

fn text(files: &dyn Files, index: usize) -> Option<String> {
    let mut text = String::new();
    files.open(index).ok()?.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

fn field(text: &str, names: &[&str]) -> Option<String> {
    let json: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
    names.iter().find_map(|name| json.get(name)?.as_str().filter(|it| !it.is_empty()).map(str::to_owned))
}
