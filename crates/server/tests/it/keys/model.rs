//! The index under every interleaving of its threads: the very file of the server, with the locks of loom in place of
//! the standard library's.

mod sync {
    pub use loom::sync::{Arc, RwLock};
}

#[allow(dead_code, reason = "the model needs some of it")]
#[path = "../../../src/keys/index/table.rs"]
mod table;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
use table::{Record, Table};

const NAME: [u8; 8] = *b"AbCdEf12";

/// A key as far as this matters.
struct Key {
    version: i64,
    is_revoked: bool,
}

impl Record for Key {
    fn version(&self) -> i64 {
        self.version
    }

    fn is_final(&self) -> bool {
        self.is_revoked
    }

    fn succeed(&self, _: &Self) {}
}

fn live(version: i64) -> Key {
    Key { version, is_revoked: false }
}

fn opens(table: &Table<Key>) -> bool {
    table.find(NAME).is_some_and(|key| !key.is_revoked)
}

/// Revokes the key and answers, while another change of the key, made before, is put in force late.
#[test]
fn no_check_that_begins_after_the_answer_passes() {
    loom::model(|| {
        let table = Arc::new(Table::new(1));
        table.set(NAME, live(1));
        let answered = Arc::new(AtomicBool::new(false));
        let late_change = thread::spawn({
            let table = table.clone();
            move || table.set(NAME, live(2))
        });
        let revocation = thread::spawn({
            let (table, answered) = (table.clone(), answered.clone());
            move || {
                table.set(NAME, Key { version: 3, is_revoked: true });
                answered.store(true, Ordering::Release);
            }
        });
        let was_answered = answered.load(Ordering::Acquire);
        let passed = opens(&table);
        assert!(!(was_answered && passed), "a check passed after the answer");
        late_change.join().expect("changed");
        revocation.join().expect("revoked");
        assert!(!opens(&table));
    });
}

/// Two changes of one key, put in force in either order: the later one stays.
#[test]
fn the_newest_record_stays_whatever_the_order() {
    loom::model(|| {
        let table = Arc::new(Table::new(1));
        let writers = [2, 3].map(|version| {
            let table = table.clone();
            thread::spawn(move || table.set(NAME, live(version)))
        });
        for writer in writers {
            writer.join().expect("changed");
        }
        assert_eq!(table.find(NAME).map(|key| key.version), Some(3));
    });
}

#[test]
fn the_model_notices_an_answer_that_comes_too_early() {
    let too_early = std::panic::catch_unwind(|| {
        loom::model(|| {
            let table = Arc::new(Table::new(1));
            table.set(NAME, live(1));
            let answered = Arc::new(AtomicBool::new(false));
            let revocation = thread::spawn({
                let (table, answered) = (table.clone(), answered.clone());
                move || {
                    answered.store(true, Ordering::Release);
                    table.set(NAME, Key { version: 2, is_revoked: true });
                }
            });
            let was_answered = answered.load(Ordering::Acquire);
            assert!(!(was_answered && opens(&table)), "a check passed after the answer");
            revocation.join().expect("revoked");
        });
    });
    assert!(too_early.is_err());
}
