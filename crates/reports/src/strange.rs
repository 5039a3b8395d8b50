//! What to say of a file that belongs to no report.

use std::io::Read as _;

use crate::encoding::decode_head;
use crate::find::{HEAD, root_element, top_keys};
use crate::report::Files;

/// Keys of a JSON object that are named.
const NAMED_KEYS: usize = 5;
/// Characters of a name that are shown.
const MAX_NAME: usize = 60;

/// Says what a file is instead of a test report, as the end of a sentence: "its root element is <html>".
pub fn why_no_report(files: &dyn Files, index: usize) -> String {
    let mut head = Vec::new();
    match files.open(index).and_then(|input| input.take(HEAD).read_to_end(&mut head)) {
        Err(_) => return "it cannot be read".to_owned(),
        Ok(0) => return "it is empty".to_owned(),
        Ok(_) => {}
    }
    let text = decode_head(head);
    let text = text.trim_start();
    let is_text = !text.contains(|it: char| it.is_control() && !it.is_whitespace());
    match text.bytes().next() {
        None => "it has only blanks".to_owned(),
        Some(b'{') if is_text => match top_keys(text) {
            keys if keys.is_empty() => "it is JSON without a known key".to_owned(),
            keys => format!("it is JSON with {}", names(keys.into_iter().map(|(key, _)| key))),
        },
        Some(b'[') if is_text => "it is a JSON list".to_owned(),
        Some(b'<') if is_text => match root_element(text) {
            Some(root) => format!("its root element is <{}>", shown(root)),
            None => "it has no root element".to_owned(),
        },
        _ => "it is neither XML nor JSON".to_owned(),
    }
}

fn names(keys: impl Iterator<Item = String>) -> String {
    keys.take(NAMED_KEYS).map(|key| format!("\"{}\"", shown(&key))).collect::<Vec<_>>().join(", ")
}

fn shown(name: &str) -> String {
    name.chars().filter(|it| !it.is_control()).take(MAX_NAME).collect()
}
