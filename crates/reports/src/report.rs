//! What a report says, whatever its format: suites, results and what was mended while reading.

use std::fmt;
use std::io::{self, Read};

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    Passed,
    Failed,
    Error,
    Incomplete,
    Skipped,
    NotRun,
}

impl Status {
    /// Whether it fails its run.
    pub(crate) const fn is_failing(self) -> bool {
        matches!(self, Self::Failed | Self::Error | Self::Incomplete)
    }
}

/// An instant as the producer wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    /// UTC milliseconds since 1970; for a local time, those of the same wall clock read as UTC.
    pub millis: i64,
    /// Whether the producer named a zone. Without one the instant is known up to the zone only and is never shifted.
    pub has_zone: bool,
}

/// Text that may be too long to keep whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    /// At most 64 KiB from the start.
    pub head: String,
    /// At most 64 KiB from the end, when something between was left out.
    pub tail: String,
    /// Bytes left out between `head` and `tail`; they stand in the stored report file.
    pub omitted_bytes: u64,
}

/// A group of results. Suites nest; a suite is announced before what it holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Suite {
    /// Counts the suites of one report from 0.
    pub index: u32,
    pub parent: Option<u32>,
    pub name: String,
    pub started_at: Option<Timestamp>,
    pub hostname: Option<String>,
}

/// What is known of a suite only once it has ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SuiteEnd {
    pub index: u32,
    pub duration_ms: Option<f64>,
    pub properties: Vec<(String, String)>,
    pub stdout: Text,
    pub stderr: Text,
    pub attachments: Vec<Attachment>,
    /// Failures outside any test: a broken set-up, a crash.
    pub failures: Vec<Failure>,
}

/// One test in one run, with all its attempts.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    pub suite: Option<u32>,
    pub name: String,
    /// Class or other qualifier; part of the identity across runs.
    pub class_name: Option<String>,
    pub file: Option<String>,
    pub line: Option<u64>,
    pub status: Status,
    /// Passed after a failed attempt.
    pub is_flaky: bool,
    pub duration_ms: Option<f64>,
    pub started_at: Option<Timestamp>,
    pub failures: Vec<Failure>,
    /// Why it was skipped.
    pub skip_reason: Option<String>,
    /// Attempts before the deciding one, oldest first.
    pub earlier_attempts: Vec<Attempt>,
    pub steps: Vec<Step>,
    pub parameters: Vec<(String, String)>,
    pub properties: Vec<(String, String)>,
    pub description: Option<String>,
    pub stdout: Text,
    pub stderr: Text,
    pub attachments: Vec<Attachment>,
}

impl Case {
    /// A test of which only the name is known yet.
    pub(crate) fn new(name: impl Into<String>, status: Status) -> Self {
        Self {
            suite: None,
            name: name.into(),
            class_name: None,
            file: None,
            line: None,
            status,
            is_flaky: false,
            duration_ms: None,
            started_at: None,
            failures: Vec::new(),
            skip_reason: None,
            earlier_attempts: Vec::new(),
            steps: Vec::new(),
            parameters: Vec::new(),
            properties: Vec::new(),
            description: None,
            stdout: Text::default(),
            stderr: Text::default(),
            attachments: Vec::new(),
        }
    }

    /// Puts an attempt before those known, which is only as good as the deciding one.
    pub(crate) fn follows(&mut self, earlier: Self) {
        let (attempt, files) = Attempt::of(earlier);
        self.earlier_attempts.push(attempt);
        self.attachments.extend(files);
        self.is_flaky =
            self.status == Status::Passed && self.earlier_attempts.iter().any(|attempt| attempt.status.is_failing());
    }

    /// About how many bytes this takes.
    pub(crate) fn weight(&self) -> usize {
        let text = Text::kept_bytes;
        let failures = |list: &[Failure]| list.iter().map(|it| it.message.len() + text(&it.stack)).sum::<usize>();
        let steps = |list: &[Step]| {
            let size = |it: &Step| size_of::<Step>() + it.name.len() + it.message.as_ref().map_or(0, String::len);
            list.iter().map(size).sum::<usize>()
        };
        let pairs = |list: &[(String, String)]| list.iter().map(|(a, b)| a.len() + b.len() + 48).sum::<usize>();
        let attempts = self.earlier_attempts.iter();
        let attempts =
            attempts.map(|it| text(&it.stdout) + text(&it.stderr) + failures(&it.failures) + steps(&it.steps) + 200);
        let files = self.attachments.iter().map(|it| it.path.len() + 24).sum::<usize>();
        size_of::<Self>()
            + self.name.len()
            + self.description.as_ref().map_or(0, String::len)
            + text(&self.stdout)
            + text(&self.stderr)
            + failures(&self.failures)
            + steps(&self.steps)
            + pairs(&self.parameters)
            + pairs(&self.properties)
            + attempts.sum::<usize>()
            + files
    }
}

/// One failure, error or failed assertion.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Failure {
    /// Exception or assertion type, when named.
    pub kind: Option<String>,
    pub message: String,
    pub stack: Text,
}

/// An attempt that did not decide.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    pub status: Status,
    pub duration_ms: Option<f64>,
    pub failures: Vec<Failure>,
    pub steps: Vec<Step>,
    pub stdout: Text,
    pub stderr: Text,
}

impl Attempt {
    /// Makes an earlier attempt of a case that came to be attempted again; its files become those of the case.
    pub(crate) fn of(case: Case) -> (Self, Vec<Attachment>) {
        let attempt = Self {
            status: case.status,
            duration_ms: case.duration_ms,
            failures: case.failures,
            steps: case.steps,
            stdout: case.stdout,
            stderr: case.stderr,
        };
        (attempt, case.attachments)
    }
}

