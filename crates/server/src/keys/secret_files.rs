//! The files of the secrets, apart from the database: `pepper` and `kek`, and `pepper.2` and so on for later versions.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context as _, bail};

use crate::blobs::hex;
use crate::error::{Error, Result};
use crate::random::Random;

/// One of the two secrets, of which there may be several versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    Pepper,
    Kek,
}

impl FromStr for SecretKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = [Self::Pepper, Self::Kek].into_iter().find(|kind| kind.name() == text);
        known.ok_or_else(|| Error::invalid("secret", "must be pepper or kek"))
    }
}

impl SecretKind {
    /// Returns the name of its file; those of later versions end in a dot and their number.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pepper => "pepper",
            Self::Kek => "kek",
        }
    }

    /// Names what depends on it.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Pepper => "live keys",
            Self::Kek => "data keys",
        }
    }

    /// Returns the name of a file that is not yet, or no longer, a version of it.
    const fn unfinished(self) -> &'static str {
        match self {
            Self::Pepper => "pepper.unfinished",
            Self::Kek => "kek.unfinished",
        }
    }

    /// Returns the name of the file of a version.
    pub fn file(self, version: u8) -> String {
        if version == 1 { self.name().to_owned() } else { format!("{}.{version}", self.name()) }
    }
}

/// Lists the versions of a secret whose files are there, the newest last.
pub fn list(folder: &Path, kind: SecretKind) -> Result<Vec<u8>> {
    let mut versions = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let name = entry?.file_name();
        let version = match name.to_str().and_then(|name| name.strip_prefix(kind.name())) {
            Some("") => Some(1),
            // What a crash left behind ends otherwise.
            Some(rest) => rest.strip_prefix('.').and_then(|digits| digits.parse().ok()).filter(|version| *version > 1),
            None => None,
        };
        versions.extend(version);
    }
    versions.sort_unstable();
    Ok(versions)
}

pub fn read(folder: &Path, kind: SecretKind, version: u8) -> Result<[u8; 32]> {
    let file = folder.join(kind.file(version));
    match fs::read_to_string(&file) {
        Ok(text) => {
            Ok(unhex(text.trim()).with_context(|| format!("{} must hold 64 hexadecimal digits", file.display()))?)
        }
        Err(error) => Err(Error::Internal(anyhow::Error::new(error).context(format!(
            "reading {}: without it no API key can be verified; restore it from where you keep it",
            file.display()
        )))),
    }
}

/// Makes a version of a secret. The file has its name only once it is whole and on the disk.
pub fn make(folder: &Path, kind: SecretKind, version: u8, random: &Random) -> Result<[u8; 32]> {
    let bytes: [u8; 32] = random.bytes();
    let file = folder.join(kind.file(version));
    let unfinished = folder.join(kind.unfinished());
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(&unfinished).with_context(|| format!("making {}", file.display()))?;
    out.write_all(hex(&bytes).as_bytes())?;
    out.sync_all()?;
    fs::rename(&unfinished, &file).with_context(|| format!("making {}", file.display()))?;
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(bytes)
}

/// Overwrites and deletes a version of a secret. What a disk or a backup keeps of it is out of reach.
///
/// It loses its name first: overwritten, it would be a secret that everybody knows.
pub fn destroy(folder: &Path, kind: SecretKind, version: u8) -> Result<()> {
    let (file, unfinished) = (folder.join(kind.file(version)), folder.join(kind.unfinished()));
    fs::rename(&file, &unfinished).with_context(|| format!("destroying {}", file.display()))?;
    wipe(&unfinished)
}

fn wipe(file: &Path) -> Result<()> {
    let mut out =
        OpenOptions::new().write(true).open(file).with_context(|| format!("destroying {}", file.display()))?;
    out.write_all(&[b'0'; 64])?;
    out.sync_all()?;
    Ok(fs::remove_file(file).with_context(|| format!("deleting {}", file.display()))?)
}

/// Makes the folder if it is new, and clears away what a crash left unfinished.
pub fn open_folder(folder: &Path) -> Result<()> {
    make_private_folder(folder)?;
    for kind in [SecretKind::Pepper, SecretKind::Kek] {
        let unfinished = folder.join(kind.unfinished());
        if unfinished.exists() {
            wipe(&unfinished)?;
        }
    }
    Ok(())
}

/// Makes a folder that is for its owner only, and leaves one alone that is there.
pub fn make_private_folder(folder: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    Ok(builder.create(folder).with_context(|| format!("making {}", folder.display()))?)
}

/// Reads 64 hexadecimal digits.
pub fn unhex(text: &str) -> anyhow::Result<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        bail!("it has {} characters", text.len());
    }
    let mut bytes = [0; 32];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits)?, 16)?;
    }
    Ok(bytes)
}
