//! Reads all reports of one upload on a thread of its own and hands the rows out in chunks.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use testward_reports::{Case, Event, Files as _, Format, ParseError, Report, Suite, SuiteEnd, Summary};
use testward_wire::results::{Counts, FileOutcome, Problem};
use tokio::sync::mpsc::Sender;

use super::files::BlobFiles;
use super::rows;
use super::store::Contribution;
use crate::blobs::hex;
use crate::results::record::{Chunk, NewAttachment, NewResult, NewSuite, RunFacts, count, hash_key};

/// Rows of a chunk; as many as a statement takes.
const CHUNK_ROWS: usize = 500;
/// Bytes of details after which a chunk goes early, so that a few chunks never fill the memory.
const CHUNK_BYTES: usize = 1 << 20;
/// Attachments named by a report and not uploaded that its receipt lists.
const MAX_UNMATCHED: usize = 20;

/// What became of one file.
#[derive(Debug, Clone)]
pub struct FileRead {
    pub outcome: FileOutcome,
    pub format: Option<Format>,
    pub results: i64,
    pub problem: Option<Problem>,
    pub repairs: Vec<Problem>,
}

/// What reading an upload said, beside its rows.
#[derive(Debug, Default)]
pub struct ReadUpload {
    /// One for each file.
    pub files: Vec<FileRead>,
    /// Every file, reports too: the run's page hands them out.
    pub stored: Vec<NewAttachment>,
    pub facts: RunFacts,
    pub said: Contribution,
    /// Reports in which only the host tells suites of one name apart. They must be read again with this known.
    pub with_variants: HashSet<usize>,
}

/// Reads everything. `with_variants` are the reports in which the host is part of a case's identity.
pub fn read_upload(
    files: &BlobFiles,
    hint: Option<Format>,
    with_variants: &HashSet<usize>,
    chunks: &Sender<Chunk>,
) -> ReadUpload {
    let mut found = testward_reports::find_reports(files, hint);
    if found.is_empty() && hint.is_some() {
        found = testward_reports::find_reports(files, None);
    }
    let mut reader = Reader::new(files, chunks);
    for report in &found {
        reader.read(report, with_variants.contains(&report.main));
    }
    reader.finish(found.is_empty())
}

/// A suite that was announced.
struct OpenSuite {
    row: NewSuite,
    is_open: bool,
}

struct Reader<'a> {
    files: &'a BlobFiles,
    chunks: &'a Sender<Chunk>,
    chunk: Chunk,
    chunk_bytes: usize,
    /// How often an identity has come; the second and later ones are cases of their own.
    ordinals: HashMap<[u8; 16], u32>,
    /// All suites of the upload; those of the report at hand begin at `first_suite`.
    suites: Vec<OpenSuite>,
    first_suite: usize,
    /// Host of the suites of the report at hand, by their name.
    hosts: HashMap<String, Option<String>>,
    is_with_variants: bool,
    unmatched: Vec<String>,
    /// Which files a result names as its own.
    is_attached: Vec<bool>,
    n_results: i64,
    sum_ms: f64,
    out: ReadUpload,
}

impl<'a> Reader<'a> {
    fn new(files: &'a BlobFiles, chunks: &'a Sender<Chunk>) -> Self {
        let kept =
            FileRead { outcome: FileOutcome::Kept, format: None, results: 0, problem: None, repairs: Vec::new() };
        Self {
            files,
            chunks,
            chunk: Chunk::default(),
            chunk_bytes: 0,
            ordinals: HashMap::new(),
            suites: Vec::new(),
            first_suite: 0,
            hosts: HashMap::new(),
            is_with_variants: false,
            unmatched: Vec::new(),
            is_attached: vec![false; files.len()],
            n_results: 0,
            sum_ms: 0.0,
            out: ReadUpload { files: vec![kept; files.len()], ..ReadUpload::default() },
        }
    }

    fn read(&mut self, report: &Report, is_with_variants: bool) {
        self.first_suite = self.suites.len();
        self.hosts.clear();
        self.is_with_variants = is_with_variants;
        self.n_results = 0;
        self.sum_ms = 0.0;
        let files = self.files;
        // A panic in a reader is a bug of ours; it must not take the other files of the upload with it.
        let read = catch_unwind(AssertUnwindSafe(|| {
            testward_reports::read(files, report, &mut |event| self.take(event, report))
        }));
        self.end_open_suites();
        match read {
            Ok(Ok(summary)) => self.was_read(report, summary),
            Ok(Err(error)) => self.was_refused(report, error),
            Err(_) => self.was_refused(report, internal_error(files.path(report.main))),
        }
    }

