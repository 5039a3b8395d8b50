//! The identity of a test across runs: its names with everything masked that differs from run to run.

/// Identifies a case across runs within a project, in readable form.
///
/// Time stamps, UUIDs, process numbers, addresses, ports and absolute prefixes of paths are masked; blank space is
/// collapsed. One line per part: suites from the outermost, class, name, variant.
pub fn case_key(suite_path: &[&str], class_name: Option<&str>, name: &str, variant: Option<&str>) -> String {
    let mut key = String::new();
    let suites = suite_path.iter().map(|suite| ("suite", *suite));
    let class_name = class_name.map(|class_name| ("class", class_name));
    let variant = variant.map(|variant| ("variant", variant));
    for (part, text) in suites.chain(class_name).chain([("name", name)]).chain(variant) {
        let masked = mask(text);
        if masked.is_empty() && part != "name" {
            continue;
        }
        if !key.is_empty() {
            key.push('\n');
        }
        key.push_str(part);
        key.push(' ');
        key.push_str(&masked);
    }
    key
}

/// Names longer than this are compared by their start and length; parameters have been seen of 100 KB.
const LONGEST: usize = 8 * 1024;

fn mask(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (text, cut) = text.split_at(text.floor_char_boundary(LONGEST));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let before = &text[..at];
        if let Some((len, mask)) = volatile(before, &text[at..]) {
            out.push_str(mask);
            at += len;
        } else {
            let c = text[at..].chars().next().unwrap_or_default();
            out.push(c);
            at += c.len_utf8();
        }
    }
    if !cut.is_empty() {
        out.push('…');
        out.push_str(&cut.len().to_string());
    }
    out
}

/// Length and stand-in of what is volatile at the start of `rest`.
fn volatile(before: &str, rest: &str) -> Option<(usize, &'static str)> {
    let bytes = rest.as_bytes();
    let first = bytes[0];
    let is_after_word = before.as_bytes().last().is_some_and(u8::is_ascii_alphanumeric);
    if matches!(first, b'/' | b'\\') || first.is_ascii_alphabetic() {
        if !is_after_word && let Some(len) = absolute_prefix(before, rest) {
            return Some((len, ""));
        }
        if first == b'/' || first == b'\\' {
            return None;
        }
    }
    if first == b'@' {
        return object_hash(bytes).map(|len| (len, "@<address>"));
    }
    if first == b':' {
        return port(before, bytes).map(|len| (len, ":<port>"));
    }
    if is_after_word {
        return None;
    }
    if !first.is_ascii_alphanumeric() {
        return None;
    }
    uuid(bytes)
        .map(|len| (len, "<uuid>"))
        .or_else(|| date_and_time(bytes).map(|len| (len, "<time>")))
        .or_else(|| address(bytes).map(|len| (len, "<address>")))
        .or_else(|| process(before, bytes).map(|len| (len, "<pid>")))
}

fn run(bytes: &[u8], is_in: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|b| is_in(**b)).count()
}

fn is_end(bytes: &[u8], at: usize) -> bool {
    !bytes.get(at).is_some_and(u8::is_ascii_alphanumeric)
}

/// With or without hyphens.
fn uuid(bytes: &[u8]) -> Option<usize> {
    let hex = |b: u8| b.is_ascii_hexdigit();
    let len = run(bytes, hex);
    if len >= 32 && is_end(bytes, len) && bytes[..len].iter().any(u8::is_ascii_alphabetic) {
        return Some(len);
    }
    if len != 8 {
        return None;
    }
    let mut at = 8;
    for group in [4, 4, 4, 12] {
        if bytes.get(at) != Some(&b'-') || run(&bytes[at + 1..], hex) != group {
            return None;
        }
        at += 1 + group;
    }
    is_end(bytes, at).then_some(at)
}

/// A date with a time of day, or an epoch. A date alone is more often a parameter than a time stamp.
fn date_and_time(bytes: &[u8]) -> Option<usize> {
    let digits = run(bytes, |b| b.is_ascii_digit());
    match digits {
        14 if is_compact_date(bytes) => is_end(bytes, 14).then_some(14),
        // Seconds, milliseconds, microseconds and nanoseconds between 2017 and 2033.
        10 | 13 | 16 | 19 if matches!(bytes[..2], [b'1', b'5'..=b'9']) => is_end(bytes, digits).then_some(digits),
        8 if is_compact_date(bytes) => {
            let at = 8 + run(&bytes[8..], |b| matches!(b, b'T' | b't' | b'_' | b'-' | b' '));
            let clock = run(&bytes[at..], |b| b.is_ascii_digit());
            (at == 9 && (clock == 6 || clock == 9)).then(|| at + clock + zone(&bytes[at + clock..]))
        }
        1 | 2 | 4 => spaced_date(bytes),
        _ => None,
    }
}

fn is_compact_date(bytes: &[u8]) -> bool {
    let number = |range: std::ops::Range<usize>| -> u32 {
        bytes[range].iter().fold(0, |value, b| value * 10 + u32::from(b - b'0'))
    };
    (1970..2100).contains(&number(0..4)) && (1..=12).contains(&number(4..6)) && (1..=31).contains(&number(6..8))
}

