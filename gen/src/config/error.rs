//! What is wrong with a configuration: file, line, key, what, and what to do.

use std::fmt;
use std::path::Path;

use super::origin::Origin;

/// One problem of a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// `path`, `path:line`, or the command's option that set the value.
    pub location: String,
    /// `section.key`, where the problem belongs to one.
    pub key: Option<String>,
    pub what: String,
    pub remedy: String,
}

impl ConfigError {
    /// A problem of the whole file.
    pub fn of_file(path: &Path, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        ConfigError { location: path.display().to_string(), key: None, what: what.into(), remedy: remedy.into() }
    }

    /// A problem of the value that `origin` gave to `key`. A value that the user did not write himself is
    /// located by the file as a whole, with its true origin in the text.
    pub fn of_key(path: &Path, origin: &Origin, key: &str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        let (location, what) = match origin {
            Origin::File { .. } | Origin::Option(_) => (origin.to_string(), what.into()),
            Origin::Preset(_) | Origin::Default | Origin::Derived => {
                (path.display().to_string(), format!("{} ({origin})", what.into()))
            }
        };
        // An unknown key may hold anything; what it does to a terminal is not for it to say.
        let key = key.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] });
        ConfigError { location, key: Some(key.collect()), what, remedy: remedy.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.location)?;
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

/// All problems that one pass over a configuration found, in the order of the file; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        ConfigErrors(vec![error])
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            // The command puts `error: ` before the first line; the others must read the same.
            if i > 0 {
                f.write_str("\nerror: ")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