    fn take(&mut self, event: Event, report: &Report) {
        match event {
            Event::Suite(suite) => self.suite(suite, report),
            Event::Case(case) => self.case(*case, report),
            Event::SuiteEnd(end) => self.suite_end(end),
        }
        let is_full = self.chunk.results.len() >= CHUNK_ROWS || self.chunk.suites.len() >= CHUNK_ROWS;
        if is_full || self.chunk_bytes >= CHUNK_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.chunk_bytes = 0;
        let chunk = std::mem::take(&mut self.chunk);
        // When nobody takes the rows any more, the import has failed and begins again.
        let _ = self.chunks.blocking_send(chunk);
    }

    fn suite(&mut self, suite: Suite, report: &Report) {
        let known = self.hosts.entry(suite.name.clone()).or_insert_with(|| suite.hostname.clone());
        if *known != suite.hostname && !self.is_with_variants {
            self.out.with_variants.insert(report.main);
        }
        let row = NewSuite {
            index: self.suites.len() as u32,
            parent: suite.parent.map(|parent| self.first_suite as u32 + parent),
            name: suite.name,
            hostname: suite.hostname,
            started_at: rows::instant(suite.started_at),
            ..NewSuite::default()
        };
        self.suites.push(OpenSuite { row, is_open: true });
    }

    fn case(&mut self, mut case: Case, report: &Report) {
        let suite = case.suite.map(|suite| self.first_suite as u32 + suite);
        let key_hash = self.identify(&case, suite);
        let status = rows::status(case.status);
        if let Some(suite) = suite {
            let counts = &mut self.suites[suite as usize].row.counts;
            count(counts, status, 1);
            counts.flaky += i64::from(case.is_flaky);
        }
        self.n_results += 1;
        self.sum_ms += case.duration_ms.unwrap_or(0.0);
        let message = rows::message(&case);
        let attempt = case.earlier_attempts.len() as i64 + 1;
        let attachments = self.attachments(&case, report);
        let detail = rows::json(&rows::detail(&mut case));
        self.chunk_bytes += case.name.len() + detail.as_ref().map_or(0, String::len);
        self.chunk.results.push(NewResult {
            suite,
            key_hash: key_hash.into(),
            name: case.name.into(),
            class_name: case.class_name.map(Arc::from),
            status,
            is_flaky: case.is_flaky,
            attempt,
            duration_ms: case.duration_ms,
            started_at: rows::instant(case.started_at),
            message: message.map(Arc::from),
            detail: detail.map(Arc::from),
            attachments,
        });
    }

    /// Returns the hash of the case's identity; equal names of one upload stay apart.
    fn identify(&mut self, case: &Case, suite: Option<u32>) -> String {
        let mut path = Vec::new();
        let mut at = suite;
        while let Some(index) = at {
            let row = &self.suites[index as usize].row;
            path.push(row.name.as_str());
            at = row.parent;
        }
        path.reverse();
        let host = suite.and_then(|suite| self.suites[suite as usize].row.hostname.as_deref());
        let variant = host.filter(|_| self.is_with_variants);
        let key = testward_reports::case_key(&path, case.class_name.as_deref(), &case.name, variant);
        let hash = hash_key(&key, 1);
        let ordinal = self.ordinals.entry(hash).and_modify(|it| *it += 1).or_insert(1);
        if *ordinal == 1 { hex(&hash) } else { hex(&hash_key(&key, *ordinal)) }
    }

    fn attachments(&mut self, case: &Case, report: &Report) -> Vec<NewAttachment> {
        let mut found = Vec::new();
        for attachment in &case.attachments {
            let report_path = self.files.path(report.main);
            match testward_reports::find_attachment(self.files, report_path, &attachment.path) {
                Some(index) => {
                    self.is_attached[index] = true;
                    found.push(self.file(index));
                }
                None if self.unmatched.len() < MAX_UNMATCHED => self.unmatched.push(attachment.path.clone()),
                None => {}
            }
        }
        found
    }

    fn file(&self, index: usize) -> NewAttachment {
        let file = &self.files.files[index];
        let mime = mime_guess::from_path(&file.path).first_or_octet_stream().to_string();
        NewAttachment { name: file.path.clone(), blob: file.blob.clone(), bytes: file.bytes, mime }
    }

