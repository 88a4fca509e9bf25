//! A set of files, complete before the first of them is written.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};
use std::{fs, str};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::files::{self, sha256};

/// The file of a written folder that says which files are ours, and how we left them.
pub const MANIFEST: &str = "manifest.json";

/// The manifest of a plan that is being written; it remains when writing was interrupted.
const JOURNAL: &str = ".logloom-manifest.json";

/// `generator` of every manifest.
const GENERATOR: &str = "logloom";

const FORMAT_VERSION: u32 = 1;

/// Files by path, in a fixed order.
///
/// Paths are relative, with `/` on every system. Two plans with equal digests write the same bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    files: BTreeMap<String, Vec<u8>>,
    design: String,
    config: String,
}

/// What the manifest says about one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub path: String,
    /// Of the contents, hexadecimal.
    pub sha256: String,
}

/// The contents of [`MANIFEST`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format_version: u32,
    pub generator: String,
    pub version: String,
    /// Of the design, see [`super::digest::design`].
    pub design: String,
    /// SHA-256 of the text of the configuration.
    pub config: String,
    /// Of all files, see [`Plan::digest`].
    pub digest: String,
    pub files: Vec<Entry>,
}

/// What a plan holds, for `--json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contents {
    /// Of all files, see [`Plan::digest`].
    pub digest: String,
    pub files: Vec<Entry>,
}

/// What [`Plan::write`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// New or different files, the manifest not counted.
    pub written: usize,
    /// Files that had the right bytes already; they keep their time stamps.
    pub unchanged: usize,
    /// Files of an earlier plan.
    pub removed: usize,
}

/// Why a plan was not written. Nothing was changed, unless it says [`PlanError::Io`].
#[derive(Debug, Error)]
pub enum PlanError {
    #[error(
        "{}: the folder is not empty and Logloom did not write it ({} is in it); name another folder, or empty this one",
        folder.display(),
        found.display()
    )]
    ForeignFolder { folder: PathBuf, found: PathBuf },
    #[error("{}: this is a file, and a folder is needed; name another one, or move the file away", path.display())]
    File { path: PathBuf },
    #[error("{}: this file was not written by Logloom and is in the way; move it away, or name another folder", path.display())]
    ForeignFile { path: PathBuf },
    #[error(
        "{}: this file was changed after Logloom wrote it; move it away (or delete it) to have it written again",
        path.display()
    )]
    Edited { path: PathBuf },
    #[error("{}: this is a link, and what it points to may not be ours; remove it, or name another folder", path.display())]
    Link { path: PathBuf },
    #[error("{}: not a manifest of Logloom: {problem}; name another folder, or empty this one", path.display())]
    Manifest { path: PathBuf, problem: String },
    #[error("{}: {source}; check that the folder is writable and has room", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl Plan {
    /// An empty plan. `design`: digest of the design; `config`: text of the configuration.
    pub fn new(design: &str, config: &str) -> Self {
        Plan { files: BTreeMap::new(), design: design.to_owned(), config: sha256(config.as_bytes()) }
    }

    /// Adds a file.
    ///
    /// # Panics
    /// If the path is not a plain relative one, or is there already (on some systems case makes no difference).
    pub fn add(&mut self, path: impl Into<String>, contents: impl Into<Vec<u8>>) {
        let path = path.into();
        assert!(is_plain(&path), "`{path}` is not a plain relative path");
        let taken = self.files.keys().find(|other| other.eq_ignore_ascii_case(&path));
        assert!(taken.is_none(), "`{path}` is planned twice");
        self.files.insert(path, contents.into());
    }

    /// Paths and contents, ordered by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(path, contents)| (path.as_str(), contents.as_slice()))
    }

    /// Whether a module is in the Verilog.
    pub fn has_module(&self, name: &str) -> bool {
        self.get(&format!("rtl/{name}.v")).is_some()
    }

    /// The contents of one file.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }

    /// The files whose paths `keep` accepts.
    pub fn subset(&self, keep: impl Fn(&str) -> bool) -> Plan {
        let files = self.files.iter().filter(|(path, _)| keep(path));
        Plan { files: files.map(|(p, c)| (p.clone(), c.clone())).collect(), ..self.clone() }
    }

    /// Paths and digests, ordered by path.
    pub fn entries(&self) -> Vec<Entry> {
        self.files().map(|(path, contents)| Entry { path: path.to_owned(), sha256: sha256(contents) }).collect()
    }

    /// SHA-256 of the lines `<sha256 of a file>  <path>`, in the order of the paths: what
    /// `sha256sum $FILES | sha256sum` prints.
    pub fn digest(&self) -> String {
        digest_of(&self.entries())
    }

    pub fn contents(&self) -> Contents {
        Contents { digest: self.digest(), files: self.entries() }
    }

    pub fn manifest(&self) -> Manifest {
        let Contents { digest, files } = self.contents();
        Manifest {
            format_version: FORMAT_VERSION,
            generator: GENERATOR.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            design: self.design.clone(),
            config: self.config.clone(),
            digest,
            files,
        }
    }

    /// Whether a plan may be written into the folder, as far as can be told before there is one.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn check_folder(folder: &Path) -> Result<(), PlanError> {
        previous(folder).map(drop)
    }

    /// Writes all files and [`MANIFEST`] into `folder`, and removes what an earlier plan wrote there and this one
    /// does not have.
    ///
    /// The folder must be absent, empty, or written by us. Files in it that no manifest names (what a build left there)
    /// are let alone; a file that we wrote and somebody changed stops everything before anything is touched. Each file
    /// is replaced in one step; an interrupted call is completed by the next one.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn write(&self, folder: &Path) -> Result<Written, PlanError> {
        let ours = previous(folder)?;
        let mut result = Written::default();
        let mut pending = Vec::new();
        for (path, contents) in self.files() {
            match check(folder, path, ours.get(path))? {
                Some(digest) if digest == sha256(contents) => result.unchanged += 1,
                _ => pending.push((path, contents)),
            }
        }
        let mut stale = Vec::new();
        for (path, digests) in ours.iter().filter(|(path, _)| !self.files.contains_key(*path)) {
            if check(folder, path, Some(digests))?.is_some() {
                stale.push(path);
            }
        }

        fs::create_dir_all(folder).map_err(|source| PlanError::Io { path: folder.to_owned(), source })?;
        let mut manifest = serde_json::to_string_pretty(&self.manifest()).expect("strings and numbers");
        manifest.push('\n');
        // From here on the folder holds files of both plans, and must be known to be ours if we die.
        put(&folder.join(JOURNAL), manifest.as_bytes())?;
        for (path, contents) in pending {
            put(&folder.join(path), contents)?;
            result.written += 1;
        }
        for path in stale {
            remove(folder, path)?;
            result.removed += 1;
        }
        put(&folder.join(MANIFEST), manifest.as_bytes())?;
        let journal = folder.join(JOURNAL);
        fs::remove_file(&journal).map_err(|source| PlanError::Io { path: journal, source })?;
        Ok(result)
    }
}