/// `2026-11-23T05:44:00.123+01:00`, `23-11-2026 05:44`, `2026/11/23 05-44-00`.
fn spaced_date(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    for i in 0..3 {
        let len = run(&bytes[at..], |b| b.is_ascii_digit());
        if !matches!(len, 1 | 2 | 4) {
            return None;
        }
        at += len;
        if i < 2 {
            if !matches!(bytes.get(at), Some(b'-' | b'/' | b'.')) {
                return None;
            }
            at += 1;
        }
    }
    if at < 8 || !matches!(bytes.get(at), Some(b'T' | b't' | b' ' | b'_' | b'-')) {
        return None;
    }
    at += 1;
    let hours = run(&bytes[at..], |b| b.is_ascii_digit());
    if !(1..=2).contains(&hours) || !matches!(bytes.get(at + hours), Some(b':' | b'-' | b'.' | b'_')) {
        return None;
    }
    at += hours;
    for _ in 0..3 {
        let len = run(&bytes[(at + 1).min(bytes.len())..], |b| b.is_ascii_digit());
        if len == 0 || !matches!(bytes.get(at), Some(b':' | b'-' | b'.' | b'_' | b',')) {
            break;
        }
        at += 1 + len;
    }
    Some(at + zone(&bytes[at..]))
}

fn zone(bytes: &[u8]) -> usize {
    match bytes {
        [b'Z' | b'z', ..] if is_end(bytes, 1) => 1,
        [b'+' | b'-', rest @ ..] => {
            let len = run(rest, |b| b.is_ascii_digit() || b == b':');
            if matches!(len, 4 | 5) { 1 + len } else { 0 }
        }
        _ => 0,
    }
}

/// `0x7f3a5c2d1e40`
fn address(bytes: &[u8]) -> Option<usize> {
    let rest = bytes.strip_prefix(b"0x").or_else(|| bytes.strip_prefix(b"0X"))?;
    let len = run(rest, |b| b.is_ascii_hexdigit());
    (len >= 6).then_some(2 + len)
}

/// What Java prints behind the class of an object without a name of its own.
fn object_hash(bytes: &[u8]) -> Option<usize> {
    let len = run(&bytes[1..], |b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let has_digit = bytes[1..=len].iter().any(u8::is_ascii_digit);
    ((5..=8).contains(&len) && has_digit && is_end(bytes, 1 + len)).then_some(1 + len)
}

/// A port that the system picked: five digits behind a local host.
fn port(before: &str, bytes: &[u8]) -> Option<usize> {
    let len = run(&bytes[1..], |b| b.is_ascii_digit());
    let is_local = ["localhost", "127.0.0.1", "0.0.0.0", "[::1]"].iter().any(|host| before.ends_with(host));
    (is_local && len == 5).then_some(6)
}

/// The number in `pid 1234`, `pid=1234`, `process-1234`.
fn process(before: &str, bytes: &[u8]) -> Option<usize> {
    let len = run(bytes, |b| b.is_ascii_digit());
    if len == 0 || !is_end(bytes, len) {
        return None;
    }
    let word = before.trim_end_matches([' ', '=', ':', '-', '_', '#']);
    if word.len() == before.len() {
        return None;
    }
    let is_named = ["pid", "process"].iter().any(|name| {
        let start = word.len().checked_sub(name.len());
        start.and_then(|start| word.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(name))
            && !start
                .and_then(|start| start.checked_sub(1))
                .is_some_and(|at| word.as_bytes()[at].is_ascii_alphanumeric())
    });
    is_named.then_some(len)
}

/// Folders in which the paths of a project begin, whatever machine it is checked out on.
const PROJECT_ROOTS: [&str; 16] = [
    "src",
    "source",
    "lib",
    "test",
    "tests",
    "__tests__",
    "spec",
    "specs",
    "e2e",
    "features",
    "packages",
    "apps",
    "crates",
    "cypress",
    "modules",
    "integration",
];

/// Length of the part of an absolute path that names the machine rather than the project; without a known folder all but
/// the last two parts.
fn absolute_prefix(before: &str, rest: &str) -> Option<usize> {
    if before.ends_with(['/', '\\', '.', '~', '<']) {
        return None;
    }
    let is_windows = matches!(rest.as_bytes(), [a, b':', b'/' | b'\\', ..] if a.is_ascii_alphabetic());
    if !is_windows && !rest.starts_with('/') {
        return None;
    }
    let is_in_path = |c: char| c.is_alphanumeric() || "/\\._-+@~:%$#".contains(c);
    let end = rest.find(|c| !is_in_path(c)).unwrap_or(rest.len());
    let path = &rest[..end];
    let parts: Vec<(usize, &str)> = path
        .split(['/', '\\'])
        .scan(0, |at, part| {
            let start = *at;
            *at += part.len() + 1;
            Some((start, part))
        })
        .filter(|(_, part)| !part.is_empty())
        .collect();
    // `/login` and `/api/users` are routes of the system under test, not files.
    if parts.len() < 4 {
        return None;
    }
    let root = parts[..parts.len() - 1].iter().find(|(_, part)| PROJECT_ROOTS.contains(part));
    let (start, _) = root.or_else(|| parts.get(parts.len() - 2))?;
    Some(*start)
}
