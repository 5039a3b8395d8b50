//! Walks the elements of a JUnit report and hands out what has become whole.

use std::io;

use crate::junit::case::{Capture, OpenCase, one_line};
use crate::junit::elements::{Closing, Kind, Open, Stack};
use crate::junit::suite::{Held, OpenSuite, Time};
use crate::report::{Event, Files, ParseError, Problem, Summary};
use crate::times::{Duration, Separator, duration};
use crate::timestamps::timestamp;
use crate::xml::{Scanner, Token};

/// Suites nested deeper than this are kept as part of the last one that is.
const DEEPEST_SUITE: usize = 64;
/// Elements captured within one another; more only occur in hostile files.
const DEEPEST_CAPTURE: usize = 8;

/// Reads the JUnit file `index`.
pub(crate) fn read(files: &dyn Files, index: usize, emit: &mut dyn FnMut(Event)) -> Result<Summary, ParseError> {
    let fail = |place: Option<(u64, u64)>, message: String| {
        let (line, column) = place.unzip();
        ParseError { file: files.path(index).to_owned(), problem: Problem { line, column, message } }
    };
    let input = files.open(index).map_err(|e| fail(None, format!("cannot be opened: {e}")))?;
    let mut reader = Reader::new(Scanner::new(input), emit);
    match reader.run() {
        Ok(None) => Ok(reader.finish()),
        Ok(Some(message)) => Err(fail(Some(reader.xml.place()), message)),
        Err(e) => Err(fail(Some(reader.xml.place()), format!("cannot be read on: {e}"))),
    }
}

struct Reader<'r, 'e> {
    xml: Scanner<'r>,
    emit: &'e mut dyn FnMut(Event),
    stack: Stack,
    suites: Vec<OpenSuite>,
    n_suites: u32,
    case: Option<OpenCase>,
    captures: Vec<Capture>,
    separator: Option<Separator>,
    summary: Summary,
    time: Time,
    top_sum: Option<f64>,
    n_roots: u32,
    has_junk_before: bool,
    has_junk_after: bool,
    is_too_deep: bool,
}

impl<'r, 'e> Reader<'r, 'e> {
    fn new(xml: Scanner<'r>, emit: &'e mut dyn FnMut(Event)) -> Self {
        Self {
            xml,
            emit,
            stack: Stack::default(),
            suites: Vec::new(),
            n_suites: 0,
            case: None,
            captures: Vec::new(),
            separator: None,
            summary: Summary::default(),
            time: Time::Known(None),
            top_sum: None,
            n_roots: 0,
            has_junk_before: false,
            has_junk_after: false,
            is_too_deep: false,
        }
    }

    /// Reads to the end; a message if this is no JUnit report.
    fn run(&mut self) -> io::Result<Option<String>> {
        loop {
            match self.xml.next()? {
                Token::Text => self.text(),
                Token::Start => {
                    if let Some(message) = self.start() {
                        return Ok(Some(message));
                    }
                }
                Token::End => self.end(),
                Token::Eof => break,
            }
        }
        if self.n_roots == 0 {
            return Ok(Some("holds no <testsuites>, <testsuite> or <testcase>".to_owned()));
        }
        self.end_of_file();
        Ok(None)
    }

    fn text(&mut self) {
        let text = self.xml.text();
        if let Some(capture) = self.captures.last_mut() {
            capture.text.push(text);
            if capture.kind != Kind::Property {
                if let Some(case) = &mut self.case {
                    case.push_markers(text);
                } else if let Some(suite) = self.suites.last_mut() {
                    suite.push_markers(text);
                }
            }
        } else if self.stack.is_empty() && !text.trim().is_empty() {
            self.junk();
        }
    }

    /// Text outside any element, noted once on either side of the report.
    fn junk(&mut self) {
        let (has_junk, place) =
            if self.n_roots == 0 { (&mut self.has_junk_before, "before") } else { (&mut self.has_junk_after, "after") };
        if !std::mem::replace(has_junk, true) {
            self.xml.repair(format!("text {place} the report is ignored"));
        }
    }

