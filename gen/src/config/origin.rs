//! Where a value came from.

use std::fmt;
use std::sync::Arc;

/// The place that decided a value, as `check` shows it and errors name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line of the configuration file; the path is as the user wrote it, lines count from 1.
    File { path: Arc<str>, line: usize },
    /// The named preset that the file starts from.
    Preset(&'static str),
    /// The key table's default: neither the file nor a preset speaks of it.
    Default,
    /// Computed from other values, for example a memory depth from the network.
    Derived,
    /// An option of the command, such as `--seed`.
    Option(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { path, line } => write!(f, "{path}:{line}"),
            Origin::Preset(name) => write!(f, "preset {name}"),
            Origin::Default => f.write_str("default"),
            Origin::Derived => f.write_str("derived"),
            Origin::Option(name) => f.write_str(name),
        }
    }
}
