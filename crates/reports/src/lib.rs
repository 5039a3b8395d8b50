//! Readers of test reports: bytes in, suites and results out.
//!
//! [`find_reports`] says which files of an upload belong to which report, by their content; [`read`] reads one report in
//! one pass and bounded memory, handing out [`Event`]s as it goes.

mod report;

pub use report::{
    Attachment, Attempt, Case, Event, Failure, Files, Format, ParseError, Problem, Report, Status, Step, Suite,
    SuiteEnd, Summary, Text, Timestamp,
};