    fn start(&mut self) -> Option<String> {
        let kind = Kind::of(self.xml.name());
        if self.stack.is_empty() {
            let is_root = matches!(kind, Kind::Suites | Kind::Suite | Kind::Case);
            if !is_root && self.n_roots == 0 {
                // Console output in front of a report may hold anything; the first thing in a file must not.
                return (!self.has_junk_before)
                    .then(|| format!("root element <{}> is not that of a JUnit report", self.xml.name()));
            }
            if !is_root {
                // Not opened either: what is printed around a report need not be closed.
                self.junk();
                return None;
            }
            if self.n_roots == 1 && kind != Kind::Case {
                self.xml.repair("more than one root element");
            }
            self.n_roots = self.n_roots.saturating_add(u32::from(is_root));
        }
        self.close_unclosed(kind);
        let kind = if kind == Kind::Suite && self.suites.len() >= DEEPEST_SUITE { Kind::FlatSuite } else { kind };
        if !self.stack.push(Open::new(kind, self.xml.name())) {
            return None;
        }
        match kind {
            Kind::Suites => self.start_root(),
            Kind::Suite => self.start_suite(),
            Kind::FlatSuite => self.note_depth(),
            Kind::Case => self.start_case(),
            Kind::Properties => {}
            Kind::Unknown => self.literal_tag(),
            _ => self.start_capture(kind),
        }
        None
    }

    /// A case or suite cannot stand in an open case: its end tag is missing.
    fn close_unclosed(&mut self, kind: Kind) {
        if !matches!(kind, Kind::Case | Kind::Suite | Kind::Suites) || (self.case.is_none() && self.captures.is_empty())
        {
            return;
        }
        let depth = self.stack.depth_of(|open| open == Kind::Case).filter(|_| self.case.is_some());
        let depth = depth.or_else(|| self.stack.depth_of(Kind::has_text));
        if let Some(depth) = depth {
            self.xml.repair(format!("<{}> within a test that has not ended", self.xml.name()));
            self.close(depth);
        }
    }

    fn start_root(&mut self) {
        let attributes = self.xml.attributes();
        if self.summary.name.is_none() {
            self.summary.name = attributes.get("name").map(one_line).filter(|name| !name.is_empty());
        }
        if self.summary.started_at.is_none() {
            self.summary.started_at = attributes.get("timestamp").and_then(timestamp);
        }
        let raw = attributes.get_filled("time").map(ToOwned::to_owned);
        if self.suites.is_empty() {
            self.time = self.read_time(raw.as_deref());
        }
    }

    fn start_suite(&mut self) {
        let (mut suite, event) = OpenSuite::open(self.n_suites, self.suites.last(), self.xml.attributes());
        self.n_suites += 1;
        suite.time = self.read_time(suite.raw_time.as_deref());
        self.summary.started_at = self.summary.started_at.or(event.started_at);
        self.suites.push(suite);
        (self.emit)(Event::Suite(event));
    }

    fn note_depth(&mut self) {
        if !std::mem::replace(&mut self.is_too_deep, true) {
            self.xml
                .repair(format!("suites nested deeper than {DEEPEST_SUITE} count for their ancestor at that depth"));
        }
    }

    fn start_case(&mut self) {
        let attributes = self.xml.attributes();
        let raw_time = attributes.get_filled("time").or_else(|| attributes.get_filled("duration"));
        let (read, proof) = raw_time.map_or((Duration::Absent, None), duration);
        // Only what cannot be told yet, or must be complained of, is worth a copy.
        let raw_time = raw_time.filter(|_| !matches!(read, Duration::Millis(_))).map(ToOwned::to_owned);
        let time = self.settle(read, proof, raw_time.as_deref().unwrap_or_default());
        let suite = self.suites.last();
        let file = suite.and_then(|suite| suite.file.as_deref());
        let mut case = OpenCase::open(self.xml.attributes(), suite.map(|suite| suite.end.index), file);
        if case.case.name.is_empty() {
            self.xml.repair("<testcase> has no name");
        }
        (case.time, case.raw_time) = (time, raw_time);
        self.case = Some(case);
    }

