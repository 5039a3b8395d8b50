//! Counts failures by address, so that guessing gets slow for whoever guesses and for nobody else.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Limit, Result};
use crate::time::{MINUTE, Millis};

/// How long a failure is held against an address.
const WINDOW: i64 = 5 * MINUTE;
/// Addresses remembered at once; when there are more, the windows that ended are forgotten.
const MAX_REMEMBERED: usize = 100_000;

/// Failures of the last minutes by what failed and from where.
#[derive(Debug, Default)]
pub struct Failures(Mutex<HashMap<(Attempt, Source), Window>>);

/// What was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attempt {
    SignIn,
    Key,
    /// A report of a leak, whatever it names.
    Leak,
}

impl Attempt {
    /// Returns the failures allowed within the window.
    const fn allowed(self) -> u32 {
        match self {
            Self::SignIn => 10,
            // A build farm with a stale key behind one address fails often without guessing.
            Self::Key => 300,
            Self::Leak => 30,
        }
    }
}

/// Who tried. A v6 customer owns a whole /64.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    Address(IpAddr),
    /// E-mail address in lower case: guesses at one account from many places.
    Account(String),
}

impl From<IpAddr> for Source {
    fn from(ip: IpAddr) -> Self {
        Self::Address(match ip.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

#[derive(Debug)]
struct Window {
    began_at: Millis,
    failures: u32,
}

impl Failures {
    /// Refuses when `source` has failed too often of late.
    pub fn check(&self, now: Millis, attempt: Attempt, source: impl Into<Source>) -> Result<()> {
        let windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match windows.get(&(attempt, source.into())) {
            Some(window) if window.failures >= attempt.allowed() && now.since(window.began_at) < WINDOW => {
                let left = WINDOW - now.since(window.began_at);
                Err(Error::TooMany(Limit::Failures { retry_after_secs: (left / 1000 + 1) as u64 }))
            }
            _ => Ok(()),
        }
    }

    /// Remembers one more failure of `source`.
    pub fn record(&self, now: Millis, attempt: Attempt, source: impl Into<Source>) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MAX_REMEMBERED {
            windows.retain(|_, window| now.since(window.began_at) < WINDOW);
        }
        let window = windows.entry((attempt, source.into())).or_insert(Window { began_at: now, failures: 0 });
        if now.since(window.began_at) >= WINDOW {
            *window = Window { began_at: now, failures: 0 };
        }
        window.failures += 1;
    }
}