fn digest_of(entries: &[Entry]) -> String {
    let lines: String = entries.iter().map(|e| format!("{}  {}\n", e.sha256, e.path)).collect();
    sha256(lines.as_bytes())
}

/// Whether a path names a file below the folder, in one way only.
fn is_plain(path: &str) -> bool {
    let parts = Path::new(path).components().map(|c| match c {
        Component::Normal(name) => name.to_str(),
        _ => None,
    });
    let parts: Option<Vec<&str>> = parts.collect();
    !path.contains('\\')
        && path != MANIFEST
        && path != JOURNAL
        && parts.is_some_and(|parts| !parts.is_empty() && parts.join("/") == path)
}

/// Digests of the files that earlier plans left in the folder: usually one for each, two after an interruption.
type Ours = BTreeMap<String, BTreeSet<String>>;

fn previous(folder: &Path) -> Result<Ours, PlanError> {
    let io_error = |source| PlanError::Io { path: folder.to_owned(), source };
    let mut ours = Ours::new();
    let mut listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ours),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(PlanError::File { path: folder.to_owned() });
        }
        Err(source) => return Err(io_error(source)),
    };
    let mut known = false;
    for name in [MANIFEST, JOURNAL] {
        for entry in read_manifest(&folder.join(name))?.into_iter().flat_map(|manifest| manifest.files) {
            ours.entry(entry.path).or_default().insert(entry.sha256);
        }
        known |= folder.join(name).exists();
    }
    if !known && let Some(found) = listing.next() {
        let found = found.map_err(io_error)?.file_name().into();
        return Err(PlanError::ForeignFolder { folder: folder.to_owned(), found });
    }
    Ok(ours)
}

fn read_manifest(path: &Path) -> Result<Option<Manifest>, PlanError> {
    let problem = |problem: String| PlanError::Manifest { path: path.to_owned(), problem };
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(PlanError::Io { path: path.to_owned(), source }),
    };
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| problem(error.to_string()))?;
    if manifest.generator != GENERATOR || manifest.format_version != FORMAT_VERSION {
        let Manifest { generator, format_version, .. } = manifest;
        return Err(problem(format!("it is of `{generator}`, format {format_version}")));
    }
    // It decides what is overwritten and removed: it must not point out of the folder.
    if let Some(entry) = manifest.files.iter().find(|entry| !is_plain(&entry.path)) {
        return Err(problem(format!("`{}` is not a plain relative path", entry.path)));
    }
    Ok(Some(manifest))
}

