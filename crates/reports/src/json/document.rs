//! One JSON document, its lists handed out element by element.

use std::fmt;
use std::io::ErrorKind;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use crate::encoding::Utf8Bytes;
use crate::json::{Allowance, Fields, Mended};
use crate::repairs::Repairs;
use crate::report::{Files, ParseError, Problem};

/// What takes the fields of an object, or of one object after the other, as they are read.
pub(crate) trait Sink {
    /// An object begins.
    fn begin(&mut self) {}
    /// Reads the value of `key`; false if the key is not known.
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>;
    /// The object was whole.
    fn end(&mut self) {}
}

/// The fields of a whole object as a sink of it.
pub(crate) struct Whole<T>(pub(crate) T);

impl<T: Fields> Sink for Whole<T> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        self.0.field(key, map)
    }
}

/// An object read into a sink; any other value is passed over.
pub(crate) struct Nested<'s, S>(pub(crate) &'s mut S);

/// A list of objects read into a sink, or one object as if it were a list of it.
pub(crate) struct Each<'s, S>(pub(crate) &'s mut S);

impl<'de, S: Sink> DeserializeSeed<'de> for Nested<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(Shape { sink: self.0, is_list: false })
    }
}

impl<'de, S: Sink> DeserializeSeed<'de> for Each<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(Shape { sink: self.0, is_list: true })
    }
}

struct Shape<'s, S> {
    sink: &'s mut S,
    is_list: bool,
}

impl<'de, S: Sink> Visitor<'de> for Shape<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_list { "a list" } else { "an object" })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.sink.begin();
        while let Some(key) = map.next_key::<String>()? {
            if !self.sink.field(&key, &mut map)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        self.sink.end();
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if self.is_list {
            while seq.next_element_seed(Nested(self.sink))?.is_some() {}
        } else {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// How a document ended that could be read at least in part.
pub(crate) struct Outcome {
    /// What made reading stop, when it was not the end.
    pub(crate) broken: Option<Problem>,
    /// The file was cut off.
    pub(crate) is_truncated: bool,
    pub(crate) n_mended: u64,
    pub(crate) has_more: bool,
}

/// Reads the JSON file `index`: an object, or a list of objects if `is_list`. The sink resets the allowance whenever a
/// result is whole.
pub(crate) fn read_document<S: Sink>(
    files: &dyn Files,
    index: usize,
    allowance: &Allowance,
    sink: &mut S,
    is_list: bool,
) -> Result<Outcome, ParseError> {
    let fail = |line, column, message| ParseError {
        file: files.path(index).to_owned(),
        problem: Problem { line, column, message },
    };
    let input = files.open(index).map_err(|e| fail(None, None, format!("cannot be opened: {e}")))?;
    let mut mended = Mended::within(Utf8Bytes::new(input), allowance.clone());
    let mut json = serde_json::Deserializer::from_reader(&mut mended);
    let read = if is_list { Each(sink).deserialize(&mut json) } else { Nested(sink).deserialize(&mut json) };
    let has_more = read.is_ok() && json.end().is_err();
    let broken = match read {
        Ok(()) => None,
        Err(e) if e.is_io() && e.io_error_kind() != Some(ErrorKind::InvalidData) => {
            return Err(fail(None, None, format!("cannot be read on: {e}")));
        }
        Err(e) => {
            let (line, column) = (e.line() > 0).then(|| (e.line() as u64, e.column() as u64)).unzip();
            let problem = Problem { line, column, message: describe(&e) };
            Some((problem, e.classify() == Category::Eof))
        }
    };
    let is_truncated = broken.as_ref().is_some_and(|(_, is_eof)| *is_eof);
    Ok(Outcome { broken: broken.map(|(problem, _)| problem), is_truncated, n_mended: mended.n_repairs, has_more })
}

impl Outcome {
    /// Notes what was mended and what was lost; an error if the file broke before anything of it was read.
    pub(crate) fn note(self, path: &str, n_read: u64, repairs: &mut Repairs) -> Result<bool, ParseError> {
        if self.n_mended > 0 {
            repairs.note(None, format!("{} characters mended that JSON does not allow", self.n_mended));
        }
        if self.has_more {
            repairs.note(None, "text after the report is ignored");
        }
        if let Some(problem) = self.broken {
            if n_read == 0 {
                return Err(ParseError { file: path.to_owned(), problem });
            }
            let message = format!("{}; {n_read} results before it are kept", problem.message);
            repairs.note(problem.line.zip(problem.column), message);
        }
        Ok(self.is_truncated)
    }
}

/// The message without the place, which is told apart.
pub(crate) fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(message, _)| message.to_owned())
}
