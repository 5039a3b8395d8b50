//! Stands between a JSON file and its parser: shortens long strings, which the parser would hold whole, and mends what
//! would make it give up, such as raw control characters and halves of surrogate pairs.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use crate::report::Text;

/// Bytes of a string that pass from its start; as many pass from its end.
const KEPT: usize = 64 * 1024;
/// Stands between the ends of a shortened string, around the number of bytes left out.
const MARK: &str = "\\u0000\\u0001";
const MARK_READ: &str = "\0\u{1}";
/// Bytes of all strings of one result that pass; of further strings hardly more than keys need.
const MOST_BYTES: usize = 8 * 1024 * 1024;
const FEWEST: usize = 128;
/// Objects and lists of one result. One with more is not read.
const MOST_VALUES: usize = 200_000;
const REPLACEMENT: &[u8] = b"\\ufffd";

/// A JSON text fit for a strict parser in bounded memory.
pub(crate) struct Mended<R> {
    input: BufReader<R>,
    ready: VecDeque<u8>,
    is_string: bool,
    /// The character or escape under way.
    unit: Vec<u8>,
    /// `\ud83d`, waiting for its other half.
    high: Option<[u8; 6]>,
    n_passed: usize,
    tail: VecDeque<u8>,
    n_omitted: u64,
    /// Bytes that this string may pass from either end.
    kept: usize,
    allowance: Option<Allowance>,
    pub(crate) n_repairs: u64,
}

/// How much one result may hold, shared between who reads it and who hands it out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Allowance(Rc<Cell<Spent>>);

#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    bytes: usize,
    values: usize,
}

impl Allowance {
    /// Begins anew, for the next result.
    pub(crate) fn reset(&self) {
        self.0.set(Spent::default());
    }

    fn add(&self, bytes: usize, values: usize) -> bool {
        let spent = self.0.get();
        let spent = Spent { bytes: spent.bytes.saturating_add(bytes), values: spent.values + values };
        self.0.set(spent);
        spent.values <= MOST_VALUES
    }

    fn bytes_left(&self) -> usize {
        MOST_BYTES.saturating_sub(self.0.get().bytes)
    }
}

impl<R: Read> Mended<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input: BufReader::with_capacity(64 * 1024, input),
            ready: VecDeque::new(),
            is_string: false,
            unit: Vec::new(),
            high: None,
            n_passed: 0,
            tail: VecDeque::new(),
            n_omitted: 0,
            kept: KEPT,
            allowance: None,
            n_repairs: 0,
        }
    }

    /// Bounds what one result may hold.
    pub(crate) fn within(input: R, allowance: Allowance) -> Self {
        Self { allowance: Some(allowance), ..Self::new(input) }
    }

    fn advance(&mut self) -> io::Result<bool> {
        let chunk = self.input.fill_buf()?;
        let n = chunk.len().min(4096);
        let bytes = chunk[..n].to_vec();
        self.input.consume(n);
        for b in bytes {
            self.push(b);
            if !self.is_string && matches!(b, b'{' | b'[') && self.allowance.as_ref().is_some_and(|it| !it.add(0, 1)) {
                let message = format!("one result holds more than {MOST_VALUES} values");
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
        }
        Ok(n > 0)
    }

    fn push(&mut self, b: u8) {
        if !self.is_string {
            self.is_string = b == b'"';
            self.ready.push_back(b);
            if let Some(allowance) = self.allowance.as_ref().filter(|_| self.is_string) {
                self.kept = allowance.bytes_left().clamp(FEWEST, KEPT);
            }
        } else if b == b'"' && self.unit.is_empty() {
            self.end_string();
        } else {
            self.unit.push(b);
            if self.unit.len() >= unit_len(&self.unit) {
                self.end_unit();
            }
        }
    }

    fn end_unit(&mut self) {
        let unit = std::mem::take(&mut self.unit);
        if let Some(high) = self.high.take() {
            if matches!(surrogate(&unit), Some(Surrogate::Low)) {
                let mut pair = high.to_vec();
                pair.extend(&unit);
                self.pass(&pair);
                return self.reuse(unit);
            }
            self.mend(REPLACEMENT);
        }
        match unit[..] {
            [b] if b < 0x20 => self.mend(format!("\\u{b:04x}").as_bytes()),
            [b'\\', b'u', ..] => match surrogate(&unit) {
                Some(Surrogate::High) => self.high = unit[..].try_into().ok(),
                Some(Surrogate::None) => self.pass(&unit),
                Some(Surrogate::Low) | None => self.mend(REPLACEMENT),
            },
            [b'\\', b] if !b"\"\\/bfnrt".contains(&b) => {
                self.mend(b"\\\\");
                self.unit.push(b);
                return if self.unit.len() >= unit_len(&self.unit) { self.end_unit() } else { self.reuse(unit) };
            }
            _ => self.pass(&unit),
        }
        self.reuse(unit);
    }

    /// Spares an allocation per character.
    fn reuse(&mut self, mut unit: Vec<u8>) {
        if self.unit.is_empty() {
            unit.clear();
            self.unit = unit;
        }
    }

    fn mend(&mut self, unit: &[u8]) {
        self.n_repairs += 1;
        self.pass(unit);
    }

    fn pass(&mut self, unit: &[u8]) {
        if self.tail.is_empty() && self.n_passed < self.kept {
            self.n_passed += unit.len();
            self.ready.extend(unit);
            return;
        }
        self.tail.extend(unit);
        while self.tail.len() > self.kept {
            // The tail holds whole units, so what is dropped is whole too.
            let len = self.front_len();
            self.tail.drain(..len);
            self.n_omitted += len as u64;
        }
    }

    fn front_len(&self) -> usize {
        let front: Vec<u8> = self.tail.iter().take(12).copied().collect();
        let len = unit_len(&front);
        let is_pair = front.get(..6).is_some_and(|first| matches!(surrogate(first), Some(Surrogate::High)));
        if is_pair { 12 } else { len }.min(self.tail.len())
    }

    fn end_string(&mut self) {
        if self.high.take().is_some() {
            self.mend(REPLACEMENT);
        }
        if self.n_omitted > 0 {
            self.ready.extend(format!("{MARK}{}{MARK}", self.n_omitted).into_bytes());
        }
        if let Some(allowance) = &self.allowance {
            allowance.add(self.n_passed + self.tail.len(), 0);
        }
        self.ready.append(&mut self.tail);
        self.ready.push_back(b'"');
        self.is_string = false;
        self.n_passed = 0;
        self.n_omitted = 0;
    }
}

