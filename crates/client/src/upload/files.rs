//! Finds the files of an upload and gives each its name within it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use crate::failure::{Failure, Locally, Result};

/// A file to send, as it was when it was found.
#[derive(Debug, PartialEq, Eq)]
pub struct LocalFile {
    pub path: PathBuf,
    /// Path within the upload, with forward slashes.
    pub name: String,
    pub bytes: u64,
    pub modified: Option<SystemTime>,
}

/// What the given paths hold.
#[derive(Debug, Default)]
pub struct Found {
    pub files: Vec<LocalFile>,
    /// Links below a given folder. They are not followed: what they point at lies in the folder anyway, or outside it,
    /// where nobody asked to look.
    pub links: Vec<PathBuf>,
}

/// Collects the files of `paths` in the order of their names, each once.
pub fn collect(paths: &[PathBuf]) -> Result<Found> {
    let mut found = Found::default();
    let mut seen = BTreeSet::new();
    for (path, label) in paths.iter().zip(labels(paths)) {
        let start = found.files.len();
        gather(path, &label, &mut found)?;
        found.files[start..].sort_by(|a, b| a.name.cmp(&b.name));
        if found.files.len() == start && path.is_dir() {
            return Err(Failure::usage(format_args!("{} holds no files", path.display())));
        }
    }
    // Shell patterns easily name a folder and a file in it; counting the file's tests twice would be wrong.
    found.files.retain(|file| fs::canonicalize(&file.path).is_ok_and(|real| seen.insert(real)));
    unambiguous(&found.files)?;
    Ok(found)
}

/// Returns what to put before the names of each path's files: nothing for a single one, else the path's last part, or
/// the whole path where last parts are alike (`a/surefire-reports b/surefire-reports`).
fn labels(paths: &[PathBuf]) -> Vec<String> {
    if let [path] = paths {
        return vec![if path.is_dir() { String::new() } else { last_part(path) }];
    }
    let short: Vec<_> = paths.iter().map(|path| last_part(path)).collect();
    let is_shared = |label: &String| short.iter().filter(|other| *other == label).count() > 1;
    let label = |(path, label): (&PathBuf, &String)| if is_shared(label) { whole(path) } else { label.clone() };
    paths.iter().zip(&short).map(label).collect()
}

fn last_part(path: &Path) -> String {
    // `.` and `..` have a name only once resolved.
    let resolved = path.file_name().is_none().then(|| fs::canonicalize(path).ok()).flatten();
    let name = resolved.as_deref().unwrap_or(path).file_name();
    name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn whole(path: &Path) -> String {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy()),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}

fn gather(path: &Path, label: &str, found: &mut Found) -> Result<()> {
    let metadata = fs::metadata(path).locally(path.display())?;
    if !metadata.is_dir() {
        found.files.push(local_file(path, label.to_owned())?);
        return Ok(());
    }
    let mut folders = vec![(path.to_owned(), label.to_owned())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in fs::read_dir(&folder).locally(folder.display())? {
            let entry = entry.locally(folder.display())?;
            let name = join(&prefix, &entry.file_name().to_string_lossy());
            let kind = entry.file_type().locally(entry.path().display())?;
            // A folder given to be uploaded may be a repository; its inner life is no report.
            if entry.file_name() == ".git" {
            } else if kind.is_dir() {
                folders.push((entry.path(), name));
            } else if kind.is_file() {
                found.files.push(local_file(&entry.path(), name)?);
            } else if kind.is_symlink() {
                found.links.push(entry.path());
            }
        }
    }
    Ok(())
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") }
}

/// Opens the file once, so that one that cannot be read is known before anything is sent.
fn local_file(path: &Path, name: String) -> Result<LocalFile> {
    let metadata = File::open(path).and_then(|file| file.metadata()).locally(path.display())?;
    if !metadata.is_file() {
        return Err(Failure::usage(format_args!("{} is neither a file nor a folder", path.display())));
    }
    Ok(LocalFile { path: path.to_owned(), name, bytes: metadata.len(), modified: metadata.modified().ok() })
}

fn unambiguous(files: &[LocalFile]) -> Result<()> {
    let mut names = BTreeSet::new();
    match files.iter().find(|file| !names.insert(&file.name)) {
        None => Ok(()),
        Some(file) => Err(Failure::usage(format_args!(
            "two files would both be sent as {}; upload a folder that holds both",
            file.name
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("temp folder");
        for name in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("below the folder")).expect("folder");
            fs::write(path, name).expect("file");
        }
        folder
    }

    fn names(folder: &tempfile::TempDir, paths: &[&str]) -> Vec<String> {
        let paths: Vec<_> = paths.iter().map(|path| folder.path().join(path)).collect();
        collect(&paths).expect("collected").files.into_iter().map(|file| file.name).collect()
    }

    #[test]
    fn names_are_relative_to_a_single_folder_and_sorted() {
        let folder = folder(&["r/b.xml", "r/a/z.xml", "r/.hidden", "r/.git/HEAD"]);
        assert_eq!(names(&folder, &["r"]), [".hidden", "a/z.xml", "b.xml"]);
        assert_eq!(names(&folder, &["r/a/z.xml"]), ["z.xml"]);
    }

    #[test]
    fn several_paths_are_kept_apart() {
        let folder = folder(&["r/a.xml", "s/a.xml", "t.xml"]);
        assert_eq!(names(&folder, &["r", "s", "t.xml"]), ["r/a.xml", "s/a.xml", "t.xml"]);
        assert_eq!(names(&folder, &["r", "r/a.xml"]), ["r/a.xml"], "named twice, sent once");
    }

    #[test]
    fn folders_of_the_same_name_keep_their_whole_path() {
        let folder = folder(&["a/out/r.xml", "b/out/r.xml"]);
        let names = names(&folder, &["a/out", "b/out"]);
        assert!(names[0].ends_with("/a/out/r.xml") && names[1].ends_with("/b/out/r.xml"), "{names:?}");
    }

    #[cfg(unix)]
    #[test]
    fn links_below_a_folder_are_not_followed() {
        let folder = folder(&["r/a.xml", "secret"]);
        std::os::unix::fs::symlink(folder.path().join("secret"), folder.path().join("r/b.xml")).expect("link");
        std::os::unix::fs::symlink(folder.path().join("r"), folder.path().join("r/loop")).expect("link");
        let found = collect(&[folder.path().join("r")]).expect("collected");
        assert_eq!((found.files.len(), found.links.len()), (1, 2));
    }

    #[test]
    fn missing_and_empty_paths_are_named() {
        let folder = folder(&["r/a.xml"]);
        fs::create_dir(folder.path().join("empty")).expect("folder");
        for name in ["empty", "missing"] {
            let failure = collect(&[folder.path().join("r"), folder.path().join(name)]).expect_err("refused");
            assert_eq!(failure.code(), 2);
            assert!(failure.to_string().contains(name), "{failure}");
        }
    }
}
