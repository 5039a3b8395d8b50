//! Reads what Rust's test harness prints with `--format json`, and the like of it that cargo-nextest prints.

use std::collections::HashMap;

use serde::de::MapAccess;

use crate::failures::failure;
use crate::json::{Fields, Line, Lines, Num, Object, Str};
use crate::repairs::Repairs;
use crate::report::{Case, Event, Failure, Files, ParseError, Problem, Status, Suite, Summary, Text};
use crate::suites::Suites;
use crate::text::TextBuilder;
use crate::times::plausible;

/// Tests that run at once told apart.
const MOST_OPEN: usize = 50_000;

pub(crate) fn read(files: &dyn Files, index: usize, emit: &mut dyn FnMut(Event)) -> Result<Summary, ParseError> {
    let fail = |line, message| ParseError {
        file: files.path(index).to_owned(),
        problem: Problem { line, column: None, message },
    };
    let input = files.open(index).map_err(|e| fail(None, format!("cannot be opened: {e}")))?;
    let mut lines = Lines::new(input);
    let mut reader = Reader {
        suites: Suites::new(emit),
        open: HashMap::new(),
        binary: None,
        crate_name: None,
        is_in_suite: false,
        n_suites: 0,
        n_read: 0,
        duration_ms: None,
        has_failed: false,
    };
    let mut repairs = Repairs::default();
    let mut n_texts = 0_u64;
    let mut last_broken = false;
    loop {
        match lines.next::<Entry>() {
            Ok(Some(Line::Json(entry))) => {
                last_broken = false;
                reader.take(entry);
            }
            Ok(Some(Line::Text(text))) => match binary(&text) {
                Some(name) => reader.binary = Some(name.to_owned()),
                None => n_texts += 1,
            },
            Ok(Some(Line::Broken(message))) => {
                last_broken = true;
                repairs.note(Some((lines.number, 1)), format!("this event is left out: {message}"));
            }
            Ok(None) => break,
            Err(e) => return Err(fail(Some(lines.number), format!("cannot be read on: {e}"))),
        }
    }
    if reader.n_read == 0 {
        return Err(fail(Some(lines.number.max(1)), "holds no event of a suite or test".to_owned()));
    }
    if n_texts > 0 {
        repairs.note(None, format!("{n_texts} lines are no events"));
    }
    Ok(reader.finish(repairs, lines.is_open && last_broken))
}

/// One event, of a suite, test, benchmark or of the build.
#[derive(Debug, Default)]
struct Entry {
    kind: String,
    event: String,
    name: String,
    seconds: Option<f64>,
    stdout: Option<Text>,
    message: Option<String>,
    /// nextest names the crate and binary of a suite.
    nextest: Option<Nextest>,
    median: Option<f64>,
    deviation: Option<f64>,
    reason: Option<String>,
    target: Option<Target>,
}

#[derive(Debug, Default)]
struct Nextest {
    crate_name: Option<String>,
    binary: Option<String>,
}

/// Of cargo's own messages.
#[derive(Debug, Default)]
struct Target(Option<String>);

impl Fields for Entry {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "type" => self.kind = map.next_value::<Str>()?.0.unwrap_or_default(),
            "event" => self.event = map.next_value::<Str>()?.0.unwrap_or_default(),
            "name" => self.name = map.next_value::<Str>()?.name().unwrap_or_default(),
            // A number of seconds, or a text such as `0.5s` before Rust 1.47.
            "exec_time" => {
                let text = map.next_value::<Str>()?.0.unwrap_or_default();
                self.seconds = text.trim_end_matches('s').trim().parse().ok();
            }
            "stdout" => self.stdout = Some(map.next_value::<Str>()?.text()),
            "message" | "reason" => {
                let text = map.next_value::<Str>()?.filled();
                if key == "message" { self.message = text } else { self.reason = text }
            }
            "median" => self.median = map.next_value::<Num>()?.0,
            "deviation" => self.deviation = map.next_value::<Num>()?.0,
            "nextest" => self.nextest = map.next_value::<Object<Nextest>>()?.0,
            "target" => self.target = map.next_value::<Object<Target>>()?.0,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Nextest {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "crate" => self.crate_name = map.next_value::<Str>()?.name(),
            "test_binary" => self.binary = map.next_value::<Str>()?.name(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Fields for Target {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key == "name" {
            self.0 = map.next_value::<Str>()?.name();
        }
        Ok(key == "name")
    }
}

/// `     Running unittests src/lib.rs (target/debug/deps/shop-0123456789abcdef)` and `   Doc-tests shop`.
fn binary(line: &str) -> Option<&str> {
    let line = line.trim();
    if let Some(name) = line.strip_prefix("Doc-tests ") {
        return Some(name.trim());
    }
    line.strip_prefix("Running ").map(|what| what.split(" (").next().unwrap_or(what).trim())
}

struct Reader<'e> {
    suites: Suites<'e>,
    /// Tests that have begun, with what they said of taking long.
    open: HashMap<String, bool>,
    /// What runs next, when the lines between the events tell.
    binary: Option<String>,
    crate_name: Option<String>,
    is_in_suite: bool,
    n_suites: u64,
    n_read: u64,
    duration_ms: Option<f64>,
    has_failed: bool,
}

impl Reader<'_> {
    fn take(&mut self, entry: Entry) {
        match (entry.kind.as_str(), entry.event.as_str()) {
            ("suite", "started") => self.start_suite(entry),
            ("suite", _) => self.end_suite(&entry),
            ("test", "started") => {
                if self.open.len() < MOST_OPEN {
                    self.open.insert(entry.name, false);
                }
            }
            ("test", "timeout") => {
                if let Some(is_slow) = self.open.get_mut(&entry.name) {
                    *is_slow = true;
                }
            }
            ("test", _) => self.end_test(entry),
            ("bench", _) => self.bench(entry),
            _ => {
                if let Some(Target(name)) = entry.target
                    && entry.reason.as_deref() == Some("compiler-artifact")
                {
                    self.crate_name = name.or(self.crate_name.take());
                }
            }
        }
    }

