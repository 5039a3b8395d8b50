//! The one file of a blob that is a report, found in the zip without holding it or its directory.

use std::cell::RefCell;
use std::io::{self, Read};

use rawzip::{CompressionMethod, RECOMMENDED_BUFFER_SIZE, ReaderAt, ZipArchive, ZipLocator};

use crate::report::Files;

pub(super) const MAGIC: &[u8] = b"PK\x03\x04";
const REPORT: &[u8] = b"report.jsonl";
/// A comment has at most 64 KiB; what marks the end of the zip stands before it.
const SEARCHED: u64 = 64 * 1024 + 1024;
/// Files of a zip looked at.
const MOST_ENTRIES: u32 = 1_000_000;

/// Whether a zip that begins so holds a report of Playwright.
pub(crate) fn is_blob(files: &dyn Files, index: usize, head: &[u8]) -> bool {
    // The name of the first file stands behind a header of 30 bytes. Other zips need not be read to their end.
    let name = head.get(30..).unwrap_or_default();
    let may_be = head.starts_with(MAGIC) && (name.starts_with(b"resources/") || name.starts_with(REPORT));
    may_be && with_report(files, index, |_| ()).is_ok()
}

/// Hands the decompressed events of a blob to `read`.
pub(super) fn with_report<T>(
    files: &dyn Files,
    index: usize,
    read: impl FnOnce(Box<dyn Read + '_>) -> T,
) -> Result<T, String> {
    let describe = |e: rawzip::Error| format!("cannot be read as a zip file: {e}");
    let file = Reopened::new(files, index).map_err(|e| format!("cannot be opened: {e}"))?;
    let length = file.length().map_err(|e| format!("cannot be read: {e}"))?;
    let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
    let locator = ZipLocator::new().max_search_space(SEARCHED);
    let archive = locator.locate_in_reader(file, &mut buffer, length).map_err(|(_, e)| describe(e))?;
    let found = find(&archive, &mut buffer).map_err(describe)?;
    let (place, method) = found.ok_or("holds no report.jsonl, which a blob of Playwright has")?;
    let entry = archive.get_entry(place).map_err(describe)?;
    let bytes = entry.reader();
    match method {
        CompressionMethod::STORE => Ok(read(Box::new(bytes))),
        CompressionMethod::DEFLATE => Ok(read(Box::new(flate2::read::DeflateDecoder::new(bytes)))),
        _ => Err("holds a report.jsonl that is not compressed by deflate".to_owned()),
    }
}

fn find(
    archive: &ZipArchive<Reopened<'_>>,
    buffer: &mut [u8],
) -> Result<Option<(rawzip::ZipArchiveEntryWayfinder, CompressionMethod)>, rawzip::Error> {
    let mut entries = archive.entries(buffer);
    for _ in 0..MOST_ENTRIES {
        let Some(entry) = entries.next_entry()? else { break };
        if entry.file_path().as_ref() == REPORT {
            return Ok(Some((entry.wayfinder(), entry.compression_method())));
        }
    }
    Ok(None)
}

/// A file that can only be read from its start, read at any place: going back opens it again.
struct Reopened<'f> {
    files: &'f dyn Files,
    index: usize,
    open: RefCell<(Box<dyn Read + 'f>, u64)>,
}

impl<'f> Reopened<'f> {
    fn new(files: &'f dyn Files, index: usize) -> io::Result<Self> {
        Ok(Self { files, index, open: RefCell::new((files.open(index)?, 0)) })
    }

    fn length(&self) -> io::Result<u64> {
        let mut open = self.open.borrow_mut();
        let rest = io::copy(&mut open.0, &mut io::sink())?;
        open.1 += rest;
        Ok(open.1)
    }
}

impl ReaderAt for Reopened<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut open = self.open.borrow_mut();
        if offset < open.1 {
            *open = (self.files.open(self.index)?, 0);
        }
        let missing = offset - open.1;
        let skipped = io::copy(&mut (&mut open.0).take(missing), &mut io::sink())?;
        open.1 += skipped;
        if skipped < missing {
            return Ok(0);
        }
        let n = open.0.read(buffer)?;
        open.1 += n as u64;
        Ok(n)
    }
}
