//! Hands out suites before what they hold, ends each once, and bounds how many are open and how deep.

use std::collections::{BTreeMap, HashMap};

use crate::report::{Case, Event, Suite, SuiteEnd};
use crate::text::clip;

/// Suites nested deeper than this count for their ancestor at that depth.
const DEEPEST: usize = 64;
/// Suites that stay open until the end of the report; what belongs to more of them counts for their parent.
const MOST_OPEN: usize = 50_000;
/// Longest name of a suite kept.
const LONGEST: usize = 4096;

pub(crate) struct Suites<'e> {
    emit: &'e mut dyn FnMut(Event),
    announced: u32,
    open: BTreeMap<u32, (SuiteEnd, usize)>,
    /// Suites that nest as the file does, innermost last; None beyond the depth kept.
    stack: Vec<Option<u32>>,
    beyond: u64,
    by_name: HashMap<(Option<u32>, String), u32>,
}

impl<'e> Suites<'e> {
    pub(crate) fn new(emit: &'e mut dyn FnMut(Event)) -> Self {
        Self { emit, announced: 0, open: BTreeMap::new(), stack: Vec::new(), beyond: 0, by_name: HashMap::new() }
    }

    /// Opens a suite within the innermost open one. Its `index` and `parent` are set here.
    pub(crate) fn begin(&mut self, suite: Suite) {
        if self.stack.len() >= DEEPEST {
            self.beyond += 1;
            return;
        }
        let parent = self.current();
        let index = self.announce(parent, suite);
        self.stack.push(index);
    }

    /// Ends the innermost open suite.
    pub(crate) fn end(&mut self) {
        if self.beyond > 0 {
            self.beyond -= 1;
        } else if let Some(Some(index)) = self.stack.pop() {
            self.close(index);
        }
    }

    pub(crate) fn current(&self) -> Option<u32> {
        self.stack.iter().rev().flatten().next().copied()
    }

    pub(crate) fn depth(&self) -> usize {
        self.stack.len()
    }

    /// What will be told of the innermost suite when it ends.
    pub(crate) fn current_end(&mut self) -> Option<&mut SuiteEnd> {
        let index = self.current()?;
        self.end_of(index)
    }

    pub(crate) fn end_of(&mut self, index: u32) -> Option<&mut SuiteEnd> {
        self.open.get_mut(&index).map(|(end, _)| end)
    }

    /// The suite of a name within another, announced when it first comes; the parent if there are too many.
    pub(crate) fn named(&mut self, parent: Option<u32>, name: &str) -> Option<u32> {
        self.named_as(parent, name, || Suite { name: name.to_owned(), ..Suite::default() })
    }

    /// The suite that `key` stands for within another.
    pub(crate) fn named_as(&mut self, parent: Option<u32>, key: &str, suite: impl FnOnce() -> Suite) -> Option<u32> {
        let mut key = key.to_owned();
        clip(&mut key, LONGEST);
        if let Some(index) = self.by_name.get(&(parent, key.clone())) {
            return Some(*index);
        }
        let index = self.announce(parent, suite())?;
        self.by_name.insert((parent, key), index);
        Some(index)
    }

    /// Ends a suite that is found by name no more.
    pub(crate) fn close(&mut self, index: u32) {
        if let Some((end, _)) = self.open.remove(&index) {
            (self.emit)(Event::SuiteEnd(end));
        }
    }

    /// Hands out a case of the suite that it names.
    pub(crate) fn case(&mut self, case: Box<Case>) {
        (self.emit)(Event::Case(case));
    }

    /// Hands out a case of the innermost suite.
    pub(crate) fn case_here(&mut self, mut case: Box<Case>) {
        case.suite = self.current();
        self.case(case);
    }

    /// Ends all that is open, the innermost first.
    pub(crate) fn finish(&mut self) {
        self.stack.clear();
        self.by_name.clear();
        while let Some((_, (end, _))) = self.open.pop_last() {
            (self.emit)(Event::SuiteEnd(end));
        }
    }

    fn announce(&mut self, parent: Option<u32>, mut suite: Suite) -> Option<u32> {
        let depth = parent.and_then(|parent| self.open.get(&parent)).map_or(1, |(_, depth)| depth + 1);
        if self.open.len() >= MOST_OPEN || depth > DEEPEST {
            return parent;
        }
        clip(&mut suite.name, LONGEST);
        (suite.index, suite.parent) = (self.announced, parent);
        self.announced += 1;
        self.open.insert(suite.index, (SuiteEnd { index: suite.index, ..SuiteEnd::default() }, depth));
        let index = suite.index;
        (self.emit)(Event::Suite(suite));
        Some(index)
    }
}