impl<R: Read> Read for Mended<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() {
            if !self.advance()? {
                return Ok(0);
            }
        }
        self.ready.read(buffer)
    }
}

/// How many bytes the unit that begins so has; one more than are known while that is open.
fn unit_len(unit: &[u8]) -> usize {
    match unit {
        [b'\\', b'u', ..] => 6,
        [b'\\', ..] => 2,
        [b, ..] => match b {
            0xF0.. => 4,
            0xE0.. => 3,
            0xC0.. => 2,
            _ => 1,
        },
        [] => 1,
    }
}

#[derive(Debug, Clone, Copy)]
enum Surrogate {
    High,
    Low,
    None,
}

/// What a `\uXXXX` is; None if it is none.
fn surrogate(unit: &[u8]) -> Option<Surrogate> {
    let digits = unit.strip_prefix(b"\\u")?;
    if digits.len() != 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let is_d = matches!(digits[0], b'd' | b'D');
    Some(match digits[1] {
        b'8' | b'9' | b'a' | b'b' | b'A' | b'B' if is_d => Surrogate::High,
        b'c'..=b'f' | b'C'..=b'F' if is_d => Surrogate::Low,
        _ => Surrogate::None,
    })
}

/// Undoes the mark: the two ends of a string with what is missing between them.
pub(crate) fn restored(text: &str) -> Text {
    let mut parts = text.splitn(3, MARK_READ);
    if let (Some(head), Some(count), Some(tail)) = (parts.next(), parts.next(), parts.next())
        && let Ok(omitted_bytes) = count.parse::<u64>()
    {
        let (head, tail) = (Text::from_str(head), Text::from_str(tail));
        let lost = head.tail.len() as u64 + head.omitted_bytes + tail.tail.len() as u64 + tail.omitted_bytes;
        return Text { head: head.head, tail: tail.head, omitted_bytes: omitted_bytes + lost };
    }
    Text::from_str(text)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::{Mended, restored};

    fn mended(json: &str) -> String {
        let mut out = String::new();
        Mended::new(json.as_bytes()).read_to_string(&mut out).expect("text");
        out
    }

    fn parsed(json: &str) -> String {
        serde_json::from_str(&mended(json)).expect("a string")
    }

    #[test]
    fn what_json_forbids_is_mended() {
        assert_eq!(parsed(r#""\ud83d\ude00 \n \" é""#), "😀 \n \" é");
        assert_eq!(parsed(r#""\ud83d x \ude00\ud83d""#), "\u{fffd} x \u{fffd}\u{fffd}");
        assert_eq!(parsed("\"a\nb\u{1}\""), "a\nb\u{1}");
        assert_eq!(parsed(r#""\x41 \uZZZZ""#), "\\x41 \u{fffd}");
        assert_eq!(parsed(r#""\é""#), "\\é");
        assert_eq!(mended(r#"{"a": [1, "\\"]}"#), r#"{"a": [1, "\\"]}"#);
    }

    #[test]
    fn a_long_string_keeps_its_ends() {
        for unit in ["x", "é", "😀", r"\n", r"\u00e9", r"\ud83d\ude00"] {
            let text = restored(&parsed(&format!("\"first{}last\"", unit.repeat(200_000))));
            assert!(text.head.starts_with("first") && text.tail.ends_with("last"), "{unit}");
            assert!(text.omitted_bytes > 0 && text.head.len() <= 65536 && text.tail.len() <= 65536, "{unit}");
        }
    }
}
