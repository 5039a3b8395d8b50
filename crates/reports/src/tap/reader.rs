//! Walks the lines of a TAP stream.

use crate::json::Lines;
use crate::paths::file_name;
use crate::repairs::Repairs;
use crate::report::{Case, Event, Files, ParseError, Problem, Status, Suite, Summary};
use crate::suites::Suites;
use crate::tap::lines::{Directive, Line, Point, parse};
use crate::tap::pending::Pending;
use crate::tap::yaml::Yaml;
use crate::text::{TextBuilder, clip};
use crate::times::seconds;

/// Subtests nested deeper than this count for the deepest that is not.
const DEEPEST: usize = 60;
/// Longest name kept of a test.
const LONGEST: usize = 8 * 1024;

pub(crate) fn read(files: &dyn Files, index: usize, emit: &mut dyn FnMut(Event)) -> Result<Summary, ParseError> {
    let path = files.path(index);
    let fail = |line, message| ParseError { file: path.to_owned(), problem: Problem { line, column: None, message } };
    let input = files.open(index).map_err(|e| fail(None, format!("cannot be opened: {e}")))?;
    let mut lines = Lines::new(input);
    let mut reader = Reader {
        suites: Suites::new(emit),
        repairs: Repairs::default(),
        levels: vec![Level::default()],
        pending: None,
        yaml: None,
        said: TextBuilder::default(),
        next_name: None,
        has_titles: false,
        may_have_titles: false,
        title: None,
        is_in_file: false,
        has_begun: false,
        is_truncated: false,
        number: 0,
    };
    loop {
        match lines.next_text() {
            Ok(Some(line)) => {
                reader.number = lines.number;
                reader.take(&line);
            }
            Ok(None) => break,
            Err(e) => return Err(fail(Some(lines.number), format!("cannot be read on: {e}"))),
        }
    }
    if !reader.has_begun {
        return Err(fail(Some(1), "holds no test point and no plan".to_owned()));
    }
    Ok(reader.finish(file_name(path)))
}

#[derive(Default)]
struct Level {
    /// Spaces before its lines.
    indent: usize,
    plan: Option<u64>,
    n_points: u64,
    n_failed: u64,
    skip_reason: Option<String>,
    /// Opened by `{`, and closed by `}` rather than by the test point of its parent.
    has_braces: bool,
}

struct Reader<'e> {
    suites: Suites<'e>,
    repairs: Repairs,
    /// The stream and the subtests that are open, innermost last.
    levels: Vec<Level>,
    /// The last test point: what follows may say more about it.
    pending: Option<Pending>,
    yaml: Option<(usize, Yaml)>,
    /// What was printed before the next test point.
    said: TextBuilder,
    /// The subtest that begins with the next deeper line, if one comes.
    next_name: Option<String>,
    /// Comments are titles of tests, as tape writes them: a comment is then what comes first.
    has_titles: bool,
    may_have_titles: bool,
    title: Option<String>,
    /// Within what one file of several printed.
    is_in_file: bool,
    has_begun: bool,
    is_truncated: bool,
    number: u64,
}