    fn start_suite(&mut self, entry: Entry) {
        self.n_read += 1;
        self.n_suites += 1;
        let of_nextest = entry.nextest.and_then(|it| {
            Some(match (it.crate_name, it.binary) {
                (Some(name), Some(binary)) if name != binary => format!("{name}::{binary}"),
                (name, binary) => name.or(binary)?,
            })
        });
        // The harness does not say which binary it is.
        let name = of_nextest.or_else(|| self.binary.take()).unwrap_or_else(|| format!("binary {}", self.n_suites));
        self.close_suite();
        self.is_in_suite = true;
        self.suites.begin(Suite { name, ..Suite::default() });
    }

    fn end_suite(&mut self, entry: &Entry) {
        let millis = entry.seconds.map(|seconds| seconds * 1000.0).and_then(plausible);
        if let Some(millis) = millis {
            *self.duration_ms.get_or_insert_default() += millis;
        }
        if let Some(end) = self.suites.current_end() {
            end.duration_ms = millis;
        }
        self.has_failed |= entry.event == "failed";
        self.close_suite();
    }

    fn close_suite(&mut self) {
        if std::mem::take(&mut self.is_in_suite) {
            self.emit_open();
            self.suites.end();
        }
    }

    /// Tests that began and have no end: the process was killed, or crashed.
    fn emit_open(&mut self) {
        let mut open: Vec<String> = self.open.drain().map(|(name, _)| name).collect();
        open.sort();
        for name in open {
            let mut case = Case::new(own_name(&name), Status::Incomplete);
            let message = "the test did not end".to_owned();
            case.failures.push(Failure { message, ..Failure::default() });
            self.suites.case_here(Box::new(case));
        }
    }

    fn end_test(&mut self, entry: Entry) {
        self.n_read += 1;
        let is_slow = self.open.remove(&entry.name).unwrap_or(false);
        let status = match entry.event.as_str() {
            "ok" => Status::Passed,
            "failed" => Status::Failed,
            "ignored" => Status::Skipped,
            _ => Status::Incomplete,
        };
        let mut case = Case::new(own_name(&entry.name), status);
        case.duration_ms = entry.seconds.map(|seconds| seconds * 1000.0).and_then(plausible);
        let stdout = entry.stdout.unwrap_or_default();
        match status {
            Status::Skipped => case.skip_reason = entry.message,
            Status::Failed => {
                let mut stack = TextBuilder::default();
                for piece in [&stdout.head, &stdout.tail] {
                    stack.push(piece);
                }
                let message = entry.message.unwrap_or_else(|| panic_message(&stdout.head));
                (case.file, case.line) = panic_place(&stdout.head);
                case.failures.push(failure(None, &message, stack));
            }
            _ => {}
        }
        case.stdout = stdout;
        if is_slow {
            case.properties.push(("slow".to_owned(), "ran for more than a minute".to_owned()));
        }
        self.suites.case_here(Box::new(case));
    }

    fn bench(&mut self, entry: Entry) {
        self.n_read += 1;
        self.open.remove(&entry.name);
        let mut case = Case::new(entry.name, Status::Passed);
        for (name, value) in [("median ns/iter", entry.median), ("deviation ns/iter", entry.deviation)] {
            case.properties.extend(value.map(|value| (name.to_owned(), value.to_string())));
        }
        self.suites.case_here(Box::new(case));
    }

    fn finish(mut self, mut repairs: Repairs, is_cut_off: bool) -> Summary {
        let is_truncated = is_cut_off || self.is_in_suite;
        if is_truncated {
            repairs.note(None, "the file ends before its end");
        }
        self.close_suite();
        self.suites.finish();
        let (repairs, n_repairs) = repairs.into_parts();
        let framework = Some("libtest".to_owned());
        Summary { framework, duration_ms: self.duration_ms, is_truncated, repairs, n_repairs, ..Summary::default() }
    }
}

/// nextest puts the binary before the name: `shop::shop$cart::adds`.
fn own_name(name: &str) -> &str {
    name.split_once('$').map_or(name, |(_, name)| name)
}

/// `thread 'cart::fails' panicked at src/lib.rs:12:5:` with the message on the next line, or within the same before
/// Rust 1.73.
fn panic_message(stdout: &str) -> String {
    let mut lines = stdout.lines();
    let Some(line) = lines.find(|line| line.contains("panicked at ")) else { return String::new() };
    let (_, after) = line.split_once("panicked at ").unwrap_or_default();
    if let Some((message, _)) = after.strip_prefix('\'').and_then(|text| text.rsplit_once("', ")) {
        return message.to_owned();
    }
    let is_over = |line: &str| line.is_empty() || line.starts_with("note: ") || line == "stack backtrace:";
    let message: Vec<&str> = lines.take_while(|line| !is_over(line)).collect();
    message.join("\n")
}

fn panic_place(stdout: &str) -> (Option<String>, Option<u64>) {
    let Some((_, after)) = stdout.split_once("panicked at ") else { return (None, None) };
    let line = after.lines().next().unwrap_or_default();
    let place = line.rsplit_once("', ").map_or(line, |(_, place)| place).trim_end_matches(':');
    let mut parts = place.rsplitn(3, ':');
    let (_, line, file) = (parts.next(), parts.next().and_then(|line| line.parse().ok()), parts.next());
    (file.filter(|_| line.is_some()).map(ToOwned::to_owned), line)
}
