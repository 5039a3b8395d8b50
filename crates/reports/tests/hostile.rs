//! Hostile files in every format: what they may cost, and what they must not do.

mod common;

use std::fmt::Write as _;
use std::io::{self, Read};

use common::{Upload, check_order};
use expect_test::expect;
use testward_reports::{Event, Files, Format, Report, Summary, read};

fn read_as(format: Format, content: impl AsRef<[u8]>) -> Result<(Vec<Event>, Summary), String> {
    let files = Upload::of("report", content);
    let mut events = Vec::new();
    let report = Report { format, main: 0, parts: vec![0] };
    let summary = read(&files, &report, &mut |event| events.push(event)).map_err(|e| e.to_string())?;
    check_order(&events);
    Ok((events, summary))
}

fn cases(events: &[Event]) -> Vec<&testward_reports::Case> {
    let mut cases = Vec::new();
    for event in events {
        if let Event::Case(case) = event {
            cases.push(&**case);
        }
    }
    cases
}

#[test]
fn what_is_none_of_a_format_is_refused_with_its_place() {
    let mut refusals = String::new();
    for format in Format::ALL {
        for content in ["", "<html><body/></html>", "{\"a\": [1, 2}", "just words\nand more\n"] {
            match read_as(format, content) {
                Ok((events, summary)) => assert!(events.is_empty() && summary.n_repairs > 0, "{format:?} {content:?}"),
                Err(e) => writeln!(refusals, "{} {e}", format.name()).expect("a string grows"),
            }
        }
    }
    assert!(refusals.lines().count() > 50, "{refusals}");
    let of_robot: Vec<&str> = refusals.lines().filter(|line| line.starts_with("robot")).collect();
    expect![[r"
        robot report:1:1: holds no <robot>
        robot report:1:1: root element <html> is not <robot>
        robot report:1:13: holds no <robot>
        robot report:3:1: holds no <robot>"]]
    .assert_eq(&of_robot.join("\n"));
}

/// Start, end, and what lies between, of a document that nests without end.
const DEEP: [(Format, &str, &str); 11] = [
    (Format::Testng, "<testng-results>", "<suite name='s'>"),
    (Format::Nunit, "<test-run>", "<test-suite name='s'>"),
    (Format::Xunit, "<assemblies>", "<collection name='s'>"),
    (Format::Trx, "<TestRun>", "<UnitTestResult testName='x'><InnerResults>"),
    (Format::Robot, "<robot><suite name='s'>", "<suite name='s'>"),
    (Format::Robot, "<robot><suite name='s'><test name='t'>", "<kw name='k'>"),
    (Format::Ctrf, "{\"results\":{\"tests\":[{\"name\":\"a\"},", "{\"retryAttempts\":["),
    (Format::Playwright, "{\"config\":{},\"suites\":[", "{\"title\":\"s\",\"suites\":["),
    (Format::Allure, "{\"uuid\":\"u\",\"name\":\"n\",\"status\":\"passed\",\"steps\":[", "{\"name\":\"s\",\"steps\":["),
    (Format::Mochawesome, "{\"stats\":{},\"results\":[", "{\"title\":\"s\",\"suites\":["),
    (Format::Cucumber, "[{\"name\":\"f\",\"elements\":[{\"name\":\"s\"},", "{\"steps\":["),
];

#[test]
fn nesting_without_end_costs_little() {
    for (format, start, open) in DEEP {
        for n in [200, 200_000] {
            let outcome = read_as(format, format!("{start}{}", open.repeat(n)));
            let n_suites = outcome.map_or(0, |(events, _)| events.len());
            assert!(n_suites <= 2 * 64 + 2, "{format:?}: {n_suites} events");
        }
    }
    let mut tap = String::new();
    for i in 0..5000 {
        writeln!(tap, "{}ok 1 - x", " ".repeat(4 * i)).expect("a string grows");
    }
    let (events, _) = read_as(Format::Tap, tap).expect("a report");
    assert_eq!(cases(&events).len(), 5000);
}

#[test]
fn entities_are_never_expanded() {
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>";
    let content =
        format!("{bomb}<robot><suite name='s'><test name='&b;'><status status='PASS'/></test></suite></robot>");
    let (events, summary) = read_as(Format::Robot, content).expect("a report");
    assert_eq!(cases(&events)[0].name, "&b;");
    assert!(summary.n_repairs > 0);
}

/// A format with the start, the middle and the end of a file of it.
type Sample = (Format, &'static [u8], &'static [u8], &'static [u8]);

/// A file that repeats a middle any number of times, made while it is read.
struct Repeated {
    start: &'static [u8],
    middle: &'static [u8],
    n: u64,
    end: &'static [u8],
}

struct Cycle<'a>(&'a [u8], usize);

impl Read for Cycle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for byte in buffer.iter_mut() {
            *byte = self.0[self.1];
            self.1 = (self.1 + 1) % self.0.len();
        }
        Ok(buffer.len())
    }
}

