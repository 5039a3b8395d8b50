//! Decoding: bytes of any declared, marked or guessed encoding in, valid UTF-8 out, in bounded steps.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Bytes read at once; also how far ahead the encoding is judged.
const CHUNK: usize = 64 * 1024;

/// Something that did not fit the encoding, at an offset of the text handed out.
pub(crate) struct Misfit {
    pub(crate) offset: usize,
    pub(crate) message: String,
}

enum Mode {
    Undecided,
    /// Kept apart from the other encodings because stray bytes are judged one by one.
    Utf8 {
        has_multibyte: bool,
    },
    Other(Box<Decoder>),
}

/// Reads a file as UTF-8 whatever it was written in.
pub(crate) struct Utf8Reader<'a> {
    input: Box<dyn Read + 'a>,
    raw: Vec<u8>,
    at_end: bool,
    mode: Mode,
}

impl<'a> Utf8Reader<'a> {
    pub(crate) fn new(input: Box<dyn Read + 'a>) -> Self {
        Self { input, raw: Vec::new(), at_end: false, mode: Mode::Undecided }
    }

    /// Appends the next piece of text; false at the end of the file.
    pub(crate) fn fill(&mut self, out: &mut String, misfits: &mut Vec<Misfit>) -> io::Result<bool> {
        let before = out.len();
        while out.len() == before {
            if self.at_end && self.raw.is_empty() {
                return Ok(false);
            }
            self.read_chunk()?;
            if matches!(self.mode, Mode::Undecided) {
                self.mode = self.decide(out.len(), misfits);
            }
            self.decode(out, misfits);
        }
        Ok(true)
    }

    /// Tops up `raw`, which holds at most the start of one character from before.
    fn read_chunk(&mut self) -> io::Result<()> {
        let mut filled = self.raw.len();
        self.raw.resize(CHUNK, 0);
        while filled < CHUNK && !self.at_end {
            match self.input.read(&mut self.raw[filled..]) {
                Ok(0) => self.at_end = true,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.raw.truncate(filled);
        Ok(())
    }

    fn decide(&mut self, offset: usize, misfits: &mut Vec<Misfit>) -> Mode {
        let utf8 = Mode::Utf8 { has_multibyte: false };
        if let Some((encoding, mark)) = Encoding::for_bom(&self.raw) {
            self.raw.drain(..mark);
            return if encoding == UTF_8 { utf8 } else { other(encoding) };
        }
        if let [a, b, c, d, ..] = self.raw[..] {
            if a != 0 && b == 0 && c != 0 && d == 0 {
                return other(UTF_16LE);
            }
            if a == 0 && b != 0 && c == 0 && d != 0 {
                return other(UTF_16BE);
            }
        }
        let Some(label) = declared_label(&self.raw) else { return utf8 };
        let mut conflict = |message| misfits.push(Misfit { offset, message });
        match Encoding::for_label_no_replacement(label) {
            Some(encoding) if encoding == UTF_8 => utf8,
            Some(encoding) if encoding == UTF_16LE || encoding == UTF_16BE => {
                conflict("the file declares UTF-16 and is written one byte per character; read as UTF-8".into());
                utf8
            }
            Some(encoding) if is_multibyte_utf8(&self.raw) => {
                conflict(format!("the file declares {} and is written in UTF-8", encoding.name()));
                utf8
            }
            Some(encoding) => other(encoding),
            None => {
                let label = String::from_utf8_lossy(label);
                conflict(format!("the declared encoding {label:?} is not known; read as UTF-8"));
                utf8
            }
        }
    }

    fn decode(&mut self, out: &mut String, misfits: &mut Vec<Misfit>) {
        match &mut self.mode {
            Mode::Undecided => {}
            Mode::Utf8 { has_multibyte } => {
                let used = decode_utf8(&self.raw, self.at_end, has_multibyte, out, misfits);
                self.raw.drain(..used);
            }
            Mode::Other(decoder) => {
                decode_other(decoder, &self.raw, self.at_end, out, misfits);
                self.raw.clear();
            }
        }
    }
}

/// Hands the decoded text out as bytes, for readers that bring their own parser.
pub(crate) struct Utf8Bytes<'a> {
    reader: Utf8Reader<'a>,
    text: String,
    position: usize,
    misfits: Vec<Misfit>,
}

impl<'a> Utf8Bytes<'a> {
    pub(crate) fn new(input: Box<dyn Read + 'a>) -> Self {
        Self { reader: Utf8Reader::new(input), text: String::new(), position: 0, misfits: Vec::new() }
    }
}

impl Read for Utf8Bytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position == self.text.len() {
            self.text.clear();
            self.position = 0;
            self.reader.fill(&mut self.text, &mut self.misfits)?;
            self.misfits.clear();
        }
        let rest = &self.text.as_bytes()[self.position..];
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        self.position += n;
        Ok(n)
    }
}

