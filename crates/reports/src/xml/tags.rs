//! Tags and their attributes, with what producers forget to escape in them.

use std::io;

use crate::xml::scanner::{Scanner, Token, VALUE_STOP, is_name, is_name_start};

/// Longest element or attribute name kept.
const LONGEST_NAME: usize = 1024;
/// How far a closing quote is judged by what follows it.
const LOOK_AHEAD: usize = 512;

impl Scanner<'_> {
    pub(super) fn end_tag(&mut self) -> io::Result<Option<Token>> {
        self.position += 2;
        self.read_name()?;
        loop {
            if !self.has(1)? {
                return Ok(Some(self.cut_off()));
            }
            match self.peek() {
                b'>' => {
                    self.position += 1;
                    return Ok(Some(Token::End));
                }
                b'<' => {
                    self.repair(format!("end tag of <{}> is not closed", self.name));
                    return Ok(Some(Token::End));
                }
                _ => self.skip_char(),
            }
        }
    }

    pub(super) fn start_tag(&mut self) -> io::Result<Option<Token>> {
        self.position += 1;
        self.read_name()?;
        self.attributes.clear();
        let mut has_junk = false;
        loop {
            self.skip_space()?;
            if !self.has(1)? {
                return Ok(Some(self.cut_off()));
            }
            match self.peek() {
                b'>' => {
                    self.position += 1;
                    break;
                }
                b'/' if self.starts_with("/>")? => {
                    self.position += 2;
                    self.is_empty_element = true;
                    break;
                }
                b'<' => {
                    self.repair(format!("<{}> is not closed", self.name));
                    break;
                }
                b if is_name_start(b) => {
                    if !self.attribute()? {
                        return Ok(Some(self.cut_off()));
                    }
                }
                _ => {
                    has_junk = true;
                    self.skip_char();
                }
            }
        }
        if has_junk {
            self.repair(format!("stray characters in <{}>", self.name));
        }
        if self.attributes.is_cut {
            self.repair(format!("the attributes of <{}> are too long or too many; cut", self.name));
        }
        Ok(Some(Token::Start))
    }

    /// Reads one attribute; false if the file ends within.
    fn attribute(&mut self) -> io::Result<bool> {
        let len = self.name_len()?;
        let end = self.buffer.floor_char_boundary(self.position + len.min(LONGEST_NAME));
        self.attributes.begin(&self.buffer[self.position..end]);
        self.position += len;
        self.skip_space()?;
        if !self.has(1)? {
            return Ok(false);
        }
        if self.peek() != b'=' {
            self.repair("attribute without a value");
            self.attributes.end();
            return Ok(true);
        }
        self.position += 1;
        self.skip_space()?;
        if !self.has(1)? {
            return Ok(false);
        }
        let quote = self.peek();
        let is_whole = if matches!(quote, b'"' | b'\'') {
            self.position += 1;
            self.quoted(quote)?
        } else {
            self.repair("attribute value without quotes");
            self.bare_value()?
        };
        self.attributes.end();
        Ok(is_whole)
    }

    fn quoted(&mut self, quote: u8) -> io::Result<bool> {
        loop {
            if !self.has(1)? {
                return Ok(false);
            }
            let bytes = &self.buffer.as_bytes()[self.position..];
            let len = bytes.iter().position(|b| *b == quote || VALUE_STOP[usize::from(*b)]).unwrap_or(bytes.len());
            self.attributes.push(&self.buffer[self.position..self.position + len]);
            self.position += len;
            if self.position == self.buffer.len() {
                continue;
            }
            let b = self.peek();
            let c = match b {
                b'&' => self.resolve()?,
                _ if b == quote => {
                    if self.is_closing_quote()? {
                        self.position += 1;
                        return Ok(true);
                    }
                    self.repair("quotation mark within an attribute value");
                    self.position += 1;
                    char::from(quote)
                }
                b'<' => {
                    self.repair("\"<\" within an attribute value");
                    self.position += 1;
                    '<'
                }
                b'\r' => {
                    self.position += 1;
                    if self.has(1)? && self.peek() == b'\n' {
                        continue;
                    }
                    '\n'
                }
                _ => {
                    let c = self.buffer[self.position..].chars().next().unwrap_or_default();
                    self.position += c.len_utf8();
                    self.legal(c)
                }
            };
            self.attributes.push(c.encode_utf8(&mut [0; 4]));
        }
    }

    /// Whether the quotation mark at the cursor ends its value: what follows goes on as a tag does.
    fn is_closing_quote(&mut self) -> io::Result<bool> {
        self.has(LOOK_AHEAD)?;
        let bytes = self.buffer.as_bytes();
        let bytes = &bytes[self.position + 1..bytes.len().min(self.position + LOOK_AHEAD)];
        let rest = bytes.trim_ascii_start();
        Ok(match rest {
            [] | [b'>' | b'<', ..] | [b'/'] | [b'/', b'>', ..] => true,
            [b, ..] if is_name_start(*b) => {
                let len = rest.iter().position(|b| !is_name(*b)).unwrap_or(rest.len());
                let has_space = rest.len() < bytes.len();
                match rest[len..].trim_ascii_start() {
                    [] | [b'>', ..] | [b'/', b'>', ..] => has_space,
                    [b'=', after @ ..] => {
                        !after.starts_with(b" ") || matches!(after.trim_ascii_start(), [] | [b'"' | b'\'', ..])
                    }
                    _ => false,
                }
            }
            _ => false,
        })
    }

    fn bare_value(&mut self) -> io::Result<bool> {
        loop {
            if !self.has(1)? {
                return Ok(false);
            }
            let b = self.peek();
            if b.is_ascii_whitespace() || matches!(b, b'>' | b'<') || (b == b'/' && self.starts_with("/>")?) {
                return Ok(true);
            }
            let c = self.buffer[self.position..].chars().next().unwrap_or_default();
            self.position += c.len_utf8();
            let c = self.legal(c);
            self.attributes.push(c.encode_utf8(&mut [0; 4]));
        }
    }

    fn read_name(&mut self) -> io::Result<()> {
        let len = self.name_len()?;
        let end = self.buffer.floor_char_boundary(self.position + len.min(LONGEST_NAME));
        let name = &self.buffer[self.position..end];
        self.name.clear();
        self.name.push_str(name.rsplit_once(':').map_or(name, |(_, local)| local));
        self.position += len;
        Ok(())
    }

    /// Length of the name at the cursor; one that goes on for a whole chunk is taken in parts.
    fn name_len(&mut self) -> io::Result<usize> {
        self.has(LONGEST_NAME)?;
        let bytes = &self.buffer.as_bytes()[self.position..];
        let len = bytes.iter().position(|b| !is_name(*b)).unwrap_or(bytes.len());
        Ok(len)
    }

    fn skip_space(&mut self) -> io::Result<()> {
        while self.has(1)? && self.peek().is_ascii_whitespace() {
            self.position += 1;
        }
        Ok(())
    }
}
