//! Reads a folder of Allure results: one file for each attempt of a test, and what surrounds them.

mod beside;
mod fixtures;
mod result;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::json::{Allowance, Fields, Num, Str, Whole, read_document};
use crate::repairs::Repairs;
use crate::report::{Event, Files, ParseError, Problem, Report, Summary};
use crate::suites::Suites;

use self::fixtures::Fixtures;
use self::result::Entry;

pub(crate) fn read(files: &dyn Files, report: &Report, emit: &mut dyn FnMut(Event)) -> Result<Summary, ParseError> {
    let mut repairs = Repairs::default();
    let mut failed = None;
    let mut fixtures = Fixtures::default();
    let mut attempts = Vec::new();
    // Everything is looked at once to learn what belongs together, and read whole when its turn has come.
    for &index in &report.parts {
        match look(files, index) {
            Ok(Kind::Result(attempt)) => attempts.push(attempt),
            Ok(Kind::Container) => fixtures.take(files, index),
            Ok(Kind::Other) => {}
            Err(e) => {
                note(&mut repairs, &e);
                failed.get_or_insert(e);
            }
        }
    }
    if attempts.is_empty() {
        let message = "holds no result of a test".to_owned();
        let problem = Problem { line: None, column: None, message };
        return Err(failed.unwrap_or_else(|| ParseError { file: files.path(report.main).to_owned(), problem }));
    }
    let mut reader = Reader { files, suites: Suites::new(emit), summary: Summary::default(), fixtures, repairs };
    for group in grouped(attempts) {
        reader.group(&group);
    }
    let Reader { mut suites, mut summary, repairs, fixtures, .. } = reader;
    suites.finish();
    beside::read(files, report, &mut summary);
    let mut repairs = repairs;
    if fixtures.n_omitted > 0 {
        repairs.note(None, format!("{} set-ups and tear-downs are too large to be kept", fixtures.n_omitted));
    }
    (summary.repairs, summary.n_repairs) = repairs.into_parts();
    Ok(summary)
}

fn note(repairs: &mut Repairs, error: &ParseError) {
    let ParseError { file, problem } = error;
    repairs.note(problem.line.zip(problem.column), format!("{file}: {}", problem.message));
}

enum Kind {
    Result(Attempt),
    Container,
    Other,
}

/// One attempt of a test, as far as it must be known to find the others.
struct Attempt {
    index: usize,
    /// Hash of what tells this test from others.
    identity: Option<u64>,
    start: f64,
}

#[derive(Debug, Default)]
struct Head {
    history: Option<String>,
    start: Option<f64>,
    is_result: bool,
    is_container: bool,
}

impl Fields for Head {
    fn field<'de, A: serde::de::MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "historyId" => self.history = map.next_value::<Str>()?.filled(),
            "start" => self.start = map.next_value::<Num>()?.0,
            "name" | "status" => {
                self.is_result = true;
                return Ok(false);
            }
            "children" | "befores" | "afters" => {
                self.is_container = true;
                return Ok(false);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn look(files: &dyn Files, index: usize) -> Result<Kind, ParseError> {
    if !beside::is_result(files.path(index)) {
        return Ok(Kind::Other);
    }
    let mut head = Whole(Head::default());
    let outcome = read_document(files, index, &Allowance::default(), &mut head, false)?;
    let Whole(head) = head;
    if let Some(problem) = outcome.broken {
        return Err(ParseError { file: files.path(index).to_owned(), problem });
    }
    if head.is_container {
        return Ok(Kind::Container);
    }
    if !head.is_result {
        return Ok(Kind::Other);
    }
    let identity = head.history.map(|history| {
        let mut hasher = DefaultHasher::new();
        history.hash(&mut hasher);
        hasher.finish()
    });
    Ok(Kind::Result(Attempt { index, identity, start: head.start.unwrap_or_default() }))
}

/// Attempts of one test together, oldest first; tests in the order in which they began.
fn grouped(mut attempts: Vec<Attempt>) -> Vec<Vec<usize>> {
    attempts.sort_by(|a, b| a.start.total_cmp(&b.start).then(a.index.cmp(&b.index)));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut known: HashMap<u64, usize> = HashMap::new();
    for attempt in attempts {
        let at = match attempt.identity {
            Some(identity) => *known.entry(identity).or_insert(groups.len()),
            None => groups.len(),
        };
        match groups.get_mut(at) {
            Some(group) => group.push(attempt.index),
            None => groups.push(vec![attempt.index]),
        }
    }
    groups
}

struct Reader<'f, 'e> {
    files: &'f dyn Files,
    suites: Suites<'e>,
    summary: Summary,
    fixtures: Fixtures,
    repairs: Repairs,
}

/// Attempts of one test kept.
const MOST_ATTEMPTS: usize = 100;

impl Reader<'_, '_> {
    fn group(&mut self, group: &[usize]) {
        let mut deciding = None;
        let skipped = group.len().saturating_sub(MOST_ATTEMPTS);
        for &index in &group[skipped..] {
            let Some(entry) = self.entry(index) else { continue };
            let suites = entry.suites();
            self.facts(&entry);
            let mut case = entry.into_case(&self.fixtures);
            if let Some((earlier, _)) = deciding.take() {
                let mut earlier: crate::report::Case = earlier;
                case.earlier_attempts = std::mem::take(&mut earlier.earlier_attempts);
                case.follows(earlier);
            }
            deciding = Some((case, suites));
        }
        let Some((mut case, suites)) = deciding else { return };
        let mut suite = None;
        for name in &suites {
            suite = self.suites.named(suite, name);
        }
        case.suite = suite;
        self.suites.case(Box::new(case));
    }

    fn entry(&mut self, index: usize) -> Option<Entry> {
        let mut entry = Entry::default();
        let read = read_document(self.files, index, &Allowance::default(), &mut entry, false);
        match read.and_then(|outcome| outcome.note(self.files.path(index), 1, &mut self.repairs)) {
            Ok(_) => Some(entry),
            Err(e) => {
                note(&mut self.repairs, &e);
                None
            }
        }
    }

    /// What a result says of the whole run.
    fn facts(&mut self, entry: &Entry) {
        let summary = &mut self.summary;
        if summary.framework.is_none() {
            summary.framework = entry.label("framework").map(ToOwned::to_owned);
        }
        let (started, ended) = entry.times();
        summary.started_at = summary.started_at.into_iter().chain(started).min_by_key(|at| at.millis);
        summary.ended_at = summary.ended_at.into_iter().chain(ended).max_by_key(|at| at.millis);
        let span = summary.started_at.zip(summary.ended_at);
        summary.duration_ms = span.map(|(from, to)| (to.millis - from.millis).max(0) as f64);
    }
}