/// A keyword or step within a test.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Nesting, from 0.
    pub depth: u16,
    pub name: String,
    pub status: Status,
    pub duration_ms: Option<f64>,
    /// What the step said: its message or error.
    pub message: Option<String>,
}

/// A file that a report points at, by the path it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// As written, with doubled backslashes undone; match it with [`find_attachment`](crate::find_attachment).
    pub path: String,
}

/// What reading produces, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Suite(Suite),
    Case(Box<Case>),
    SuiteEnd(SuiteEnd),
}

/// What is known of a whole report once it was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// Name of the run, when the report gives one.
    pub name: Option<String>,
    /// Correlates the report with live updates and jobs: `execution.uuid`, `metadata.sessionId`.
    pub session_id: Option<String>,
    pub build_label: Option<String>,
    pub build_url: Option<String>,
    /// Test framework, such as `jest`.
    pub framework: Option<String>,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub duration_ms: Option<f64>,
    /// Host, operating system, browser, profile and what else the producer says of the surroundings.
    pub environment: Vec<(String, String)>,
    /// The file ended before its end; what was whole was emitted.
    pub is_truncated: bool,
    /// What was wrong and mended, at most 100; `n_repairs` counts all.
    pub repairs: Vec<Problem>,
    pub n_repairs: u64,
}

/// A place in a report and what is the matter there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Counted from 1; absent where a format has no lines.
    pub line: Option<u64>,
    /// Counted from 1, in bytes.
    pub column: Option<u64>,
    pub message: String,
}

/// A report that cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// Path of the file within its upload.
    pub file: String,
    pub problem: Problem,
}

/// `junit.xml:41:7: <testcase> has no name`.
impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.problem.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.problem.column {
                write!(f, ":{column}")?;
            }
        }
        write!(f, ": {}", self.problem.message)
    }
}

impl std::error::Error for ParseError {}

/// The files of one upload. Reading opens them as often as it needs, one at a time.
pub trait Files {
    /// Number of files.
    fn len(&self) -> usize;
    /// Path of file `index` within the upload, as the client sent it.
    fn path(&self, index: usize) -> &str;
    /// Opens file `index` from its start.
    fn open(&self, index: usize) -> io::Result<Box<dyn Read + '_>>;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A kind of report, known by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    Junit,
    /// `execution.json`, `suites.json`, `results.json`, `metadata.json` of the TestOps reporters.
    Testops,
    /// A Katalon Studio report folder: `execution0.log` with what lies beside it.
    Katalon,
    /// `testng-results.xml`
    Testng,
    /// The XML of NUnit 3 and of NUnit 2.
    Nunit,
    /// The XML of xUnit.net.
    Xunit,
    /// The results of Visual Studio's test platform.
    Trx,
    /// Robot Framework's `output.xml`.
    Robot,
    /// The JSON of Cucumber and Behave.
    Cucumber,
    /// Cucumber messages, one a line.
    CucumberMessages,
    /// Playwright's JSON, or its blob: a zip file.
    Playwright,
    Mochawesome,
    /// A folder of Allure results.
    Allure,
    Ctrf,
    /// What `go test -json` prints.
    GoTest,
    Tap,
    /// What Rust's test harness prints as JSON.
    Libtest,
}

impl Format {
    pub const ALL: [Self; 17] = [
        Self::Junit,
        Self::Testops,
        Self::Katalon,
        Self::Testng,
        Self::Nunit,
        Self::Xunit,
        Self::Trx,
        Self::Robot,
        Self::Cucumber,
        Self::CucumberMessages,
        Self::Playwright,
        Self::Mochawesome,
        Self::Allure,
        Self::Ctrf,
        Self::GoTest,
        Self::Tap,
        Self::Libtest,
    ];

    /// Returns the format's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Junit => "junit",
            Self::Testops => "testops",
            Self::Katalon => "katalon",
            Self::Testng => "testng",
            Self::Nunit => "nunit",
            Self::Xunit => "xunit",
            Self::Trx => "trx",
            Self::Robot => "robot",
            Self::Cucumber => "cucumber",
            Self::CucumberMessages => "cucumber-messages",
            Self::Playwright => "playwright",
            Self::Mochawesome => "mochawesome",
            Self::Allure => "allure",
            Self::Ctrf => "ctrf",
            Self::GoTest => "go-test",
            Self::Tap => "tap",
            Self::Libtest => "libtest",
        }
    }

    /// Returns what people call the format.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Junit => "JUnit XML",
            Self::Testops => "TestOps JSON",
            Self::Katalon => "Katalon report",
            Self::Testng => "TestNG results",
            Self::Nunit => "NUnit XML",
            Self::Xunit => "xUnit.net XML",
            Self::Trx => "Visual Studio TRX",
            Self::Robot => "Robot Framework output",
            Self::Cucumber => "Cucumber JSON",
            Self::CucumberMessages => "Cucumber messages",
            Self::Playwright => "Playwright JSON or blob",
            Self::Mochawesome => "Mochawesome JSON",
            Self::Allure => "Allure results",
            Self::Ctrf => "CTRF JSON",
            Self::GoTest => "go test -json",
            Self::Tap => "TAP",
            Self::Libtest => "Rust libtest JSON",
        }
    }

    /// Returns the format of a name on the wire.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// A report found among the files of an upload; indices are those of [`Files`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub format: Format,
    /// The file that names the report in messages.
    pub main: usize,
    /// All files it is read from, `main` among them. Files in no report are kept as they are.
    pub parts: Vec<usize>,
}
