//! Keeping the two ends of a text of any length, and spotting the markers that tests print into it.

use crate::report::{Attachment, Text};

/// Bytes kept of either end.
pub(crate) const KEPT: usize = 64 * 1024;
/// A marker longer than this is taken for ordinary text.
const LONGEST_MARKER: usize = 16 * 1024;
/// Markers beyond this many per text are ignored; each one costs memory.
const MOST_MARKERS: usize = 10_000;

/// Collects a text piece by piece.
#[derive(Debug)]
pub(crate) struct TextBuilder {
    head: String,
    tail: String,
    omitted: u64,
    kept: usize,
}

impl Default for TextBuilder {
    fn default() -> Self {
        Self::new(KEPT)
    }
}

impl TextBuilder {
    /// `kept` bounds either end in bytes.
    pub(crate) fn new(kept: usize) -> Self {
        Self { head: String::new(), tail: String::new(), omitted: 0, kept: kept.min(KEPT) }
    }

    pub(crate) fn push(&mut self, piece: &str) {
        let rest = if self.tail.is_empty() && self.omitted == 0 {
            let (first, rest) = piece.split_at(piece.floor_char_boundary(self.kept - self.head.len().min(self.kept)));
            self.head.push_str(first);
            rest
        } else {
            piece
        };
        if rest.is_empty() {
            return;
        }
        self.tail.push_str(rest);
        // Twice the length, so that each byte is moved about once.
        if self.tail.len() > 2 * self.kept {
            self.trim_tail();
        }
    }

    pub(crate) fn is_blank(&self) -> bool {
        self.omitted == 0 && self.head.trim().is_empty() && self.tail.trim().is_empty()
    }

    /// The text as written, or nothing if it is blank.
    pub(crate) fn finish(mut self) -> Text {
        if self.is_blank() {
            return Text::default();
        }
        self.trim_tail();
        Text { head: self.head, tail: self.tail, omitted_bytes: self.omitted }
    }

    /// The text without blank space around it.
    pub(crate) fn finish_trimmed(self) -> Text {
        let mut text = self.finish();
        if text.tail.is_empty() {
            text.head.truncate(text.head.trim_end().len());
        } else {
            text.tail.truncate(text.tail.trim_end().len());
        }
        // Only blank lines: the indentation of the first line is part of what is shown.
        let body = text.head.trim_start();
        let start = text.head.len() - body.len();
        let start = text.head[..start].rfind('\n').map_or(0, |i| i + 1);
        text.head.drain(..start);
        text
    }

    fn trim_tail(&mut self) {
        if self.tail.len() > self.kept {
            let cut = self.tail.ceil_char_boundary(self.tail.len() - self.kept);
            self.omitted += cut as u64;
            self.tail.drain(..cut);
        }
    }
}

impl Text {
    /// Keeps both ends of a text that is at hand.
    pub(crate) fn from_str(text: &str) -> Self {
        let mut builder = TextBuilder::default();
        builder.push(text);
        builder.finish_trimmed()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_empty()
    }

    pub(crate) fn kept_bytes(&self) -> usize {
        self.head.len() + self.tail.len()
    }
}

/// Cuts a string to at most `most` bytes.
pub(crate) fn clip(text: &mut String, most: usize) {
    text.truncate(text.floor_char_boundary(most));
}

/// Finds `[[ATTACHMENT|path]]` and `[[PROPERTY|name=value]]` in a text that comes in pieces.
#[derive(Debug, Default)]
pub(crate) struct Markers {
    pending: String,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) properties: Vec<(String, String)>,
}

impl Markers {
    pub(crate) fn push(&mut self, mut piece: &str) {
        loop {
            if self.pending.is_empty() {
                let Some(start) = piece.find('[') else { return };
                self.pending.push('[');
                piece = &piece[start + 1..];
            }
            let Some(rest) = self.extend(piece) else { return };
            piece = rest;
        }
    }

    /// Feeds an opened candidate; returns what follows it once it is decided.
    fn extend<'p>(&mut self, piece: &'p str) -> Option<&'p str> {
        for (i, c) in piece.char_indices() {
            let rest = &piece[i..];
            let next = &piece[i + c.len_utf8()..];
            self.pending.push(c);
            if !can_become_marker(&self.pending) {
                // `[[[ATTACHMENT|…`: the marker may start at the second bracket.
                let again = match self.pending.as_str() {
                    "[[[" => "[[",
                    _ if c == '[' => "[",
                    _ => "",
                };
                again.clone_into(&mut self.pending);
                return Some(if again.is_empty() { rest } else { next });
            }
            if self.pending.ends_with("]]") {
                let marker = std::mem::take(&mut self.pending);
                self.take(&marker);
                return Some(next);
            }
        }
        None
    }

    fn take(&mut self, marker: &str) {
        let body = &marker[2..marker.len() - 2];
        if let Some(path) = body.strip_prefix("ATTACHMENT|") {
            if self.attachments.len() < MOST_MARKERS {
                self.attachments.extend(attachment(path.split_once("|{").map_or(path, |(path, _)| path)));
            }
        } else if let Some(property) = body.strip_prefix("PROPERTY|")
            && self.properties.len() < MOST_MARKERS
        {
            let (name, value) = property.split_once('=').unwrap_or((property, ""));
            self.properties.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
}

fn can_become_marker(pending: &str) -> bool {
    ["[[ATTACHMENT|", "[[PROPERTY|"].iter().any(|open| {
        open.starts_with(pending)
            || (pending.starts_with(open) && pending.len() <= LONGEST_MARKER && !pending.ends_with('\n'))
    })
}

/// Makes an attachment of a written path, with doubled backslashes undone; a network share keeps its first two.
pub(crate) fn attachment(path: &str) -> Option<Attachment> {
    let path = path.trim();
    if path.is_empty() {
        return None;
    }
    let is_share = path.starts_with(r"\\") && !path.starts_with(r"\\\\");
    let (start, body) = if is_share { path.split_at(1) } else { ("", path) };
    Some(Attachment { path: format!("{start}{}", body.replace(r"\\", r"\")) })
}
