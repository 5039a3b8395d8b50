//! Readers of test reports: bytes in, suites and results out.
//!
//! [`find_reports`] says which files of an upload belong to which report, by their content; [`read`] reads one report in
//! one pass and bounded memory, handing out [`Event`]s as it goes.

mod allure;
mod ctrf;
mod cucumber;
mod embedded;
mod encoding;
mod failures;
mod find;
mod gotest;
mod json;
mod junit;
mod katalon;
mod libtest;
mod mochawesome;
mod names;
mod nunit;
mod paths;
mod playwright;
mod repairs;
mod report;
mod robot;
mod steps;
mod strange;
mod suites;
mod tap;
mod testng;
mod testops;
mod text;
mod times;
mod timestamps;
mod trx;
mod xml;
mod xunit;

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
        Format::Testng => testng::read(files, report.main, emit),
        Format::Nunit => nunit::read(files, report.main, emit),
        Format::Xunit => xunit::read(files, report.main, emit),
        Format::Trx => trx::read(files, report.main, emit),
        Format::Robot => robot::read(files, report.main, emit),
        Format::Cucumber => cucumber::read(files, report.main, emit),
        Format::CucumberMessages => cucumber::read_messages(files, report.main, emit),
        Format::Playwright => playwright::read(files, report.main, emit),
        Format::Allure => allure::read(files, report, emit),
        Format::Mochawesome => mochawesome::read(files, report.main, emit),
        Format::Ctrf => ctrf::read(files, report.main, emit),
        Format::GoTest => gotest::read(files, report.main, emit),
        Format::Tap => tap::read(files, report.main, emit),
        Format::Libtest => libtest::read(files, report.main, emit),
    }
}
