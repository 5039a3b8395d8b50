//! What results and suites have in common on a page: failures with their stacks, and output.

use super::format::{plain, size};
use crate::results::{FailureDetail, TextPart};

/// Lines of a stack that are shown before it is unfolded.
const SHOWN_LINES: usize = 12;

pub struct Failure {
    pub kind: Option<String>,
    pub message: String,
    pub stack_head: String,
    pub stack_rest: Option<String>,
    pub n_rest: usize,
}

pub struct Output {
    pub head: String,
    pub omitted: Option<String>,
    pub tail: String,
    pub size: String,
}

pub fn failure(failure: &FailureDetail) -> Failure {
    let stack = whole(&failure.stack);
    let fold_at = stack.match_indices('\n').nth(SHOWN_LINES - 1).map_or(stack.len(), |(at, _)| at);
    let (head, rest) = stack.split_at(fold_at);
    let rest = rest.trim_matches('\n');
    Failure {
        kind: failure.kind.clone(),
        message: plain(&failure.message),
        stack_head: head.to_owned(),
        stack_rest: (!rest.is_empty()).then(|| rest.to_owned()),
        n_rest: rest.lines().count(),
    }
}

/// Returns a text with a note where its middle is missing.
pub fn whole(text: &TextPart) -> String {
    match text.omitted_bytes {
        0 => plain(&text.head) + &plain(&text.tail),
        bytes => format!("{}\n… {} left out …\n{}", plain(&text.head), size(bytes as i64), plain(&text.tail)),
    }
}

/// Splits a long text around what was left out of it; a shorter one is whole.
pub fn output(text: &TextPart) -> Option<Output> {
    let bytes = (text.head.len() + text.tail.len()) as u64 + text.omitted_bytes;
    let size = |bytes: u64| size(bytes as i64);
    let omitted = (text.omitted_bytes > 0)
        .then(|| format!("{} left out; the report file has it whole", size(text.omitted_bytes)));
    let (head, tail) = match omitted {
        Some(_) => (plain(&text.head), plain(&text.tail)),
        None => (whole(text), String::new()),
    };
    (bytes > 0).then(|| Output { head, omitted, tail, size: size(bytes) })
}
