//! Finding the reports of an upload by what its files contain.

mod sniff;

use std::collections::BTreeMap;

use crate::paths::{file_name, folder};
use crate::report::{Files, Format, Report};

use self::sniff::{Content, content};
pub(crate) use self::sniff::{HEAD, root_element, top_keys};

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
        _ => None,
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
    /// Reports of one file each.
    single: Vec<(Format, usize)>,
    allure: Vec<usize>,
    /// What Allure writes beside its results.
    allure_beside: Vec<usize>,
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
            Content::Single(Format::Junit) if name == "JUnit_Report.xml" => self.katalon_junit = Some(index),
            Content::Single(format) => self.single.push((format, index)),
            Content::AllureResult => self.allure.push(index),
            Content::AllureContainer => self.allure_beside.push(index),
            Content::TestopsResults => self.results.push(index),
            Content::TestopsSuites => self.suites.push(index),
            Content::TestopsExecution => self.executions.push(index),
            Content::TestopsMetadata => self.metadata.push(index),
            Content::KatalonLog => self.katalon_logs.push(index),
            Content::Other => match name {
                "execution.uuid" | "tsc_id.txt" => self.katalon_marks.push(index),
                "execution.properties" => self.katalon_properties = Some(index),
                "environment.properties" | "executor.json" => self.allure_beside.push(index),
                "results.json" | "suites.json" | "execution.json" => self.broken_testops.push(index),
                _ => {}
            },
        }
    }

    fn reports(&self, only: Option<Format>, inherited: Vec<usize>, reports: &mut Vec<Report>) {
        let is_wanted = |format| only.is_none_or(|only| only == format);
        let mut single = self.single.clone();
        if is_wanted(Format::Testops) {
            reports.extend(self.testops());
        }
        match self.katalon(inherited).filter(|_| is_wanted(Format::Katalon)) {
            Some(report) => reports.push(report),
            None => single.extend(self.katalon_junit.map(|index| (Format::Junit, index))),
        }
        if let Some(main) = self.allure.first().copied().filter(|_| is_wanted(Format::Allure)) {
            let parts = self.allure.iter().chain(&self.allure_beside).copied().collect();
            reports.push(Report { format: Format::Allure, main, parts });
        }
        single.retain(|(format, _)| is_wanted(*format));
        reports.extend(single.into_iter().map(|(format, main)| Report { format, main, parts: vec![main] }));
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
