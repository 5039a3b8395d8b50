//! JSON values that take whatever a reporter wrote and keep what fits, so that one odd field costs no result.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::json::restored;
use crate::report::Text;
use crate::text::TextBuilder;

/// Text, or a scalar as text.
#[derive(Debug, Default)]
pub(crate) struct Str(pub(crate) Option<String>);

/// A number, or a text that is one.
#[derive(Debug, Default)]
pub(crate) struct Num(pub(crate) Option<f64>);

/// The elements of a list that are readable; one element alone counts as a list of it.
#[derive(Debug)]
pub(crate) struct List<T, const MAX: usize = MOST>(pub(crate) Vec<T>);

/// The scalar entries of an object.
#[derive(Debug, Default)]
pub(crate) struct Pairs(pub(crate) Vec<(String, String)>);

/// Texts in a list; one text alone counts as a list of it.
#[derive(Debug, Default)]
pub(crate) struct Texts<const MAX: usize = MOST>(pub(crate) Vec<String>);

/// Elements of one list kept, unless told otherwise; results have few errors and attachments.
const MOST: usize = 1000;

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl Str {
    /// The text unless it is blank.
    pub(crate) fn filled(self) -> Option<String> {
        self.0.filter(|text| !text.trim().is_empty())
    }

    /// The text, of which the middle may be missing.
    pub(crate) fn text(&self) -> Text {
        self.0.as_deref().map(restored).unwrap_or_default()
    }

    /// The start of the text on one line, unless it is blank.
    pub(crate) fn name(&self) -> Option<String> {
        let text = self.text().head;
        let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(name).filter(|name| !name.is_empty())
    }
}

impl Texts {
    /// Adds these as lines.
    pub(crate) fn lines(&self, text: &mut TextBuilder) {
        for line in &self.0 {
            text.push(line);
            if !line.ends_with('\n') {
                text.push("\n");
            }
        }
    }

    /// Names from the outermost; one text may hold several, parted by ` > `.
    pub(crate) fn path(self) -> Vec<String> {
        match self.0.as_slice() {
            [one] if one.contains(" > ") => one.split(" > ").map(ToOwned::to_owned).collect(),
            _ => self.0,
        }
    }
}

/// An object read field by field.
pub(crate) trait Fields: Default {
    /// Reads the value of `key`; false if the key is not known.
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>;
}

/// An object, or None for any other value.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) Option<T>);

impl<'de> Deserialize<'de> for Str {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Str;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Str, E> {
                Ok(Str(Some(text.to_owned())))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Str, E> {
                Ok(Str(Some(text)))
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Str, E> {
                Ok(Str(Some(value.to_string())))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Str, E> {
                Ok(Str(Some(value.to_string())))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Str, E> {
                Ok(Str(Some(value.to_string())))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Str, E> {
                Ok(Str(Some(value.to_string())))
            }

            fn visit_unit<E: Error>(self) -> Result<Str, E> {
                Ok(Str(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Str, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Str(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Str, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Str(None))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for Num {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Str::deserialize(deserializer)?;
        Ok(Self(text.0.and_then(|text| text.trim().parse().ok()).filter(|number: &f64| number.is_finite())))
    }
}

impl<'de, T: Fields> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<T>(PhantomData<T>);
        impl<'de, T: Fields> Visitor<'de> for Any<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<T>, A::Error> {
                let mut object = T::default();
                while let Some(key) = map.next_key::<String>()? {
                    if !object.field(&key, &mut map)? {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Object(Some(object)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Object<T>, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Object(None))
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Object<T>, E> {
                Ok(Object(None))
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Object<T>, E> {
                Ok(Object(None))
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Object<T>, E> {
                Ok(Object(None))
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Object<T>, E> {
                Ok(Object(None))
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Object<T>, E> {
                Ok(Object(None))
            }

            fn visit_unit<E: Error>(self) -> Result<Object<T>, E> {
                Ok(Object(None))
            }
        }
        deserializer.deserialize_any(Any(PhantomData))
    }
}

impl<'de, T: Fields, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<T, const MAX: usize>(PhantomData<T>);
        impl<'de, T: Fields, const MAX: usize> Visitor<'de> for Any<T, MAX> {
            type Value = List<T, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T, MAX>, A::Error> {
                let mut list = Vec::new();
                while let Some(Object(element)) = seq.next_element()? {
                    if list.len() < MAX {
                        list.extend(element);
                    }
                }
                Ok(List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<List<T, MAX>, A::Error> {
                let object = Object::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(List(object.0.into_iter().collect()))
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<List<T, MAX>, E> {
                Ok(List::default())
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<List<T, MAX>, E> {
                Ok(List::default())
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<List<T, MAX>, E> {
                Ok(List::default())
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<List<T, MAX>, E> {
                Ok(List::default())
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<List<T, MAX>, E> {
                Ok(List::default())
            }

            fn visit_unit<E: Error>(self) -> Result<List<T, MAX>, E> {
                Ok(List::default())
            }
        }
        deserializer.deserialize_any(Any::<T, MAX>(PhantomData))
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Texts<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<const MAX: usize>;
        impl<'de, const MAX: usize> Visitor<'de> for Any<MAX> {
            type Value = Texts<MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("texts")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Texts<MAX>, A::Error> {
                let mut list = Vec::new();
                while let Some(text) = seq.next_element::<Str>()? {
                    if list.len() < MAX {
                        list.extend(text.0);
                    }
                }
                Ok(Texts(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts<MAX>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Texts::default())
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Texts<MAX>, E> {
                Ok(Texts(vec![text.to_owned()]))
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Texts<MAX>, E> {
                Ok(Texts::default())
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Texts<MAX>, E> {
                Ok(Texts(vec![number.to_string()]))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Texts<MAX>, E> {
                Ok(Texts(vec![number.to_string()]))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Texts<MAX>, E> {
                Ok(Texts(vec![number.to_string()]))
            }

            fn visit_unit<E: Error>(self) -> Result<Texts<MAX>, E> {
                Ok(Texts::default())
            }
        }
        deserializer.deserialize_any(Any::<MAX>)
    }
}

impl Fields for Pairs {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if let Str(Some(value)) = map.next_value()?
            && self.0.len() < MOST
        {
            self.0.push((key.to_owned(), value));
        }
        Ok(true)
    }
}