/// The digest of a file that is there, if we may replace or remove it.
fn check(folder: &Path, path: &str, ours: Option<&BTreeSet<String>>) -> Result<Option<String>, PlanError> {
    let mut place = folder.to_owned();
    for part in path.split('/') {
        place.push(part);
        match place.symlink_metadata() {
            Ok(found) if found.is_symlink() => return Err(PlanError::Link { path: place }),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            // A file where a folder should be.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                place.pop();
                return Err(PlanError::ForeignFile { path: place });
            }
            Err(source) => return Err(PlanError::Io { path: place, source }),
        }
    }
    if !place.is_file() {
        return Err(PlanError::ForeignFile { path: place });
    }
    let found = sha256(&fs::read(&place).map_err(|source| PlanError::Io { path: place.clone(), source })?);
    match ours {
        None => Err(PlanError::ForeignFile { path: place }),
        Some(digests) if !digests.contains(&found) => Err(PlanError::Edited { path: place }),
        Some(_) => Ok(Some(found)),
    }
}

/// Writes a file in one step, into a folder that is made if need be. It is not flushed to the disk: what is lost can be
/// generated again.
fn put(path: &Path, contents: &[u8]) -> Result<(), PlanError> {
    let io_error = |source| PlanError::Io { path: path.to_owned(), source };
    let folder = path.parent().expect("a file lies in a folder");
    fs::create_dir_all(folder).map_err(io_error)?;
    files::in_one_step(path, |file| file.write_all(contents)).map_err(io_error)
}