    fn suite_end(&mut self, mut end: SuiteEnd) {
        self.out.said.has_suite_failures |= !end.failures.is_empty();
        let index = self.first_suite + end.index as usize;
        let detail = rows::json(&rows::suite_detail(&mut end));
        self.chunk_bytes += detail.as_ref().map_or(0, String::len);
        self.close(index, end.duration_ms, detail);
    }

    /// Writes a suite and adds its counts to the one that holds it.
    fn close(&mut self, index: usize, duration_ms: Option<f64>, detail: Option<String>) {
        let suite = &mut self.suites[index];
        if !std::mem::replace(&mut suite.is_open, false) {
            return;
        }
        let row = NewSuite { duration_ms, detail, ..suite.row.clone() };
        if let Some(parent) = row.parent {
            add(&mut self.suites[parent as usize].row.counts, &row.counts);
        }
        self.chunk.suites.push(row);
    }

    /// After a panic some suites have not ended; those within others come later.
    fn end_open_suites(&mut self) {
        for index in (self.first_suite..self.suites.len()).rev() {
            self.close(index, None, None);
        }
    }

    fn was_read(&mut self, report: &Report, summary: Summary) {
        for part in &report.parts {
            self.out.files[*part].outcome = FileOutcome::Read;
            self.out.files[*part].format = Some(report.format);
        }
        let main = &mut self.out.files[report.main];
        main.results = self.n_results;
        main.repairs = summary.repairs.iter().cloned().map(rows::problem).collect();
        let unmatched = self.unmatched.drain(..);
        main.repairs.extend(unmatched.map(|path| unlocated(format!("the attachment {path} was not uploaded with it"))));
        self.add_summary(summary);
    }

    fn add_summary(&mut self, summary: Summary) {
        let said = &mut self.out.said;
        said.is_cut_off |= summary.is_truncated;
        let duration = summary.duration_ms.unwrap_or(self.sum_ms);
        said.duration_ms = Some(said.duration_ms.unwrap_or(0.0) + duration);
        said.started_at = said.started_at.into_iter().chain(rows::instant(summary.started_at)).min();
        said.ended_at = said.ended_at.max(rows::instant(summary.ended_at));
        let facts = &mut self.out.facts;
        facts.name = facts.name.take().or(summary.name);
        facts.build_label = facts.build_label.take().or(summary.build_label);
        facts.build_url = facts.build_url.take().or(summary.build_url);
        let framework = summary.framework.map(|framework| ("framework".to_owned(), framework));
        for fact in framework.into_iter().chain(summary.environment) {
            if !facts.environment.contains(&fact) {
                facts.environment.push(fact);
            }
        }
    }

    /// Results that came before the problem stay, and the file counts as read in part.
    fn was_refused(&mut self, report: &Report, error: ParseError) {
        self.unmatched.clear();
        self.out.said.is_cut_off = true;
        let main = &mut self.out.files[report.main];
        main.format = Some(report.format);
        main.results = self.n_results;
        main.problem = Some(rows::problem(error.problem));
        main.outcome = if self.n_results > 0 { FileOutcome::Read } else { FileOutcome::Refused };
    }

    fn finish(mut self, is_without_report: bool) -> ReadUpload {
        self.flush();
        for (index, file) in self.out.files.iter_mut().enumerate() {
            if file.outcome == FileOutcome::Kept && !self.is_attached[index] {
                let why = testward_reports::why_no_report(self.files, index);
                let mut problem = unlocated(format!("not a test report: {why}"));
                if is_without_report {
                    file.outcome = FileOutcome::Refused;
                    (problem.line, problem.column) = (Some(1), Some(1));
                }
                file.problem = Some(problem);
            }
        }
        self.out.stored = (0..self.files.len()).map(|index| self.file(index)).collect();
        self.out
    }
}

fn add(sum: &mut Counts, more: &Counts) {
    sum.total += more.total;
    sum.passed += more.passed;
    sum.failed += more.failed;
    sum.error += more.error;
    sum.incomplete += more.incomplete;
    sum.skipped += more.skipped;
    sum.not_run += more.not_run;
    sum.flaky += more.flaky;
}

fn unlocated(message: String) -> Problem {
    Problem { line: None, column: None, message }
}

fn internal_error(file: &str) -> ParseError {
    let message = "internal error reading this file; it is stored, please report this".to_owned();
    let problem = testward_reports::Problem { line: None, column: None, message };
    ParseError { file: file.to_owned(), problem }
}
