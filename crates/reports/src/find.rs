//! Finding the reports of an upload by what its files contain.

use std::collections::BTreeMap;
use std::io::Read;

use crate::encoding::decode_head;
use crate::paths::{file_name, folder};
use crate::report::{Files, Format, Report};

/// Bytes of a file that are looked at.
pub(crate) const HEAD: u64 = 16 * 1024;
/// What may stand in front of an XML report: a line or two of console output.
const LONGEST_JUNK: usize = 4096;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Junit,
    TestopsResults,
    TestopsSuites,
    TestopsExecution,
    TestopsMetadata,
    KatalonLog,
    Other,
}

/// The files of a TestOps report, in the order in which they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TestopsPart {
    Execution,
    Suites,
    Metadata,
    Results,
}

/// Says which part of a TestOps report a file is.
pub(crate) fn testops_part(files: &dyn Files, index: usize) -> Option<TestopsPart> {
    match content(files, index) {
        Content::TestopsExecution => Some(TestopsPart::Execution),
        Content::TestopsSuites => Some(TestopsPart::Suites),
        Content::TestopsMetadata => Some(TestopsPart::Metadata),
        Content::TestopsResults => Some(TestopsPart::Results),
        // A part too broken to be known by its content counts by its name, so that the report says so.
        Content::Other => match file_name(files.path(index)) {
            "results.json" => Some(TestopsPart::Results),
            "suites.json" => Some(TestopsPart::Suites),
            "execution.json" => Some(TestopsPart::Execution),
            _ => None,
        },
        Content::Junit | Content::KatalonLog => None,
    }
}

/// Finds the reports among `files` by their content, reading only the head of each.
///
/// Files named in no report are plain attachments. `only` restricts the search to one format, when the client said so.
pub fn find_reports(files: &dyn Files, only: Option<Format>) -> Vec<Report> {
    let mut folders: BTreeMap<&str, Folder> = BTreeMap::new();
    for index in 0..files.len() {
        let path = files.path(index);
        folders.entry(folder(path)).or_default().add(index, file_name(path), content(files, index));
    }
    let mut reports = Vec::new();
    for place in folders.keys() {
        folders[place].reports(only, inherited(&folders, place), &mut reports);
    }
    reports.sort_by_key(|report| report.main);
    reports
}

/// The identifying files of the nearest folder above: a suite collection may hold them once for all its suites.
fn inherited(folders: &BTreeMap<&str, Folder>, place: &str) -> Vec<usize> {
    let mut place = place;
    while !place.is_empty() {
        place = folder(place);
        if let Some(folder) = folders.get(place).filter(|folder| !folder.katalon_marks.is_empty()) {
            return folder.katalon_marks.clone();
        }
    }
    Vec::new()
}

#[derive(Default)]
struct Folder {
    junit: Vec<usize>,
    katalon_junit: Option<usize>,
    katalon_logs: Vec<usize>,
    /// `execution.uuid` and `tsc_id.txt`
    katalon_marks: Vec<usize>,
    katalon_properties: Option<usize>,
    results: Vec<usize>,
    suites: Vec<usize>,
    executions: Vec<usize>,
    metadata: Vec<usize>,
    /// Files named as parts of a TestOps report without the content of one.
    broken_testops: Vec<usize>,
}

impl Folder {
    fn add(&mut self, index: usize, name: &str, content: Content) {
        match content {
            Content::Junit if name == "JUnit_Report.xml" => self.katalon_junit = Some(index),
            Content::Junit => self.junit.push(index),
            Content::TestopsResults => self.results.push(index),
            Content::TestopsSuites => self.suites.push(index),
            Content::TestopsExecution => self.executions.push(index),
            Content::TestopsMetadata => self.metadata.push(index),
            Content::KatalonLog => self.katalon_logs.push(index),
            Content::Other => match name {
                "execution.uuid" | "tsc_id.txt" => self.katalon_marks.push(index),
                "execution.properties" => self.katalon_properties = Some(index),
                "results.json" | "suites.json" | "execution.json" => self.broken_testops.push(index),
                _ => {}
            },
        }
    }

    fn reports(&self, only: Option<Format>, inherited: Vec<usize>, reports: &mut Vec<Report>) {
        let is_wanted = |format| only.is_none_or(|only| only == format);
        let mut junit = self.junit.clone();
        if is_wanted(Format::Testops) {
            reports.extend(self.testops());
        }
        match self.katalon(inherited).filter(|_| is_wanted(Format::Katalon)) {
            Some(report) => reports.push(report),
            None => junit.extend(self.katalon_junit),
        }
        if is_wanted(Format::Junit) {
            reports.extend(junit.into_iter().map(|main| Report { format: Format::Junit, main, parts: vec![main] }));
        }
    }

    fn testops(&self) -> Option<Report> {
        // Metadata alone, or an execution without results, holds no test.
        let main = *self.results.first().or(self.suites.first()).or(self.executions.first())?;
        let parts = [&self.executions, &self.suites, &self.results, &self.metadata, &self.broken_testops];
        let parts = parts.into_iter().flatten().copied().collect();
        Some(Report { format: Format::Testops, main, parts })
    }