impl Files for Repeated {
    fn len(&self) -> usize {
        1
    }

    fn path(&self, _: usize) -> &'static str {
        "repeated"
    }

    fn open(&self, _: usize) -> io::Result<Box<dyn Read + '_>> {
        let middle = Cycle(self.middle, 0).take(self.n * self.middle.len() as u64);
        Ok(Box::new(self.start.chain(middle).chain(self.end)))
    }
}

#[test]
fn one_result_of_any_size_is_held_in_little_memory() {
    let samples: [Sample; 8] = [
        (
            Format::Testng,
            b"<testng-results><suite><test><class name='c'><test-method name='m' status='PASS'><params>",
            b"<param index='0'><value>v</value></param>",
            b"</params></test-method></class></test></suite></testng-results>",
        ),
        (
            Format::Nunit,
            b"<test-run><test-case name='a.b' result='Passed'><output>",
            b"0123456789",
            b"</output></test-case></test-run>",
        ),
        (
            Format::Robot,
            b"<robot><suite name='s'><test name='t'>",
            b"<kw name='k'><msg level='INFO'>text</msg><status status='PASS'/></kw>",
            b"<status status='PASS'/></test></suite></robot>",
        ),
        (
            Format::Trx,
            b"<TestRun><Results><UnitTestResult testName='t' outcome='Passed'><InnerResults>",
            b"<UnitTestResult testName='i' outcome='Passed'/>",
            b"</InnerResults></UnitTestResult></Results></TestRun>",
        ),
        (Format::Ctrf, b"{\"results\":{\"tests\":[{\"name\":\"a\",\"stdout\":[", b"\"0123456789\",", b"\"\"]}]}}"),
        (
            Format::Cucumber,
            b"[{\"name\":\"f\",\"elements\":[{\"name\":\"s\",\"steps\":[",
            b"{\"name\":\"x\"},",
            b"{}]}]}]",
        ),
        (Format::Tap, b"TAP version 13\nnot ok 1 - a\n  ---\n  message: |\n", b"    0123456789\n", b"  ...\n1..1\n"),
        (
            Format::GoTest,
            b"{\"Action\":\"run\",\"Package\":\"p\",\"Test\":\"t\"}\n",
            b"{\"Action\":\"output\",\"Package\":\"p\",\"Test\":\"t\",\"Output\":\"0123456789\\n\"}\n",
            b"{\"Action\":\"pass\",\"Package\":\"p\",\"Test\":\"t\"}\n{\"Action\":\"pass\",\"Package\":\"p\"}\n",
        ),
    ];
    for (format, start, middle, end) in samples {
        let files = Repeated { start, middle, n: 8_000, end };
        let report = Report { format, main: 0, parts: vec![0] };
        let mut weights = Vec::new();
        read(&files, &report, &mut |event| {
            if let Event::Case(case) = event {
                weights.push(format!("{case:?}").len());
            }
        })
        .unwrap_or_else(|e| panic!("{format:?}: {e}"));
        assert_eq!(weights.len(), 1, "{format:?}");
        // As many characters of Rust's own notation, which is several times as long.
        assert!(weights[0] < 4_000_000, "{format:?}: {}", weights[0]);
    }
}

