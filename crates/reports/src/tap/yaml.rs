//! The little of YAML that stands behind a test point: keys at one depth, with scalars, blocks, or text kept as it is.

use crate::text::clip;

/// Keys kept of one block.
const MOST: usize = 100;
/// Bytes kept of one value.
const LONGEST: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct Yaml {
    pub(super) pairs: Vec<(String, String)>,
    /// How the current value goes on.
    block: Block,
    base: Option<usize>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Block {
    /// Lines that are deeper belong to the value as they are.
    #[default]
    Plain,
    /// `|`: its indentation, once known.
    Literal(Option<usize>),
    /// `>`: line ends become blanks.
    Folded(Option<usize>),
}

impl Yaml {
    /// Takes a line without the indentation of the block.
    pub(super) fn push(&mut self, line: &str) {
        let depth = line.len() - line.trim_start().len();
        if line.trim().is_empty() {
            self.extend("", depth);
            return;
        }
        let base = *self.base.get_or_insert(depth);
        match key_and_value(line.trim()).filter(|_| depth <= base) {
            Some((key, value)) => self.begin(key, value),
            None => self.extend(line, depth),
        }
    }

    pub(super) fn finish(mut self) -> Vec<(String, String)> {
        for (_, value) in &mut self.pairs {
            let len = value.trim_end().len();
            value.truncate(len);
        }
        self.pairs
    }

    fn begin(&mut self, key: &str, value: &str) {
        if self.pairs.len() >= MOST {
            return;
        }
        self.block = match value.as_bytes() {
            [b'|', ..] if value.len() <= 3 => Block::Literal(None),
            [b'>', ..] if value.len() <= 3 => Block::Folded(None),
            _ => Block::Plain,
        };
        let value = if self.block == Block::Plain { unquoted(value) } else { String::new() };
        let (mut key, mut value) = (unquoted(key), value);
        clip(&mut key, 200);
        clip(&mut value, LONGEST);
        self.pairs.push((key, value));
    }

    fn extend(&mut self, line: &str, depth: usize) {
        let Some((_, value)) = self.pairs.last_mut() else { return };
        let (start, end) = match &mut self.block {
            Block::Plain => (0, "\n"),
            Block::Literal(indent) => (*indent.get_or_insert(depth), "\n"),
            Block::Folded(indent) => (*indent.get_or_insert(depth), " "),
        };
        let line = &line[start.min(depth).min(line.len())..];
        if value.len() + line.len() + 1 > LONGEST {
            return;
        }
        if self.block == Block::Plain && !value.is_empty() {
            value.push('\n');
        }
        value.push_str(line);
        if self.block != Block::Plain {
            value.push_str(end);
        }
    }
}

/// `key: value`, `key:` and `"key": value`.
fn key_and_value(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let is_key = !key.is_empty() && key.len() <= 100 && !key.starts_with(['-', '[', '{', '#']);
    (is_key && (value.is_empty() || value.starts_with(' '))).then(|| (key.trim(), value.trim()))
}

fn unquoted(text: &str) -> String {
    if let Some(inner) = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        return inner.replace("''", "'");
    }
    if text.len() >= 2 && text.starts_with('"') && text.ends_with('"') {
        // The escapes of JSON are those that matter.
        return serde_json::from_str(text).unwrap_or_else(|_| text[1..text.len() - 1].to_owned());
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::Yaml;

    #[test]
    fn blocks_hold_scalars_of_any_form() {
        let mut yaml = Yaml::default();
        let text = "duration_ms: 1.5\nerror: |-\n  two\n   lines\nfolded: >\n  a\n  b\nname: 'it''s'\nq: \"a\\nb\"\nat:\n  file: x.js\n  line: 3\nlist:\n  - 1\n";
        for line in text.lines() {
            yaml.push(line);
        }
        let pairs = yaml.finish();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(
            pairs,
            [
                ("duration_ms", "1.5"),
                ("error", "two\n lines"),
                ("folded", "a b"),
                ("name", "it's"),
                ("q", "a\nb"),
                ("at", "  file: x.js\n  line: 3"),
                ("list", "  - 1"),
            ]
        );
    }
}
