//! Whatever bytes an upload holds, its reports are read or refused, and events come in their order.
#![no_main]

use std::io::{self, Read};

use libfuzzer_sys::fuzz_target;
use testward_reports::{Event, Files, Format, Report, find_reports, read};

/// Names under which the readers know their files.
const NAMES: [&str; 8] = [
    "junit.xml",
    "results.json",
    "suites.json",
    "metadata.json",
    "execution0.log",
    "execution.properties",
    "a-result.json",
    "executor.json",
];

/// One upload: each file's name is chosen by its first byte, and files end at a byte that no report holds.
struct Upload<'a>(Vec<(&'static str, &'a [u8])>);

impl Files for Upload<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn path(&self, index: usize) -> &str {
        self.0[index].0
    }

    fn open(&self, index: usize) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(self.0[index].1))
    }
}

fuzz_target!(|bytes: &[u8]| {
    let files = bytes.split(|byte| *byte == 0xff).filter_map(|file| file.split_first());
    let upload = Upload(files.take(8).map(|(name, file)| (NAMES[usize::from(*name) % NAMES.len()], file)).collect());
    let mut reports = find_reports(&upload, None);
    // What does not look like a report must not harm the reader that is told it is one.
    if let Some(first) = bytes.first().filter(|_| upload.len() > 0) {
        let format = Format::ALL[usize::from(*first) % Format::ALL.len()];
        reports.push(Report { format, main: 0, parts: (0..upload.len()).collect() });
    }
    for report in reports {
        let mut announced = 0;
        let _ = read(&upload, &report, &mut |event| match event {
            Event::Suite(suite) => {
                assert_eq!(suite.index, announced, "suites are counted from 0");
                announced += 1;
            }
            Event::Case(case) => assert!(case.suite.is_none_or(|suite| suite < announced), "a suite comes before its cases"),
            Event::SuiteEnd(end) => assert!(end.index < announced),
        });
    }
});
