//! Formats of secrets that can be told by how they begin. Each rule names its length and digits exactly, as far as the
//! issuer documents them, so that ordinary text is left alone.

/// What follows a prefix.
pub enum Body {
    /// Digits of one set, as many as said.
    Run { set: fn(u8) -> bool, min: usize, max: usize },
    /// Groups of digits, each ended by the separator but the last.
    Groups { set: fn(u8) -> bool, separator: u8, mins: &'static [usize] },
    /// Blanks, quotes, `=` or `:`, then a run, which alone is the secret.
    Assigned { set: fn(u8) -> bool, min: usize, max: usize },
    /// Everything up to the line that ends a key block.
    KeyBlock,
    /// A key of this kind of server: its checksum decides.
    OwnKey,
}

pub struct Rule {
    /// What people call it.
    pub name: &'static str,
    pub prefixes: &'static [&'static str],
    pub body: Body,
}

/// The name of the rule for our own keys.
pub const OWN: &str = "Testward API key";
/// No secret of these formats is longer; whatever is, is left alone.
pub const MAX_LEN: usize = 16 * 1024;

const fn upper(b: u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit()
}
const fn alnum(b: u8) -> bool {
    b.is_ascii_alphanumeric()
}
const fn letter(b: u8) -> bool {
    b.is_ascii_alphabetic()
}
const fn hex(b: u8) -> bool {
    b.is_ascii_digit() || matches!(b, b'a'..=b'f')
}
const fn word(b: u8) -> bool {
    alnum(b) || b == b'_'
}
const fn dashed(b: u8) -> bool {
    alnum(b) || b == b'-'
}
const fn url64(b: u8) -> bool {
    alnum(b) || b == b'_' || b == b'-'
}
const fn base64(b: u8) -> bool {
    alnum(b) || matches!(b, b'+' | b'/' | b'=')
}
const fn path(b: u8) -> bool {
    alnum(b) || b == b'/'
}

const fn run(set: fn(u8) -> bool, min: usize, max: usize) -> Body {
    Body::Run { set, min, max }
}

const fn exactly(set: fn(u8) -> bool, n: usize) -> Body {
    Body::Run { set, min: n, max: n }
}

const fn rule(name: &'static str, prefixes: &'static [&'static str], body: Body) -> Rule {
    Rule { name, prefixes, body }
}

pub const RULES: &[Rule] = &[
    rule(OWN, &["twp_", "tws_", "twx_", "twj_"], Body::OwnKey),
    rule("AWS access key id", &["AKIA", "ASIA"], exactly(upper, 16)),
    rule(
        "AWS secret access key",
        &["aws_secret_access_key", "AWS_SECRET_ACCESS_KEY", "SecretAccessKey"],
        Body::Assigned { set: base64, min: 40, max: 40 },
    ),
    rule("GitHub token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], exactly(alnum, 36)),
    rule("GitHub fine-grained token", &["github_pat_"], exactly(word, 82)),
    rule(
        "GitLab token",
        &["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "gloas-", "glsoat-", "glagent-"],
        run(url64, 20, 64),
    ),
    rule("Slack token", &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xapp-"], run(dashed, 24, 255)),
    rule("Slack webhook", &["https://hooks.slack.com/services/"], run(path, 40, 80)),
    rule("Stripe key", &["sk_live_", "rk_live_", "sk_test_", "rk_test_"], run(alnum, 24, 247)),
    rule("Webhook signing secret", &["whsec_"], run(base64, 32, 100)),
    rule("Google API key", &["AIza"], exactly(url64, 35)),
    rule("Google OAuth secret", &["GOCSPX-"], exactly(url64, 28)),
    rule("Google OAuth token", &["ya29."], run(url64, 40, 2048)),
    rule("npm token", &["npm_"], exactly(alnum, 36)),
    rule("PyPI token", &["pypi-AgEIcHlwaS5vcmc", "pypi-AgENdGVzdC5weXBpLm9yZw"], run(url64, 50, 500)),
    rule("RubyGems key", &["rubygems_"], exactly(hex, 48)),
    rule(
        "Private key",
        &[
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----",
            "-----BEGIN EC PRIVATE KEY-----",
            "-----BEGIN DSA PRIVATE KEY-----",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----",
        ],
        Body::KeyBlock,
    ),
    // Only what a header or payload in JSON becomes in base64 begins so.
    rule("JSON web token", &["eyJ"], Body::Groups { set: url64, separator: b'.', mins: &[14, 14, 32] }),
    rule("OpenAI key", &["sk-proj-", "sk-svcacct-", "sk-admin-"], run(url64, 40, 256)),
    rule("Anthropic key", &["sk-ant-"], run(url64, 80, 256)),
    rule("SendGrid key", &["SG."], Body::Groups { set: url64, separator: b'.', mins: &[22, 43] }),
    rule("DigitalOcean token", &["dop_v1_", "doo_v1_", "dor_v1_"], exactly(hex, 64)),
    rule("Hugging Face token", &["hf_"], exactly(letter, 34)),
    rule("Docker Hub token", &["dckr_pat_"], run(url64, 27, 32)),
    rule("Databricks token", &["dapi"], exactly(hex, 32)),
    rule("Vault token", &["hvs.", "hvb."], run(url64, 24, 300)),
    rule("Shopify token", &["shpat_", "shpca_", "shppa_", "shpss_"], exactly(hex, 32)),
    rule("Square token", &["sq0atp-", "sq0csp-"], run(url64, 22, 43)),
    rule("Grafana token", &["glsa_"], run(word, 41, 41)),
    rule("New Relic key", &["NRAK-"], exactly(upper, 27)),
    rule("Linear key", &["lin_api_"], exactly(alnum, 40)),
    rule("Postman key", &["PMAK-"], exactly(dashed, 59)),
    rule("Azure storage key", &["AccountKey="], exactly(base64, 88)),
    rule("Atlassian token", &["ATATT3xFfGF0"], run(url64, 100, 300)),
    rule("Sentry token", &["sntryu_"], exactly(hex, 64)),
    rule("Pulumi token", &["pul-"], exactly(hex, 40)),
    rule("Figma token", &["figd_"], run(url64, 40, 60)),
    rule("age secret key", &["AGE-SECRET-KEY-1"], exactly(upper, 58)),
];
