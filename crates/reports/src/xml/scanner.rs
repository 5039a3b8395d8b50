//! The tokens of an XML file, one at a time.

use std::io::{self, Read};

use crate::encoding::{Misfit, Utf8Reader};
use crate::repairs::Repairs;
use crate::xml::Attributes;

/// Text consumed is dropped from the buffer when this much has gathered.
const CONSUMED: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// A start tag: [`Scanner::name`] and [`Scanner::attributes`] describe it. An empty element is followed by its end.
    Start,
    /// An end tag, named by [`Scanner::name`].
    End,
    /// A piece of text, in [`Scanner::text`]. One text comes as any number of pieces.
    Text,
    /// The file has ended, within a tag or comment if [`Scanner::is_cut_off`].
    Eof,
}

pub(crate) struct Scanner<'a> {
    reader: Utf8Reader<'a>,
    pub(super) buffer: String,
    pub(super) position: usize,
    misfits: Vec<Misfit>,
    /// Line and column of the start of `buffer`.
    origin: (u64, u64),
    /// Where the current token starts: an offset, or its place once that offset has left the buffer.
    token_at: usize,
    token_place: Option<(u64, u64)>,
    is_cdata: bool,
    pub(super) is_empty_element: bool,
    is_cut_off: bool,
    pub(super) name: String,
    pub(super) attributes: Attributes,
    piece: Piece,
    repairs: Repairs,
}

enum Piece {
    Slice(usize, usize),
    Char([u8; 4], u8),
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(input: Box<dyn Read + 'a>) -> Self {
        Self {
            reader: Utf8Reader::new(input),
            buffer: String::new(),
            position: 0,
            misfits: Vec::new(),
            origin: (1, 1),
            token_at: 0,
            token_place: None,
            is_cdata: false,
            is_empty_element: false,
            is_cut_off: false,
            name: String::new(),
            attributes: Attributes::default(),
            piece: Piece::Slice(0, 0),
            repairs: Repairs::default(),
        }
    }

