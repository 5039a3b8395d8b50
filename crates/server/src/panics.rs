//! Panics are bugs. Each costs only the request or chore that met it, and is counted.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt as _;

use crate::error::{Error, Result};

/// Counts the panics since the server started.
#[derive(Debug, Default)]
pub struct Panics(AtomicU64);

impl Panics {
    /// Returns how many there were.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Lets `work` run to its end or to its panic, which becomes an error for whoever logs those.
    ///
    /// What a panic may leave half done is safe: a transaction is rolled back when it is dropped, and locks are taken
    /// over as they are.
    pub async fn catch<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| {
            let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
            Error::Internal(anyhow::anyhow!("panic {count} since the start: {}", message(&*panic)))
        })
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
