//! JSON reports in bounded memory: values that take whatever a producer wrote, long strings cut in their middle, and
//! documents and lines handed out piece by piece.

mod document;
mod fields;
mod lines;
mod mend;

pub(crate) use document::{Each, Nested, Sink, Whole, describe, read_document};
pub(crate) use fields::{Fields, List, Num, Object, Pairs, Str, Texts};
pub(crate) use lines::{Line, Lines};
pub(crate) use mend::{Allowance, Mended, restored};
