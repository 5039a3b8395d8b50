//! One package and its tests while they run.

use std::collections::HashMap;

use crate::failures::failure;
use crate::report::{Case, Failure, Status, Timestamp};
use crate::text::{KEPT, TextBuilder};
use crate::times::plausible;

/// Tests that run at once and keep all they print; of others less is kept.
const MOST_AT_ONCE: usize = 200;
/// Bytes kept at either end of what each of these prints.
const LITTLE: usize = 2048;
/// Tests that run at once at all.
const MOST_OPEN: usize = 50_000;
/// Attributes kept of one test.
const MOST: usize = 1000;

pub(super) struct Package {
    /// Index of its suite.
    pub(super) suite: Option<u32>,
    pub(super) open: HashMap<String, Running>,
    pub(super) output: TextBuilder,
    /// Tests that failed, with the round in which they did, until it is known whether they are run again.
    pub(super) failed: Vec<(Case, u32)>,
    /// How often the package has ended.
    pub(super) round: u32,
    pub(super) has_ended: bool,
    pub(super) has_failed_test: bool,
    pub(super) elapsed_ms: f64,
}

/// A test that has begun.
pub(super) struct Running {
    started_at: Option<Timestamp>,
    output: TextBuilder,
    properties: Vec<(String, String)>,
}

impl Package {
    pub(super) fn new(suite: Option<u32>) -> Self {
        Self {
            suite,
            open: HashMap::new(),
            output: TextBuilder::default(),
            failed: Vec::new(),
            round: 0,
            has_ended: false,
            has_failed_test: false,
            elapsed_ms: 0.0,
        }
    }

    /// Returns a test, beginning it if it is not known to run.
    pub(super) fn running(&mut self, test: &str, at: Option<Timestamp>) -> Option<&mut Running> {
        if !self.open.contains_key(test) {
            if self.open.len() >= MOST_OPEN {
                return None;
            }
            let kept = if self.open.len() < MOST_AT_ONCE { KEPT } else { LITTLE };
            let running = Running { started_at: at, output: TextBuilder::new(kept), properties: Vec::new() };
            self.open.insert(test.to_owned(), running);
        }
        self.open.get_mut(test)
    }

    /// Ends a test. Attempts of earlier rounds become part of it.
    pub(super) fn end(&mut self, test: &str, status: Status, elapsed_ms: Option<f64>) -> Option<Case> {
        let running = self.open.remove(test)?;
        let mut case = running.finish(test, status);
        case.duration_ms = elapsed_ms.and_then(plausible);
        case.suite = self.suite;
        let round = self.round;
        let is_same = |(held, of): &(Case, u32)| *of < round && held.name == case.name;
        if let Some(at) = self.failed.iter().position(is_same) {
            let (mut earlier, _) = self.failed.remove(at);
            case.earlier_attempts = std::mem::take(&mut earlier.earlier_attempts);
            case.follows(earlier);
        }
        self.has_failed_test |= case.status.is_failing();
        Some(case)
    }
}

impl Running {
    pub(super) fn print(&mut self, output: &str) {
        if !is_framing(output) {
            self.output.push(output);
        }
    }

    pub(super) fn attribute(&mut self, key: String, value: String) {
        if self.properties.len() < MOST {
            self.properties.push((key, value));
        }
    }

    fn finish(self, test: &str, status: Status) -> Case {
        let mut case = Case::new(test, status);
        case.started_at = self.started_at;
        case.properties = self.properties;
        let text = self.output.finish();
        let told = text.head.lines().find_map(told);
        if let Some((file, line, _)) = told {
            (case.file, case.line) = (Some(file.to_owned()), Some(line));
        }
        let message = told.map(|(_, _, message)| message.to_owned());
        match status {
            Status::Skipped => case.skip_reason = message.filter(|message| !message.is_empty()),
            Status::Incomplete => case.failures.push(Failure {
                message: message.unwrap_or_else(|| "the test did not end".to_owned()),
                ..Failure::default()
            }),
            status if status.is_failing() => {
                let mut stack = TextBuilder::default();
                stack.push(&text.head);
                let panic = text.head.lines().find(|line| line.starts_with("panic:"));
                let message = panic.map(ToOwned::to_owned).or(message).unwrap_or_else(|| "Failed".to_owned());
                let mut failure = failure(None, &message, stack);
                if !text.tail.is_empty() {
                    failure.stack = text.clone();
                }
                case.failures.push(failure);
            }
            _ => {}
        }
        case.stdout = text;
        case
    }
}

/// `    shop_test.go:11: got 2`
fn told(line: &str) -> Option<(&str, u64, &str)> {
    let (file, rest) = line.trim_start().split_once(".go:")?;
    let (number, message) = rest.split_once(':')?;
    let is_name = !file.is_empty() && !file.contains([' ', '\t']);
    let end = line.trim_start().len() - rest.len() - 1;
    is_name.then(|| Some((&line.trim_start()[..end], number.parse().ok()?, message.trim())))?
}

/// What go prints around the output of each test.
fn is_framing(output: &str) -> bool {
    let line = output.trim_start();
    ["=== RUN", "=== PAUSE", "=== CONT", "=== NAME", "=== ATTR", "--- PASS", "--- FAIL", "--- SKIP", "--- BENCH"]
        .iter()
        .any(|framing| line.starts_with(framing))
}
