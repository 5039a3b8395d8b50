//! Joins the files of a TestOps folder into one report.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::io::Read;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use crate::encoding::Utf8Bytes;
use crate::find::{TestopsPart, testops_part};
use crate::json::{Fields, Mended, Num, Object, Str, describe};
use crate::repairs::Repairs;
use crate::report::{Event, Files, ParseError, Problem, Report, Suite, SuiteEnd, Summary};
use crate::testops::results::Entry;
use crate::text::clip;
use crate::times::plausible;
use crate::timestamps::from_millis;

/// Suites nested deeper than this hang off the last one that is not.
const DEEPEST_SUITE: usize = 64;

/// Suites kept; they are held until the end of the report.
const MOST_SUITES: usize = 50_000;
/// Bytes kept of a suite's name and properties, each.
const LONGEST: usize = 4096;

/// Reads all parts of a TestOps report.
pub(crate) fn read(files: &dyn Files, report: &Report, emit: &mut dyn FnMut(Event)) -> Result<Summary, ParseError> {
    let mut reader =
        Reader { emit, suites: Suites::default(), summary: Summary::default(), repairs: Repairs::default() };
    let mut failed = Vec::new();
    let mut parts: Vec<(TestopsPart, usize)> =
        report.parts.iter().filter_map(|index| Some((testops_part(files, *index)?, *index))).collect();
    parts.sort();
    let n_parts = parts.len();
    for (part, index) in parts {
        if part == TestopsPart::Results {
            reader.announce();
        }
        if let Err(e) = reader.read_part(files, part, index) {
            reader.summary.is_truncated |= part == TestopsPart::Results;
            failed.push(e);
        }
    }
    reader.announce();
    if failed.len() == n_parts {
        return Err(failed.pop().unwrap_or_else(|| no_part(files, report)));
    }
    for ParseError { file, problem } in failed {
        reader.repairs.note(problem.line.zip(problem.column), format!("{file}: {}", problem.message));
    }
    Ok(reader.finish())
}

fn no_part(files: &dyn Files, report: &Report) -> ParseError {
    let message = "is no part of a TestOps report".to_owned();
    ParseError { file: files.path(report.main).to_owned(), problem: Problem { line: None, column: None, message } }
}

struct Reader<'e> {
    emit: &'e mut dyn FnMut(Event),
    suites: Suites,
    summary: Summary,
    repairs: Repairs,
}

impl Reader<'_> {
    /// Reads one file; an error if nothing of it could be.
    fn read_part(&mut self, files: &dyn Files, part: TestopsPart, index: usize) -> Result<(), ParseError> {
        let path = files.path(index);
        let fail =
            |line, column, message| ParseError { file: path.to_owned(), problem: Problem { line, column, message } };
        let input = files.open(index).map_err(|e| fail(None, None, format!("cannot be opened: {e}")))?;
        let mut mended = Mended::new(Utf8Bytes::new(input));
        let read = match part {
            TestopsPart::Execution => read_object::<Execution>(&mut mended).map(|it| self.take_execution(it)),
            TestopsPart::Metadata => read_object::<Metadata>(&mut mended).map(|it| self.take_metadata(it)),
            TestopsPart::Suites => read_list(&mut mended, "suites", &mut |suite| self.suites.take(suite)),
            TestopsPart::Results => read_list(&mut mended, "results", &mut |entry| self.take_result(entry)),
        };
        if mended.n_repairs > 0 {
            self.repairs.note(None, format!("{path}: {} characters mended that JSON does not allow", mended.n_repairs));
        }
        let Err(e) = read else { return Ok(()) };
        let place = (e.error.line() > 0).then(|| (e.error.line() as u64, e.error.column() as u64));
        let is_cut_off = e.error.classify() == Category::Eof;
        let message = describe(&e.error);
        if e.n_read == 0 && !(is_cut_off && e.has_begun) || e.error.is_io() {
            let (line, column) = place.unzip();
            return Err(fail(line, column, message));
        }
        self.summary.is_truncated |= is_cut_off && part == TestopsPart::Results;
        self.repairs.note(place, format!("{path}: {message}; {} entries before it are kept", e.n_read));
        Ok(())
    }

    /// Announces the suites read so far, parents first.
    fn announce(&mut self) {
        for suite in self.suites.announce() {
            (self.emit)(Event::Suite(suite));
        }
    }

    fn take_result(&mut self, entry: Entry) {
        if let Some(status) = entry.unknown_status() {
            let cut = status.floor_char_boundary(100);
            self.repairs.note(None, format!("status {:?} is not known", &status[..cut]));
        }
        if entry.is_nameless() {
            self.repairs.note(None, "a result has no name");
        }
        let by_uuid = entry.suite_uuid.as_ref().and_then(|uuid| self.suites.by_uuid.get(uuid));
        let by_name = entry.suite_name.as_ref().and_then(|name| self.suites.by_name.get(name));
        let suite = by_uuid.or(by_name).map(|at| self.suites.list[*at].index);
        let suite = suite.or_else(|| {
            let name = entry.suite_name.clone().filter(|_| self.suites.has_room())?;
            let suite = self.suites.add_missing(name);
            let index = suite.index;
            (self.emit)(Event::Suite(suite));
            Some(index)
        });
        (self.emit)(Event::Case(entry.into_case(suite)));
    }

    fn take_execution(&mut self, execution: Execution) {
        self.summary.started_at = execution.start.and_then(from_millis);
        self.summary.ended_at = execution.stop.and_then(from_millis);
        let measured = execution.start.zip(execution.stop).map(|(start, stop)| stop - start);
        self.summary.duration_ms = execution.duration.or(measured).and_then(plausible);
        self.summary.session_id = execution.uuid;
        self.summary.environment.extend(execution.surroundings);
    }

    /// Metadata is read last: its session is the one that live updates and jobs go by.
    fn take_metadata(&mut self, metadata: Metadata) {
        let session_id = metadata.session_id.or(metadata.execution_uuid);
        self.summary.session_id = session_id.or(self.summary.session_id.take());
        self.summary.framework = metadata.framework;
        self.summary.build_label = metadata.build_label;
        self.summary.build_url = metadata.build_url;
        self.summary.environment.extend(metadata.surroundings);
    }

    fn finish(self) -> Summary {
        for suite in self.suites.list.into_iter().rev() {
            let end = SuiteEnd {
                index: suite.index,
                duration_ms: suite.duration(),
                properties: suite.properties,
                ..SuiteEnd::default()
            };
            (self.emit)(Event::SuiteEnd(end));
        }
        let mut summary = self.summary;
        (summary.repairs, summary.n_repairs) = self.repairs.into_parts();
        summary
    }
}

