//! Joins the events of packages that run side by side.

use std::collections::HashMap;

use crate::failures::failure;
use crate::gotest::event::Event as GoEvent;
use crate::gotest::package::Package;
use crate::json::{Line, Lines};
use crate::repairs::Repairs;
use crate::report::{Case, Event, Files, ParseError, Problem, Status, Suite, Summary};
use crate::suites::Suites;
use crate::text::TextBuilder;
use crate::times::plausible;

/// Packages told apart.
const MOST_PACKAGES: usize = 20_000;
/// Builds whose output is kept.
const MOST_BUILDS: usize = 200;
/// Bytes of failed tests kept until it is known whether they are run again.
const MOST_HELD: usize = 16 * 1024 * 1024;

pub(crate) fn read(files: &dyn Files, index: usize, emit: &mut dyn FnMut(Event)) -> Result<Summary, ParseError> {
    let fail = |line, message| ParseError {
        file: files.path(index).to_owned(),
        problem: Problem { line, column: None, message },
    };
    let input = files.open(index).map_err(|e| fail(None, format!("cannot be opened: {e}")))?;
    let mut lines = Lines::new(input);
    let mut reader = Reader {
        suites: Suites::new(emit),
        packages: HashMap::new(),
        builds: HashMap::new(),
        text: TextBuilder::default(),
        n_events: 0,
        n_texts: 0,
        held_bytes: 0,
        summary: Summary { framework: Some("go test".to_owned()), ..Summary::default() },
    };
    let mut repairs = Repairs::default();
    let mut last_broken = false;
    loop {
        match lines.next::<GoEvent>() {
            Ok(Some(Line::Json(event))) => {
                reader.n_events += 1;
                last_broken = false;
                reader.take(event);
            }
            Ok(Some(Line::Text(text))) => reader.text(&text),
            Ok(Some(Line::Broken(message))) => {
                last_broken = true;
                repairs.note(Some((lines.number, 1)), format!("this event is left out: {message}"));
            }
            Ok(None) => break,
            Err(e) => return Err(fail(Some(lines.number), format!("cannot be read on: {e}"))),
        }
    }
    if reader.n_events == 0 {
        return Err(fail(Some(lines.number.max(1)), "holds no event of go test".to_owned()));
    }
    reader.summary.is_truncated = lines.is_open && last_broken;
    if reader.n_texts > 0 {
        repairs.note(None, format!("{} lines are no events of go test", reader.n_texts));
    }
    Ok(reader.finish(repairs))
}

struct Reader<'e> {
    suites: Suites<'e>,
    packages: HashMap<String, Package>,
    builds: HashMap<String, TextBuilder>,
    /// Lines that are no events since the last package ended: errors of the compiler, mostly.
    text: TextBuilder,
    n_events: u64,
    n_texts: u64,
    held_bytes: usize,
    summary: Summary,
}

