//! How reports come in: bytes to blobs, files to a batch, a batch to rows.
//!
//! An upload is one batch of files and becomes one run, or joins the run of its session. Receiving and announcing only
//! store; the importer reads what is complete, and whatever interrupts it, it begins that upload again.

mod batch;
mod files;
pub mod http;
mod import;
mod multipart;
mod paths;
mod peek;
mod reading;
mod receipt;
mod rows;
mod slots;
mod store;

pub use batch::{Announced, AnnouncedFile, NewBatch, announce};
pub use import::{import_waiting, work};
pub use multipart::{Form, add_parts, take_multipart, take_parts};
pub use receipt::{FileCounts, count_files, find_receipt, list_receipts};
pub use slots::{Slot, new_slots, receive};

/// The most bytes one file may have.
pub const MAX_FILE_BYTES: u64 = 5 << 30;