#[derive(Debug, Default)]
struct Execution {
    uuid: Option<String>,
    start: Option<f64>,
    stop: Option<f64>,
    duration: Option<f64>,
    surroundings: Vec<(String, String)>,
}

impl Fields for Execution {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "uuid" => self.uuid = map.next_value::<Str>()?.filled(),
            "start" => self.start = map.next_value::<Num>()?.0,
            "stop" => self.stop = map.next_value::<Num>()?.0,
            "duration" => self.duration = map.next_value::<Num>()?.0,
            "host" | "thread" => {
                self.surroundings.extend(map.next_value::<Str>()?.filled().map(|value| (key.to_owned(), value)));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Debug, Default)]
struct Metadata {
    framework: Option<String>,
    build_label: Option<String>,
    build_url: Option<String>,
    session_id: Option<String>,
    execution_uuid: Option<String>,
    surroundings: Vec<(String, String)>,
}

impl Fields for Metadata {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let value = map.next_value::<Str>()?.filled();
        match key {
            "framework" => self.framework = value,
            "buildLabel" => self.build_label = value,
            "buildUrl" => self.build_url = value,
            "sessionId" => self.session_id = value,
            "executionUuid" => self.execution_uuid = value,
            "language" | "version" => self.surroundings.extend(value.map(|value| (key.to_owned(), value))),
            _ => {}
        }
        Ok(true)
    }
}

#[derive(Debug, Default)]
struct SuiteEntry {
    index: u32,
    uuid: Option<String>,
    parent_uuid: Option<String>,
    name: String,
    start: Option<f64>,
    stop: Option<f64>,
    millis: Option<f64>,
    host: Option<String>,
    properties: Vec<(String, String)>,
}

impl SuiteEntry {
    fn duration(&self) -> Option<f64> {
        let measured = self.start.zip(self.stop).map(|(start, stop)| stop - start);
        self.millis.or(measured).and_then(plausible)
    }
}

