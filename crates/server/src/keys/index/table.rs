//! Records by handle, for many readers and a writer. `tests/it/keys/model.rs` runs this file under every interleaving.

use std::collections::HashMap;
use std::sync::PoisonError;

use super::sync::{Arc, RwLock};

/// Public part of a key.
type Name = [u8; 8];

/// A record that can be replaced by a later one of the same name.
pub trait Record {
    /// Grows with every change.
    fn version(&self) -> i64;

    /// Whether nothing may replace it.
    fn is_final(&self) -> bool;

    /// Takes over what the replaced record gathered in memory.
    fn succeed(&self, former: &Self);
}

/// Few readers wait for a writer when the records are spread over many maps. A map is up to half empty, so it holds
/// pointers and the records lie elsewhere.
pub struct Table<R> {
    maps: Vec<RwLock<HashMap<Name, Arc<R>>>>,
}

impl<R: Record> Table<R> {
    pub fn new(maps: usize) -> Self {
        Self { maps: (0..maps).map(|_| RwLock::new(HashMap::new())).collect() }
    }

    pub fn find(&self, name: Name) -> Option<Arc<R>> {
        self.map(name).read().unwrap_or_else(PoisonError::into_inner).get(&name).cloned()
    }

    /// Puts a record in place, unless a newer or a final one is there.
    pub fn set(&self, name: Name, record: R) {
        let mut map = self.map(name).write().unwrap_or_else(PoisonError::into_inner);
        match map.get(&name) {
            Some(known) if known.is_final() || known.version() >= record.version() => return,
            Some(known) => record.succeed(known),
            None => {}
        }
        map.insert(name, Arc::new(record));
    }

    pub fn remove(&self, name: Name) {
        self.map(name).write().unwrap_or_else(PoisonError::into_inner).remove(&name);
    }

    fn map(&self, name: Name) -> &RwLock<HashMap<Name, Arc<R>>> {
        // Names are random, so any of their characters spread evenly enough.
        &self.maps[(usize::from(name[6]) * 62 + usize::from(name[7])) % self.maps.len()]
    }
}
