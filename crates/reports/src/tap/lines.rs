//! The lines that TAP is made of.

/// One line, without its indentation.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'l> {
    Point(Point<'l>),
    /// Number of tests, and why there are none.
    Plan(u64, Option<&'l str>),
    Version(&'l str),
    BailOut(&'l str),
    /// `# Subtest: name`
    Subtest(&'l str),
    Comment(&'l str),
    YamlStart,
    /// `}` behind a subtest that was opened by `{`.
    Close,
    Other,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Point<'l> {
    pub(super) is_ok: bool,
    pub(super) name: &'l str,
    pub(super) directive: Option<Directive<'l>>,
    pub(super) time: Option<&'l str>,
    /// The test points of its subtest follow within braces.
    pub(super) opens: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Directive<'l> {
    Skip(&'l str),
    Todo(&'l str),
}

pub(super) fn parse(line: &str) -> Line<'_> {
    let line = line.trim_end();
    if let Some(rest) = line.strip_prefix("not ok").and_then(after_word) {
        return Line::Point(point(false, rest));
    }
    if let Some(rest) = line.strip_prefix("ok").and_then(after_word) {
        return Line::Point(point(true, rest));
    }
    if let Some(plan) = plan(line) {
        return plan;
    }
    match line {
        "---" => Line::YamlStart,
        "}" => Line::Close,
        _ if line.starts_with("TAP version ") => Line::Version(line["TAP version ".len()..].trim()),
        _ if line.starts_with("Bail out!") => Line::BailOut(line["Bail out!".len()..].trim()),
        _ => match line.strip_prefix('#') {
            Some(comment) => match comment.trim_start().strip_prefix("Subtest:") {
                Some(name) => Line::Subtest(name.trim()),
                None => Line::Comment(comment.strip_prefix(' ').unwrap_or(comment)),
            },
            None => Line::Other,
        },
    }
}

/// What follows if the word ends here.
fn after_word(rest: &str) -> Option<&str> {
    (rest.is_empty() || rest.starts_with([' ', '\t'])).then(|| rest.trim_start())
}

fn plan(line: &str) -> Option<Line<'_>> {
    let rest = line.strip_prefix("1..").or_else(|| line.strip_prefix("0.."))?;
    let len = rest.bytes().take_while(u8::is_ascii_digit).count();
    let count = rest[..len].parse().ok()?;
    let rest = rest[len..].trim();
    let reason = rest.strip_prefix('#').map(str::trim).map(|why| after_directive(why, "skip").unwrap_or(why));
    (rest.is_empty() || reason.is_some()).then_some(Line::Plan(count, reason))
}

/// What follows a directive of this name, in whatever case and form (`SKIP`, `skipped:`).
fn after_directive<'l>(text: &'l str, name: &str) -> Option<&'l str> {
    let start = text.get(..name.len())?;
    if !start.eq_ignore_ascii_case(name) {
        return None;
    }
    let rest = text[name.len()..].trim_start_matches(|c: char| c.is_alphabetic());
    (rest.is_empty() || rest.starts_with([' ', ':', '\t'])).then(|| rest.trim_start_matches([' ', ':', '\t']))
}

fn point(is_ok: bool, rest: &str) -> Point<'_> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    // A number belongs to the point only if it stands alone: `ok 2fast` is a name.
    let is_number = digits > 0 && rest[digits..].chars().next().is_none_or(char::is_whitespace);
    let rest = if is_number { rest[digits..].trim_start() } else { rest };
    let rest = rest.strip_prefix("- ").or_else(|| (rest == "-").then_some("")).unwrap_or(rest).trim_start();
    let (rest, opens) = match rest.strip_suffix('{') {
        Some(before) if before.is_empty() || before.ends_with(' ') => (before.trim_end(), true),
        _ => (rest, false),
    };
    let mut point = Point { is_ok, name: rest, directive: None, time: None, opens };
    // More than one may stand there: `# SKIP why # time=3ms`.
    while let Some((before, comment)) = split_directive(point.name) {
        if let Some(time) = comment.strip_prefix("time=") {
            point.time = Some(time.trim());
        } else if let Some(why) = after_directive(comment, "skip") {
            point.directive = Some(Directive::Skip(why));
        } else if let Some(why) = after_directive(comment, "todo") {
            point.directive = Some(Directive::Todo(why));
        } else {
            break;
        }
        point.name = before;
    }
    if point.time.is_none()
        && let Some((name, time)) = timing(point.name)
    {
        (point.name, point.time) = (name, Some(time));
    }
    point
}

/// The last `#` that is not escaped, and what follows it.
fn split_directive(text: &str) -> Option<(&str, &str)> {
    let at = text.rfind('#')?;
    let before = &text[..at];
    let is_apart = before.is_empty() || before.ends_with([' ', '\t']);
    (is_apart && !before.ends_with('\\')).then(|| (before.trim_end(), text[at + 1..].trim()))
}

/// Bats writes `name in 12ms`.
fn timing(name: &str) -> Option<(&str, &str)> {
    let (before, time) = name.rsplit_once(" in ")?;
    let digits = time.strip_suffix("ms").or_else(|| time.strip_suffix("sec"))?;
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some((before, time))
}

/// Whether a text is TAP, by its first lines.
pub(crate) fn is_tap(head: &str) -> bool {
    if head.lines().take(200).any(|line| line.starts_with("TAP version 1")) {
        return true;
    }
    let is_numbered = |line: &str| {
        let rest = line.strip_prefix("not ok").or_else(|| line.strip_prefix("ok"));
        rest.is_some_and(|rest| rest.starts_with(' ') && rest.trim_start().starts_with(|c: char| c.is_ascii_digit()))
    };
    let mut lines = head.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let starts_so = lines.clone().next().is_some_and(|line| plan(line.trim_end()).is_some() || is_numbered(line));
    starts_so && (lines.clone().any(is_numbered) || lines.clone().count() == 1)
        || lines.by_ref().filter(|line| is_numbered(line)).count() >= 2
}

#[cfg(test)]
mod tests {
    use super::{Directive, Line, Point, is_tap, parse};

    fn point(line: &str) -> Point<'_> {
        match parse(line) {
            Line::Point(point) => point,
            other => panic!("{line} is {other:?}"),
        }
    }

    #[test]
    fn test_points_come_in_many_shapes() {
        let plain = |is_ok, name| Point { is_ok, name, directive: None, time: None, opens: false };
        assert_eq!(point("ok"), plain(true, ""));
        assert_eq!(point("not ok 2"), plain(false, ""));
        assert_eq!(point("ok 1 - adds"), plain(true, "adds"));
        assert_eq!(point("ok 2fast - x"), plain(true, "2fast - x"));
        assert_eq!(point("ok 3 issue #12 is closed"), plain(true, "issue #12 is closed"));
        assert_eq!(point("ok 3 issue \\# SKIP no"), plain(true, "issue \\# SKIP no"));
        assert_eq!(point("ok 4 # SKIP not today").directive, Some(Directive::Skip("not today")));
        assert_eq!(point("ok 4 a # skipped: why").directive, Some(Directive::Skip("why")));
        assert_eq!(point("not ok 5 - b # TODO").directive, Some(Directive::Todo("")));
        let both = point("ok 6 - c # SKIP why # time=12.5ms {");
        assert_eq!((both.name, both.time, both.opens), ("c", Some("12.5ms"), true));
        assert_eq!((point("ok 7 d in 12ms").name, point("ok 7 d in 12ms").time), ("d", Some("12ms")));
        assert_eq!(parse("okay"), Line::Other);
        assert_eq!(parse("1..0 # SKIP no database"), Line::Plan(0, Some("no database")));
        assert_eq!(parse("1..3"), Line::Plan(3, None));
    }

    #[test]
    fn other_texts_are_not_taken_for_it() {
        assert!(is_tap("1..2\nok 1\nok 2\n"));
        assert!(is_tap("# comment\nnot ok 1 - a\n"));
        assert!(is_tap("npm noise\n> run\nTAP version 13\n"));
        assert!(!is_tap("ok  \texample.com/shop\t0.01s\nok  \texample.com/cart\t0.01s\n"));
        assert!(!is_tap("ok then\nnot ok at all\n"));
        assert!(!is_tap(""));
    }
}