impl Fields for SuiteEntry {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "uuid" => self.uuid = map.next_value::<Str>()?.filled(),
            "parentUuid" => self.parent_uuid = map.next_value::<Str>()?.filled(),
            "name" => self.name = map.next_value::<Str>()?.0.unwrap_or_default(),
            "start" => self.start = map.next_value::<Num>()?.0,
            "stop" => self.stop = map.next_value::<Num>()?.0,
            "duration" => self.millis = map.next_value::<Num>()?.0,
            "host" => self.host = map.next_value::<Str>()?.filled(),
            "description" | "thread" => {
                self.properties.extend(map.next_value::<Str>()?.filled().map(|value| (key.to_owned(), value)));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The suites in the order in which they were announced.
#[derive(Default)]
struct Suites {
    waiting: Vec<SuiteEntry>,
    list: Vec<SuiteEntry>,
    by_uuid: HashMap<String, usize>,
    /// The first of equal name: all that a result without a parent says is a name.
    by_name: HashMap<String, usize>,
}

impl Suites {
    fn has_room(&self) -> bool {
        self.list.len() + self.waiting.len() < MOST_SUITES
    }

    fn take(&mut self, mut suite: SuiteEntry) {
        let properties = suite.properties.iter_mut().map(|(_, value)| value);
        for text in properties
            .chain([&mut suite.name])
            .chain(&mut suite.uuid)
            .chain(&mut suite.parent_uuid)
            .chain(&mut suite.host)
        {
            clip(text, LONGEST);
        }
        if self.has_room() {
            self.waiting.push(suite);
        }
    }

    fn announce(&mut self) -> Vec<Suite> {
        let waiting = std::mem::take(&mut self.waiting);
        let mut children: BTreeMap<Option<String>, Vec<SuiteEntry>> = BTreeMap::new();
        let known: HashSet<String> = waiting.iter().filter_map(|suite| suite.uuid.clone()).collect();
        for suite in waiting {
            let is_nested = suite.parent_uuid.as_ref().is_some_and(|uuid| known.contains(uuid));
            let parent = if is_nested { suite.parent_uuid.clone() } else { None };
            children.entry(parent).or_default().push(suite);
        }
        let mut announced = Vec::new();
        // Suites that are their own ancestors are reached from no root; they become roots in turn.
        let mut roots: Vec<SuiteEntry> = children.remove(&None).unwrap_or_default();
        loop {
            roots.reverse();
            let mut stack: Vec<(SuiteEntry, Option<u32>, usize)> =
                roots.into_iter().map(|root| (root, None, 1)).collect();
            while let Some((suite, parent, depth)) = stack.pop() {
                let below = children.remove(&suite.uuid).filter(|_| suite.uuid.is_some()).unwrap_or_default();
                let event = self.add(suite, parent);
                let parent = if depth < DEEPEST_SUITE { Some(event.index) } else { event.parent };
                stack.extend(below.into_iter().rev().map(|child| (child, parent, (depth + 1).min(DEEPEST_SUITE))));
                announced.push(event);
            }
            let Some(key) = children.keys().next().cloned() else { return announced };
            roots = children.remove(&key).unwrap_or_default();
        }
    }

    fn add_missing(&mut self, mut name: String) -> Suite {
        clip(&mut name, LONGEST);
        self.add(SuiteEntry { name, ..SuiteEntry::default() }, None)
    }

    fn add(&mut self, mut suite: SuiteEntry, parent: Option<u32>) -> Suite {
        let at = self.list.len();
        suite.index = at as u32;
        if let Some(uuid) = &suite.uuid {
            self.by_uuid.entry(uuid.clone()).or_insert(at);
        }
        self.by_name.entry(suite.name.clone()).or_insert(at);
        let event = Suite {
            index: suite.index,
            parent,
            name: suite.name.clone(),
            started_at: suite.start.and_then(from_millis),
            hostname: suite.host.clone(),
        };
        self.list.push(suite);
        event
    }
}

struct Broken {
    error: serde_json::Error,
    n_read: u64,
    /// The list was reached before the file broke.
    has_begun: bool,
}

fn read_object<T: Fields>(input: impl Read) -> Result<T, Broken> {
    let mut json = serde_json::Deserializer::from_reader(input);
    let object = <Object<T> as serde::Deserialize>::deserialize(&mut json);
    object.map(|it| it.0.unwrap_or_default()).map_err(|error| Broken { error, n_read: 0, has_begun: false })
}

/// Hands out the objects of the list `key` one by one.
fn read_list<T: Fields>(input: impl Read, key: &str, take: &mut dyn FnMut(T)) -> Result<(), Broken> {
    let mut json = serde_json::Deserializer::from_reader(input);
    let (mut n_read, mut has_begun) = (0, false);
    let visitor = Outer { key, take, n_read: &mut n_read, has_begun: &mut has_begun };
    let read = json.deserialize_map(visitor);
    read.map_err(|error| Broken { error, n_read, has_begun })
}

struct Outer<'a, T> {
    key: &'a str,
    take: &'a mut dyn FnMut(T),
    n_read: &'a mut u64,
    has_begun: &'a mut bool,
}

impl<'de, T: Fields> Visitor<'de> for Outer<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with a list {:?}", self.key)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == self.key {
                map.next_value_seed(Entries(&mut self))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct Entries<'o, 'a, T>(&'o mut Outer<'a, T>);

impl<'de, T: Fields> serde::de::DeserializeSeed<'de> for Entries<'_, '_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Fields> Visitor<'de> for Entries<'_, '_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        *self.0.has_begun = true;
        while let Some(Object(entry)) = seq.next_element::<Object<T>>()? {
            if let Some(entry) = entry {
                *self.0.n_read += 1;
                (self.0.take)(entry);
            }
        }
        Ok(())
    }
}
