//! How results are written for people.

use std::iter::Peekable;
use std::str::Chars;

use testward_wire::results::{Counts, Status};

use crate::results::{Run, RunStage};
use crate::web::layout::{Bar, Mark};

pub const fn mark(status: Status) -> Mark {
    match status {
        Status::Passed => Mark { key: "passed", label: "Passed" },
        Status::Failed => Mark { key: "failed", label: "Failed" },
        Status::Error => Mark { key: "error", label: "Error" },
        Status::Incomplete => Mark { key: "incomplete", label: "Incomplete" },
        Status::Skipped => Mark { key: "skipped", label: "Skipped" },
        Status::NotRun => Mark { key: "not_run", label: "Not run" },
        Status::Running => Mark { key: "running", label: "Running" },
    }
}

/// Returns each status with its count, in the order in which people look for them.
pub const fn by_status(counts: &Counts) -> [(Status, i64); 6] {
    [
        (Status::Failed, counts.failed),
        (Status::Error, counts.error),
        (Status::Incomplete, counts.incomplete),
        (Status::Passed, counts.passed),
        (Status::Skipped, counts.skipped),
        (Status::NotRun, counts.not_run),
    ]
}

pub fn bar(counts: &Counts) -> Bar {
    Bar::new(&by_status(counts).map(|(status, count)| (mark(status), count)))
}

/// Returns the stage of a run that is not simply done.
pub const fn stage(run: &Run) -> Option<Mark> {
    match run.stage {
        RunStage::Running => Some(Mark { key: "running", label: "In progress" }),
        RunStage::Importing => Some(Mark { key: "running", label: "Importing" }),
        RunStage::Closed => Some(Mark { key: "incomplete", label: "Closed by time-out" }),
        RunStage::Refused => Some(Mark { key: "failed", label: "Refused" }),
        RunStage::Done => None,
    }
}

/// Returns the share of passed results among those that ran.
pub fn pass_rate(counts: &Counts) -> Option<String> {
    let ran = counts.total - counts.skipped - counts.not_run;
    // Cut, not rounded: 99.96 % is not "all passed".
    let tenths = (counts.passed * 1000).checked_div(ran)?;
    Some(if tenths % 10 == 0 { format!("{} %", tenths / 10) } else { format!("{}.{} %", tenths / 10, tenths % 10) })
}

/// Writes a duration with the two largest units that matter.
pub fn duration(millis: f64) -> String {
    let whole = millis.max(0.0).round() as i64;
    match whole {
        0..1000 => format!("{whole} ms"),
        1000..60_000 => format!("{:.1} s", millis / 1000.0),
        60_000..3_600_000 => format!("{} min {} s", whole / 60_000, whole % 60_000 / 1000),
        _ => format!("{} h {} min", whole / 3_600_000, whole % 3_600_000 / 60_000),
    }
}

pub fn size(bytes: i64) -> String {
    match bytes {
        ..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// Takes out of a text what is meant for a terminal: colours, cursor movements, titles, bells (ECMA-48).
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => skip_sequence(&mut letters),
            '\u{9b}' => skip_control(&mut letters),
            // A bare carriage return overwrites the line on a terminal; here each state is a line of its own.
            '\r' if letters.peek() == Some(&'\n') => {}
            '\r' => plain.push('\n'),
            '\n' | '\t' => plain.push(letter),
            letter if letter.is_control() => {}
            letter => plain.push(letter),
        }
    }
    plain
}

type Letters<'a> = Peekable<Chars<'a>>;

/// Skips what follows an escape.
fn skip_sequence(letters: &mut Letters<'_>) {
    match letters.next_if(|it| matches!(it, ' '..='~')) {
        Some('[') => skip_control(letters),
        Some(']' | 'P' | '^' | '_') => skip_string(letters),
        // Between these and the final byte stands one more, as in `ESC ( B`.
        Some(' '..='/') => {
            letters.next_if(|it| matches!(it, '0'..='~'));
        }
        _ => {}
    }
}

/// Skips parameters and the final byte; whatever cannot belong to the sequence stays.
fn skip_control(letters: &mut Letters<'_>) {
    while letters.next_if(|it| matches!(it, ' '..='?')).is_some() {}
    letters.next_if(|it| matches!(it, '@'..='~'));
}

/// Skips a string such as a title or a link, up to a bell or `ESC \`; never beyond its line.
fn skip_string(letters: &mut Letters<'_>) {
    while letters.next_if(|it| !matches!(it, '\u{7}' | '\u{1b}' | '\n')).is_some() {}
    if letters.next_if_eq(&'\u{1b}').is_some() {
        letters.next_if_eq(&'\\');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_people_read() {
        let written = [0.4, 999.0, 1500.0, 61_000.0, 3_600_000.0].map(duration);
        assert_eq!(written, ["0 ms", "999 ms", "1.5 s", "1 min 1 s", "1 h 0 min"]);
    }

    #[test]
    fn terminal_colours_go() {
        assert_eq!(plain("\u{1b}[31mred\u{1b}[0m and \u{1b}[1;4Hplain"), "red and plain");
        assert_eq!(plain("\u{1b}["), "");
        assert_eq!(plain("a\u{1b}[31\nb"), "a\nb");
        assert_eq!(plain("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]0;title\u{7}\u{1b}(B\u{9b}1m."), "link.");
        assert_eq!(plain("10 %\r20 %\r\ndone\u{8}"), "10 %\n20 %\ndone");
    }

    #[test]
    fn a_rate_is_never_rounded_up_to_all() {
        let counts = |passed, failed| Counts { total: passed + failed, passed, failed, ..Counts::default() };
        assert_eq!(pass_rate(&counts(9999, 1)).as_deref(), Some("99.9 %"));
        assert_eq!(pass_rate(&counts(2, 0)).as_deref(), Some("100 %"));
        assert_eq!(pass_rate(&counts(0, 0)), None);
    }
}
