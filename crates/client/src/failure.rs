//! Why a command ended badly, and the exit code for it.

use std::fmt;

use anyhow::anyhow;

pub type Result<T> = std::result::Result<T, Failure>;

/// Why a command ended badly; scripts tell the cases apart by the exit code.
#[derive(Debug)]
pub enum Failure {
    /// The command as given cannot work: options, files, the key's shape.
    Usage(anyhow::Error),
    /// No answer, or one that says the server is broken.
    Network(anyhow::Error),
    /// The server understood and refused.
    Refused(anyhow::Error),
    /// Everything is stored, but tests failed and `--fail-on` was given.
    TestsFailed(anyhow::Error),
}

impl Failure {
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::Usage(anyhow!("{message}"))
    }

    pub fn network(message: impl fmt::Display) -> Self {
        Self::Network(anyhow!("{message}"))
    }

    pub fn refused(message: impl fmt::Display) -> Self {
        Self::Refused(anyhow!("{message}"))
    }

    pub fn tests_failed(message: impl fmt::Display) -> Self {
        Self::TestsFailed(anyhow!("{message}"))
    }

    /// Returns the process's exit code.
    pub const fn code(&self) -> u8 {
        match self {
            Self::TestsFailed(_) => 1,
            Self::Usage(_) => 2,
            Self::Network(_) => 3,
            Self::Refused(_) => 4,
        }
    }
}

/// Shows the whole chain of causes in one line.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(cause) | Self::Network(cause) | Self::Refused(cause) | Self::TestsFailed(cause)) = self;
        write!(f, "{cause:#}")
    }
}

/// Turns an error of this machine (files, streams) into a failure that says what was being done.
pub trait Locally<T> {
    fn locally(self, doing: impl fmt::Display) -> Result<T>;
}

impl<T, E: std::error::Error + Send + Sync + 'static> Locally<T> for std::result::Result<T, E> {
    fn locally(self, doing: impl fmt::Display) -> Result<T> {
        self.map_err(|cause| Failure::Usage(anyhow::Error::new(cause).context(doing.to_string())))
    }
}
