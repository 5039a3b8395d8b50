//! Files in memory and reports as text, for the tests.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::fmt::Write as _;
use std::io::{self, Read};

use testward_reports::{Attempt, Case, Event, Failure, Files, ParseError, Status, Summary, Text, find_reports, read};

/// An upload held in memory.
#[derive(Default)]
pub struct Upload(pub Vec<(String, Vec<u8>)>);

impl Upload {
    pub fn of(path: &str, content: impl AsRef<[u8]>) -> Self {
        Self::default().with(path, content)
    }

    pub fn with(mut self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.0.push((path.to_owned(), content.as_ref().to_vec()));
        self
    }
}

impl Files for Upload {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn path(&self, index: usize) -> &str {
        &self.0[index].0
    }

    fn open(&self, index: usize) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(self.0[index].1.as_slice()))
    }
}

/// What reading an upload gave.
#[derive(Default)]
pub struct Outcome {
    pub events: Vec<Event>,
    pub summary: Summary,
}

impl Outcome {
    pub fn cases(&self) -> Vec<&Case> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::Case(case) => Some(&**case),
                _ => None,
            })
            .collect()
    }

    pub fn case(&self, name: &str) -> &Case {
        self.cases().into_iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no case {name:?}"))
    }

    pub fn repairs(&self) -> Vec<&str> {
        self.summary.repairs.iter().map(|repair| repair.message.as_str()).collect()
    }
}

/// Reads the only report of an upload.
pub fn read_upload(files: &Upload) -> Result<Outcome, ParseError> {
    let reports = find_reports(files, None);
    assert_eq!(reports.len(), 1, "reports found: {reports:?}");
    let mut events = Vec::new();
    let summary = read(files, &reports[0], &mut |event| events.push(event))?;
    check_order(&events);
    Ok(Outcome { events, summary })
}

/// Reads a JUnit file that may be too broken to be found.
pub fn junit(content: impl AsRef<[u8]>) -> Result<Outcome, ParseError> {
    let files = Upload::of("junit.xml", content);
    let report = testward_reports::Report { format: testward_reports::Format::Junit, main: 0, parts: vec![0] };
    let mut events = Vec::new();
    let summary = read(&files, &report, &mut |event| events.push(event))?;
    check_order(&events);
    Ok(Outcome { events, summary })
}

/// Holds every reader to its promise about the order of events.
pub fn check_order(events: &[Event]) {
    let (mut known, mut ended) = (Vec::new(), Vec::new());
    for event in events {
        match event {
            Event::Suite(suite) => {
                assert_eq!(suite.index as usize, known.len(), "suites count from 0");
                assert!(suite.parent.is_none_or(|parent| known.contains(&parent) && !ended.contains(&parent)));
                known.push(suite.index);
            }
            Event::Case(case) => {
                assert!(case.suite.is_none_or(|suite| known.contains(&suite) && !ended.contains(&suite)));
            }
            Event::SuiteEnd(end) => {
                assert!(known.contains(&end.index) && !ended.contains(&end.index), "ends once");
                ended.push(end.index);
            }
        }
    }
    assert_eq!(known.len(), ended.len(), "every suite ends");
}

/// A report as text, for expectations.
pub fn render(outcome: &Outcome) -> String {
    let mut out = String::new();
    let summary = &outcome.summary;
    let mut depth = Vec::<u32>::new();
    for event in &outcome.events {
        match event {
            Event::Suite(suite) => {
                let level = suite.parent.map_or(0, |parent| depth[parent as usize] + 1);
                depth.push(level);
                let pad = "  ".repeat(level as usize);
                write!(out, "{pad}suite {:?}", suite.name).expect("a string grows");
                put(&mut out, "at", suite.started_at.map(|at| format!("{}{}", at.millis, zone(at.has_zone))));
                put(&mut out, "host", suite.hostname.as_ref());
                out.push('\n');
            }
            Event::Case(case) => {
                let level = case.suite.map_or(0, |suite| depth[suite as usize] + 1);
                render_case(&mut out, case, &"  ".repeat(level as usize));
            }
            Event::SuiteEnd(end) => {
                let pad = "  ".repeat(depth[end.index as usize] as usize);
                write!(out, "{pad}end {}", end.index).expect("a string grows");
                put(&mut out, "ms", end.duration_ms);
                put(&mut out, "properties", (!end.properties.is_empty()).then(|| format!("{:?}", end.properties)));
                put(&mut out, "out", text(&end.stdout));
                put(&mut out, "err", text(&end.stderr));
                out.push('\n');
                for attachment in &end.attachments {
                    writeln!(out, "{pad}  file {:?}", attachment.path).expect("a string grows");
                }
                for failure in &end.failures {
                    render_failure(&mut out, failure, &pad);
                }
            }
        }
    }
    render_summary(&mut out, summary);
    out
}

