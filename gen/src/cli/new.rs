//! `logloom new`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;

use super::Outcome;
use super::output::Output;
use crate::config::{presets, starter};

/// Write a commented configuration to start from; never over an existing file
#[derive(Args)]
pub struct Arguments {
    /// The file to write, for example accelerator.toml
    file: PathBuf,
    /// The values to start from
    #[arg(long, default_value = "digits", value_parser = clap::builder::PossibleValuesParser::new(presets::NAMES))]
    preset: String,
}

pub fn run(arguments: &Arguments, output: &mut Output) -> anyhow::Result<Outcome> {
    let file = &arguments.file;
    let preset = presets::NAMES.iter().find(|name| **name == arguments.preset);
    let text = starter::text(preset.context("no such preset")?);
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => std::path::Path::new("."),
    };
    let unwritable = || format!("{}: cannot be written; choose another place", file.display());
    let mut temporary = tempfile::NamedTempFile::new_in(folder).with_context(unwritable)?;
    temporary.write_all(text.as_bytes()).with_context(unwritable)?;
    match temporary.persist_noclobber(file) {
        Ok(_) => {}
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!("{}: exists already; name a new file", file.display())
        }
        Err(error) => return Err(error.error).with_context(unwritable),
    }
    output.line(&file.display().to_string())?;
    Ok(Outcome::Good)
}
