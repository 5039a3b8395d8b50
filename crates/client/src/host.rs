//! What a command touches of the machine, as values: environment, streams, clock and sleep.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::failure::{Failure, Locally, Result};

/// The environment, read once.
#[derive(Debug, Clone, Default)]
pub struct Env(BTreeMap<OsString, OsString>);

impl Env {
    /// Reads the process's environment.
    pub fn read() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// Returns a variable's text; CI systems pass what is absent as empty, so empty is absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(OsStr::new(name))?.to_str().filter(|text| !text.is_empty())
    }

    /// Returns all variables, for a command that is started.
    pub fn all(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.0.iter()
    }

    /// Returns a variable that names an absolute path; others are ignored, as the XDG specification wants it.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.0.get(OsStr::new(name)).map(PathBuf::from).filter(|path| path.is_absolute())
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// The machine as a command sees it; tests bring their own.
pub struct Host<'a> {
    pub env: Env,
    /// Takes data: what a script reads.
    pub out: &'a mut dyn Write,
    /// Takes everything meant for people.
    pub err: &'a mut dyn Write,
    pub input: &'a mut dyn BufRead,
    pub input_is_terminal: bool,
    pub err_is_terminal: bool,
    /// Reads a line from the terminal without echo.
    pub read_hidden: fn() -> io::Result<String>,
    pub sleep: fn(Duration),
    pub now: SystemTime,
}

impl Host<'_> {
    /// Calls `work` with the real machine.
    #[expect(clippy::disallowed_methods, reason = "the one place where the client reads the clock")]
    pub fn with_real<T>(work: impl FnOnce(&mut Host<'_>) -> T) -> T {
        work(&mut Host {
            env: Env::read(),
            out: &mut io::stdout(),
            err: &mut io::stderr(),
            // Not `stdin().lock()`: reading a hidden line takes that lock again.
            input: &mut BufReader::new(io::stdin()),
            input_is_terminal: io::stdin().is_terminal(),
            err_is_terminal: io::stderr().is_terminal(),
            read_hidden: || console::Term::stderr().read_secure_line(),
            sleep: std::thread::sleep,
            now: SystemTime::now(),
        })
    }

    /// Writes one line of data. A script must never take half an answer for a whole one, so a failed write counts.
    pub fn print(&mut self, line: impl fmt::Display) -> Result<()> {
        writeln!(self.out, "{line}").and_then(|()| self.out.flush()).locally("writing to standard output")
    }

    /// Writes one line for people. Nobody is left to be told that this failed.
    pub fn note(&mut self, line: impl fmt::Display) {
        let _ = writeln!(self.err, "{line}");
    }

    /// Asks for one line on the terminal.
    pub fn ask(&mut self, question: &str) -> Result<String> {
        self.prompt(question);
        self.read_line()
    }

    /// Asks for a secret: without echo on a terminal, as a plain line otherwise.
    pub fn ask_hidden(&mut self, question: &str) -> Result<String> {
        if !self.input_is_terminal {
            return self.read_line();
        }
        if !self.err_is_terminal {
            return Err(Failure::usage("cannot ask without a terminal on standard error; do not redirect it"));
        }
        self.prompt(question);
        (self.read_hidden)().locally("reading from the terminal")
    }

    fn prompt(&mut self, question: &str) {
        let _ = write!(self.err, "{question}").and_then(|()| self.err.flush());
    }

    fn read_line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.input.read_line(&mut line).locally("reading from standard input")?;
        Ok(line.trim().to_owned())
    }
}