#[test]
fn a_result_of_too_many_values_ends_the_report_and_says_so() {
    let start =
        b"{\"results\":{\"tests\":[{\"name\":\"first\",\"status\":\"passed\"},{\"name\":\"second\",\"retryAttempts\":[";
    let files = Repeated { start, middle: b"{},", n: 1_000_000, end: b"{}]}]}}" };
    let report = Report { format: Format::Ctrf, main: 0, parts: vec![0] };
    let mut names = Vec::new();
    let summary = read(&files, &report, &mut |event| {
        if let Event::Case(case) = event {
            names.push(case.name);
        }
    });
    assert_eq!(names, ["first"]);
    let repairs = summary.expect("a report in part").repairs;
    assert_eq!(repairs[0].message, "one result holds more than 200000 values; 2 results before it are kept");
}

#[test]
fn many_results_stream() {
    let samples: [Sample; 6] = [
        (
            Format::Xunit,
            b"<assemblies><assembly name='a'><collection name='c'>",
            b"<test name='t' type='T' result='Pass'/>",
            b"</collection></assembly></assemblies>",
        ),
        (
            Format::Ctrf,
            b"{\"results\":{\"tests\":[",
            b"{\"name\":\"a\",\"status\":\"passed\"},",
            b"{\"name\":\"z\",\"status\":\"failed\"}]}}",
        ),
        (
            Format::Mochawesome,
            b"{\"stats\":{},\"results\":[{\"title\":\"s\",\"tests\":[",
            b"{\"title\":\"t\",\"state\":\"passed\"},",
            b"{}]}]}",
        ),
        (Format::Tap, b"TAP version 14\n", b"ok - fine\n", b"1..8000\n"),
        (
            Format::Libtest,
            b"{\"type\":\"suite\",\"event\":\"started\"}\n",
            b"{\"type\":\"test\",\"event\":\"ok\",\"name\":\"a\"}\n",
            b"{\"type\":\"suite\",\"event\":\"ok\"}\n",
        ),
        (
            Format::GoTest,
            b"",
            b"{\"Action\":\"pass\",\"Package\":\"p\",\"Test\":\"t\"}\n",
            b"{\"Action\":\"pass\",\"Package\":\"p\"}\n",
        ),
    ];
    for (format, start, middle, end) in samples {
        let files = Repeated { start, middle, n: 8_000, end };
        let report = Report { format, main: 0, parts: vec![0] };
        let mut n = 0;
        read(&files, &report, &mut |event| n += u64::from(matches!(event, Event::Case(_)))).expect("a report");
        assert!((8_000..=8_001).contains(&n), "{format:?}: {n}");
    }
}

/// A zip of one file, written by hand: `lie` is what it says of the file's size.
fn zip(name: &str, content: &[u8], method: u16, lie: u32) -> Vec<u8> {
    let header = |out: &mut Vec<u8>| {
        out.extend(20_u16.to_le_bytes());
        out.extend(0_u16.to_le_bytes());
        out.extend(method.to_le_bytes());
        out.extend([0; 8]);
        out.extend((content.len() as u32).to_le_bytes());
        out.extend(lie.to_le_bytes());
        out.extend((name.len() as u16).to_le_bytes());
        out.extend(0_u16.to_le_bytes());
    };
    let mut out = b"PK\x03\x04".to_vec();
    header(&mut out);
    out.extend(name.as_bytes());
    out.extend(content);
    let start = out.len() as u32;
    out.extend(b"PK\x01\x02\x14\x00");
    header(&mut out);
    out.extend([0; 14]);
    out.extend(name.as_bytes());
    let size = out.len() as u32 - start;
    out.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    out.extend(size.to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    out
}

fn deflated(content: impl Read) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::DeflateEncoder::new(content, flate2::Compression::fast()).read_to_end(&mut out).expect("memory");
    out
}

