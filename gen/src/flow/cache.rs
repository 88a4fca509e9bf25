//! Results of long runs, kept by all that they depend on, so that an interrupted series goes on where it was.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::files::{self, sha256};

/// A folder with one small JSON file for each result.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Entry<T> {
    /// SHA-256 of the key.
    key: String,
    value: T,
}

impl Cache {
    /// That of the command: `target/measurements` below the current folder, or beside the simulators in the folder that
    /// `LOGLOOM_CACHE` names.
    pub fn standard() -> Self {
        Cache::new(match std::env::var_os("LOGLOOM_CACHE") {
            Some(folder) => PathBuf::from(folder).join("measurements"),
            None => "target/measurements".into(),
        })
    }

    /// The folder is made when the first result is kept.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Cache { folder: folder.into() }
    }

    /// The result that is kept for `key`; without one, `compute` finds it, and it is kept. `name` begins the name of the
    /// file, for people.
    ///
    /// A file that is not as it was written is replaced. Processes may share the folder, and be killed.
    ///
    /// # Errors
    /// Those of `compute`, or the folder cannot be written.
    pub fn get<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        key: &impl Serialize,
        compute: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let key = sha256(&serde_json::to_vec(key)?);
        let path = self.folder.join(format!("{name}-{}.json", &key[..16]));
        let kept = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Entry<T>>(&bytes).ok());
        if let Some(entry) = kept.filter(|entry| entry.key == key) {
            return Ok(entry.value);
        }
        let entry = Entry { key, value: compute()? };
        let problem = || format!("{}: the folder for results cannot be written", self.folder.display());
        std::fs::create_dir_all(&self.folder).with_context(problem)?;
        let contents = serde_json::to_vec(&entry)?;
        files::in_one_step(&path, |file| file.write_all(&contents)).with_context(problem)?;
        Ok(entry.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn files(folder: &Path) -> Vec<PathBuf> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn a_result_is_computed_once_for_each_key() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("new"));
        let third = 1.0 / 3.0;
        assert_eq!(cache.get("x", &("a", 1), || Ok(third)).unwrap(), third);
        assert_eq!(cache.get("x", &("a", 1), || -> Result<f64> { panic!("computed again") }).unwrap(), third);
        assert_eq!(cache.get("x", &("a", 2), || Ok(7.0)).unwrap(), 7.0);
        assert_eq!(files(&folder.path().join("new")).len(), 2);
    }

    #[test]
    fn a_failure_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        assert!(cache.get("x", &1, || -> Result<u64> { anyhow::bail!("no") }).is_err());
        assert!(files(folder.path()).is_empty());
        assert_eq!(cache.get("x", &1, || Ok(2u64)).unwrap(), 2);
    }

    #[test]
    fn a_damaged_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        cache.get("x", &1, || Ok(2u64)).unwrap();
        let path = files(folder.path()).remove(0);
        let good = std::fs::read_to_string(&path).unwrap();
        for bad in ["", &good[..good.len() / 2], "null", r#"{"key": "of another", "value": 3}"#] {
            std::fs::write(&path, bad).unwrap();
            assert_eq!(cache.get("x", &1, || Ok(2u64)).unwrap(), 2, "{bad}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), good);
        }
    }
}
