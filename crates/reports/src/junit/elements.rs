//! The elements a JUnit report is made of, and the stack of those that are open.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Suites,
    Suite,
    /// A suite beyond the depth kept; its results count for the deepest suite kept.
    FlatSuite,
    Case,
    Properties,
    Property,
    Failure,
    Error,
    Skipped,
    FlakyFailure,
    FlakyError,
    RerunFailure,
    RerunError,
    Warning,
    StackTrace,
    SystemOut,
    SystemErr,
    Unknown,
}

impl Kind {
    pub(super) fn of(name: &str) -> Self {
        match name {
            "testsuites" => Self::Suites,
            "testsuite" => Self::Suite,
            "testcase" => Self::Case,
            "properties" => Self::Properties,
            "property" => Self::Property,
            "failure" => Self::Failure,
            "error" => Self::Error,
            "skipped" => Self::Skipped,
            "flakyFailure" => Self::FlakyFailure,
            "flakyError" => Self::FlakyError,
            "rerunFailure" => Self::RerunFailure,
            "rerunError" => Self::RerunError,
            "warning" => Self::Warning,
            "stackTrace" => Self::StackTrace,
            "system-out" => Self::SystemOut,
            "system-err" => Self::SystemErr,
            _ => Self::Unknown,
        }
    }

    pub(super) fn is_attempt(self) -> bool {
        matches!(self, Self::FlakyFailure | Self::FlakyError | Self::RerunFailure | Self::RerunError)
    }

    pub(super) fn has_text(self) -> bool {
        !matches!(self, Self::Suites | Self::Suite | Self::FlatSuite | Self::Case | Self::Properties | Self::Unknown)
    }
}

/// An open element. Small, because a hostile file may nest a great many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    pub(super) kind: Kind,
    tag: u16,
}

impl Open {
    pub(super) fn new(kind: Kind, name: &str) -> Self {
        let tag = name.bytes().fold(0_u16, |hash, b| hash.wrapping_mul(31).wrapping_add(u16::from(b)));
        Self { kind, tag }
    }

    fn is_closed_by(self, end: Self) -> bool {
        self.tag == end.tag
    }
}

/// Elements open beyond this many are counted only.
const DEEPEST: usize = 500_000;
/// How far up an end tag is matched; bounds the work that a hostile file can cause.
const REACH: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Stack {
    open: Vec<Open>,
    beyond: u64,
}

/// What an end tag closes.
pub(super) enum Closing {
    /// So many of the innermost elements; more than one if end tags are missing.
    Elements(usize),
    Beyond,
    Nothing,
}

impl Stack {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Opens an element; false if it is too deep to be kept track of.
    pub(super) fn push(&mut self, open: Open) -> bool {
        if self.open.len() >= DEEPEST {
            self.beyond += 1;
            return false;
        }
        self.open.push(open);
        true
    }

    pub(super) fn pop(&mut self) -> Option<Open> {
        self.open.pop()
    }

    pub(super) fn closing(&mut self, name: &str) -> Closing {
        if self.beyond > 0 {
            self.beyond -= 1;
            return Closing::Beyond;
        }
        let end = Open::new(Kind::Unknown, name);
        let reach = self.open.iter().rev().take(REACH);
        match reach.enumerate().find(|(_, open)| open.is_closed_by(end)) {
            Some((above, _)) => Closing::Elements(above + 1),
            None => Closing::Nothing,
        }
    }

    /// How many elements to close so that the innermost open one of these is closed.
    pub(super) fn depth_of(&self, is_meant: impl Fn(Kind) -> bool) -> Option<usize> {
        self.open.iter().rev().position(|open| is_meant(open.kind)).map(|above| above + 1)
    }
}
