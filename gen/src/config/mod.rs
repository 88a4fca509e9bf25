//! From a TOML file to a validated configuration, in two stages: [`written`] is what the file, its preset and
//! the defaults say, each value with its origin; `meaning` makes the [`Configuration`] of it, with every value checked
//! against the others.

pub mod configuration;
pub mod error;
pub mod keys;
mod meaning;
pub mod origin;
pub mod presets;
pub mod starter;
pub mod written;

pub use configuration::{Build, Configuration, Data, Setting, Test, Training};
pub use error::{ConfigError, ConfigErrors};
pub use origin::Origin;
pub use written::{Override, Value};
