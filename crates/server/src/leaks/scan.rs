//! Finds secrets in a stream of bytes and covers them with stars, as many as they had bytes: offsets, lengths and XML
//! stay as they were.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, Input, MatchKind};
use testward_wire::keytext::{KEY_LEN, KeyText};

use super::rules::{Body, MAX_LEN, OWN, RULES, Rule};

/// Bytes of the beginning by which a file is taken for text or not.
const LOOK_AT: usize = 8 * 1024;
/// Findings remembered of one file; all are covered.
const MAX_FINDINGS: usize = 100;

/// A secret that was found, without itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What people call the format.
    pub rule: &'static str,
    /// Bytes before it.
    pub offset: u64,
    /// Bytes of it.
    pub len: usize,
    /// The key itself when it is one of this kind of server: to be looked up, never kept.
    pub own_key: Option<OwnKey>,
}

/// The text of a key of ours, which nothing prints.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnKey(String);

impl OwnKey {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for OwnKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OwnKey(…)")
    }
}

/// All prefixes, and which rule each belongs to.
struct Prefixes {
    find: AhoCorasick,
    rules: Vec<&'static Rule>,
    longest: usize,
}

static PREFIXES: LazyLock<Prefixes> = LazyLock::new(|| {
    let pairs = || RULES.iter().flat_map(|rule| rule.prefixes.iter().map(move |prefix| (*prefix, rule)));
    let find = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(pairs().map(|(prefix, _)| prefix));
    Prefixes {
        find: find.expect("some dozens of short texts"),
        rules: pairs().map(|(_, rule)| rule).collect(),
        longest: pairs().map(|(prefix, _)| prefix.len()).max().unwrap_or_default(),
    }
});

/// Scans one stream.
#[derive(Default)]
pub struct Scan {
    /// Bytes that came and are not yet passed on.
    held: Vec<u8>,
    /// Bytes passed on, and the last of them.
    passed: u64,
    last: Option<u8>,
    kind: Kind,
    findings: Vec<Finding>,
}

#[derive(Default, PartialEq, Eq, Clone, Copy)]
enum Kind {
    #[default]
    Unknown,
    Text,
    /// Images, archives and the like pass untouched.
    Binary,
}

/// What stands behind a prefix.
enum Verdict {
    /// A secret: this part is to be covered, and what follows is looked at from its end.
    Secret(Range<usize>),
    Nothing,
    /// The bytes end within it.
    Undecided,
}

