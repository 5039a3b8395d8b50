//! Every file under `testdata`: what it says, that it agrees with a strict parser, and that no damage to it does harm.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use common::{Outcome, Upload, check_order, read_upload, render};
use expect_test::expect_file;
use proptest::prelude::*;
use testward_reports::{Case, Event, Format, Report, find_reports, read};

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

/// Uploads to read: each XML file alone, each folder of JSON or of Katalon whole.
static SAMPLES: LazyLock<Vec<(String, Upload)>> = LazyLock::new(|| {
    let mut samples = Vec::new();
    let mut folders: Vec<PathBuf> =
        fs::read_dir(testdata()).expect("testdata").map(|it| it.expect("entry").path()).collect();
    // `make` holds what makes the others.
    folders.retain(|path| path.is_dir() && !path.ends_with("make"));
    folders.sort();
    for folder in folders {
        let producer = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let inner = folder.join("TS_Checkout");
        let is_whole = producer.starts_with("testops") || producer.starts_with("allure") || inner.is_dir();
        let folder = if inner.is_dir() { inner } else { folder };
        let mut files: Vec<PathBuf> =
            fs::read_dir(folder).expect("folder").map(|it| it.expect("entry").path()).collect();
        files.retain(|path| path.extension().is_none_or(|extension| extension != "expected"));
        files.sort();
        let files = files.iter().map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, fs::read(path).expect("a file"))
        });
        if is_whole {
            samples.push((
                format!("{producer}/report"),
                Upload(files.map(|(name, bytes)| (format!("r/{name}"), bytes)).collect()),
            ));
        } else {
            samples.extend(files.map(|(name, bytes)| (format!("{producer}/{name}"), Upload(vec![(name, bytes)]))));
        }
    }
    samples
});

#[test]
fn the_samples_say_what_is_expected() {
    assert!(SAMPLES.len() >= 45, "only {} samples", SAMPLES.len());
    for (name, upload) in SAMPLES.iter() {
        assert_eq!(find_reports(upload, None).len(), 1, "reports in {name}");
        let outcome = read_upload(upload).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(!outcome.cases().is_empty(), "{name} holds no case");
        expect_file![testdata().join(format!("{name}.expected"))].assert_eq(&render(&outcome));
    }
}

/// What a strict parser finds: how many suites and cases, and the names of the latter.
fn strict(xml: &[u8]) -> Option<(usize, Vec<String>)> {
    use quick_xml::events::Event as Xml;
    let mut reader = quick_xml::Reader::from_reader(xml);
    reader.config_mut().expand_empty_elements = true;
    let (mut suites, mut names, mut buffer) = (0, Vec::new(), Vec::new());
    loop {
        match reader.read_event_into(&mut buffer).ok()? {
            Xml::Start(start) if start.name().as_ref() == "testsuite" => suites += 1,
            Xml::Start(start) if start.name().as_ref() == "testcase" => {
                let name = start.try_get_attribute("name").ok()??;
                // We drop blank space around a name, which jest-junit writes before those outside any suite.
                names.push(name.normalized_value(quick_xml::XmlVersion::Implicit1_0).ok()?.trim().to_owned());
            }
            Xml::Eof => return Some((suites, names)),
            _ => {}
        }
        buffer.clear();
    }
}

fn is_junit(upload: &Upload) -> bool {
    upload.0.len() == 1 && find_reports(upload, None)[0].format == Format::Junit
}

#[test]
fn sound_files_are_read_as_a_strict_parser_reads_them() {
    let mut n = 0;
    for (name, upload) in SAMPLES.iter().filter(|(_, upload)| is_junit(upload)) {
        let Some((suites, names)) = strict(&upload.0[0].1) else { continue };
        let outcome = read_upload(upload).expect("a report");
        // A case without a name goes by its class, as Surefire's for a broken set-up.
        let name_of = |(case, name): (&&Case, &String)| if name.is_empty() { String::new() } else { case.name.clone() };
        let cases = outcome.cases();
        let read: Vec<String> = std::iter::zip(&cases, &names).map(name_of).collect();
        assert_eq!((read, cases.len()), (names.clone(), names.len()), "{name}");
        assert_eq!(outcome.events.iter().filter(|event| matches!(event, Event::Suite(_))).count(), suites, "{name}");
        n += 1;
    }
    assert!(n >= 8, "only {n} files compared");
}

/// Reads every report of an upload, and its first file as one more format.
fn read_all(upload: &Upload, other: usize) {
    for report in find_reports(upload, None) {
        read_one(upload, &report);
    }
    let format = Format::ALL[other % Format::ALL.len()];
    for report in find_reports(upload, Some(format)) {
        read_one(upload, &report);
    }
    read_one(upload, &Report { format, main: 0, parts: vec![0] });
}

