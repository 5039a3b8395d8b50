//! The list of what was wrong in a report and mended while reading.

use crate::report::Problem;

/// Problems beyond this many are counted and not described.
const LISTED: usize = 100;

#[derive(Debug, Default)]
pub(crate) struct Repairs {
    listed: Vec<Problem>,
    count: u64,
}

impl Repairs {
    /// Whether a further problem would still be described; working out its place can be saved otherwise.
    pub(crate) fn has_room(&self) -> bool {
        self.listed.len() < LISTED
    }

    pub(crate) fn note(&mut self, place: Option<(u64, u64)>, message: impl Into<String>) {
        self.count += 1;
        if self.has_room() {
            let (line, column) = place.unzip();
            self.listed.push(Problem { line, column, message: message.into() });
        }
    }

    /// Takes over what another part of the same report needed.
    pub(crate) fn append(&mut self, other: Self) {
        self.count += other.count;
        let room = LISTED - self.listed.len();
        self.listed.extend(other.listed.into_iter().take(room));
    }

    /// Takes over problems that were already listed, `count` in all.
    pub(crate) fn extend(&mut self, listed: Vec<Problem>, count: u64) {
        self.append(Self { listed, count });
    }

    pub(crate) fn into_parts(self) -> (Vec<Problem>, u64) {
        (self.listed, self.count)
    }
}
