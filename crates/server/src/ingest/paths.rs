//! Paths of files within an upload. They are names only: nothing is ever stored under them.

/// Characters of a path.
const MAX_PATH: usize = 1_000;

/// Returns the path of a file in a multipart upload, or what is wrong with it.
pub fn checked(written: &str) -> Result<String, &'static str> {
    let path = written.replace('\\', "/");
    if path.is_empty() {
        return Err("invalid_path: a file needs a name");
    }
    if path.chars().count() > MAX_PATH {
        return Err("invalid_path: a path has at most 1000 characters");
    }
    if path.contains('\0') {
        return Err("invalid_path: a path has no NUL characters");
    }
    if path.starts_with('/') {
        return Err("invalid_path: a path is relative");
    }
    if path.split('/').any(|part| part == "..") {
        return Err("invalid_path: a path stays within its upload");
    }
    Ok(path)
}

/// Returns how a refused path is shown.
pub fn shown(written: &str) -> String {
    written.chars().filter(|it| !it.is_control()).take(MAX_PATH).collect()
}

/// Returns the path of a file that an official client announced: its folder may be absolute, or outside the working
/// folder, which says nothing here.
pub fn announced(folder: &str, name: &str) -> String {
    let whole = format!("{folder}/{name}").replace('\\', "/").replace('\0', "");
    let parts: Vec<_> = whole.split('/').filter(|part| !matches!(*part, "" | "." | "..")).collect();
    let path = parts.join("/");
    let surplus = path.chars().count().saturating_sub(MAX_PATH);
    // The end tells files apart.
    path.chars().skip(surplus).collect()
}