    /// Local name of the last tag.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    pub(crate) fn text(&self) -> &str {
        match &self.piece {
            Piece::Slice(start, end) => &self.buffer[*start..*end],
            Piece::Char(bytes, len) => std::str::from_utf8(&bytes[..usize::from(*len)]).unwrap_or_default(),
        }
    }

    pub(crate) fn is_cut_off(&self) -> bool {
        self.is_cut_off
    }

    /// Notes a repair at the current token.
    pub(crate) fn repair(&mut self, message: impl Into<String>) {
        let place = self.repairs.has_room().then(|| self.place());
        self.repairs.note(place, message);
    }

    /// Line and column of the current token.
    pub(crate) fn place(&self) -> (u64, u64) {
        self.token_place.unwrap_or_else(|| self.place_of(self.token_at))
    }

    pub(crate) fn into_repairs(self) -> Repairs {
        self.repairs
    }

    pub(crate) fn next(&mut self) -> io::Result<Token> {
        if self.is_empty_element {
            self.is_empty_element = false;
            return Ok(Token::End);
        }
        loop {
            if !self.has(1)? {
                self.begin_token();
                self.is_cut_off |= self.is_cdata;
                return Ok(Token::Eof);
            }
            self.begin_token();
            let token = if self.is_cdata { self.cdata()? } else { self.content()? };
            if let Some(token) = token {
                return Ok(token);
            }
        }
    }

    fn begin_token(&mut self) {
        self.token_at = self.position;
        self.token_place = None;
    }

    fn content(&mut self) -> io::Result<Option<Token>> {
        match self.peek() {
            b'<' => self.markup(),
            b'&' => self.reference().map(Some),
            b => self.run(b).map(Some),
        }
    }

    fn cdata(&mut self) -> io::Result<Option<Token>> {
        match self.peek() {
            b']' if self.starts_with("]]>")? => {
                self.position += 3;
                self.is_cdata = false;
                Ok(None)
            }
            b @ (b']' | b'<' | b'&') => {
                self.position += 1;
                Ok(Some(self.char_piece(char::from(b))))
            }
            b => self.run(b).map(Some),
        }
    }

    /// Text up to the next character that needs a look.
    fn run(&mut self, first: u8) -> io::Result<Token> {
        let start = self.position;
        if SPECIAL[usize::from(first)] {
            return self.special(first);
        }
        let stops = if self.is_cdata { &CDATA_STOP } else { &TEXT_STOP };
        self.position = start + plain_len(&self.buffer.as_bytes()[start..], stops);
        self.piece = Piece::Slice(start, self.position);
        Ok(Token::Text)
    }

    /// A character that XML normalises or forbids.
    fn special(&mut self, first: u8) -> io::Result<Token> {
        let c = self.buffer[self.position..].chars().next().unwrap_or_default();
        self.position += c.len_utf8();
        if first != b'\r' {
            let c = self.legal(c);
            return Ok(self.char_piece(c));
        }
        if self.has(1)? && self.peek() == b'\n' {
            // A line break of two characters counts as its second.
            self.piece = Piece::Slice(0, 0);
            return Ok(Token::Text);
        }
        Ok(self.char_piece('\n'))
    }

    fn char_piece(&mut self, c: char) -> Token {
        let mut bytes = [0; 4];
        let len = c.encode_utf8(&mut bytes).len();
        self.piece = Piece::Char(bytes, len as u8);
        Token::Text
    }

    /// Puts U+FFFD in place of what XML forbids. The escape character stays: it carries the colours of a console.
    pub(super) fn legal(&mut self, c: char) -> char {
        let is_legal = !matches!(c, '\0'..='\x08' | '\x0B' | '\x0C' | '\x0E'..='\x1F' | '\u{FFFE}' | '\u{FFFF}');
        if is_legal {
            return c;
        }
        self.repair(format!("character U+{:04X} is not allowed in XML", u32::from(c)));
        if c == '\x1B' { c } else { char::REPLACEMENT_CHARACTER }
    }

    /// A reference in text. Only numbers and the five predefined names are resolved; others stay as they stand.
    fn reference(&mut self) -> io::Result<Token> {
        let c = self.resolve()?;
        Ok(self.char_piece(c))
    }

    /// Reads the reference at the cursor, or its `&` alone if it is none.
    pub(super) fn resolve(&mut self) -> io::Result<char> {
        self.has(40)?;
        let ahead = &self.buffer[self.position..];
        let ahead = &ahead[..ahead.floor_char_boundary(40)];
        let body = ahead[1..].split_once(';').map(|(body, _)| body).filter(|body| is_reference(body));
        let Some(body) = body else {
            self.position += 1;
            self.repair("\"&\" stands for itself");
            return Ok('&');
        };
        let len = body.len() + 2;
        let resolved = match body {
            "lt" => Some(Some('<')),
            "gt" => Some(Some('>')),
            "amp" => Some(Some('&')),
            "quot" => Some(Some('"')),
            "apos" => Some(Some('\'')),
            _ => body.strip_prefix('#').map(numeric),
        };
        let Some(c) = resolved else {
            let message = format!("entity &{body}; is not expanded");
            self.position += 1;
            self.repair(message);
            return Ok('&');
        };
        self.position += len;
        Ok(if let Some(c) = c {
            self.legal(c)
        } else {
            self.repair("reference to no character");
            char::REPLACEMENT_CHARACTER
        })
    }

    fn markup(&mut self) -> io::Result<Option<Token>> {
        self.has(9)?;
        let bytes = &self.buffer.as_bytes()[self.position..];
        match bytes {
            [b'<', b'/', b, ..] if is_name_start(*b) => self.end_tag(),
            [b'<', b, ..] if is_name_start(*b) => self.start_tag(),
            [b'<', b'!', b'-', b'-', ..] => self.skip_past(4, "-->"),
            [b'<', b'?', ..] => self.skip_past(2, "?>"),
            _ if bytes.starts_with(b"<![CDATA[") => {
                self.position += 9;
                self.is_cdata = true;
                Ok(None)
            }
            [b'<', b'!', b, ..] if b.is_ascii_alphabetic() => self.doctype(),
            _ => {
                self.position += 1;
                self.repair("\"<\" stands for itself");
                Ok(Some(self.char_piece('<')))
            }
        }
    }

    fn skip_past(&mut self, start: usize, end: &str) -> io::Result<Option<Token>> {
        self.position += start;
        loop {
            if let Some(at) = self.buffer[self.position..].find(end) {
                self.position += at + end.len();
                return Ok(None);
            }
            // The end may straddle two chunks.
            self.position = self.buffer.floor_char_boundary(self.buffer.len().saturating_sub(2)).max(self.position);
            if !self.fill()? {
                return Ok(Some(self.cut_off()));
            }
        }
    }

    pub(super) fn cut_off(&mut self) -> Token {
        self.position = self.buffer.len();
        self.is_cut_off = true;
        Token::Eof
    }

    /// Skips a document type with its declarations, none of which is ever used.
    fn doctype(&mut self) -> io::Result<Option<Token>> {
        let mut is_inside = false;
        loop {
            if !self.has(4)? && !self.has(1)? {
                return Ok(Some(self.cut_off()));
            }
            let rest = &self.buffer[self.position..];
            if is_inside && rest.starts_with("<!--") {
                if let Some(eof) = self.skip_past(4, "-->")? {
                    return Ok(Some(eof));
                }
                continue;
            }
            let b = self.peek();
            self.position += rest.chars().next().map_or(1, char::len_utf8);
            match b {
                b'[' => is_inside = true,
                b']' => is_inside = false,
                b'>' if !is_inside => return Ok(None),
                _ => {}
            }
        }
    }

    pub(super) fn skip_char(&mut self) {
        self.position += self.buffer[self.position..].chars().next().map_or(0, char::len_utf8);
    }

    pub(super) fn peek(&self) -> u8 {
        self.buffer.as_bytes()[self.position]
    }

    pub(super) fn starts_with(&mut self, what: &str) -> io::Result<bool> {
        Ok(self.has(what.len())? && self.buffer[self.position..].starts_with(what))
    }

    /// Whether `n` bytes lie ahead, reading on as needed.
    pub(super) fn has(&mut self, n: usize) -> io::Result<bool> {
        while self.buffer.len() - self.position < n {
            if !self.fill()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn fill(&mut self) -> io::Result<bool> {
        if self.position >= CONSUMED || self.position == self.buffer.len() {
            self.drop_consumed();
        }
        let is_more = self.reader.fill(&mut self.buffer, &mut self.misfits)?;
        for misfit in std::mem::take(&mut self.misfits) {
            let place = self.repairs.has_room().then(|| self.place_of(misfit.offset));
            self.repairs.note(place, misfit.message);
        }
        Ok(is_more)
    }

    fn drop_consumed(&mut self) {
        if self.token_at < self.position {
            let place = self.place();
            self.token_place = Some(place);
            self.token_at = 0;
        } else {
            self.token_at -= self.position;
        }
        self.origin = self.place_of(self.position);
        self.buffer.drain(..self.position);
        self.position = 0;
    }

    fn place_of(&self, offset: usize) -> (u64, u64) {
        let before = &self.buffer.as_bytes()[..offset];
        let (line, column) = self.origin;
        match before.iter().rposition(|b| *b == b'\n') {
            None => (line, column + offset as u64),
            Some(last) => (line + count_lines(before), (offset - last) as u64),
        }
    }
}

/// Length of what holds none of `stops`. Whole blocks are judged at once, by a test that the compiler makes a vector one.
fn plain_len(bytes: &[u8], stops: &Set) -> usize {
    let may_stop = |b: &u8| *b < 0x20 && *b != b'\t' && *b != b'\n' || matches!(*b, 0xEF | b'<' | b'&' | b']');
    let blocks = bytes.chunks_exact(32).take_while(|block| !block.iter().fold(false, |any, b| any | may_stop(b)));
    let passed = blocks.count() * 32;
    let rest = &bytes[passed..];
    passed + rest.iter().position(|b| stops[usize::from(*b)]).unwrap_or(rest.len())
}

/// In runs short enough for a byte to count them, which makes the loop a vector one.
fn count_lines(bytes: &[u8]) -> u64 {
    bytes.chunks(255).map(|run| u64::from(run.iter().map(|b| u8::from(*b == b'\n')).sum::<u8>())).sum()
}

pub(super) fn is_name_start(b: u8) -> bool {
    b.is_ascii_alphabetic() || matches!(b, b'_' | b':') || b >= 0x80
}

pub(super) fn is_name(b: u8) -> bool {
    is_name_start(b) || b.is_ascii_digit() || matches!(b, b'-' | b'.')
}

fn is_reference(body: &str) -> bool {
    let name = body.strip_prefix('#').unwrap_or(body);
    !name.is_empty() && name.bytes().all(is_name)
}

fn numeric(digits: &str) -> Option<char> {
    let code = match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    code.ok().and_then(char::from_u32)
}

pub(super) type Set = [bool; 256];

/// Bytes that begin a character to be normalised or looked at: controls and the lead byte of U+FFFE and U+FFFF.
const SPECIAL: Set = {
    let mut set = [false; 256];
    let mut b = 0;
    while b < 0x20 {
        set[b] = b != 0x09 && b != 0x0A;
        b += 1;
    }
    set[0xEF] = true;
    set
};
const TEXT_STOP: Set = with(with(SPECIAL, b'<'), b'&');
const CDATA_STOP: Set = with(SPECIAL, b']');
pub(super) const VALUE_STOP: Set = TEXT_STOP;

const fn with(mut set: Set, b: u8) -> Set {
    set[b as usize] = true;
    set
}
