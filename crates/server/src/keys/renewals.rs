//! MACs made anew while keys are shown, until they are written down.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::gate::Secret;
use crate::ids::KeyId;

/// Remembered between two writings; the others wait for their next use.
const MAX_REMEMBERED: usize = 50_000;

/// By key: what its row has, and what it shall have.
#[derive(Debug, Default)]
pub struct Renewals(Mutex<HashMap<KeyId, (Secret, Secret)>>);

impl Renewals {
    /// Notes a key that was shown. `renewed` makes the MAC, unless it is there already.
    pub fn note(&self, key: KeyId, old: Secret, renewed: impl FnOnce() -> Secret) {
        let mut renewals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if renewals.len() < MAX_REMEMBERED {
            renewals.entry(key).or_insert_with(|| (old, renewed()));
        }
    }

    /// Takes at most `n` of them.
    pub fn take(&self, n: usize) -> Vec<(KeyId, (Secret, Secret))> {
        let mut renewals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys: Vec<_> = renewals.keys().copied().take(n).collect();
        keys.into_iter().filter_map(|key| renewals.remove_entry(&key)).collect()
    }
}
