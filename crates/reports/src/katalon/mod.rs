//! Reads a Katalon Studio report folder: the execution log, else the JUnit file beside it, and what surrounds them.

mod beside;
mod escapes;
mod records;
mod tree;

use crate::junit;
use crate::paths::file_name;
use crate::repairs::Repairs;
use crate::report::{Event, Files, ParseError, Problem, Report, Summary};

/// The same results once more, without steps.
const JUNIT: &str = "JUnit_Report.xml";

/// Reads the report of one suite.
pub(crate) fn read(files: &dyn Files, report: &Report, emit: &mut dyn FnMut(Event)) -> Result<Summary, ParseError> {
    let logs = logs_in_order(files, report);
    let mut tree = tree::Tree::new(emit);
    let mut repairs = Repairs::default();
    let mut failed = None;
    let mut is_cut_off = false;
    for index in logs {
        match records::read(files, index, &mut |record| tree.take(record)) {
            Ok(log) => {
                // The older parts of a rotated log have no end of their own.
                is_cut_off = log.is_cut_off;
                repairs.append(log.repairs);
            }
            Err(e) => failed = failed.or(Some(e)),
        }
    }
    let has_any = tree.has_any();
    let mut summary = tree.finish(is_cut_off, &mut repairs);
    if !has_any {
        let fallback = report.parts.iter().find(|part| file_name(files.path(**part)) == JUNIT);
        let Some(index) = fallback else { return Err(failed.unwrap_or_else(|| no_record(files, report))) };
        summary = junit::read(files, *index, emit)?;
        repairs = Repairs::default();
        repairs.extend(std::mem::take(&mut summary.repairs), summary.n_repairs);
    }
    if let Some(e) = failed {
        repairs.note(e.problem.line.zip(e.problem.column), format!("{}: {}", e.file, e.problem.message));
    }
    beside::read(files, report, &mut summary);
    (summary.repairs, summary.n_repairs) = repairs.into_parts();
    Ok(summary)
}

fn no_record(files: &dyn Files, report: &Report) -> ParseError {
    let message = "holds no record of a suite or test".to_owned();
    ParseError { file: files.path(report.main).to_owned(), problem: Problem { line: None, column: None, message } }
}

/// The oldest log first: when Katalon rotates them, the highest number is the oldest.
fn logs_in_order(files: &dyn Files, report: &Report) -> Vec<usize> {
    let number = |index: usize| -> u64 {
        let name = file_name(files.path(index));
        let digits: String = name.chars().filter(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(0)
    };
    let is_log = |index: &usize| {
        let name = file_name(files.path(*index));
        !matches!(name, JUNIT | "execution.properties" | "execution.uuid" | "tsc_id.txt")
    };
    let mut logs: Vec<usize> = report.parts.iter().copied().filter(is_log).collect();
    logs.sort_by_key(|index| std::cmp::Reverse(number(*index)));
    logs
}
