//! Making failures out of the message, type and text that a report gives, any of which may be missing.

use crate::report::{Failure, Text};
use crate::text::{KEPT, TextBuilder, clip};

/// Messages that say nothing: go-junit-report and CTest write the same one for every failure.
const EMPTY_WORDS: [&str; 3] = ["Failed", "failed", "FAILED"];
/// A message taken from a text is one line of it, up to this many bytes.
const LONGEST_LINE: usize = 4096;

/// Makes a failure of what was written; the text counts as its stack.
pub(crate) fn failure(kind: Option<&str>, message: &str, text: TextBuilder) -> Failure {
    let kind = kind.map(str::trim).filter(|kind| !kind.is_empty());
    let mut stack = text.finish_trimmed();
    let mut message = message.trim().to_owned();
    if stack.is_empty()
        && let Some(frames) = first_frame(&message)
    {
        stack = Text::from_str(&message);
        message.truncate(message[..frames].trim_end().len());
    } else if stack.is_empty() && message.len() > KEPT {
        stack = Text::from_str(&message);
    }
    if message.is_empty() || EMPTY_WORDS.contains(&message.as_str()) {
        let line = first_line(&stack.head);
        if !line.is_empty() {
            line.clone_into(&mut message);
        }
    }
    if let Some(line) = pytest_line(&message).filter(|_| !stack.is_empty()) {
        line.to_owned().clone_into(&mut message);
    }
    clip(&mut message, KEPT);
    let kind = kind.map(ToOwned::to_owned).or_else(|| exception_name(&message).map(ToOwned::to_owned));
    Failure { kind, message, stack }
}

/// Makes a failure of a message and a stack that were read whole.
pub(crate) fn from_texts(kind: Option<&str>, message: &Text, stack: Text) -> Failure {
    // Some leave the message empty and put everything into the stack.
    let said = if message.is_empty() { first_line(&stack.head) } else { &message.head };
    let mut text = TextBuilder::default();
    text.push(&stack.head);
    let failure = failure(kind, said, text);
    if stack.omitted_bytes > 0 || !stack.tail.is_empty() { Failure { stack, ..failure } } else { failure }
}

/// What go prints around the output of each test.
const FRAMING: [&str; 6] = ["=== RUN", "=== PAUSE", "=== CONT", "--- FAIL", "--- SKIP", "--- PASS"];

/// First line of a text that says anything, cut to a length that fits a heading.
pub(crate) fn first_line(text: &str) -> &str {
    let says = |line: &&str| !line.is_empty() && !FRAMING.iter().any(|framing| line.starts_with(framing));
    let mut lines = text.lines().map(str::trim);
    let line = lines.clone().find(says).or_else(|| lines.find(|line| !line.is_empty())).unwrap_or_default();
    &line[..line.floor_char_boundary(LONGEST_LINE)]
}

/// The line by which pytest says what was wrong, of a message that repeats its whole report.
fn pytest_line(message: &str) -> Option<&str> {
    let line = message.lines().skip(1).find(|line| line.starts_with("E   "))?;
    Some(line[1..].trim()).filter(|line| !line.is_empty())
}

/// Where the stack begins within a message that has one.
fn first_frame(message: &str) -> Option<usize> {
    let mut at = 0;
    for line in message.split_inclusive('\n') {
        let trimmed = line.trim_start();
        if at > 0 && (trimmed.starts_with("at ") || trimmed.starts_with("Traceback (most recent")) {
            return Some(at);
        }
        at += line.len();
    }
    None
}

/// `java.lang.AssertionError: …` and `TypeError: …` name their type.
fn exception_name(message: &str) -> Option<&str> {
    let (name, _) = message.lines().next()?.split_once(':')?;
    let last = name.rsplit('.').next()?;
    let is_name = !last.is_empty()
        && name.len() <= 200
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'$'));
    (is_name && ["Error", "Exception", "Failure", "Failed"].iter().any(|end| last.ends_with(end))).then_some(name)
}