    fn start_capture(&mut self, kind: Kind) {
        if self.captures.len() >= DEEPEST_CAPTURE {
            return;
        }
        let owner = self.case.as_ref().map(|case| case.allowance);
        let allowance = owner.or_else(|| self.suites.last().map(|suite| suite.allowance)).unwrap_or(64 * 1024);
        let capture = Capture::open(kind, self.xml.attributes(), allowance);
        if kind.is_attempt() && self.case.is_some() {
            let raw = self.xml.attributes().get_filled("time").map(ToOwned::to_owned);
            let time = self.read_time(raw.as_deref()).read_as(self.separator);
            if let Some(case) = &mut self.case {
                case.open_attempt(kind, time);
            }
        }
        self.captures.push(capture);
    }

    /// An element of no meaning within a text, such as the `<String>` of `List<String>`, was meant as text.
    fn literal_tag(&mut self) {
        let Some(capture) = self.captures.last_mut() else { return };
        let text = &mut capture.text;
        text.push("<");
        text.push(self.xml.name());
        for (name, value) in self.xml.attributes().iter() {
            for piece in [" ", name, "=\"", value, "\""] {
                text.push(piece);
            }
        }
        text.push(">");
    }

    fn end(&mut self) {
        match self.stack.closing(self.xml.name()) {
            Closing::Elements(1) => self.close(1),
            Closing::Elements(n) => {
                self.xml.repair(format!("</{}> closes {} elements within it", self.xml.name(), n - 1));
                self.close(n);
            }
            Closing::Beyond => {}
            Closing::Nothing if self.stack.is_empty() => self.junk(),
            Closing::Nothing => {
                self.xml.repair(format!("</{}> closes nothing", self.xml.name()));
                self.literal_end();
            }
        }
    }

    fn literal_end(&mut self) {
        if let Some(capture) = self.captures.last_mut() {
            for piece in ["</", self.xml.name(), ">"] {
                capture.text.push(piece);
            }
        }
    }

    fn close(&mut self, n: usize) {
        for i in 0..n {
            let Some(open) = self.stack.pop() else { return };
            match open.kind {
                Kind::Suite => self.end_suite(),
                Kind::Case => self.end_case(),
                // Only the element that the tag names was meant as text; the others were never closed.
                Kind::Unknown if i + 1 == n => self.literal_end(),
                kind if kind.has_text() => self.end_capture(kind),
                _ => {}
            }
        }
    }

    fn end_capture(&mut self, kind: Kind) {
        // One that was nested too deep was never opened.
        let Some(capture) = self.captures.pop_if(|capture| capture.kind == kind) else { return };
        let is_kept = match (&mut self.case, self.suites.last_mut()) {
            (Some(case), _) => case.take(capture),
            (None, Some(suite)) => suite.take(capture),
            (None, None) => self.take_root(capture),
        };
        if !is_kept {
            self.xml.repair(format!("too many <{}> in one place; left out", self.xml.name()));
        }
    }

    /// Properties of the whole run describe its surroundings.
    fn take_root(&mut self, capture: Capture) -> bool {
        if capture.kind != Kind::Property || self.summary.environment.len() >= 1000 {
            return capture.kind == Kind::SystemOut || capture.kind == Kind::SystemErr;
        }
        let value = capture.message.unwrap_or_else(|| capture.text.finish_trimmed().head);
        self.summary.environment.push((capture.label.unwrap_or_default(), value));
        true
    }