impl Reader<'_> {
    fn take(&mut self, written: &str) {
        let indent = written.len() - written.trim_start_matches(' ').len();
        if self.take_yaml(written, indent) {
            return;
        }
        let line = parse(&written[indent..]);
        if !matches!(line, Line::Version(_)) && !written.trim().is_empty() {
            let is_first = std::mem::take(&mut self.may_have_titles);
            self.has_titles |= is_first && indent == 0 && matches!(line, Line::Comment(_));
        }
        match line {
            Line::YamlStart if self.pending.is_some() => self.yaml = Some((indent, Yaml::default())),
            Line::Point(point) => self.point(indent, &point),
            Line::Plan(count, reason) => {
                self.flush();
                self.enter(indent);
                self.has_begun = true;
                let level = self.level();
                (level.plan, level.skip_reason) = (Some(count), reason.map(ToOwned::to_owned));
            }
            Line::Version(version) => {
                self.flush();
                (self.has_begun, self.may_have_titles) = (true, version == "13");
            }
            Line::Subtest(name) => self.subtest(indent, name),
            Line::BailOut(reason) => {
                self.flush();
                (self.has_begun, self.is_truncated) = (true, true);
                let reason = &reason[..reason.floor_char_boundary(1000)];
                self.repairs.note(Some((self.number, 1)), format!("the run bailed out: {reason}"));
            }
            Line::Close => {
                self.flush();
                if self.levels.last().is_some_and(|level| level.has_braces) {
                    self.leave();
                }
            }
            Line::Comment(comment) => self.comment(indent, comment),
            Line::YamlStart | Line::Other => self.other(indent, written),
        }
    }

    /// Whether the line belongs to a YAML block.
    fn take_yaml(&mut self, line: &str, indent: usize) -> bool {
        let Some((depth, yaml)) = &mut self.yaml else { return false };
        let depth = *depth;
        let is_end = indent == depth && line.trim() == "...";
        // A block that was not closed ends with the first line before it.
        let is_beyond = indent < depth && !line.trim().is_empty();
        if !is_end && !is_beyond {
            yaml.push(line.get(depth..).unwrap_or_default());
            return true;
        }
        if let (Some((_, yaml)), Some(pending)) = (self.yaml.take(), &mut self.pending) {
            pending.yaml.extend(yaml.finish());
        }
        is_end
    }

    /// A subtest may begin: its title stands at the depth of its parent, or, as Perl once wrote it, at its own.
    fn subtest(&mut self, indent: usize, name: &str) {
        self.flush();
        let name = name[..name.floor_char_boundary(LONGEST)].to_owned();
        if indent > self.level().indent && self.next_name.is_none() {
            self.next_name = Some(name);
            self.enter(indent);
        } else {
            if indent > self.level().indent {
                self.enter(indent);
            }
            self.next_name = Some(name);
        }
    }

    fn comment(&mut self, indent: usize, comment: &str) {
        if is_total(comment) {
            return;
        }
        if self.has_titles && indent == 0 {
            return self.title(comment.trim());
        }
        match &mut self.pending {
            Some(pending) if pending.case.status.is_failing() => push_line(&mut pending.notes, comment),
            _ => push_line(&mut self.said, comment),
        }
    }

    /// tape names a test in a comment; the points behind it are its assertions.
    fn title(&mut self, title: &str) {
        self.flush();
        if let Some(name) = title.strip_prefix("SKIP ") {
            self.suites.case_here(Box::new(Case::new(name, Status::Skipped)));
            return;
        }
        let mut title = title.to_owned();
        clip(&mut title, LONGEST);
        self.title = Some(title).filter(|title| !title.is_empty());
    }

    fn level(&mut self) -> &mut Level {
        self.levels.last_mut().expect("the stream itself stays open to the end")
    }

    /// Begins a subtest if the line is deeper than those before it.
    fn enter(&mut self, indent: usize) {
        let name = self.next_name.take();
        if indent > self.level().indent && self.levels.len() < DEEPEST {
            self.begin(name.unwrap_or_else(|| "subtest".to_owned()), Level { indent, ..Level::default() });
        }
    }

    fn begin(&mut self, name: String, level: Level) {
        self.levels.push(level);
        self.suites.begin(Suite { name, ..Suite::default() });
    }

    fn leave(&mut self) {
        if self.levels.len() > 1 {
            self.check_plan();
            self.levels.pop();
            self.suites.end();
        }
    }

    fn point(&mut self, indent: usize, point: &Point<'_>) {
        self.flush();
        self.has_begun = true;
        let mut is_verdict = false;
        while !is_verdict && self.levels.len() > 1 && self.level().indent > indent && !self.level().has_braces {
            is_verdict = self.levels[self.levels.len() - 2].indent <= indent;
            if !is_verdict {
                self.leave();
            }
        }
        self.enter(indent);
        let level = self.level();
        let is_beyond_plan = level.plan.is_some_and(|plan| level.n_points >= plan);
        if is_beyond_plan && point.name.is_empty() && !is_verdict {
            // prove sums a file up in such a line.
            return;
        }
        let case = self.case(point);
        if point.opens {
            let failed = case.status.is_failing();
            self.begin(case.name.clone(), Level { indent: indent + 4, has_braces: true, ..Level::default() });
            if let Some(end) = self.suites.current_end() {
                end.duration_ms = case.duration_ms;
            }
            if failed && let Some(parent) = self.levels.iter_mut().rev().nth(1) {
                parent.n_failed += 1;
            }
            return;
        }
        self.pending = Some(Pending { case, is_verdict, notes: TextBuilder::default(), yaml: Vec::new() });
    }

    fn case(&mut self, point: &Point<'_>) -> Case {
        let status = match (&point.directive, point.is_ok) {
            (Some(Directive::Skip(_)), _) | (Some(Directive::Todo(_)), false) => Status::Skipped,
            (_, true) => Status::Passed,
            (_, false) => Status::Failed,
        };
        let mut name = point.name.replace("\\#", "#");
        clip(&mut name, LONGEST);
        if name.is_empty() {
            name = format!("test {}", self.level().n_points + 1);
        }
        let mut case = Case::new(name, status);
        let filled = |why: &str| Some(why.to_owned()).filter(|why| !matches!(why.as_str(), "" | "-"));
        match point.directive {
            Some(Directive::Skip(why)) => case.skip_reason = filled(why),
            Some(Directive::Todo(why)) => {
                case.properties.push(("todo".to_owned(), why.to_owned()));
                if !point.is_ok {
                    case.skip_reason = Some(format!("TODO {why}").trim().to_owned());
                }
            }
            None => {}
        }
        case.duration_ms = point.time.and_then(seconds);
        case.class_name = self.title.clone().filter(|_| self.levels.len() == 1);
        case.stdout = std::mem::take(&mut self.said).finish();
        case
    }

    /// Hands out the last test point: nothing more is said of it.
    fn flush(&mut self) {
        if let (Some((_, yaml)), Some(pending)) = (self.yaml.take(), &mut self.pending) {
            pending.yaml.extend(yaml.finish());
        }
        let Some(mut pending) = self.pending.take() else { return };
        pending.settle();
        let case = pending.case;
        let n_inner = self.level().n_points;
        if pending.is_verdict && n_inner > 0 {
            let has_own = case.status.is_failing() && self.level().n_failed == 0;
            if let Some(end) = self.suites.current_end() {
                end.duration_ms = case.duration_ms;
                if has_own {
                    end.failures.extend(case.failures);
                }
            }
            self.leave();
            let level = self.level();
            level.n_points += 1;
            level.n_failed += u64::from(case.status.is_failing());
            return;
        }
        let level = self.level();
        level.n_points += 1;
        level.n_failed += u64::from(case.status.is_failing());
        self.suites.case_here(Box::new(case));
        if pending.is_verdict {
            self.leave();
            self.level().n_points += 1;
        }
    }

    /// A line that is no TAP.
    fn other(&mut self, indent: usize, line: &str) {
        if let Some(name) = file_header(line) {
            self.flush();
            self.end_file();
            self.is_in_file = true;
            self.suites.begin(Suite { name: name.to_owned(), ..Suite::default() });
            return;
        }
        let is_within = indent > self.level().indent;
        match &mut self.pending {
            // mocha tells of a failure in lines that are only indented.
            Some(pending) if is_within && pending.case.status.is_failing() => push_line(&mut pending.notes, line),
            _ => push_line(&mut self.said, line),
        }
    }

    fn end_file(&mut self) {
        self.flush();
        while self.levels.len() > 1 {
            self.leave();
        }
        self.check_plan();
        self.levels[0] = Level::default();
        let said = std::mem::take(&mut self.said).finish();
        if std::mem::take(&mut self.is_in_file) {
            if let Some(end) = self.suites.current_end() {
                end.stdout = said;
            }
            self.suites.end();
        }
    }

    /// Tells of tests that were planned and never came.
    fn check_plan(&mut self) {
        let number = self.number;
        let level = self.level();
        let (n_points, plan, reason) = (level.n_points, level.plan, level.skip_reason.take());
        if let Some(plan) = plan.filter(|plan| *plan > n_points) {
            self.is_truncated = true;
            self.repairs.note(Some((number, 1)), format!("{plan} tests were planned and {n_points} came"));
        }
        if plan == Some(0) && n_points == 0 && self.is_in_file {
            self.skip_all("all", reason);
        } else if plan == Some(0) && n_points == 0 {
            self.level().skip_reason = reason;
        }
    }

    /// A file that skips everything says so in its plan only.
    fn skip_all(&mut self, name: &str, reason: Option<String>) {
        let mut case = Case::new(name, Status::Skipped);
        case.skip_reason = reason.filter(|reason| !reason.is_empty());
        self.suites.case_here(Box::new(case));
    }

    fn finish(mut self, name: &str) -> Summary {
        self.flush();
        while self.levels.len() > 1 {
            self.leave();
        }
        self.check_plan();
        let level = self.level();
        if level.n_points == 0 && level.plan == Some(0) && !self.is_in_file {
            let reason = self.level().skip_reason.take();
            self.skip_all(name, reason);
        }
        self.suites.finish();
        let (repairs, n_repairs) = self.repairs.into_parts();
        Summary { is_truncated: self.is_truncated, repairs, n_repairs, ..Summary::default() }
    }
}

