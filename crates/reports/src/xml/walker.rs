//! Walks the elements of an XML report as if they were well nested: what is not closed is closed where it must end, and
//! the text of the innermost element is at hand when it ends.

use crate::report::{Files, ParseError, Problem, Summary};
use crate::text::TextBuilder;
use crate::xml::{Attributes, Scanner, Token};

/// Elements nested deeper than this are passed over.
const DEEPEST: usize = 1000;
/// How far up an end tag is matched; bounds the work that a hostile file can cause.
const REACH: usize = 256;
/// Longest name of an element told apart from others.
const LONGEST_NAME: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Node {
    /// An element begins: [`Walker::name`], [`Walker::attr`] and [`Walker::parent`] describe it.
    Start,
    /// An element ends: [`Walker::name`], [`Walker::parent`], and [`Walker::take_text`] if it held text only.
    End,
    /// The file has ended, and so have all elements.
    Eof,
}

pub(crate) struct Walker<'f> {
    xml: Scanner<'f>,
    path: &'f str,
    roots: &'static [&'static str],
    /// Names of the open elements, one behind the other.
    names: String,
    starts: Vec<usize>,
    beyond: u64,
    /// Elements that the last end tag, or the end of the file, still has to close.
    closing: usize,
    name: String,
    text: TextBuilder,
    n_roots: u32,
    has_junk: bool,
    is_start: bool,
    is_truncated: bool,
    has_told_loss: bool,
    at_end: bool,
}

