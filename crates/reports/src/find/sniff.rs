//! What one file is, by its first bytes.

use std::io::Read;

use crate::encoding::decode_head;
use crate::playwright::is_blob;
use crate::report::{Files, Format};
use crate::tap;

/// Bytes of a file that are looked at.
pub(crate) const HEAD: u64 = 16 * 1024;
/// What may stand in front of an XML report: a line or two of console output.
const LONGEST_JUNK: usize = 4096;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// A report of its own.
    Single(Format),
    TestopsResults,
    TestopsSuites,
    TestopsExecution,
    TestopsMetadata,
    KatalonLog,
    AllureResult,
    AllureContainer,
    Other,
}

pub(super) fn content(files: &dyn Files, index: usize) -> Content {
    let Ok(input) = files.open(index) else { return Content::Other };
    let mut head = Vec::new();
    // A file that cannot be read now is reported when it is read for its own sake.
    if input.take(HEAD).read_to_end(&mut head).is_err() {
        return Content::Other;
    }
    if is_blob(files, index, &head) {
        return Content::Single(Format::Playwright);
    }
    let head = decode_head(head);
    let head = head.trim_start();
    match head.as_bytes().first() {
        Some(b'[') => array_content(head),
        Some(b'{') => json_content(head, files.path(index)),
        _ => match xml_content(head) {
            Content::Other => lines_content(head),
            found => found,
        },
    }
}

fn xml_content(head: &str) -> Content {
    let Some(root) = root_element(head) else { return Content::Other };
    let has_any = |marks: &[&str]| marks.iter().any(|mark| head.contains(mark));
    Content::Single(match root {
        "testsuites" | "testsuite" | "testcase" => Format::Junit,
        "log" if is_katalon_log(head) => return Content::KatalonLog,
        "testng-results" => Format::Testng,
        "test-run" => Format::Nunit,
        "test-results" if has_any(&["<test-suite", "nunit-version", "<culture-info"]) => Format::Nunit,
        "assemblies" | "assembly" if has_any(&["test-framework", "run-date", "<collection", "start-rtf"]) => {
            Format::Xunit
        }
        "assemblies" => Format::Xunit,
        "TestRun" => Format::Trx,
        "robot" => Format::Robot,
        _ => return Content::Other,
    })
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
        let starts = ["<?xml", "<testsuites", "<testsuite", "<testcase", "<testng-results", "<assemblies", "<robot "];
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
fn json_content(head: &str, path: &str) -> Content {
    if let Some(format) = line_format(head.lines().next().unwrap_or_default()) {
        return Content::Single(format);
    }
    let keys = top_keys(head);
    let is = |key: &str, kind: u8| keys.iter().any(|(name, value)| name == key && *value == kind);
    let has = |key: &str| keys.iter().any(|(name, _)| name == key);
    let has_any = |marks: &[&str]| marks.iter().any(|mark| head.contains(mark));
    if has("reportFormat") && head.contains("\"CTRF\"")
        || is("results", b'{') && head.contains("\"tool\"") && has_any(&["\"tests\"", "\"summary\""])
    {
        return Content::Single(Format::Ctrf);
    }
    if is("config", b'{') && has_any(&["\"rootDir\"", "\"configFile\"", "\"specs\""]) {
        return Content::Single(Format::Playwright);
    }
    if is("stats", b'{') && (is("results", b'[') || has_any(&["\"passPercent\"", "\"testsRegistered\""])) {
        return Content::Single(Format::Mochawesome);
    }
    if has("uuid") && is("children", b'[') || is("befores", b'[') || is("afters", b'[') {
        return Content::AllureContainer;
    }
    let of_allure = ["historyId", "fullName", "testCaseId", "labels", "statusDetails", "stage"];
    if of_allure.iter().any(|key| has(key)) && (has("uuid") || has("status"))
        || path.ends_with("-result.json") && has("name") && has("status")
    {
        return Content::AllureResult;
    }
    testops_content(head, &keys)
}

/// Cucumber writes a list of features.
fn array_content(head: &str) -> Content {
    let is_feature = head.contains("\"elements\"") || head.contains("\"uri\"") && head.contains("\"keyword\"");
    let is_feature = is_feature && ["\"steps\"", "\"keyword\""].iter().any(|mark| head.contains(mark));
    if is_feature { Content::Single(Format::Cucumber) } else { Content::Other }
}

/// Judges a text line by line: one JSON value a line, or TAP.
fn lines_content(head: &str) -> Content {
    if head.contains('\0') {
        return Content::Other;
    }
    let found = head.lines().filter(|line| line.starts_with('{')).find_map(line_format);
    if let Some(format) = found {
        return Content::Single(format);
    }
    if tap::is_tap(head) { Content::Single(Format::Tap) } else { Content::Other }
}

/// The format of which this is a line.
fn line_format(line: &str) -> Option<Format> {
    let line = line.trim();
    let keys = top_keys(line);
    let has = |key: &str| keys.iter().any(|(name, _)| name == key);
    if has("Action") && (has("Package") || has("Test") || has("ImportPath")) {
        return Some(Format::GoTest);
    }
    if has("type") && has("event") && ["\"suite\"", "\"test\"", "\"bench\""].iter().any(|kind| line.contains(kind)) {
        return Some(Format::Libtest);
    }
    let of_cucumber = ["meta", "source", "gherkinDocument", "pickle", "testRunStarted", "testCaseStarted"];
    let is_one_of = keys.len() == 1 && keys[0].1 == b'{' && of_cucumber.contains(&keys[0].0.as_str());
    let is_known = ["\"protocolVersion\"", "\"mediaType\"", "\"astNodeIds\"", "\"timestamp\"", "\"feature\""];
    (is_one_of && is_known.iter().any(|mark| line.contains(mark))).then_some(Format::CucumberMessages)
}

fn testops_content(head: &str, keys: &[(String, u8)]) -> Content {
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