fn other(encoding: &'static Encoding) -> Mode {
    Mode::Other(Box::new(encoding.new_decoder_without_bom_handling()))
}

/// The `encoding` of an XML declaration within the first kilobyte, which may stand behind stray bytes.
fn declared_label(raw: &[u8]) -> Option<&[u8]> {
    let head = &raw[..raw.len().min(1024)];
    let declaration = &head[find(head, b"<?xml")?..];
    let declaration = &declaration[..find(declaration, b"?>")?];
    let value = &declaration[find(declaration, b"encoding")? + b"encoding".len()..];
    let open = value.iter().position(|b| matches!(b, b'"' | b'\''))?;
    let quote = value[open];
    let value = &value[open + 1..];
    Some(&value[..value.iter().position(|b| *b == quote)?])
}

pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Whether the bytes hold characters outside ASCII and all of them are sound UTF-8.
fn is_multibyte_utf8(raw: &[u8]) -> bool {
    let valid = match std::str::from_utf8(raw) {
        Ok(_) => raw.len(),
        Err(e) if e.error_len().is_none() => e.valid_up_to(),
        Err(_) => return false,
    };
    !raw[..valid].is_ascii()
}

/// Decodes what is whole and returns how many bytes that took.
fn decode_utf8(
    raw: &[u8],
    is_last: bool,
    has_multibyte: &mut bool,
    out: &mut String,
    misfits: &mut Vec<Misfit>,
) -> usize {
    let mut used = 0;
    let mut has_looked_ahead = false;
    loop {
        let (valid, bad) = match std::str::from_utf8(&raw[used..]) {
            Ok(text) => (text, None),
            Err(e) => {
                let valid = std::str::from_utf8(&raw[used..used + e.valid_up_to()]).unwrap_or_default();
                (valid, Some(e.error_len()))
            }
        };
        out.push_str(valid);
        *has_multibyte |= !valid.is_ascii();
        used += valid.len();
        let n_bad = match bad {
            None => return used,
            Some(None) if !is_last => return used,
            Some(None) => raw.len() - used,
            Some(Some(n)) => n,
        };
        if !has_looked_ahead {
            has_looked_ahead = true;
            *has_multibyte |= raw[used..].utf8_chunks().any(|chunk| !chunk.valid().is_ascii());
        }
        replace_stray(&raw[used..used + n_bad], *has_multibyte, out, misfits);
        used += n_bad;
    }
}

/// Stands in for bytes that are no UTF-8. In a file without any sound multi-byte character they are most likely
/// Windows-1252; elsewhere they are damage.
fn replace_stray(stray: &[u8], has_multibyte: bool, out: &mut String, misfits: &mut Vec<Misfit>) {
    let offset = out.len();
    let message = if has_multibyte {
        out.push(char::REPLACEMENT_CHARACTER);
        "not UTF-8; replaced by U+FFFD"
    } else {
        let (text, _) = WINDOWS_1252.decode_without_bom_handling(stray);
        out.extend(text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }));
        "not UTF-8; read as Windows-1252"
    };
    misfits.push(Misfit { offset, message: format!("byte 0x{:02X} is {message}", stray[0]) });
}

fn decode_other(decoder: &mut Decoder, raw: &[u8], is_last: bool, out: &mut String, misfits: &mut Vec<Misfit>) {
    let mut used = 0;
    loop {
        let rest = &raw[used..];
        out.reserve(decoder.max_utf8_buffer_length_without_replacement(rest.len()).unwrap_or(rest.len() * 3) + 4);
        let (result, n) = decoder.decode_to_string_without_replacement(rest, out, is_last);
        used += n;
        match result {
            DecoderResult::InputEmpty => return,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => {
                let message = format!("malformed {}; replaced by U+FFFD", decoder.encoding().name());
                misfits.push(Misfit { offset: out.len(), message });
                out.push(char::REPLACEMENT_CHARACTER);
            }
        }
    }
}

/// Decodes the first bytes of a file, for judging what it is.
pub(crate) fn decode_head(raw: Vec<u8>) -> String {
    let mut reader = Utf8Reader::new(Box::new(io::Cursor::new(raw)));
    let (mut out, mut misfits) = (String::new(), Vec::new());
    while matches!(reader.fill(&mut out, &mut misfits), Ok(true)) {}
    out
}
