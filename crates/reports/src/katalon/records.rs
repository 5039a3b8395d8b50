//! The records of an execution log, which is java.util.logging's XML with Katalon's properties.

use std::io;

use crate::katalon::escapes::unescape;
use crate::repairs::Repairs;
use crate::report::{Files, ParseError, Problem};
use crate::text::TextBuilder;
use crate::timestamps::{from_millis, timestamp};
use crate::xml::{Scanner, Token};

/// Properties and stack frames kept of one record.
const MOST: usize = 500;

/// One log record.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) millis: Option<i64>,
    pub(super) level: String,
    pub(super) method: String,
    pub(super) message: String,
    pub(super) properties: Vec<(String, String)>,
    /// Class and message of the exception, with its frames in Java's own form.
    pub(super) exception: Option<(String, String)>,
    is_escaped: bool,
    date: String,
}

impl Record {
    pub(super) fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn finish(&mut self) {
        if self.millis.is_none() {
            self.millis = timestamp(&self.date).map(|at| at.millis);
        }
        if self.is_escaped {
            self.message = unescape(&self.message);
            for (_, value) in &mut self.properties {
                *value = unescape(value);
            }
        }
    }
}

pub(super) struct Log {
    pub(super) is_cut_off: bool,
    pub(super) repairs: Repairs,
}

/// Hands out the records of the log file `index`.
pub(super) fn read(files: &dyn Files, index: usize, take: &mut dyn FnMut(Record)) -> Result<Log, ParseError> {
    let fail = |place: Option<(u64, u64)>, message: String| {
        let (line, column) = place.unzip();
        ParseError { file: files.path(index).to_owned(), problem: Problem { line, column, message } }
    };
    let input = files.open(index).map_err(|e| fail(None, format!("cannot be opened: {e}")))?;
    let mut reader = Reader { xml: Scanner::new(input), record: None, frame: Frame::default(), ..Reader::empty() };
    match reader.run(take) {
        Ok(None) => {
            let is_cut_off = reader.record.is_some() || reader.xml.is_cut_off() || !reader.has_ended;
            Ok(Log { is_cut_off, repairs: reader.xml.into_repairs() })
        }
        Ok(Some(message)) => Err(fail(Some(reader.xml.place()), message)),
        Err(e) => Err(fail(Some(reader.xml.place()), format!("cannot be read on: {e}"))),
    }
}

struct Reader<'r> {
    xml: Scanner<'r>,
    record: Option<Record>,
    /// The element whose text is being read.
    field: Option<Field>,
    text: TextBuilder,
    is_in_exception: bool,
    is_in_frame: bool,
    frame: Frame,
    n_frames: usize,
    has_root: bool,
    has_ended: bool,
}

#[derive(Default)]
struct Frame {
    class: String,
    method: String,
    line: String,
}

enum Field {
    Date,
    Millis,
    Level,
    Method,
    Message,
    EscapedJava,
    Property(String),
    FrameClass,
    FrameLine,
}

impl Reader<'_> {
    fn empty() -> Self {
        Self {
            xml: Scanner::new(Box::new(io::empty())),
            record: None,
            field: None,
            text: TextBuilder::default(),
            is_in_exception: false,
            is_in_frame: false,
            frame: Frame::default(),
            n_frames: 0,
            has_root: false,
            has_ended: false,
        }
    }

    fn run(&mut self, take: &mut dyn FnMut(Record)) -> io::Result<Option<String>> {
        loop {
            match self.xml.next()? {
                Token::Text if self.field.is_some() => self.text.push(self.xml.text()),
                Token::Text => {}
                Token::Start => {
                    if !self.has_root && !matches!(self.xml.name(), "log" | "record") {
                        return Ok(Some(format!("root element <{}> is not that of a log", self.xml.name())));
                    }
                    self.has_root = true;
                    self.start();
                }
                Token::End => {
                    if let Some(record) = self.end() {
                        take(record);
                    }
                }
                Token::Eof => break,
            }
        }
        Ok((!self.has_root).then(|| "holds no <log>".to_owned()))
    }

    fn start(&mut self) {
        let field = match self.xml.name() {
            "record" => {
                if self.record.is_some() {
                    self.xml.repair("<record> within a record that has not ended");
                }
                self.record = Some(Record::default());
                (self.is_in_exception, self.is_in_frame, self.n_frames) = (false, false, 0);
                None
            }
            "exception" => {
                self.is_in_exception = true;
                if let Some(record) = &mut self.record {
                    record.exception = Some(Default::default());
                }
                None
            }
            "frame" => {
                self.is_in_frame = true;
                self.frame = Frame::default();
                None
            }
            "date" => Some(Field::Date),
            "millis" => Some(Field::Millis),
            "level" => Some(Field::Level),
            "method" => Some(Field::Method),
            "message" => Some(Field::Message),
            "escapedJava" => Some(Field::EscapedJava),
            "class" if self.is_in_frame => Some(Field::FrameClass),
            "line" if self.is_in_frame => Some(Field::FrameLine),
            "property" => Some(Field::Property(self.xml.attributes().get("name").unwrap_or_default().to_owned())),
            _ => None,
        };
        if field.is_some() && self.record.is_some() {
            self.field = field;
            self.text = TextBuilder::default();
        }
    }

    fn end(&mut self) -> Option<Record> {
        match self.xml.name() {
            "record" => {
                self.field = None;
                let mut record = self.record.take()?;
                record.finish();
                return Some(record);
            }
            "log" => self.has_ended = true,
            "exception" => self.is_in_exception = false,
            "frame" => self.end_frame(),
            _ => self.end_field(),
        }
        None
    }

    fn end_field(&mut self) {
        let (Some(field), Some(record)) = (self.field.take(), &mut self.record) else { return };
        let text = std::mem::take(&mut self.text).finish();
        let text = if text.tail.is_empty() { text.head } else { format!("{}\n…\n{}", text.head, text.tail) };
        match field {
            Field::Date => record.date = text,
            Field::Millis => {
                let at = text.trim().parse().ok().and_then(from_millis);
                record.millis = at.map(|at| at.millis);
            }
            Field::Level => text.trim().clone_into(&mut record.level),
            Field::Method if self.is_in_frame => self.frame.method = text,
            Field::Method => text.trim().clone_into(&mut record.method),
            Field::Message => match &mut record.exception {
                Some((message, _)) if self.is_in_exception => *message = text,
                _ => record.message = text,
            },
            Field::EscapedJava => record.is_escaped = text.trim() == "true",
            Field::Property(name) if record.properties.len() < MOST => record.properties.push((name, text)),
            Field::Property(_) => {}
            Field::FrameClass => self.frame.class = text,
            Field::FrameLine => self.frame.line = text,
        }
    }

    fn end_frame(&mut self) {
        self.is_in_frame = false;
        self.n_frames += 1;
        let Some((_, stack)) = self.record.as_mut().and_then(|record| record.exception.as_mut()) else { return };
        if self.n_frames <= MOST {
            let Frame { class, method, line } = &self.frame;
            let place = if line.is_empty() { String::new() } else { format!(":{line}") };
            let (class, method) = (class.trim(), method.trim());
            for piece in ["\tat ", class, ".", method, "(", source_of(class), &place, ")\n"] {
                stack.push_str(piece);
            }
        }
    }
}

/// `com.kms.Foo$Bar` was written in `Foo`.
fn source_of(class: &str) -> &str {
    let name = class.rsplit('.').next().unwrap_or(class);
    name.split('$').next().unwrap_or(name)
}