impl Scan {
    /// Takes the next bytes and returns those that are certain by now.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.kind == Kind::Binary {
            return bytes.to_vec();
        }
        self.held.extend_from_slice(bytes);
        if self.kind == Kind::Unknown && self.held.len() >= LOOK_AT {
            self.kind = kind_of(&self.held[..LOOK_AT]);
        }
        match self.kind {
            Kind::Unknown => Vec::new(),
            Kind::Binary => std::mem::take(&mut self.held),
            Kind::Text => self.advance(false),
        }
    }

    /// Returns what is left.
    pub fn finish(&mut self) -> Vec<u8> {
        if self.kind == Kind::Unknown {
            self.kind = kind_of(&self.held);
        }
        if self.kind == Kind::Binary { std::mem::take(&mut self.held) } else { self.advance(true) }
    }

    /// Returns what was found, in order.
    pub fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    fn advance(&mut self, is_end: bool) -> Vec<u8> {
        let prefixes = &*PREFIXES;
        let mut at = 0;
        // A prefix may begin in the last bytes and end in the next.
        let mut keep_from = if is_end { self.held.len() } else { self.held.len().saturating_sub(prefixes.longest - 1) };
        while let Some(found) = prefixes.find.find(Input::new(&self.held).range(at..)) {
            let rule = prefixes.rules[found.pattern().as_usize()];
            match self.judge(rule, found.range(), is_end) {
                Verdict::Secret(range) => {
                    at = range.end;
                    keep_from = keep_from.max(range.end);
                    self.cover(rule, range);
                }
                Verdict::Nothing => at = found.start() + 1,
                Verdict::Undecided => {
                    keep_from = keep_from.min(found.start());
                    break;
                }
            }
        }
        let rest = self.held.split_off(keep_from);
        let passed = std::mem::replace(&mut self.held, rest);
        self.passed += passed.len() as u64;
        self.last = passed.last().copied().or(self.last);
        passed
    }

    fn judge(&self, rule: &Rule, prefix: Range<usize>, is_end: bool) -> Verdict {
        let before = if prefix.start == 0 { self.last } else { Some(self.held[prefix.start - 1]) };
        let is_within_word = self.held[prefix.start].is_ascii_alphanumeric()
            && before.is_some_and(|it| it.is_ascii_alphanumeric() || it == b'_');
        if is_within_word {
            return Verdict::Nothing;
        }
        let verdict = match rule.body {
            Body::Run { set, min, max } => self.run(prefix.end, set, min, max),
            Body::Assigned { set, min, max } => return self.assigned(prefix.end, set, min, max, is_end),
            Body::Groups { set, separator, mins } => self.groups(prefix.end, set, separator, mins),
            Body::KeyBlock => self.key_block(prefix.end),
            Body::OwnKey => self.own_key(prefix.start),
        };
        settle(verdict, prefix.start, self.held.len(), is_end)
    }

    /// Returns where a run ends, if it has the right length.
    fn run(&self, from: usize, set: fn(u8) -> bool, min: usize, max: usize) -> Span {
        let body = &self.held[from..];
        let len = body.iter().take(max + 1).take_while(|byte| set(**byte)).count();
        let is_open = len == body.len() && len <= max;
        let is_secret = (min..=max).contains(&len) && is_varied(&body[..len]);
        Span { end: is_secret.then_some(from + len), is_open }
    }

    fn groups(&self, from: usize, set: fn(u8) -> bool, separator: u8, mins: &[usize]) -> Span {
        let mut at = from;
        for (i, min) in mins.iter().enumerate() {
            let run = self.run(at, set, *min, MAX_LEN);
            if run.is_open && i + 1 < mins.len() {
                return Span { end: None, is_open: true };
            }
            let Some(end) = run.end else { return run };
            if i + 1 == mins.len() {
                return run;
            }
            if self.held[end] != separator {
                return Span { end: None, is_open: false };
            }
            at = end + 1;
        }
        Span { end: None, is_open: false }
    }

    fn assigned(&self, from: usize, set: fn(u8) -> bool, min: usize, max: usize, is_end: bool) -> Verdict {
        let between =
            self.held[from..].iter().take(8).take_while(|it| matches!(it, b' ' | b'=' | b':' | b'"' | b'\'' | b'>'));
        let start = from + between.count();
        if start == from && start < self.held.len() {
            return Verdict::Nothing;
        }
        settle(self.run(start, set, min, max), start, self.held.len(), is_end)
    }

    fn key_block(&self, from: usize) -> Span {
        let body = &self.held[from..self.held.len().min(from + MAX_LEN)];
        let is_open = from + MAX_LEN > self.held.len();
        let mark = b"-----END ";
        let Some(at) = body.windows(mark.len()).position(|it| it == mark) else { return Span { end: None, is_open } };
        let behind = at + mark.len();
        let rest = &body[behind..];
        match rest.windows(5).take(64).position(|it| it == b"-----") {
            Some(end) => Span { end: Some(from + behind + end + 5), is_open: false },
            None => Span { end: None, is_open: is_open && rest.len() < 64 },
        }
    }

    fn own_key(&self, start: usize) -> Span {
        let text = &self.held[start..self.held.len().min(start + KEY_LEN)];
        let is_key = std::str::from_utf8(text).is_ok_and(|text| KeyText::parse(text).is_ok());
        let is_open = text.len() < KEY_LEN && text.iter().all(|it| it.is_ascii_alphanumeric() || *it == b'_');
        Span { end: is_key.then_some(start + KEY_LEN), is_open }
    }

    fn cover(&mut self, rule: &Rule, range: Range<usize>) {
        if self.findings.len() < MAX_FINDINGS {
            let own_key = (rule.name == OWN).then(|| String::from_utf8_lossy(&self.held[range.clone()]).into_owned());
            self.findings.push(Finding {
                rule: rule.name,
                offset: self.passed + range.start as u64,
                len: range.len(),
                own_key: own_key.map(OwnKey),
            });
        }
        // A key block keeps its lines.
        for byte in self.held[range].iter_mut().filter(|byte| !byte.is_ascii_whitespace()) {
            *byte = b'*';
        }
    }
}

