//! The attributes of one start tag, in one reused buffer.

use std::ops::Range;

/// More attributes than this are dropped.
const MOST: usize = 256;
/// Longest value kept.
const LONGEST: usize = 1024 * 1024;
/// Bytes of all names and values of a tag kept.
const LARGEST: usize = 3 * 1024 * 1024;
/// A buffer grown beyond this by one unusual tag is given back.
const USUAL: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Attributes {
    text: String,
    list: Vec<(Range<usize>, Range<usize>)>,
    name: Range<usize>,
    value_at: usize,
    /// Something of the tag was too much and left out.
    pub(crate) is_cut: bool,
}

impl Attributes {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The value unless it is absent or blank, without space around it.
    pub(crate) fn get_filled(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|value| !value.is_empty())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list.iter().map(|(name, value)| (&self.text[name.clone()], &self.text[value.clone()]))
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        if self.text.capacity() > USUAL {
            self.text.shrink_to(USUAL);
        }
        self.list.clear();
        self.is_cut = false;
    }

    pub(super) fn begin(&mut self, name: &str) {
        let start = self.text.len();
        // A prefix says nothing here, save that of the declarations, which must not pass for fields of a report.
        let local = name.split_once(':').filter(|(prefix, _)| !matches!(*prefix, "xmlns" | "xsi" | "xml"));
        self.text.push_str(local.map_or(name, |(_, local)| local));
        self.name = start..self.text.len();
        self.value_at = self.text.len();
    }

    pub(super) fn push(&mut self, piece: &str) {
        let room = (self.value_at + LONGEST).min(LARGEST).saturating_sub(self.text.len());
        let kept = piece.floor_char_boundary(room);
        self.is_cut |= kept < piece.len();
        self.text.push_str(&piece[..kept]);
    }

    pub(super) fn end(&mut self) {
        if self.list.len() < MOST {
            self.list.push((self.name.clone(), self.value_at..self.text.len()));
        } else {
            self.is_cut = true;
            self.text.truncate(self.name.start);
        }
    }
}