impl Reader<'_> {
    fn take(&mut self, event: GoEvent) {
        if let Some(at) = event.at {
            self.summary.started_at.get_or_insert(at);
            self.summary.ended_at = Some(at);
        }
        match event.action.as_str() {
            "build-output" => return self.build_output(&event),
            // A package without tests is no suite.
            "build-fail" | "start" => return,
            _ => {}
        }
        let Some(name) = event.package.clone().or_else(|| event.import_path.clone()) else { return };
        if event.test.is_none() && event.action == "skip" && !self.packages.contains_key(&name) {
            return;
        }
        if event.test.is_none() && event.action == "output" && event.output.contains("[no test files]") {
            return;
        }
        if self.package(&name, &event).is_none() {
            return;
        }
        match &event.test {
            Some(test) => self.test(&name, test, &event),
            None => self.of_package(&name, &event),
        }
    }

    fn package(&mut self, name: &str, event: &GoEvent) -> Option<&mut Package> {
        if !self.packages.contains_key(name) {
            if self.packages.len() >= MOST_PACKAGES {
                return None;
            }
            let suite = || Suite { name: name.to_owned(), started_at: event.at, ..Suite::default() };
            let suite = self.suites.named_as(None, name, suite);
            self.packages.insert(name.to_owned(), Package::new(suite));
        }
        self.packages.get_mut(name)
    }

    fn test(&mut self, name: &str, test: &str, event: &GoEvent) {
        let Some(package) = self.packages.get_mut(name) else { return };
        package.has_ended = false;
        let status = match event.action.as_str() {
            "pass" | "bench" => Status::Passed,
            "fail" => Status::Failed,
            "skip" => Status::Skipped,
            action => {
                let Some(running) = package.running(test, event.at) else { return };
                match action {
                    "output" => running.print(&event.output),
                    "attr" => running
                        .attribute(event.key.clone().unwrap_or_default(), event.value.clone().unwrap_or_default()),
                    _ => {}
                }
                return;
            }
        };
        package.running(test, event.at);
        if let Some(case) = package.end(test, status, event.elapsed_ms) {
            self.hand_out(name, case);
        }
    }

    fn hand_out(&mut self, name: &str, case: Case) {
        let Some(package) = self.packages.get_mut(name) else { return };
        if case.status.is_failing() && self.held_bytes < MOST_HELD {
            self.held_bytes += case.weight();
            package.failed.push((case, package.round));
        } else {
            self.suites.case(Box::new(case));
        }
    }

    fn of_package(&mut self, name: &str, event: &GoEvent) {
        let Some(package) = self.packages.get_mut(name) else { return };
        match event.action.as_str() {
            "output" => {
                let line = event.output.trim_end();
                let is_verdict = matches!(line, "PASS" | "FAIL" | "exit status 1")
                    || ["ok  \t", "FAIL\t", "?   \t", "---", "==="].iter().any(|start| line.starts_with(start));
                if !is_verdict {
                    package.output.push(&event.output);
                }
            }
            "pass" | "fail" | "skip" => self.end_package(name, event),
            _ => {}
        }
    }

    fn end_package(&mut self, name: &str, event: &GoEvent) {
        let Some(package) = self.packages.get_mut(name) else { return };
        let mut left: Vec<String> = package.open.keys().cloned().collect();
        left.sort();
        package.elapsed_ms += event.elapsed_ms.unwrap_or_default();
        // What has no end of its own ran when the package came to its.
        let status = if event.action == "fail" { Status::Incomplete } else { Status::Passed };
        let ended: Vec<Case> = left.iter().filter_map(|test| package.end(test, status, None)).collect();
        let is_own_failure = event.action == "fail" && !package.has_failed_test;
        (package.has_ended, package.has_failed_test) = (true, false);
        package.round += 1;
        let output = std::mem::take(&mut package.output);
        let end = package.suite.and_then(|suite| self.suites.end_of(suite));
        if let Some(end) = end {
            end.duration_ms = plausible(package.elapsed_ms);
            if is_own_failure {
                let built = event.failed_build.as_ref().and_then(|path| self.builds.remove(path));
                let text = match built {
                    Some(text) => text,
                    None if !output.is_blank() => output,
                    None => std::mem::take(&mut self.text),
                };
                let message = if event.failed_build.is_some() { "the package could not be built" } else { "" };
                end.failures.push(failure(None, message, text));
            } else {
                end.stdout = output.finish();
            }
        }
        for case in ended {
            self.hand_out(name, case);
        }
        self.text = TextBuilder::default();
    }

    fn build_output(&mut self, event: &GoEvent) {
        let Some(path) = &event.import_path else { return };
        if self.builds.len() < MOST_BUILDS || self.builds.contains_key(path) {
            self.builds.entry(path.clone()).or_default().push(&event.output);
        }
    }

    /// Before Go 1.24 the compiler's words come as they are.
    fn text(&mut self, line: &str) {
        self.n_texts += 1;
        self.text.push(line);
        self.text.push("\n");
    }

    fn finish(mut self, mut repairs: Repairs) -> Summary {
        let mut names: Vec<String> = self.packages.keys().cloned().collect();
        names.sort();
        for name in names {
            let Some(mut package) = self.packages.remove(&name) else { continue };
            let mut left: Vec<String> = package.open.keys().cloned().collect();
            left.sort();
            if !left.is_empty() || !package.has_ended && package.round == 0 {
                self.summary.is_truncated = true;
                repairs.note(None, format!("the package {name:?} has no end"));
            }
            let ended: Vec<Case> = left.iter().filter_map(|test| package.end(test, Status::Incomplete, None)).collect();
            for case in package.failed.into_iter().map(|(case, _)| case).chain(ended) {
                self.suites.case(Box::new(case));
            }
        }
        self.suites.finish();
        let mut summary = self.summary;
        let (from, to) = (summary.started_at, summary.ended_at);
        summary.duration_ms = from.zip(to).and_then(|(from, to)| plausible((to.millis - from.millis) as f64));
        (summary.repairs, summary.n_repairs) = repairs.into_parts();
        summary
    }
}