    fn end_case(&mut self) {
        let Some(mut open) = self.case.take() else { return };
        let (time, raw_time) = (open.time, open.raw_time.take());
        let mut case = open.finish();
        // The commas may have been explained since.
        let (comma, millis) = match (time, time.read_as(self.separator)) {
            (Time::Either(comma), None) => (Some(comma), None),
            (_, millis) => (None, millis),
        };
        case.duration_ms = millis;
        let Some(suite) = self.suites.last_mut() else {
            let held = Held { case, comma, raw_time };
            return self.emit_held(held);
        };
        suite.count(millis);
        if suite.held.is_empty() && comma.is_none() {
            return (self.emit)(Event::Case(case));
        }
        if !suite.hold(Held { case, comma, raw_time }) {
            self.release_held();
        }
    }

    fn end_suite(&mut self) {
        if let Some(suite) = self.suites.last()
            && self.separator.is_none()
            && !suite.held.is_empty()
        {
            self.separator = suite.separator_by_sum();
        }
        self.release_held();
        let Some(suite) = self.suites.pop() else { return };
        let end = suite.finish(self.separator);
        if self.suites.is_empty()
            && let Some(millis) = end.duration_ms
        {
            *self.top_sum.get_or_insert_default() += millis;
        }
        (self.emit)(Event::SuiteEnd(end));
    }

    fn release_held(&mut self) {
        for i in 0..self.suites.len() {
            for held in self.suites[i].release() {
                self.emit_held(held);
            }
        }
    }

    fn emit_held(&mut self, held: Held) {
        let Held { mut case, comma, raw_time } = held;
        if let Some(comma) = comma {
            case.duration_ms = self.separator.map(|separator| comma.read_as(separator));
            if let (None, Some(raw)) = (self.separator, raw_time) {
                self.xml.repair(format!("time {raw:?} has two readings; left open"));
                case.properties.push(("time".to_owned(), raw));
            }
        }
        (self.emit)(Event::Case(case));
    }

    fn read_time(&mut self, raw: Option<&str>) -> Time {
        let Some(raw) = raw else { return Time::Known(None) };
        let (read, proof) = duration(raw);
        self.settle(read, proof, raw)
    }

    fn settle(&mut self, read: Duration, proof: Option<Separator>, raw: &str) -> Time {
        if self.separator.is_none() && proof.is_some() {
            self.separator = proof;
            self.release_held();
        }
        match read {
            Duration::Millis(millis) => Time::Known(Some(millis)),
            Duration::Either(comma) => match self.separator {
                Some(separator) => Time::Known(Some(comma.read_as(separator))),
                None => Time::Either(comma),
            },
            Duration::Negative => {
                self.xml.repair(format!("negative time {} counts as 0", clipped(raw)));
                Time::Known(Some(0.0))
            }
            Duration::Absent => Time::Known(None),
            Duration::Unreadable => {
                self.xml.repair(format!("time {} is no duration", clipped(raw)));
                Time::Known(None)
            }
        }
    }

    /// Keeps what was whole when the file ended early.
    fn end_of_file(&mut self) {
        let is_whole = self.stack.is_empty() && !self.xml.is_cut_off();
        if is_whole {
            return;
        }
        self.summary.is_truncated = true;
        let within = self.case.take().map(|open| format!(" within the test {}", clipped(&open.case.name)));
        self.xml.repair(format!("the file ends before its end{}", within.unwrap_or_default()));
        self.captures.clear();
        while !self.suites.is_empty() {
            self.end_suite();
        }
    }

    fn finish(self) -> Summary {
        let mut summary = self.summary;
        summary.duration_ms = self.time.read_as(self.separator).or(self.top_sum);
        (summary.repairs, summary.n_repairs) = self.xml.into_repairs().into_parts();
        summary
    }
}

fn clipped(text: &str) -> String {
    let cut = text.floor_char_boundary(100);
    format!("{:?}", &text[..cut])
}
