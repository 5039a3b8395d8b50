//! What its owner may limit a key to: networks, and requests a minute.

use crate::error::{Error, Result};
use crate::net::Networks;

const MAX_NETWORKS: usize = 50;
/// More is no limit.
const MAX_PER_MINUTE: u32 = 1_000_000;

/// Reads the networks that a key may be used from; an empty list means any.
pub(super) fn checked_networks(items: &[String]) -> Result<Networks> {
    if items.len() > MAX_NETWORKS {
        return Err(Error::invalid("networks", format!("must be at most {MAX_NETWORKS}")));
    }
    Networks::parse(items.iter().map(String::as_str)).map_err(|problem| Error::invalid("networks", problem))
}

/// Reads the requests a minute that a key may make; zero means no limit.
pub(super) fn checked_rate(per_minute: u32) -> Result<Option<u32>> {
    match per_minute {
        0 => Ok(None),
        1..=MAX_PER_MINUTE => Ok(Some(per_minute)),
        _ => Err(Error::invalid("rate_per_minute", format!("must be at most {MAX_PER_MINUTE}, or 0 for no limit"))),
    }
}