const EVENTS: &str = concat!(
    "{\"method\":\"onProject\",\"params\":{\"project\":{\"name\":\"p\",\"suites\":[{\"title\":\"f\",\"entries\":[{\"testId\":\"1\",\"title\":\"t\"}]}]}}}\n",
    "{\"method\":\"onTestBegin\",\"params\":{\"testId\":\"1\",\"result\":{\"id\":\"r\",\"retry\":0}}}\n",
    "{\"method\":\"onTestEnd\",\"params\":{\"test\":{\"testId\":\"1\",\"expectedStatus\":\"passed\"},\"result\":{\"id\":\"r\",\"status\":\"passed\"}}}\n",
);

#[test]
fn a_blob_is_read_stored_or_deflated_whatever_size_it_claims() {
    for content in
        [zip("report.jsonl", EVENTS.as_bytes(), 0, 5), zip("report.jsonl", &deflated(EVENTS.as_bytes()), 8, 5)]
    {
        let files = Upload::of("report.zip", &content);
        assert_eq!(testward_reports::find_reports(&files, None)[0].format, Format::Playwright);
        let (events, summary) = read_as(Format::Playwright, content).expect("a report");
        assert_eq!((cases(&events)[0].name.as_str(), summary.is_truncated), ("t", true));
    }
    let other = zip("report.jsonl", b"x", 12, 1);
    expect!["report: holds a report.jsonl that is not compressed by deflate"]
        .assert_eq(&read_as(Format::Playwright, other).expect_err("no report"));
    let other = zip("../report.jsonl", b"x", 0, 1);
    expect!["report: holds no report.jsonl, which a blob of Playwright has"]
        .assert_eq(&read_as(Format::Playwright, other).expect_err("no report"));
}

#[test]
fn a_zip_bomb_is_read_in_little_memory() {
    let start = "{\"method\":\"onStdIO\",\"params\":{\"data\":\"";
    let bomb = start.as_bytes().chain(io::repeat(b'a').take(1_000_000)).chain(&b"\"}}\n"[..]);
    let content = zip("report.jsonl", &deflated(bomb.chain(EVENTS.as_bytes())), 8, 1);
    assert!(content.len() < 100_000);
    let (events, _) = read_as(Format::Playwright, content).expect("a report");
    assert_eq!(cases(&events).len(), 1);
}

#[test]
fn damage_to_a_zip_is_told() {
    let whole = zip("report.jsonl", &deflated(EVENTS.as_bytes()), 8, 5);
    for at in 0..whole.len() {
        for byte in [0, 0xff, whole[at] ^ 1] {
            let mut damaged = whole.clone();
            damaged[at] = byte;
            let _ = read_as(Format::Playwright, damaged);
        }
        let cut = &whole[..at];
        assert!(at < 4 || read_as(Format::Playwright, cut).is_err(), "{at}");
    }
}

#[test]
fn attachments_are_only_found_among_the_files_of_the_upload() {
    let result =
        "{\"uuid\":\"u\",\"name\":\"n\",\"status\":\"passed\",\"attachments\":[{\"source\":\"../../../etc/passwd\"}]}";
    let files = Upload::default().with("allure/u-result.json", result).with("allure/shot.png", "x");
    let report = testward_reports::find_reports(&files, None);
    let mut paths = Vec::new();
    read(&files, &report[0], &mut |event| {
        if let Event::Case(case) = event {
            paths.extend(case.attachments.into_iter().map(|it| it.path));
        }
    })
    .expect("a report");
    assert_eq!(paths, ["../../../etc/passwd"]);
    assert_eq!(testward_reports::find_attachment(&files, "allure/u-result.json", &paths[0]), None);
}
