//! `testward login` and `logout`: the file that remembers a server and a key.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use testward_wire::keys::WhoAmI;

use crate::failure::{Failure, Locally, Result};
use crate::host::{Env, Host};
use crate::http::{Client, Credential};
use crate::output;
use crate::server::{Server, Target, checked_key};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    server: Server,
}

/// What the file holds.
#[derive(Serialize, Deserialize)]
pub struct Stored {
    pub url: String,
    pub api_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// Asks for a key, lets the server say whose it is, and remembers both.
pub fn login(host: &mut Host<'_>, args: &Args) -> Result<()> {
    let path = file(&host.env)?;
    // A damaged file is about to be replaced, so it is as good as none.
    let target = args.server.resolve_with(stored(&host.env).ok().flatten())?;
    let api_key = match args.server.given_key() {
        Some(key) => checked_key(key)?,
        None => checked_key(&host.ask_hidden(&format!("API key for {}: ", target.url))?)?,
    };
    let client = Client::new(&target, Credential::Key(api_key.clone()))?;
    let me: WhoAmI = client.get(host, "/api/v1/api-keys/self")?;
    let Target { url, ca_file, .. } = target;
    let ca_file = ca_file.map(std::path::absolute).transpose().locally("finding --ca-file")?;
    host.note(format_args!("signed in to {url}; remembered in {}", path.display()));
    store(&path, &Stored { url, api_key, ca_file })?;
    host.print(output::who(&me))
}

/// Removes the file. To have none is no error: scripts log out to be sure.
pub fn logout(host: &mut Host<'_>) -> Result<()> {
    let path = file(&host.env)?;
    match fs::remove_file(&path) {
        Ok(()) => host.note(format_args!("removed {}; the key itself stays valid until revoked", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => host.note("nothing was stored"),
        other => other.locally(format_args!("removing {}", path.display()))?,
    }
    Ok(())
}

/// Returns what the last login remembered.
pub fn stored(env: &Env) -> Result<Option<Stored>> {
    let Ok(path) = file(env) else { return Ok(None) };
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).locally(format_args!("reading {}", path.display())),
    };
    // The parser's own words could quote the key.
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|_| Failure::usage(format_args!("{} is damaged; run `testward login` again", path.display())))
}

fn file(env: &Env) -> Result<PathBuf> {
    let folder = if cfg!(windows) {
        env.path("APPDATA")
    } else {
        env.path("XDG_CONFIG_HOME").or_else(|| env.path("HOME").map(|home| home.join(".config")))
    };
    let name = if cfg!(windows) { "APPDATA" } else { "XDG_CONFIG_HOME or HOME" };
    let missing = || Failure::usage(format_args!("no place to remember a key: set {name}"));
    Ok(folder.ok_or_else(missing)?.join("testward").join("credentials.json"))
}

/// Writes beside the file and renames, so that no reader sees half of it and no moment leaves it readable to others.
fn store(path: &Path, stored: &Stored) -> Result<()> {
    let doing = format!("writing {}", path.display());
    let json = serde_json::to_vec_pretty(stored).locally(&doing)?;
    let folder = path.parent().expect("the file lies in the folder testward");
    fs::create_dir_all(folder).locally(&doing)?;
    let draft = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = write_private(&draft, &json).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written.locally(&doing)
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Left over from a process of the same number that was killed.
    let _ = fs::remove_file(path);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
