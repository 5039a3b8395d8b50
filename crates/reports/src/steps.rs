//! The steps of one test while they come, and how much of them is kept.

use crate::report::{Status, Step};
use crate::text::clip;

/// Steps kept of one test.
const MOST: usize = 10_000;
/// Longest name or message of a step kept.
const LONGEST: usize = 4096;
/// Bytes of all steps kept of one test.
const ALLOWANCE: usize = 2 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Steps {
    list: Vec<Step>,
    /// Index of each open step; None when there was no room to keep it.
    open: Vec<Option<usize>>,
    /// Open steps beyond those.
    beyond: u64,
    room: usize,
    n_omitted: u64,
}

impl Default for Steps {
    fn default() -> Self {
        Self { list: Vec::new(), open: Vec::new(), beyond: 0, room: ALLOWANCE, n_omitted: 0 }
    }
}

impl Steps {
    /// Opens a step within the one that is open.
    pub(crate) fn begin(&mut self, name: &str) {
        if self.open.len() >= MOST {
            self.beyond += 1;
            return;
        }
        let depth = self.open.len();
        let index = self.add(depth, name, Status::Passed, None, None);
        self.open.push(index);
    }

    /// Closes the step opened last.
    pub(crate) fn end(&mut self, status: Status, duration_ms: Option<f64>, message: Option<&str>) {
        if self.beyond > 0 {
            self.beyond -= 1;
            return;
        }
        let Some(index) = self.open.pop().flatten() else { return };
        (self.list[index].status, self.list[index].duration_ms) = (status, duration_ms);
        self.say_at(index, message.unwrap_or_default());
    }

    /// Names the open step.
    pub(crate) fn name(&mut self, name: &str) {
        if let Some(Some(index)) = self.open.last()
            && self.beyond == 0
        {
            let most = LONGEST.min(self.room);
            let name = &name[..name.floor_char_boundary(most)];
            self.room -= name.len();
            name.clone_into(&mut self.list[*index].name);
        }
    }

    /// Adds a step that ends apart from the order of others; None if there is no room.
    pub(crate) fn open_at(&mut self, depth: usize, name: &str) -> Option<usize> {
        self.add(depth, name, Status::Incomplete, None, None)
    }

    /// Ends a step that was opened so.
    pub(crate) fn close_at(&mut self, index: usize, status: Status, duration_ms: Option<f64>, message: &str) {
        if let Some(step) = self.list.get_mut(index) {
            (step.status, step.duration_ms) = (status, duration_ms);
            self.say_at(index, message);
        }
    }

    /// Adds a whole step within the one that is open.
    pub(crate) fn push(&mut self, name: &str, status: Status, duration_ms: Option<f64>, message: Option<&str>) {
        self.add(self.open.len(), name, status, duration_ms, message);
    }

    /// Adds a whole step at a depth of its own.
    pub(crate) fn push_at(&mut self, depth: usize, step: Step) {
        self.add(depth, &step.name, step.status, step.duration_ms, step.message.as_deref());
    }

    /// Adds a line to what the open step says; false if none is open.
    pub(crate) fn say(&mut self, message: &str) -> bool {
        if let Some(Some(index)) = self.open.last() {
            self.say_at(*index, message);
        }
        !self.open.is_empty()
    }

    /// Puts words behind the name of the open step, such as its arguments.
    pub(crate) fn extend_name(&mut self, words: &str) {
        if let Some(Some(index)) = self.open.last() {
            let name = &mut self.list[*index].name;
            let words = &words[..words.floor_char_boundary(LONGEST.saturating_sub(name.len() + 4).min(self.room))];
            self.room -= words.len();
            for piece in ["    ", words] {
                name.push_str(piece);
            }
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    pub(crate) fn into_list(mut self) -> Vec<Step> {
        if self.n_omitted > 0 {
            let name = format!("{} more steps are not kept", self.n_omitted);
            self.list.push(Step { depth: 0, name, status: Status::NotRun, duration_ms: None, message: None });
        }
        self.list
    }

    fn add(
        &mut self,
        depth: usize,
        name: &str,
        status: Status,
        duration_ms: Option<f64>,
        message: Option<&str>,
    ) -> Option<usize> {
        let mut name = name.trim().to_owned();
        clip(&mut name, LONGEST);
        let size = size_of::<Step>() + name.len();
        if self.list.len() >= MOST || self.room < size {
            self.n_omitted += 1;
            return None;
        }
        self.room -= size;
        let depth = u16::try_from(depth).unwrap_or(u16::MAX);
        let index = self.list.len();
        self.list.push(Step { depth, name, status, duration_ms, message: None });
        self.say_at(index, message.unwrap_or_default());
        Some(index)
    }

    fn say_at(&mut self, index: usize, message: &str) {
        let message = message.trim();
        let said = self.list[index].message.as_ref().map_or(0, String::len);
        let most = LONGEST.saturating_sub(said).min(self.room);
        let message = &message[..message.floor_char_boundary(most)];
        if message.is_empty() {
            return;
        }
        self.room -= message.len();
        match &mut self.list[index].message {
            Some(said) => {
                said.push('\n');
                said.push_str(message);
            }
            none => *none = Some(message.to_owned()),
        }
    }
}