/// `tests 5`, `pass 3` and the like, which most write at the end.
fn is_total(comment: &str) -> bool {
    const WORDS: [&str; 13] = [
        "tests",
        "pass",
        "passes",
        "fail",
        "failed",
        "passed",
        "skip",
        "skipped",
        "todo",
        "ok",
        "suites",
        "cancelled",
        "duration_ms",
    ];
    let mut words = comment.split_whitespace();
    let is_word = words.next().is_some_and(|word| WORDS.contains(&word));
    is_word && words.next().is_none_or(|number| number.parse::<f64>().is_ok()) && words.next().is_none()
        || comment.trim().is_empty()
        || comment.trim_start().starts_with("time=") && comment.trim().ends_with("ms")
}

fn push_line(text: &mut TextBuilder, line: &str) {
    text.push(line);
    text.push("\n");
}

/// `t/cart.t ..`, as prove announces a file.
fn file_header(line: &str) -> Option<&str> {
    let name = line.trim_end().trim_end_matches('.');
    let has_dots = line.trim_end().len() - name.len() >= 2 && name.ends_with(' ');
    let name = name.trim_end();
    let is_test = name.rsplit_once('.').is_some_and(|(_, extension)| extension == "t");
    (has_dots && is_test && !name.starts_with(' ')).then_some(name)
}