/// Returns how many events came of it.
fn read_one(upload: &Upload, report: &Report) -> usize {
    let mut events = Vec::new();
    match read(upload, report, &mut |event| events.push(event)) {
        Ok(summary) => {
            check_order(&events);
            assert!(summary.n_repairs >= summary.repairs.len() as u64);
            let n_events = events.len();
            render(&Outcome { events, summary });
            n_events
        }
        Err(e) => {
            assert!(!e.problem.message.is_empty());
            events.len()
        }
    }
}

/// Numbers that differ and are the same each time.
fn scattered(n: usize, below: usize) -> impl Iterator<Item = usize> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..n).map(move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    })
}

#[test]
fn no_file_of_any_producer_is_harmed_by_cuts_and_changes() {
    const BYTES: &[u8] = b"<>&\"'/[]{}\\=!?-:,#\n \0\xEF\xFF0";
    for (name, upload) in SAMPLES.iter() {
        let format = find_reports(upload, None)[0].format;
        // A folder of many files is damaged in a few of them.
        for file in scattered(2.min(upload.0.len()), upload.0.len()) {
            let whole = &upload.0[file].1;
            for (i, at) in scattered(8, whole.len()).enumerate() {
                let mut damaged = Upload(upload.0.clone());
                if i % 2 == 0 {
                    damaged.0[file].1.truncate(at);
                } else if let Some(byte) = damaged.0[file].1.get_mut(at) {
                    *byte = BYTES[(i + at) % BYTES.len()];
                }
                for report in find_reports(&damaged, None) {
                    read_one(&damaged, &report);
                }
                let parts = (0..damaged.0.len()).collect();
                assert!(read_one(&damaged, &Report { format, main: file, parts }) < 5000, "{name} grew");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_prefix_is_read_or_refused(sample: prop::sample::Index, file: prop::sample::Index, at: prop::sample::Index, other: usize) {
        let mut upload = Upload(SAMPLES[sample.index(SAMPLES.len())].1.0.clone());
        let file = file.index(upload.0.len());
        let len = upload.0[file].1.len();
        upload.0[file].1.truncate(at.index(len + 1));
        read_all(&upload, other);
    }

    #[test]
    fn any_changed_byte_is_read_or_refused(
        sample: prop::sample::Index, file: prop::sample::Index, at: prop::sample::Index,
        byte in prop_oneof![any::<u8>(), prop::sample::select(b"<>&\"'/[]{}\\=!?-\0\xEF\xFF".to_vec())],
        other: usize,
    ) {
        let mut upload = Upload(SAMPLES[sample.index(SAMPLES.len())].1.0.clone());
        let file = file.index(upload.0.len());
        let bytes = &mut upload.0[file].1;
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_all(&upload, other);
    }

    #[test]
    fn any_soup_of_markup_is_read_or_refused(parts in prop::collection::vec(prop::sample::select(SOUP.to_vec()), 0..40), other: usize) {
        read_all(&Upload::of("soup.xml", parts.concat()), other);
    }

    #[test]
    fn any_name_has_a_key(name in "\\PC{0,60}", suite in "[0-9a-fx:/\\\\. T@-]{0,60}") {
        let key = testward_reports::case_key(&[&suite], Some(&name), &suite, None);
        prop_assert_eq!(&key, &testward_reports::case_key(&[&suite], Some(&name), &suite, None));
        testward_reports::find_attachment(&Upload::of(&suite, ""), &name, &suite);
    }
}

const SOUP: [&str; 34] = [
    "<testsuites>",
    "</testsuites>",
    "<testsuite name=\"s\" time=\"1,078\">",
    "</testsuite>",
    "<testcase name=\"c\" time=\"1,077\">",
    "</testcase>",
    "<testcase name='x'/>",
    "<failure message=\"m\">",
    "</failure>",
    "<error>",
    "</error>",
    "<skipped/>",
    "<flakyFailure type=\"t\">",
    "</flakyFailure>",
    "<rerunError>",
    "</rerunError>",
    "<stackTrace>",
    "</stackTrace>",
    "<system-out>",
    "</system-out>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<?xml version=\"1.0\"?>",
    "<!DOCTYPE a [",
    "]>",
    "text & <",
    "[[ATTACHMENT|a",
    "]]",
    "<properties><property name=\"p\" value=\"v\"/>",
    "&amp;&#0;&bad;",
    "\u{1}\u{fffe}é",
    "\"",
];
