//! Readers of test reports: bytes in, suites and results out.
//!
//! [`find_reports`] says which files of an upload belong to which report, by their content; [`read`] reads one report in
//! one pass and bounded memory, handing out [`Event`]s as it goes.

mod encoding;
mod failures;
mod find;
mod junit;
mod katalon;
mod names;
mod paths;
mod repairs;
mod report;
mod strange;
mod testops;
mod text;
mod times;
mod timestamps;
mod xml;

pub use find::find_reports;
pub use names::case_key;
pub use paths::find_attachment;
pub use report::{
    Attachment, Attempt, Case, Event, Failure, Files, Format, ParseError, Problem, Report, Status, Step, Suite,
    SuiteEnd, Summary, Text, Timestamp,
};
pub use strange::why_no_report;

/// Reads one report in one pass and bounded memory, handing out events in order.
///
/// A suite comes before what it holds and ends once, also when the file is cut off. What is malformed is mended and
/// counted in the summary; an error means that nothing could be read as the format that the report is said to have.
pub fn read(files: &dyn Files, report: &Report, emit: &mut dyn FnMut(Event)) -> Result<Summary, ParseError> {
    match report.format {
        Format::Junit => junit::read(files, report.main, emit),
        Format::Testops => testops::read(files, report, emit),
        Format::Katalon => katalon::read(files, report, emit),
    }
}