fn render_summary(out: &mut String, summary: &Summary) {
    out.push_str("summary");
    put(out, "name", summary.name.as_ref());
    put(out, "session", summary.session_id.as_ref());
    put(out, "build", summary.build_label.as_ref());
    put(out, "url", summary.build_url.as_ref());
    put(out, "framework", summary.framework.as_ref());
    put(out, "from", summary.started_at.map(|at| format!("{}{}", at.millis, zone(at.has_zone))));
    put(out, "to", summary.ended_at.map(|at| format!("{}{}", at.millis, zone(at.has_zone))));
    put(out, "ms", summary.duration_ms);
    put(out, "truncated", summary.is_truncated.then_some(true));
    out.push('\n');
    for (name, value) in &summary.environment {
        writeln!(out, "  {name} = {value:?}").expect("a string grows");
    }
    for repair in &summary.repairs {
        let place = format!("{}:{}", repair.line.unwrap_or(0), repair.column.unwrap_or(0));
        writeln!(out, "  repair {place} {}", repair.message).expect("a string grows");
    }
}

fn render_case(out: &mut String, case: &Case, pad: &str) {
    write!(out, "{pad}{} {:?}", status(case.status), case.name).expect("a string grows");
    put(out, "class", case.class_name.as_ref());
    put(out, "file", case.file.as_ref());
    put(out, "line", case.line);
    put(out, "flaky", case.is_flaky.then_some(true));
    put(out, "ms", case.duration_ms);
    put(out, "at", case.started_at.map(|at| format!("{}{}", at.millis, zone(at.has_zone))));
    put(out, "skip", case.skip_reason.as_ref());
    put(out, "parameters", (!case.parameters.is_empty()).then(|| format!("{:?}", case.parameters)));
    put(out, "properties", (!case.properties.is_empty()).then(|| format!("{:?}", case.properties)));
    put(out, "description", case.description.as_ref());
    put(out, "out", text(&case.stdout));
    put(out, "err", text(&case.stderr));
    out.push('\n');
    for failure in &case.failures {
        render_failure(out, failure, pad);
    }
    for attempt in &case.earlier_attempts {
        render_attempt(out, attempt, pad);
    }
    for step in &case.steps {
        let indent = "  ".repeat(usize::from(step.depth));
        write!(out, "{pad}  step {indent}{} {:?}", status(step.status), step.name).expect("a string grows");
        put(out, "ms", step.duration_ms);
        put(out, "says", step.message.as_ref());
        out.push('\n');
    }
    for attachment in &case.attachments {
        writeln!(out, "{pad}  file {:?}", attachment.path).expect("a string grows");
    }
}

fn render_attempt(out: &mut String, attempt: &Attempt, pad: &str) {
    write!(out, "{pad}  earlier {}", status(attempt.status)).expect("a string grows");
    put(out, "ms", attempt.duration_ms);
    put(out, "out", text(&attempt.stdout));
    put(out, "err", text(&attempt.stderr));
    out.push('\n');
    for failure in &attempt.failures {
        render_failure(out, failure, &format!("{pad}  "));
    }
}

fn render_failure(out: &mut String, failure: &Failure, pad: &str) {
    write!(out, "{pad}  failure {:?}", failure.message).expect("a string grows");
    put(out, "kind", failure.kind.as_ref());
    put(out, "stack", text(&failure.stack));
    out.push('\n');
}

fn put(out: &mut String, name: &str, value: Option<impl std::fmt::Display>) {
    if let Some(value) = value {
        write!(out, " {name}={value}").expect("a string grows");
    }
}

/// A long text by its start and size.
fn text(text: &Text) -> Option<String> {
    let whole = format!("{}{}", text.head, text.tail);
    let start: String = whole.chars().take(60).collect();
    let size = if whole.len() > start.len() { format!("+{}", whole.len() - start.len()) } else { String::new() };
    (!whole.is_empty()).then(|| format!("{start:?}{size}"))
}

fn zone(has_zone: bool) -> &'static str {
    if has_zone { "Z" } else { "?" }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Passed => "passed",
        Status::Failed => "FAILED",
        Status::Error => "ERROR",
        Status::Incomplete => "INCOMPLETE",
        Status::Skipped => "skipped",
        Status::NotRun => "not run",
    }
}