/// Where a secret ends, if it is one, and whether more bytes could change that.
struct Span {
    end: Option<usize>,
    is_open: bool,
}

fn settle(span: Span, start: usize, held: usize, is_end: bool) -> Verdict {
    if span.is_open && !is_end && held - start <= MAX_LEN {
        return Verdict::Undecided;
    }
    span.end.map_or(Verdict::Nothing, |end| Verdict::Secret(start..end))
}

/// Whether it could be random: placeholders such as `xxxxxxxx` are not.
fn is_varied(text: &[u8]) -> bool {
    let mut seen = [false; 256];
    for byte in text {
        seen[usize::from(*byte)] = true;
    }
    seen.iter().filter(|it| **it).count() >= 8
}

fn kind_of(beginning: &[u8]) -> Kind {
    const MAGIC: &[&[u8]] = &[
        b"\x89PNG",
        b"\xff\xd8\xff",
        b"GIF8",
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"\x1f\x8b",
        b"%PDF",
        b"RIFF",
        b"\x1aE\xdf\xa3",
        b"7z\xbc\xaf",
        b"BZh",
        b"\xfd7zXZ",
        b"\x28\xb5\x2f\xfd",
        b"OggS",
        b"wOFF",
        b"wOF2",
    ];
    let is_binary = MAGIC.iter().any(|magic| beginning.starts_with(magic)) || beginning.contains(&0);
    if is_binary { Kind::Binary } else { Kind::Text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use testward_wire::keytext::compose;

    fn own() -> String {
        compose(testward_wire::keytext::Kind::Personal, "AbCdEf12", "0123456789abcdefghijABCDEFGHIJ01")
    }

    fn varied(n: usize) -> String {
        "aZ3bY4cX5dW6eV7fU8gT9hS0".chars().cycle().take(n).collect()
    }

    fn hexed(n: usize) -> String {
        "0123456789abcdef".chars().cycle().take(n).collect()
    }

    fn uppers(n: usize) -> String {
        "ABCDEFGH2345JKLM".chars().cycle().take(n).collect()
    }

    /// A text of each rule, put together here so that no scanner of this repository takes it for real.
    fn samples() -> Vec<(&'static str, String)> {
        let v = varied;
        vec![
            (OWN, own()),
            ("AWS access key id", format!("AKIA{}", uppers(16))),
            ("GitHub token", format!("ghp_{}", v(36))),
            ("GitHub fine-grained token", format!("github_pat_{}_{}", v(22), v(59))),
            ("GitLab token", format!("glpat-{}", v(20))),
            ("Slack token", format!("xoxb-123456789012-{}", v(24))),
            ("Slack webhook", format!("https://hooks.slack.com/services/T01234567/B01234567/{}", v(24))),
            ("Stripe key", format!("sk_live_{}", v(24))),
            ("Webhook signing secret", format!("whsec_{}", v(32))),
            ("Google API key", format!("AIza{}", v(35))),
            ("Google OAuth secret", format!("GOCSPX-{}", v(28))),
            ("Google OAuth token", format!("ya29.{}", v(60))),
            ("npm token", format!("npm_{}", v(36))),
            ("PyPI token", format!("pypi-AgEIcHlwaS5vcmc{}", v(60))),
            ("RubyGems key", format!("rubygems_{}", hexed(48))),
            ("Private key", format!("-----BEGIN EC PRIVATE KEY-----\n{}\n-----END EC PRIVATE KEY-----", v(64))),
            ("JSON web token", format!("eyJ{}.eyJ{}.{}", v(20), v(30), v(43))),
            ("OpenAI key", format!("sk-proj-{}", v(48))),
            ("Anthropic key", format!("sk-ant-api03-{}", v(90))),
            ("SendGrid key", format!("SG.{}.{}", v(22), v(43))),
            ("DigitalOcean token", format!("dop_v1_{}", hexed(64))),
            ("Hugging Face token", format!("hf_{}", "aBcDeFgHiJ".repeat(4)[..34].to_owned())),
            ("Docker Hub token", format!("dckr_pat_{}", v(27))),
            ("Databricks token", format!("dapi{}", hexed(32))),
            ("Vault token", format!("hvs.{}", v(24))),
            ("Shopify token", format!("shpat_{}", hexed(32))),
            ("Square token", format!("sq0atp-{}", v(22))),
            ("Grafana token", format!("glsa_{}_{}", v(32), hexed(8))),
            ("New Relic key", format!("NRAK-{}", uppers(27))),
            ("Linear key", format!("lin_api_{}", v(40))),
            ("Postman key", format!("PMAK-{}-{}", hexed(24), hexed(34))),
            ("Azure storage key", format!("AccountKey={}==", v(86))),
            ("Atlassian token", format!("ATATT3xFfGF0{}", v(120))),
            ("Sentry token", format!("sntryu_{}", hexed(64))),
            ("Pulumi token", format!("pul-{}", hexed(40))),
            ("Figma token", format!("figd_{}", v(40))),
            ("age secret key", format!("AGE-SECRET-KEY-1{}", uppers(58))),
        ]
    }

    fn scan(text: &str, chunk: usize) -> (String, Vec<Finding>) {
        let mut scan = Scan::default();
        let mut out: Vec<u8> = text.as_bytes().chunks(chunk).flat_map(|bytes| scan.push(bytes)).collect();
        out.extend(scan.finish());
        (String::from_utf8(out).expect("text"), scan.into_findings())
    }

    #[test]
    fn each_format_is_found_and_covered_in_place() {
        for (rule, secret) in samples() {
            let text = format!("<system-out>token \"{secret}\" used</system-out>\n");
            let (out, findings) = scan(&text, text.len());
            assert_eq!(findings.iter().map(|it| it.rule).collect::<Vec<_>>(), [rule], "{rule}");
            assert_eq!((out.len(), findings[0].offset), (text.len(), 19), "{rule}");
            let tail: String = secret.chars().rev().take(12).collect();
            assert!(
                !out.contains(&tail.chars().rev().collect::<String>()) && out.ends_with("\" used</system-out>\n"),
                "{out}"
            );
        }
    }

    #[test]
    fn every_rule_has_a_sample() {
        let samples = samples();
        let missing = RULES.iter().filter(|rule| !samples.iter().any(|(name, _)| *name == rule.name));
        assert_eq!(missing.map(|it| it.name).collect::<Vec<_>>(), ["AWS secret access key"]);
        let (out, findings) = scan(&format!("aws_secret_access_key = \"{}\"", varied(40)), 7);
        assert_eq!((out, findings.len()), (format!("aws_secret_access_key = \"{}\"", "*".repeat(40)), 1));
    }

    #[test]
    fn a_secret_is_found_wherever_the_pieces_end() {
        let text: String = samples()
            .into_iter()
            .flat_map(|(_, secret)| ["a line with ".to_owned(), secret, "\nand more\n".to_owned()])
            .collect();
        let (whole, findings) = scan(&text, text.len());
        assert_eq!(findings.len(), samples().len());
        for chunk in [1, 2, 3, 7, 64, 1000, 8191] {
            assert_eq!(scan(&text, chunk), (whole.clone(), findings.clone()), "in pieces of {chunk}");
        }
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        let text = format!(
            "ghp_short AKIA{} glpat-xxxxxxxxxxxxxxxxxxxx AIza twp_AbCdEf12_0123 hf_model pul-sating dapi{} eyJ.eyJ.sig \
             the twp_ prefix, sk_test_case_{}, npm_config_registry=https://example.com, SG.1.2 xghp_{} \
             -----BEGIN PUBLIC KEY----- {} -----BEGIN PRIVATE KEY----- without an end",
            "lowercase1234567",
            "is short",
            "name",
            varied(36),
            varied(40),
        );
        assert_eq!(scan(&text, 11), (text.clone(), vec![]));
    }

    #[test]
    fn what_is_no_text_passes_untouched() {
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        bytes.extend(own().bytes());
        let mut scan = Scan::default();
        let mut out = scan.push(&bytes);
        out.extend(scan.finish());
        assert_eq!((out, scan.into_findings()), (bytes, vec![]));
    }

    proptest! {
        #[test]
        fn no_bytes_are_lost_or_added(bytes in prop::collection::vec(any::<u8>(), 0..20_000), chunk in 1usize..5000) {
            let mut scan = Scan::default();
            let mut out: Vec<u8> = bytes.chunks(chunk).flat_map(|it| scan.push(it)).collect();
            out.extend(scan.finish());
            prop_assert_eq!(out.len(), bytes.len());
        }
    }
}
