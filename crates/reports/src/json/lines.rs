//! Files of one JSON value a line, among which other lines may stand.

use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};

use serde::Deserialize as _;

use crate::encoding::Utf8Bytes;
use crate::json::document::describe;
use crate::json::{Allowance, Fields, Mended, Object};

/// A line up to this long is held; of a longer one the long strings lose their middle.
const HELD: usize = 1024 * 1024;

/// A line of such a file.
pub(crate) enum Line<T> {
    Json(T),
    /// No JSON object: what else a program printed. Cut after [`HELD`] bytes.
    Text(String),
    /// Begins as an object and is none, with what is the matter.
    Broken(String),
}

pub(crate) struct Lines<'f> {
    input: BufReader<Utf8Bytes<'f>>,
    buffer: Vec<u8>,
    /// Counted from 1.
    pub(crate) number: u64,
    pub(crate) n_mended: u64,
    /// The last line had no end: the file may be cut off within it.
    pub(crate) is_open: bool,
}

impl<'f> Lines<'f> {
    pub(crate) fn new(input: Box<dyn Read + 'f>) -> Self {
        Self {
            input: BufReader::with_capacity(64 * 1024, Utf8Bytes::new(input)),
            buffer: Vec::new(),
            number: 0,
            n_mended: 0,
            is_open: false,
        }
    }

    /// The next line that is not blank, as an object if it looks like one.
    pub(crate) fn next<T: Fields>(&mut self) -> io::Result<Option<Line<T>>> {
        loop {
            let Some(is_whole) = self.fill()? else { return Ok(None) };
            let start = self.buffer.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(self.buffer.len());
            if is_whole && start == self.buffer.len() {
                continue;
            }
            if self.buffer.get(start) != Some(&b'{') {
                self.skip_line(is_whole)?;
                return Ok(Some(Line::Text(self.text())));
            }
            return Ok(Some(self.object(is_whole)?));
        }
    }

    /// The next line, blank or not, without its end.
    pub(crate) fn next_text(&mut self) -> io::Result<Option<String>> {
        let Some(is_whole) = self.fill()? else { return Ok(None) };
        self.skip_line(is_whole)?;
        Ok(Some(self.text()))
    }

    fn object<T: Fields>(&mut self, is_whole: bool) -> io::Result<Line<T>> {
        if is_whole && let Ok(Object(Some(object))) = serde_json::from_slice(&self.buffer) {
            return Ok(Line::Json(object));
        }
        let held = Cursor::new(std::mem::take(&mut self.buffer));
        let mut rest = LineRest { input: &mut self.input, has_ended: is_whole };
        let mut mended = Mended::within(held.chain(&mut rest), Allowance::default());
        let mut json = serde_json::Deserializer::from_reader(&mut mended);
        let read = Object::<T>::deserialize(&mut json);
        let n_mended = mended.n_repairs;
        io::copy(&mut rest, &mut io::sink())?;
        match read {
            Ok(Object(Some(object))) => {
                self.n_mended += n_mended;
                Ok(Line::Json(object))
            }
            Ok(Object(None)) => Ok(Line::Broken("is no object".to_owned())),
            Err(e) if e.is_io() && e.io_error_kind() != Some(ErrorKind::InvalidData) => Err(io::Error::other(e)),
            Err(e) => Ok(Line::Broken(describe(&e))),
        }
    }

    /// Reads a line as far as it is held; false if there is more of it, None at the end of the file.
    fn fill(&mut self) -> io::Result<Option<bool>> {
        self.buffer.clear();
        loop {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                self.is_open = !self.buffer.is_empty();
                self.number += u64::from(self.is_open);
                return Ok(self.is_open.then_some(true));
            }
            let room = HELD - self.buffer.len();
            let end = chunk.iter().take(room).position(|b| *b == b'\n');
            let n = end.unwrap_or(chunk.len().min(room));
            self.buffer.extend_from_slice(&chunk[..n]);
            self.input.consume(n + usize::from(end.is_some()));
            if end.is_some() || self.buffer.len() >= HELD {
                self.number += 1;
                return Ok(Some(end.is_some()));
            }
        }
    }

    fn skip_line(&mut self, is_whole: bool) -> io::Result<()> {
        let mut rest = LineRest { input: &mut self.input, has_ended: is_whole };
        io::copy(&mut rest, &mut io::sink()).map(|_| ())
    }

    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.buffer);
        text.strip_suffix('\r').unwrap_or(&text).to_owned()
    }
}

/// What is left of the line under way.
struct LineRest<'i, R> {
    input: &'i mut BufReader<R>,
    has_ended: bool,
}

impl<R: Read> Read for LineRest<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.has_ended {
            return Ok(0);
        }
        let chunk = self.input.fill_buf()?;
        let end = chunk.iter().position(|b| *b == b'\n');
        let n = end.unwrap_or(chunk.len()).min(buffer.len());
        buffer[..n].copy_from_slice(&chunk[..n]);
        self.has_ended = chunk.is_empty() || end == Some(n);
        let is_at_end = self.has_ended && !chunk.is_empty();
        self.input.consume(n + usize::from(is_at_end));
        Ok(n)
    }
}