impl<'f> Walker<'f> {
    /// Opens the file `index`, whose root must be one of `roots`.
    pub(crate) fn open(files: &'f dyn Files, index: usize, roots: &'static [&'static str]) -> Result<Self, ParseError> {
        let path = files.path(index);
        let input = files.open(index).map_err(|e| {
            let problem = Problem { line: None, column: None, message: format!("cannot be opened: {e}") };
            ParseError { file: path.to_owned(), problem }
        })?;
        Ok(Self {
            xml: Scanner::new(input),
            path,
            roots,
            names: String::new(),
            starts: Vec::new(),
            beyond: 0,
            closing: 0,
            name: String::new(),
            text: TextBuilder::default(),
            n_roots: 0,
            has_junk: false,
            is_start: false,
            is_truncated: false,
            has_told_loss: false,
            at_end: false,
        })
    }

    pub(crate) fn next(&mut self) -> Result<Node, ParseError> {
        loop {
            if self.closing > 0 {
                self.pop();
                return Ok(Node::End);
            }
            if self.at_end {
                return Ok(Node::Eof);
            }
            let token = self.xml.next().map_err(|e| self.fail(format!("cannot be read on: {e}")))?;
            let node = match token {
                Token::Text => {
                    self.take_piece();
                    None
                }
                Token::Start => self.start()?,
                Token::End => self.end(),
                Token::Eof => self.eof()?,
            };
            if let Some(node) = node {
                return Ok(node);
            }
        }
    }

    /// Local name of the element that begins or ends.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Name of the element around it; empty for the root.
    pub(crate) fn parent(&self) -> &str {
        // At its start an element is open itself.
        let depth = self.starts.len() - usize::from(self.is_start);
        let Some(at) = depth.checked_sub(1) else { return "" };
        let end = self.starts.get(depth).copied().unwrap_or(self.names.len());
        &self.names[self.starts[at]..end]
    }

    /// The value of an attribute of the element that begins, unless it is absent or blank.
    pub(crate) fn attr(&self, name: &str) -> Option<&str> {
        self.xml.attributes().get_filled(name)
    }

    pub(crate) fn owned(&self, name: &str) -> Option<String> {
        self.attr(name).map(ToOwned::to_owned)
    }

    pub(crate) fn attributes(&self) -> &Attributes {
        self.xml.attributes()
    }

    /// The text since the last tag.
    pub(crate) fn take_text(&mut self) -> TextBuilder {
        std::mem::take(&mut self.text)
    }

    /// That text on its own, without space around it and with both ends if it is long.
    pub(crate) fn take_string(&mut self) -> String {
        let text = self.take_text().finish_trimmed();
        let start = text.head.trim_start();
        if text.tail.is_empty() { start.to_owned() } else { format!("{start}\n…\n{}", text.tail) }
    }

    /// Whether the file was cut off: what ends now was not whole.
    pub(crate) fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    /// Notes that the file ends within a test.
    pub(crate) fn lost(&mut self, name: &str) {
        let name = &name[..name.floor_char_boundary(100)];
        self.xml.repair(format!("the file ends before its end within the test {name:?}"));
        self.has_told_loss = true;
    }

    pub(crate) fn fail(&self, message: impl Into<String>) -> ParseError {
        let (line, column) = self.xml.place();
        let problem = Problem { line: Some(line), column: Some(column), message: message.into() };
        ParseError { file: self.path.to_owned(), problem }
    }

    /// Completes a summary by what was mended.
    pub(crate) fn finish(mut self, mut summary: Summary) -> Summary {
        summary.is_truncated = self.is_truncated;
        if self.is_truncated && !self.has_told_loss {
            self.xml.repair("the file ends before its end");
        }
        (summary.repairs, summary.n_repairs) = self.xml.into_repairs().into_parts();
        summary
    }

    fn take_piece(&mut self) {
        let text = self.xml.text();
        if !self.starts.is_empty() {
            self.text.push(text);
        } else if !self.has_junk && !text.trim().is_empty() {
            self.has_junk = true;
            self.xml.repair("text around the report is ignored");
        }
    }

    fn start(&mut self) -> Result<Option<Node>, ParseError> {
        self.name.clear();
        let name = self.xml.name();
        self.name.push_str(&name[..name.floor_char_boundary(LONGEST_NAME)]);
        if self.starts.is_empty() {
            if !self.roots.contains(&self.name.as_str()) {
                if self.n_roots == 0 {
                    return Err(self.fail(format!(
                        "root element <{}> is not <{}>",
                        self.name,
                        self.roots.join("> or <")
                    )));
                }
                return Ok(None);
            }
            self.n_roots = self.n_roots.saturating_add(1);
            if self.n_roots == 2 {
                self.xml.repair("more than one root element");
            }
        }
        if self.starts.len() >= DEEPEST {
            if self.beyond == 0 {
                self.xml.repair(format!("elements nested deeper than {DEEPEST} are passed over"));
            }
            self.beyond += 1;
            return Ok(None);
        }
        self.starts.push(self.names.len());
        self.names.push_str(&self.name);
        self.is_start = true;
        self.text = TextBuilder::default();
        Ok(Some(Node::Start))
    }

    fn end(&mut self) -> Option<Node> {
        if self.beyond > 0 {
            self.beyond -= 1;
            return None;
        }
        let name = self.xml.name();
        let name = &name[..name.floor_char_boundary(LONGEST_NAME)];
        let mut end = self.names.len();
        let mut reach = self.starts.iter().rev().take(REACH).enumerate();
        let found = reach.find_map(|(above, start)| {
            let is_same = &self.names[*start..end] == name;
            end = *start;
            is_same.then_some(above)
        });
        match found {
            None if self.starts.is_empty() => return None,
            None => {
                let message = format!("</{name}> closes nothing");
                self.xml.repair(message);
                return None;
            }
            Some(0) => {}
            Some(above) => {
                let message = format!("</{name}> closes {above} elements within it");
                self.xml.repair(message);
            }
        }
        self.closing = found.map_or(0, |above| above + 1);
        None
    }

    fn eof(&mut self) -> Result<Option<Node>, ParseError> {
        if self.n_roots == 0 {
            return Err(self.fail(format!("holds no <{}>", self.roots.join("> or <"))));
        }
        self.at_end = true;
        if !self.starts.is_empty() || self.xml.is_cut_off() {
            self.is_truncated = true;
            self.closing = self.starts.len();
        }
        Ok(None)
    }

    fn pop(&mut self) {
        self.closing -= 1;
        self.is_start = false;
        let Some(start) = self.starts.pop() else { return };
        self.name.clear();
        self.name.push_str(&self.names[start..]);
        self.names.truncate(start);
    }
}
