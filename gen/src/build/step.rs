//! Steps that are skipped when nothing that they depend on has changed since they were last done.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::files::{self, sha256};

/// A folder in which steps leave their files, and for each step `steps/<name>.json`: what it depended on, what it left.
pub struct Steps<'a> {
    pub folder: PathBuf,
    /// What is made of all steps: gone as soon as one of them is done anew, so that it is never that of other sources.
    pub of_all: Vec<PathBuf>,
    /// Hears of every step when it starts and when it is done.
    pub progress: &'a (dyn Fn(&str) + Sync),
}

/// A step that is done.
pub struct Done<T> {
    pub value: T,
    /// SHA-256 of each file it left, by its name.
    pub outputs: BTreeMap<String, String>,
    /// What it took, whenever that was.
    pub took: Took,
}

/// What a step took.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Took {
    pub step: String,
    pub seconds: f64,
}

#[derive(Serialize, Deserialize)]
struct Record<T> {
    /// SHA-256 of everything that the step depends on.
    key: String,
    outputs: BTreeMap<String, String>,
    seconds: f64,
    value: T,
}

impl<T> Record<T> {
    fn done(self, step: &str) -> Done<T> {
        let took = Took { step: step.to_string(), seconds: self.seconds };
        Done { value: self.value, outputs: self.outputs, took }
    }
}

impl Steps<'_> {
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// Does the step, unless it was done for the same `key` and its `outputs` (names in the folder) are as it left them. `log` is
    /// the name of its log, of which `progress` hears.
    ///
    /// The record is written last: whatever happens to the process or the files before or after, the next call notices.
    ///
    /// # Errors
    /// Those of `work`, or the folder cannot be written.
    pub fn run<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        log: &str,
        key: &impl Serialize,
        outputs: &[String],
        work: impl FnOnce() -> Result<T>,
    ) -> Result<Done<T>> {
        let key = sha256(&serde_json::to_vec(key)?);
        let path = self.path("steps").join(format!("{}.json", name.replace(' ', "-")));
        let kept = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Record<T>>(&bytes).ok());
        if let Some(record) = kept.filter(|record| record.key == key && self.holds(&record.outputs, outputs)) {
            (self.progress)(&format!("{name}: unchanged"));
            return Ok(record.done(name));
        }
        (self.progress)(&format!("{name} ... ({})", self.path(log).display()));
        let folder = self.path("steps");
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        // From now on the outputs are not those of the record.
        for stale in self.of_all.iter().chain([&path]) {
            match std::fs::remove_file(stale) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| stale.display().to_string());
                }
                _ => {}
            }
        }
        let start = Instant::now();
        let value = work()?;
        let seconds = start.elapsed().as_secs_f64();
        let digests = outputs.iter().map(|output| Ok((output.clone(), digest(&self.path(output))?)));
        let record = Record { key, outputs: digests.collect::<Result<_>>()?, seconds, value };
        files::replace(&path, &serde_json::to_vec_pretty(&record)?, |_| true)?;
        (self.progress)(&format!("{name}: {seconds:.1} s"));
        Ok(record.done(name))
    }

    /// Whether the files are there as they were left.
    fn holds(&self, left: &BTreeMap<String, String>, outputs: &[String]) -> bool {
        outputs.iter().all(|output| {
            left.get(output).is_some_and(|sha256| digest(&self.path(output)).is_ok_and(|found| found == *sha256))
        })
    }
}

/// SHA-256 of a file, hexadecimal.
pub fn digest(path: &Path) -> Result<String> {
    Ok(sha256(&std::fs::read(path).with_context(|| path.display().to_string())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    struct Counted<'a> {
        steps: Steps<'a>,
        done: Cell<u32>,
    }

    impl Counted<'_> {
        fn run(&self, key: u32) -> Result<u64> {
            let outputs = ["out".to_string()];
            let work = || {
                self.done.set(self.done.get() + 1);
                std::fs::write(self.steps.path("out"), format!("of {key}"))?;
                Ok(u64::from(10 * key))
            };
            Ok(self.steps.run("a step", "log", &key, &outputs, work)?.value)
        }
    }

    #[test]
    fn a_step_is_done_again_only_when_something_changed() {
        let folder = tempfile::tempdir().unwrap();
        let steps = Steps { folder: folder.path().to_path_buf(), of_all: Vec::new(), progress: &|_| {} };
        let counted = Counted { steps, done: Cell::new(0) };
        assert_eq!((counted.run(1).unwrap(), counted.run(1).unwrap(), counted.done.get()), (10, 10, 1));
        assert_eq!((counted.run(2).unwrap(), counted.done.get()), (20, 2));
        let (output, record) = (folder.path().join("out"), folder.path().join("steps/a-step.json"));
        // What a crash, a full disk or a curious editor leaves behind.
        for (path, contents) in
            [(&output, "of"), (&output, ""), (&record, ""), (&record, "{\"key\": 1}"), (&record, "x")]
        {
            std::fs::write(path, contents).unwrap();
            let before = counted.done.get();
            assert_eq!((counted.run(2).unwrap(), counted.done.get()), (20, before + 1), "{contents}");
            assert_eq!(std::fs::read_to_string(&output).unwrap(), "of 2");
            assert_eq!((counted.run(2).unwrap(), counted.done.get()), (20, before + 1));
        }
        std::fs::remove_file(&output).unwrap();
        assert_eq!((counted.run(2).unwrap(), counted.done.get()), (20, 8));
    }

    #[test]
    fn a_step_that_failed_is_done_again() {
        let folder = tempfile::tempdir().unwrap();
        let steps = Steps { folder: folder.path().to_path_buf(), of_all: Vec::new(), progress: &|_| {} };
        let run = |fails: bool| {
            steps.run("place", "log", &1, &["out".to_string()], || {
                std::fs::write(steps.path("out"), "half")?;
                anyhow::ensure!(!fails, "killed");
                Ok(1)
            })
        };
        assert!(run(false).is_ok());
        std::fs::write(steps.path("out"), "other").unwrap();
        assert!(run(true).is_err());
        // The output is what the first run left, but nothing says that it is complete.
        assert!(
            steps
                .run("place", "log", &1, &["out".to_string()], || -> Result<i32> { anyhow::bail!("done again") })
                .is_err()
        );
    }
}
