//! An upload as multipart/form-data (RFC 7578): its length is known beforehand, its files stream from disk.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::slice::Iter;

use super::files::LocalFile;

/// A form that can be sent any number of times.
pub struct Form {
    boundary: String,
    pieces: Vec<Piece>,
    bytes: u64,
}

enum Piece {
    Text(String),
    File { path: PathBuf, bytes: u64 },
}

impl Form {
    /// Puts text fields before files, so that a server knows what is coming before it comes.
    ///
    /// `boundary` must be random: it may not occur in any file.
    pub fn new(boundary: String, fields: &[(&str, String)], files: &[LocalFile]) -> Self {
        let mut form = Self { boundary, pieces: Vec::new(), bytes: 0 };
        for (name, value) in fields {
            let boundary = &form.boundary;
            form.text(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"));
        }
        for file in files {
            form.file(file);
        }
        form.text(format!("--{}--\r\n", form.boundary));
        form
    }

    fn file(&mut self, file: &LocalFile) {
        let (boundary, name) = (&self.boundary, escaped(&file.name));
        self.text(format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        ));
        self.bytes += file.bytes;
        self.pieces.push(Piece::File { path: file.path.clone(), bytes: file.bytes });
        self.text("\r\n".to_owned());
    }

    fn text(&mut self, text: String) {
        self.bytes += text.len() as u64;
        self.pieces.push(Piece::Text(text));
    }

    pub fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// Returns the length of the whole body.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Starts reading the body from its beginning.
    pub fn open(&self) -> Body<'_> {
        Body { pieces: self.pieces.iter(), current: Current::Text(&[]), problem: None }
    }
}

/// Escapes as browsers do; also the backslash, which some parsers take for an escape of their own.
fn escaped(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A").replace('\\', "%5C")
}

/// The body of one attempt.
pub struct Body<'a> {
    pieces: Iter<'a, Piece>,
    current: Current<'a>,
    /// What went wrong with a file here, as opposed to the network.
    problem: Option<String>,
}

enum Current<'a> {
    Text(&'a [u8]),
    File { file: File, path: &'a PathBuf, left: u64 },
}

impl<'a> Body<'a> {
    /// Returns what went wrong with a file, if that is why reading ended.
    pub fn into_problem(self) -> Option<String> {
        self.problem
    }

    fn read_current(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (file, path, left) = match &mut self.current {
            Current::Text(text) => return text.read(buffer),
            Current::File { left: 0, .. } => return Ok(0),
            Current::File { file, path, left } => (file, path, left),
        };
        let room = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
        let read = file.read(&mut buffer[..room]).map_err(|error| format!("{}: {error}", path.display()));
        match read {
            // The length is promised already, and zeros in its place would be a forged report.
            Ok(0) => Err(format!("{} became shorter while it was being sent; upload again", path.display())),
            Ok(n) => {
                *left -= n as u64;
                return Ok(n);
            }
            Err(problem) => Err(problem),
        }
        .map_err(|problem| self.fail(problem))
    }

    fn next_piece(&mut self, piece: &'a Piece) -> io::Result<()> {
        self.current = match piece {
            Piece::Text(text) => Current::Text(text.as_bytes()),
            Piece::File { path, bytes } => match File::open(path) {
                Ok(file) => Current::File { file, path, left: *bytes },
                Err(error) => return Err(self.fail(format!("{}: {error}", path.display()))),
            },
        };
        Ok(())
    }

    fn fail(&mut self, problem: String) -> io::Error {
        self.problem = Some(problem.clone());
        io::Error::other(problem)
    }
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.read_current(buffer)?;
            if n > 0 || buffer.is_empty() {
                return Ok(n);
            }
            match self.pieces.next() {
                Some(piece) => self.next_piece(piece)?,
                None => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> LocalFile {
        let path = folder.path().join("f");
        fs::write(&path, text).expect("written");
        LocalFile { path, name: name.into(), bytes: text.len() as u64, modified: None }
    }

    fn read(form: &Form) -> (io::Result<usize>, String, Option<String>) {
        let mut text = String::new();
        let mut body = form.open();
        let outcome = body.read_to_string(&mut text);
        (outcome, text, body.into_problem())
    }

    #[test]
    fn the_stated_length_is_the_length() {
        let folder = tempfile::tempdir().expect("temp folder");
        let form = Form::new("B".into(), &[("batch", "x".into())], &[file(&folder, "a\"\r\n\\b", "<r/>")]);
        let (_, text, _) = read(&form);
        assert_eq!(text.len() as u64, form.bytes());
        assert_eq!(
            text,
            "--B\r\nContent-Disposition: form-data; name=\"batch\"\r\n\r\nx\r\n--B\r\nContent-Disposition: form-data; \
             name=\"file\"; filename=\"a%22%0D%0A%5Cb\"\r\nContent-Type: application/octet-stream\r\n\r\n<r/>\r\n--B--\r\n"
        );
    }

    #[test]
    fn a_file_that_grew_is_cut_at_its_stated_length() {
        let folder = tempfile::tempdir().expect("temp folder");
        let form = Form::new("B".into(), &[], &[file(&folder, "a", "1234")]);
        fs::write(folder.path().join("f"), "123456").expect("grown");
        let (_, text, _) = read(&form);
        assert_eq!(text.len() as u64, form.bytes());
        assert!(text.contains("\r\n\r\n1234\r\n--B--"), "{text}");
    }

    #[test]
    fn a_file_that_shrank_ends_the_body_with_its_name() {
        let folder = tempfile::tempdir().expect("temp folder");
        let form = Form::new("B".into(), &[], &[file(&folder, "a", "1234")]);
        fs::write(folder.path().join("f"), "12").expect("shrunk");
        let (outcome, _, problem) = read(&form);
        assert!(outcome.is_err());
        assert!(problem.expect("named").contains("became shorter"));
    }
}
