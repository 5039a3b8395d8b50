//! How a row is hashed: SHA-256 over an encoding in which no two rows look alike.

use sha2::{Digest as _, Sha256};

use super::Row;
use crate::blobs::hex;

/// Stands for the hash of the row before the first.
pub const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const LABEL: &str = "testward audit row, version 1";

/// Returns the hash of a row that follows the one with the hash `previous`.
///
/// Each text is led by its length and each absence is told apart from an empty text, so fields cannot flow into each
/// other.
pub fn hash(previous: &str, row: &Row) -> String {
    let mut hasher = Sha256::new();
    let mut text = |text: Option<&str>| match text {
        None => hasher.update([0]),
        Some(text) => {
            hasher.update([1]);
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text.as_bytes());
        }
    };
    text(Some(LABEL));
    text(Some(previous));
    text(Some(&row.seq.to_string()));
    text(Some(&row.at.0.to_string()));
    text(row.person_id.map(|id| id.to_string()).as_deref());
    text(row.key_handle.as_deref());
    text(row.ip.as_deref());
    text(Some(&row.action));
    text(Some(&row.subject));
    text(Some(&row.detail));
    text(Some(&row.organizations));
    hex(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::PersonId;
    use crate::time::Millis;

    #[test]
    fn each_field_is_part_of_the_hash() {
        let row = Row {
            seq: 7,
            at: Millis(1),
            person_id: Some(PersonId(1)),
            key_handle: None,
            ip: Some("192.0.2.1".to_owned()),
            action: "key.create".to_owned(),
            subject: "AbCdEf12".to_owned(),
            detail: "ci".to_owned(),
            organizations: "1 2".to_owned(),
            hash: String::new(),
        };
        let changed = [
            Row { seq: 8, ..row.clone() },
            Row { at: Millis(2), ..row.clone() },
            Row { person_id: None, ..row.clone() },
            Row { key_handle: Some(String::new()), ..row.clone() },
            Row { ip: None, ..row.clone() },
            Row { action: "key.copy".to_owned(), ..row.clone() },
            Row { subject: "AbCdEf12c".to_owned(), detail: "i".to_owned(), ..row.clone() },
            Row { detail: String::new(), ..row.clone() },
            Row { organizations: "1".to_owned(), ..row.clone() },
        ];
        let mut hashes: Vec<_> = changed.iter().map(|row| hash(BEGINNING, row)).collect();
        hashes.push(hash(BEGINNING, &row));
        hashes.push(hash("1", &row));
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), 11);
    }
}