    fn katalon(&self, inherited: Vec<usize>) -> Option<Report> {
        let marks = if self.katalon_marks.is_empty() { inherited } else { self.katalon_marks.clone() };
        let main = match self.katalon_logs.first() {
            Some(log) => *log,
            // Without a log, the folder must prove by its other files that Katalon wrote it.
            None if !self.katalon_marks.is_empty() || self.katalon_properties.is_some() => self.katalon_junit?,
            None => return None,
        };
        let mut parts = self.katalon_logs.clone();
        parts.extend(self.katalon_properties);
        parts.extend(marks);
        parts.extend(self.katalon_junit);
        Some(Report { format: Format::Katalon, main, parts })
    }
}

fn content(files: &dyn Files, index: usize) -> Content {
    let Ok(input) = files.open(index) else { return Content::Other };
    let mut head = Vec::new();
    // A file that cannot be read now is reported when it is read for its own sake.
    if input.take(HEAD).read_to_end(&mut head).is_err() {
        return Content::Other;
    }
    let head = decode_head(head);
    let head = head.trim_start();
    if head.starts_with(['{', '[']) { json_content(head) } else { xml_content(head) }
}

fn xml_content(head: &str) -> Content {
    let Some(root) = root_element(head) else { return Content::Other };
    match root {
        "testsuites" | "testsuite" | "testcase" => Content::Junit,
        "log" if is_katalon_log(head) => Content::KatalonLog,
        _ => Content::Other,
    }
}

fn is_katalon_log(head: &str) -> bool {
    let is_record = head.contains("<record>");
    let marks = ["com.kms.katalon", "startSuite", "startTest", "startKeyword", "endKeyword", "RUN_DATA"];
    is_record && marks.iter().any(|mark| head.contains(mark))
}

/// Local name of the first element behind declaration, comments and document type. Other text in front of it is skipped
/// if a report follows soon.
pub(crate) fn root_element(head: &str) -> Option<&str> {
    let mut rest = head;
    if !rest.starts_with('<') {
        let starts = ["<?xml", "<testsuites", "<testsuite", "<testcase"];
        let at = starts.iter().filter_map(|start| rest.find(start)).min()?;
        if at > LONGEST_JUNK || rest[..at].contains('\0') {
            return None;
        }
        rest = &rest[at..];
    }
    loop {
        rest = rest.trim_start();
        if let Some(tag) = rest.strip_prefix('<').filter(|tag| tag.starts_with(|c: char| c.is_alphabetic() || c == '_'))
        {
            let end = tag.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).unwrap_or(tag.len());
            return tag[..end].rsplit(':').next();
        }
        let end = match rest {
            _ if rest.starts_with("<?") => "?>",
            _ if rest.starts_with("<!--") => "-->",
            _ if rest.starts_with("<!DOCTYPE") => {
                rest = after_doctype(rest)?;
                continue;
            }
            _ => return None,
        };
        rest = &rest[rest.find(end)? + end.len()..];
    }
}

fn after_doctype(rest: &str) -> Option<&str> {
    let close = rest.find('>')?;
    match rest.find('[').filter(|open| *open < close) {
        None => Some(&rest[close + 1..]),
        Some(open) => {
            let inner = &rest[open..];
            let end = inner.find(']')?;
            Some(&inner[end + inner[end..].find('>')? + 1..])
        }
    }
}

/// Judges a JSON object by the keys at its top level, as far as the head reaches.
fn json_content(head: &str) -> Content {
    let keys = top_keys(head);
    let has = |key: &str| keys.iter().any(|(name, _)| name == key);
    let is_list = |key: &str| keys.iter().any(|(name, value)| name == key && *value == b'[');
    let is_result = |text: &str| {
        let inner = text.split_once('[').map_or("", |(_, inner)| inner.trim_start());
        inner.is_empty()
            || inner.starts_with(']')
            || ["\"suiteName\"", "\"uuid\"", "\"parentUuid\""].iter().any(|key| inner.contains(key))
    };
    if is_list("results") && is_result(head) {
        Content::TestopsResults
    } else if is_list("suites") && is_result(head) {
        Content::TestopsSuites
    } else if has("uuid") && has("status") && has("start") && has("stop") {
        Content::TestopsExecution
    } else if has("framework") && has("language") {
        Content::TestopsMetadata
    } else {
        Content::Other
    }
}

/// The keys of the outermost object with the first byte of each value.
pub(crate) fn top_keys(head: &str) -> Vec<(String, u8)> {
    let bytes = head.as_bytes();
    let mut keys = Vec::new();
    let mut depth = 0_u32;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let end = string_end(bytes, at + 1);
                let after = bytes[end.min(bytes.len())..].trim_ascii_start();
                if depth == 1
                    && bytes.first() == Some(&b'{')
                    && let Some(value) = after.strip_prefix(b":")
                {
                    let text = head.get(at + 1..end.saturating_sub(1)).unwrap_or_default();
                    keys.push((text.to_owned(), value.trim_ascii_start().first().copied().unwrap_or(0)));
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    keys
}

/// Offset behind the closing quotation mark.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}
