//! The stored files of one upload, as the readers of reports see them.

use std::io::{self, Read};

use testward_reports::Files;

use crate::blobs::Blobs;

/// A file whose bytes are there.
#[derive(Debug, Clone)]
pub struct StoredBytes {
    pub path: String,
    pub blob: String,
    pub bytes: i64,
}

/// All of them.
pub struct BlobFiles {
    pub blobs: Blobs,
    pub files: Vec<StoredBytes>,
}

impl Files for BlobFiles {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn path(&self, index: usize) -> &str {
        &self.files[index].path
    }

    fn open(&self, index: usize) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(self.blobs.read(&self.files[index].blob)?))
    }
}
