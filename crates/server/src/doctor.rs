//! What `testward doctor` tells the operator: how keys and passwords are kept, which secrets there are, what is
//! configured, and what is wrong together with what to do about it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::app::App;
use crate::config::Config;
use crate::error::Result;
use crate::keys::{self, SecretKind, SecretStatus};

/// What was found.
pub struct Findings {
    pub report: String,
    /// Each with what to do.
    pub problems: Vec<String>,
}

const ALGORITHMS: &str = "\
algorithms
  API keys   190 random bits; stored as HMAC-SHA-256, keyed by the pepper
  copies     XChaCha20-Poly1305 with a data key for each owner, wrapped by the key-encryption key (kek)
  passwords  Argon2id, 19 MiB, 2 passes
  sessions   random token; stored as SHA-256
";

/// Looks at everything.
pub async fn examine(app: &App) -> Result<Findings> {
    let mut problems = Vec::new();
    let mut report = format!("Testward {}\n\n{ALGORITHMS}\nsecrets\n", env!("CARGO_PKG_VERSION"));
    for kind in [SecretKind::Pepper, SecretKind::Kek] {
        let status = keys::secret_status(app, kind).await?;
        tell_secret(&mut report, &status);
        problems.extend(problems_of(&status));
    }
    report.push_str("\nfiles\n");
    for path in files(&app.config) {
        tell_file(&mut report, &mut problems, &path);
    }
    report.push_str("\nconfiguration\n");
    tell_config(&mut report, app);
    problems.extend(problems_of_config(app));
    if let Err(error) = app.db.check().await {
        let told = crate::web::into_anyhow(error);
        problems.push(format!("the database is damaged ({told:#}): stop the server and restore a backup"));
    }
    Ok(Findings { report, problems })
}

fn tell_secret(report: &mut String, status: &SecretStatus) {
    let unit = status.kind.unit();
    for (version, n) in &status.versions {
        let role = if *version == status.current() { "current" } else { "old" };
        let _ = writeln!(report, "  {:<7} version {version}, {role}: {n} {unit}", status.kind.name());
    }
}

fn problems_of(status: &SecretStatus) -> Vec<String> {
    let (name, unit) = (status.kind.name(), status.kind.unit());
    let lost = status.missing.iter().map(|(version, n)| {
        format!(
            "{n} {unit} need version {version} of the {name}, which is not there: restore its file, or rotate the keys"
        )
    });
    let mut problems: Vec<_> = lost.collect();
    let remaining = status.remaining();
    if status.versions.len() > 1 && remaining == 0 {
        problems.push(format!("nothing needs the old {name}: end it with `testward admin secrets retire {name}`"));
    } else if remaining > 0 {
        problems.push(format!(
            "{remaining} {unit} still need the old {name}: wait until they are used, or see which are not in use"
        ));
    }
    problems
}

fn files(config: &Config) -> Vec<std::path::PathBuf> {
    let secrets = config.secrets_dir();
    let inside = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect::<Vec<_>>()
    };
    let mut files = vec![config.data_dir.clone(), secrets.clone()];
    files.extend(inside(&secrets));
    files.extend(inside(&config.data_dir));
    files.sort();
    files
}

/// Notes the mode of a file. Within a folder that is closed to others, its own mode matters less.
#[cfg(unix)]
fn tell_file(report: &mut String, problems: &mut Vec<String>, path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(metadata) = fs::metadata(path) else { return };
    let mode = metadata.permissions().mode() & 0o7777;
    let _ = writeln!(report, "  {mode:04o}  {}", path.display());
    let wanted = if metadata.is_dir() { 0o700 } else { 0o600 };
    // No right for group and others in the last six bits.
    let is_hidden = path
        .ancestors()
        .skip(1)
        .any(|folder| fs::metadata(folder).is_ok_and(|it| it.permissions().mode().trailing_zeros() >= 6));
    if mode & 0o077 != 0 && !is_hidden {
        problems.push(format!("{} is open to others: chmod {wanted:o} {}", path.display(), path.display()));
    }
}

#[cfg(not(unix))]
fn tell_file(report: &mut String, _: &mut Vec<String>, path: &Path) {
    let _ = writeln!(report, "  {}", path.display());
}

fn tell_config(report: &mut String, app: &App) {
    let config = &app.config;
    let or = |text: String, absent: &str| if text.is_empty() { absent.to_owned() } else { text };
    let socket = config.verify_socket.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    let lines = [
        ("data folder", config.data_dir.display().to_string()),
        ("secrets folder", config.secrets_dir().display().to_string()),
        ("listens on", config.listen.to_string()),
        ("base URL", or(app.base_url.clone(), "(no server is running)")),
        ("trusted proxies", or(config.trusted_proxies.to_string(), "none")),
        ("verify socket", or(socket, "none")),
        (
            "first person",
            if config.first_person.is_some() { "from the environment, password ****" } else { "none" }.to_owned(),
        ),
    ];
    for (name, value) in lines {
        let _ = writeln!(report, "  {name:<16} {value}");
    }
}

fn problems_of_config(app: &App) -> Vec<String> {
    let mut problems = Vec::new();
    let host = app.base_url.strip_prefix("http://").unwrap_or_default();
    let is_local = ["127.", "localhost", "[::1]"].iter().any(|local| host.starts_with(local));
    if !host.is_empty() && !is_local {
        problems.push(
            "keys and passwords travel in clear: put a proxy with TLS in front, and give its address with --base-url https://…"
                .to_owned(),
        );
    }
    let everybody = ["192.0.2.1", "2001:db8::1"].map(|ip| ip.parse().expect("an address"));
    if everybody.into_iter().any(|ip| app.config.trusted_proxies.contains(ip)) {
        problems.push("--trusted-proxy trusts addresses of strangers: name your proxies only".to_owned());
    }
    problems
}