/// Removes a file and the folders that it leaves empty.
fn remove(folder: &Path, path: &str) -> Result<(), PlanError> {
    let place = folder.join(path);
    fs::remove_file(&place).map_err(|source| PlanError::Io { path: place.clone(), source })?;
    let mut parent = Path::new(path).parent();
    while let Some(below) = parent.filter(|p| !p.as_os_str().is_empty()) {
        if fs::remove_dir(folder.join(below)).is_err() {
            break;
        }
        parent = below.parent();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(files: &[(&str, &str)]) -> Plan {
        let mut plan = Plan::new("d", "c");
        for (path, contents) in files {
            plan.add(*path, *contents);
        }
        plan
    }

    fn read(folder: &Path, path: &str) -> String {
        fs::read_to_string(folder.join(path)).unwrap()
    }

    #[test]
    fn a_plan_is_written_and_described() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("new/one");
        let plan = plan(&[("b.txt", "B"), ("a/c.txt", "C")]);
        let count = |written, unchanged, removed| Written { written, unchanged, removed };
        assert_eq!(plan.write(&folder).unwrap(), count(2, 0, 0));
        assert_eq!(read(&folder, "a/c.txt"), "C");
        let manifest: Manifest = serde_json::from_str(&read(&folder, MANIFEST)).unwrap();
        assert_eq!(manifest, plan.manifest());
        assert_eq!(manifest.files[0].path, "a/c.txt");
        assert!(!folder.join(JOURNAL).exists());
        assert_eq!(plan.write(&folder).unwrap(), count(0, 2, 0));
    }

    /// `printf B >b; printf C >c; sha256sum b c | sha256sum`
    #[test]
    fn the_digest_is_that_of_sha256sum() {
        let digest = plan(&[("c", "C"), ("b", "B")]).digest();
        assert_eq!(digest, "d4231def8ec185a81877df5e51984f36acf8d88685b8a2321d628a324f4dadf8");
    }

    #[test]
    fn stale_files_go_and_others_stay() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        plan(&[("old/deep/x", "X"), ("tb/y", "Y")]).write(folder).unwrap();
        fs::create_dir(folder.join("tb/build")).unwrap();
        fs::write(folder.join("tb/build/z"), "Z").unwrap();
        let written = plan(&[("new", "N")]).write(folder).unwrap();
        assert_eq!(written.removed, 2);
        assert!(!folder.join("old").exists());
        assert!(!folder.join("tb/y").exists());
        assert_eq!(read(folder, "tb/build/z"), "Z");
    }

    #[test]
    fn a_foreign_folder_is_refused() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("thesis.txt"), "months").unwrap();
        let error = plan(&[("a", "A")]).write(root.path()).unwrap_err();
        assert!(matches!(error, PlanError::ForeignFolder { .. }), "{error}");
        assert!(error.to_string().contains("thesis.txt"), "{error}");
        assert!(!root.path().join("a").exists());
    }

    #[test]
    fn a_foreign_file_is_refused() {
        let root = tempfile::tempdir().unwrap();
        plan(&[("a", "A")]).write(root.path()).unwrap();
        fs::write(root.path().join("b"), "mine").unwrap();
        let error = plan(&[("a", "changed"), ("b", "B")]).write(root.path()).unwrap_err();
        assert!(matches!(error, PlanError::ForeignFile { .. }), "{error}");
        assert_eq!((read(root.path(), "a"), read(root.path(), "b")), ("A".into(), "mine".into()));
        // In the way of a folder.
        let error = plan(&[("b/c", "C")]).write(root.path()).unwrap_err();
        assert!(matches!(&error, PlanError::ForeignFile { path } if path.ends_with("b")), "{error}");
        let error = plan(&[("d", "D")]);
        fs::create_dir(root.path().join("d")).unwrap();
        assert!(matches!(error.write(root.path()), Err(PlanError::ForeignFile { .. })));
    }

    #[test]
    fn an_edited_file_is_refused_even_if_it_is_stale() {
        let root = tempfile::tempdir().unwrap();
        plan(&[("a", "A"), ("b", "B")]).write(root.path()).unwrap();
        fs::write(root.path().join("b"), "edited").unwrap();
        for next in [plan(&[("a", "A2"), ("b", "B2")]), plan(&[("a", "A2")])] {
            let error = next.write(root.path()).unwrap_err();
            assert!(matches!(&error, PlanError::Edited { path } if path.ends_with("b")), "{error}");
            assert_eq!((read(root.path(), "a"), read(root.path(), "b")), ("A".into(), "edited".into()));
        }
        // Moved away, as the error says.
        fs::remove_file(root.path().join("b")).unwrap();
        plan(&[("a", "A2"), ("b", "B2")]).write(root.path()).unwrap();
        assert_eq!(read(root.path(), "b"), "B2");
    }

    #[test]
    fn an_interrupted_write_is_completed() {
        let root = tempfile::tempdir().unwrap();
        let (first, second) = (plan(&[("a", "A"), ("b", "B")]), plan(&[("a", "A2"), ("c", "C")]));
        first.write(root.path()).unwrap();
        // Died after the first file of the second plan.
        put(&root.path().join(JOURNAL), serde_json::to_string(&second.manifest()).unwrap().as_bytes()).unwrap();
        put(&root.path().join("a"), b"A2").unwrap();
        assert_eq!(second.write(root.path()).unwrap(), Written { written: 1, unchanged: 1, removed: 1 });
        assert!(!root.path().join(JOURNAL).exists());
        // Died in the very first call.
        let root = tempfile::tempdir().unwrap();
        put(&root.path().join(JOURNAL), serde_json::to_string(&first.manifest()).unwrap().as_bytes()).unwrap();
        put(&root.path().join("a"), b"A").unwrap();
        assert_eq!(first.write(root.path()).unwrap(), Written { written: 1, unchanged: 1, removed: 0 });
    }

    #[test]
    fn a_manifest_cannot_point_elsewhere() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("out");
        fs::write(root.path().join("victim"), "V").unwrap();
        plan(&[("a", "A")]).write(&folder).unwrap();
        let mut manifest = plan(&[("a", "A")]).manifest();
        manifest.files.push(Entry { path: "../victim".into(), sha256: sha256(b"V") });
        fs::write(folder.join(MANIFEST), serde_json::to_string(&manifest).unwrap()).unwrap();
        assert!(matches!(plan(&[("a", "A")]).write(&folder), Err(PlanError::Manifest { .. })));
        assert_eq!(read(root.path(), "victim"), "V");
        fs::write(folder.join(MANIFEST), "{\"name\": \"web\"}").unwrap();
        assert!(matches!(plan(&[("a", "A")]).write(&folder), Err(PlanError::Manifest { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let (folder, elsewhere) = (root.path().join("out"), root.path().join("elsewhere"));
        fs::create_dir(&elsewhere).unwrap();
        plan(&[("a", "A")]).write(&folder).unwrap();
        std::os::unix::fs::symlink(&elsewhere, folder.join("rtl")).unwrap();
        let error = plan(&[("rtl/b", "B")]).write(&folder).unwrap_err();
        assert!(matches!(error, PlanError::Link { .. }), "{error}");
        assert!(!elsewhere.join("b").exists());
    }

    #[test]
    fn paths_are_plain() {
        for path in ["a", "a/b.c", ".hidden", "a b"] {
            assert!(is_plain(path), "{path}");
        }
        for path in ["", "/a", "../a", "a/../b", "./a", "a//b", "a/", "a\\b", MANIFEST, JOURNAL] {
            assert!(!is_plain(path), "{path}");
        }
    }

    #[test]
    #[should_panic(expected = "planned twice")]
    fn one_file_per_path() {
        plan(&[("rtl/pe.v", ""), ("rtl/PE.v", "")]);
    }
}
