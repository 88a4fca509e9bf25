//! Writing a file so that a reader sees the old one or the new one, never a half; digests of files.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// Why a file was not written.
#[derive(Debug, Error)]
pub enum WriteError {
    #[error(
        "{}: this file exists and was not written by Logloom, so it is left alone; name another file or move it away",
        path.display()
    )]
    Foreign { path: PathBuf },
    #[error("{}: cannot be written: {source}; check that the folder exists, is writable and has room", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// How much of an existing file `is_ours` sees.
const PEEK_BYTES: u64 = 64 * 1024;

/// Whether [`replace`] may write here, as far as can be known before.
///
/// # Errors
/// [`WriteError`]: a file is there that is neither empty nor one that `is_ours` recognises by its first 64 KiB.
pub fn check(path: &Path, is_ours: impl Fn(&[u8]) -> bool) -> Result<(), WriteError> {
    let io_error = |source| WriteError::Io { path: path.to_owned(), source };
    // A pipe would never open.
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(WriteError::Foreign { path: path.to_owned() });
    }
    match File::open(path) {
        Ok(file) => {
            let mut head = Vec::new();
            file.take(PEEK_BYTES).read_to_end(&mut head).map_err(io_error)?;
            if head.is_empty() || is_ours(&head) { Ok(()) } else { Err(WriteError::Foreign { path: path.to_owned() }) }
        }
        // What is wrong with the folder is told when it is made.
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(()),
        Err(e) => Err(io_error(e)),
    }
}

/// Writes `bytes` to a temporary file in the folder of `path`, flushes it to the disk and renames it to `path`.
///
/// # Errors
/// [`WriteError`], as [`check`] among others; `path` is then as it was, and no temporary file remains.
pub fn replace(path: &Path, bytes: &[u8], is_ours: impl Fn(&[u8]) -> bool) -> Result<(), WriteError> {
    check(path, is_ours)?;
    in_one_step(path, |file| {
        file.write_all(bytes)?;
        file.sync_all()
    })
    .map_err(|source| WriteError::Io { path: path.to_owned(), source })
}

/// Has a temporary file written, and renames it to `path`. Unless `write` flushes it to the disk, a crash of the system may lose it.
pub(crate) fn in_one_step(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    // A rename is atomic within one file system only, hence the same folder.
    let folder = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".logloom-");
    // Temporary files are private by default; the result should follow the user's umask.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    write(file.as_file_mut())?;
    file.persist(path)?;
    Ok(())
}

/// SHA-256, hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// Reads a whole regular file.
///
/// # Errors
/// Those of the operating system, and `InvalidInput` for a folder, pipe or device, which might never end.
pub(crate) fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    fs::read(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn replaces_its_own_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        replace(&path, b"mine 1", |h| h.starts_with(b"mine")).unwrap();
        replace(&path, b"mine 2", |h| h.starts_with(b"mine")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"mine 2");
        assert_eq!(names(folder.path()), ["a.txt"]);
    }

    #[test]
    fn keeps_a_foreign_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("thesis.txt");
        fs::write(&path, "months of work").unwrap();
        let error = replace(&path, b"mine", |h| h.starts_with(b"mine")).unwrap_err();
        assert!(matches!(error, WriteError::Foreign { .. }), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "months of work");
        assert_eq!(names(folder.path()), ["thesis.txt"]);
    }

    #[test]
    fn missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = replace(&folder.path().join("no/where.csv"), b"x", |_| true).unwrap_err();
        assert!(error.to_string().contains("where.csv"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn is_as_readable_as_any_other_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (path, plain) = (folder.path().join("a"), folder.path().join("b"));
        replace(&path, b"x", |_| true).unwrap();
        fs::write(&plain, "x").unwrap();
        let mode = |p| fs::metadata(p).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&plain));
    }
}
