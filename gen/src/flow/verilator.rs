//! Verilator: programs that simulate a module by themselves.

use std::path::{Path, PathBuf};

use super::run::Invocation;
use super::tool::{Tool, ToolError};

/// The program that `NAME.cpp` makes of the module NAME in `NAME.sv`, both in the folder. What linters would say of it is passed over.
///
/// # Errors
/// As [`Invocation::run`].
pub fn compile(folder: &Path, name: &str, options: &[&str]) -> Result<PathBuf, ToolError> {
    Invocation::new(Tool::Verilator)?
        .args(["--cc", "--exe", "--build", "-j", "0", "-O3", "--noassert", "-Wno-fatal", "-Wno-lint"])
        .args(options)
        // More makes nothing faster, and the simulator's own library, where little time is spent, takes longest to compile.
        .args(["-MAKEFLAGS", "CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O1 OPT_GLOBAL=-O0"])
        .args(["--top-module", name, "-o", name])
        .args([format!("{name}.sv"), format!("{name}.cpp")])
        .folder(folder)
        .run()?;
    Ok(folder.join("obj_dir").join(name))
}
