//! A forgiving pull reader of XML: mends what real producers get wrong and never holds more than one tag and a chunk of
//! text. A strict parser buffers a whole CDATA section and gives up at the first stray byte, hence this one.

mod attributes;
mod scanner;
mod tags;
mod walker;

pub(crate) use attributes::Attributes;
pub(crate) use scanner::{Scanner, Token};
pub(crate) use walker::{Node, Walker};
