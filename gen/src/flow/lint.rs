//! Five opinions on emitted Verilog: Verilator, Verible, slang, Yosys, and Icarus where it is installed.
//!
//! Each sees Verilog-2005 and nothing newer. Warnings count as much as errors: emitted files have none.

use std::path::PathBuf;
use std::time::Duration;

use rayon::prelude::*;

use super::run::{Finished, Invocation, folder_of};
use super::tool::{Tool, ToolError};
use super::yosys;

/// What matches the style of the emitted Verilog; see the file's comments.
const VERIBLE_RULES: &str = include_str!("../../../tools/verible.rules");

/// slang's own driver, as its command line would run it: the package brings the library alone.
const SLANG_DRIVER: &str = r#"
import sys
from pyslang.driver import Driver

driver = Driver()
driver.addStandardArgs()
line = " ".join('"' + a.replace("\\", "\\\\").replace('"', '\\"') + '"' for a in ["slang"] + sys.argv[1:])
read = driver.parseCommandLine(line) and driver.processOptions() and driver.parseAllSources()
sys.exit(not (driver.runFullCompilation(False) and read))
"#;

/// The linters, in the order of [`lint`]'s reports.
pub const LINTERS: [Tool; 5] = [Tool::Verilator, Tool::VeribleLint, Tool::Pyslang, Tool::Yosys, Tool::Iverilog];

const LIMIT: Duration = Duration::from_secs(600);

/// What one linter says.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ToolReport {
    pub tool: &'static str,
    pub outcome: Outcome,
    /// The command that reproduces it; none if the tool is missing.
    pub command: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Clean,
    Findings(Vec<Finding>),
    /// The tool is not installed. Counted, and not a failure.
    Skipped(String),
    /// The tool did not do its work, or it is missing in CI although the project brings it.
    Broken(String),
}

impl ToolReport {
    /// Whether this report must fail a check: anything but clean or skipped.
    pub fn is_failure(&self) -> bool {
        matches!(self.outcome, Outcome::Findings(_) | Outcome::Broken(_))
    }
}

/// One complaint.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    pub severity: Severity,
    /// Relative to the folder of the first file; none where the tool does not say.
    pub file: Option<String>,
    pub line: Option<u32>,
    pub column: Option<u32>,
    /// The linter's name for it, such as `WIDTHEXPAND`.
    pub rule: Option<String>,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Warning,
    Error,
}

/// Has every linter look at `files`, of which `top` is the outermost module. One report per entry of [`LINTERS`].
pub fn lint(files: &[PathBuf], top: &str) -> Vec<ToolReport> {
    LINTERS.into_par_iter().map(|tool| report(tool, files, top)).collect()
}

/// The opinion of one of the [`LINTERS`].
///
/// # Panics
/// When `tool` is another tool.
pub fn lint_with(tool: Tool, files: &[PathBuf], top: &str) -> ToolReport {
    assert!(LINTERS.contains(&tool), "{tool} is no linter");
    report(tool, files, top)
}

fn report(tool: Tool, files: &[PathBuf], top: &str) -> ToolReport {
    let (outcome, command) = match run(tool, files, top) {
        Ok(finished) => {
            let command = Some(finished.command.clone());
            (judge(tool, finished), command)
        }
        Err(error) if error.is_missing() && !(tool.is_pinned() && super::in_ci()) => {
            (Outcome::Skipped(error.to_string()), None)
        }
        Err(error) => (Outcome::Broken(error.to_string()), None),
    };
    ToolReport { tool: tool.name(), outcome, command }
}

fn run(tool: Tool, files: &[PathBuf], top: &str) -> Result<Finished, ToolError> {
    let call = Invocation::new(tool)?.folder(folder_of(files)).limit(LIMIT);
    let sources: Vec<PathBuf> = files.iter().map(|file| call.relative(file)).collect();
    match tool {
        Tool::Verilator => call
            .args(["--lint-only", "-Wall", "--language", "1364-2005"])
            .args(["--top-module", top])
            .args(sources)
            .finish(),
        Tool::VeribleLint => call.arg(format!("--rules={}", verible_rules())).args(sources).finish(),
        Tool::Pyslang => call
            .args(["-c", SLANG_DRIVER, "--std", "1364-2005", "--top", top])
            // Sinks of unused bits (`unused_ok`) are known by name to Verilator alone, so it alone judges unread nets.
            .args(["-Wextra", "-Wpedantic", "-Wconversion", "-Wunused", "-Wno-unused-net"])
            .args(sources)
            .finish(),
        Tool::Yosys => {
            let scratch = yosys::scratch()?;
            let words: Vec<String> = sources.iter().map(|path| yosys::word(path)).collect();
            // Yosys would give another encoding to a state of a machine; see `Builder::keep_encoding`.
            let states = "flatten; opt -nodffe -nosdff; fsm_detect; select -assert-none a:fsm_encoding=auto";
            let read = format!("read_verilog {}; hierarchy -check -top {top}", words.join(" "));
            let script = format!("{read}; proc; check -assert; {states}");
            yosys::with_script(call, &scratch.path().join("log"), &script)?.finish()
        }
        Tool::Iverilog => call.args(["-g2005", "-Wall", "-t", "null", "-s", top]).args(sources).finish(),
        other => unreachable!("{other} is no linter"),
    }
}

/// The rules as one command-line value.
fn verible_rules() -> String {
    let rules: Vec<&str> =
        VERIBLE_RULES.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    rules.join(",")
}

fn judge(tool: Tool, finished: Finished) -> Outcome {
    let findings = findings(tool, &finished);
    if !findings.is_empty() {
        return Outcome::Findings(findings);
    }
    // Silence is only good news from a tool that says it succeeded.
    match finished.success() {
        Ok(_) => Outcome::Clean,
        Err(error) => Outcome::Broken(error.to_string()),
    }
}

fn findings(tool: Tool, finished: &Finished) -> Vec<Finding> {
    let read = match tool {
        Tool::Verilator => verilator_line,
        Tool::VeribleLint => verible_line,
        _ => compiler_line,
    };
    finished.stdout.lines().chain(finished.stderr.lines()).filter_map(read).collect()
}

/// `%Warning-RULE: file:line:column: message`, `%Error: message`
fn verilator_line(line: &str) -> Option<Finding> {
    let (severity, rest) = if let Some(rest) = line.strip_prefix("%Warning") {
        (Severity::Warning, rest)
    } else {
        (Severity::Error, line.strip_prefix("%Error")?)
    };
    let (rule, rest) = rest.split_once(": ")?;
    if rest.starts_with("Exiting due to") {
        return None;
    }
    let (place, message) = Place::split(rest);
    Some(place.finding(severity, rule.strip_prefix('-'), message))
}

/// `file:line:column-column: message [Style: chapter] [rule]`, `file:line:column: syntax error at token "x"`
fn verible_line(line: &str) -> Option<Finding> {
    let (place, rest) = Place::split(line);
    place.line?;
    let (message, rule) = match rest.rsplit_once('[') {
        Some((message, rule)) => (message, rule.strip_suffix(']')),
        None => (rest, None),
    };
    let message = message.split(" [Style:").next().unwrap_or(message).trim();
    let severity = if rule.is_some() { Severity::Warning } else { Severity::Error };
    Some(place.finding(severity, rule, message))
}

/// slang, Yosys and Icarus: `file:line[:column]: warning|error: message [-Wrule]`, in any case, the place optional;
/// Icarus also `file:line: syntax error`.
fn compiler_line(line: &str) -> Option<Finding> {
    let (place, rest) = Place::split(line);
    let begins = |word: &str| {
        rest.get(..word.len()).filter(|start| start.eq_ignore_ascii_case(word)).map(|_| rest[word.len()..].trim())
    };
    let (severity, message) = if let Some(message) = begins("warning:") {
        (Severity::Warning, message)
    } else if let Some(message) = begins("error:").or_else(|| begins("sorry:")) {
        (Severity::Error, message)
    } else if place.line.is_some() && rest == "syntax error" {
        (Severity::Error, rest)
    } else {
        return None;
    };
    let (message, rule) = match message.rsplit_once(" [-W") {
        Some((message, rule)) => (message, rule.strip_suffix(']')),
        None => (message, None),
    };
    Some(place.finding(severity, rule, message))
}

/// Where a finding is.
struct Place<'a> {
    file: Option<&'a str>,
    line: Option<u32>,
    column: Option<u32>,
}

impl<'a> Place<'a> {
    /// Takes `file:line:column: ` off the front, if it is there. The column may be missing or a range.
    fn split(text: &'a str) -> (Self, &'a str) {
        let nowhere = Place { file: None, line: None, column: None };
        let Some((place, rest)) = text.split_once(": ") else {
            return (nowhere, text);
        };
        let number = |part: &str| -> Option<u32> { part.split('-').next().and_then(|first| first.parse().ok()) };
        let parts: Vec<&str> = place.rsplitn(3, ':').collect();
        let (file, line, column) = match parts[..] {
            [column, line, file] if number(line).is_some() => (file, number(line), number(column)),
            [line, ..] if number(line).is_some() => (&place[..place.len() - line.len() - 1], number(line), None),
            _ => return (nowhere, text),
        };
        let place = Place { file: Some(file), line, column };
        (place, rest)
    }

    fn finding(&self, severity: Severity, rule: Option<&str>, message: &str) -> Finding {
        Finding {
            severity,
            file: self.file.map(str::to_string),
            line: self.line,
            column: self.column,
            rule: rule.map(str::to_string),
            message: message.to_string(),
        }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
        }
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, "{number}:")?;
        }
        if self.file.is_some() {
            f.write_str(" ")?;
        }
        f.write_str(match self.severity {
            Severity::Warning => "warning: ",
            Severity::Error => "error: ",
        })?;
        f.write_str(&self.message)?;
        match &self.rule {
            Some(rule) => write!(f, " [{rule}]"),
            None => Ok(()),
        }
    }
}

impl std::fmt::Display for ToolReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.outcome {
            Outcome::Clean => write!(f, "{}: clean", self.tool),
            Outcome::Skipped(why) => write!(f, "SKIP {why}"),
            Outcome::Broken(why) => write!(f, "{why}"),
            Outcome::Findings(findings) => {
                write!(f, "{}: {} findings", self.tool, findings.len())?;
                for finding in findings {
                    write!(f, "\n  {finding}")?;
                }
                match &self.command {
                    Some(command) => write!(f, "\n  command: {command}"),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{COUNTER, needs, write};
    use super::*;
    use std::path::Path;

    /// Lints one file with one tool.
    fn opinion(tool: Tool, top: &str, text: &str) -> ToolReport {
        let folder = tempfile::tempdir().unwrap();
        let file = write(folder.path(), &format!("{top}.v"), text);
        lint_with(tool, &[file], top)
    }

    fn findings_of(report: &ToolReport) -> &[Finding] {
        match &report.outcome {
            Outcome::Findings(findings) => findings,
            other => panic!("{}: {other:?}", report.tool),
        }
    }

    #[test]
    fn a_clean_module_is_clean_for_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = write(folder.path(), "counter.v", COUNTER);
        let reports = lint(&[file], "counter");
        assert_eq!(reports.len(), LINTERS.len());
        for (tool, report) in LINTERS.into_iter().zip(&reports) {
            if needs(&[tool]) {
                assert_eq!(report.outcome, Outcome::Clean, "{report}");
            } else {
                assert!(!report.is_failure());
            }
        }
    }

    /// What each linter must be seen to find, and where.
    #[test]
    fn every_linter_finds_its_kind_of_fault() {
        let header = "`default_nettype none\nmodule faulty (\n";
        let cases = [
            (
                Tool::Verilator,
                "input wire [3:0] a_i,\noutput wire [7:0] b_o\n);\nassign b_o = a_i;\nendmodule\n",
                Some("WIDTHEXPAND"),
                "expects 8 bits",
                Some(6),
            ),
            (
                Tool::VeribleLint,
                "input wire a_i,\noutput wire result\n);\nassign result = a_i;\nendmodule\n",
                Some("port-name-suffix"),
                "must end with _o",
                Some(4),
            ),
            (
                Tool::Pyslang,
                "output wire a_o\n);\nwire floating;\nassign a_o = floating;\nendmodule\n",
                Some("undriven-net"),
                "never driven",
                Some(5),
            ),
            (
                Tool::Yosys,
                "input wire a_i,\ninput wire b_i,\noutput wire a_o\n);\nassign a_o = a_i & b_i;\nassign a_o = ~a_i;\nendmodule\n",
                None,
                "multiple conflicting drivers",
                None,
            ),
            (
                Tool::Iverilog,
                "input wire [3:0] a_i,\noutput wire a_o\n);\nassign a_o = a_i[7];\nendmodule\n",
                None,
                "is after vector",
                Some(6),
            ),
        ];
        for (tool, body, rule, message, line) in cases {
            if !needs(&[tool]) {
                continue;
            }
            let text = format!("{header}{body}`default_nettype wire\n");
            let report = opinion(tool, "faulty", &text);
            assert!(report.is_failure(), "{report}");
            let hit = findings_of(&report)
                .iter()
                .any(|f| f.rule.as_deref() == rule && f.line == line && f.message.contains(message));
            assert!(hit, "{message} ({rule:?}, line {line:?}) is not in {report}");
        }
    }

    #[test]
    fn a_syntax_error_is_an_error_for_all() {
        let text = "module faulty;\n  assign = 3;\nendmodule\n";
        for tool in LINTERS {
            if !needs(&[tool]) {
                continue;
            }
            let report = opinion(tool, "faulty", text);
            let hit = findings_of(&report)
                .iter()
                .any(|f| f.severity == Severity::Error && f.file.as_deref() == Some("faulty.v") && f.line == Some(2));
            assert!(hit, "{report}");
        }
    }

    #[test]
    fn newer_verilog_is_refused() {
        let text = "module faulty (\n    input logic a_i\n);\nendmodule\n";
        for tool in [Tool::Verilator, Tool::Pyslang, Tool::Yosys] {
            if needs(&[tool]) {
                let report = opinion(tool, "faulty", text);
                assert!(report.is_failure(), "{report}");
            }
        }
    }

    #[test]
    fn several_files_in_other_folders_and_a_name_with_a_blank() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a b"), folder.path().join("c"));
        std::fs::create_dir_all(&a).unwrap();
        std::fs::create_dir_all(&b).unwrap();
        let top = "\
`default_nettype none

module pair (
    input  wire       clk_i,
    input  wire       rst_ni,
    output wire [7:0] count_o
);
  counter u_counter (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .enable_i(1'b1),
      .count_o(count_o)
  );
endmodule

`default_nettype wire
";
        let files = [write(&a, "pair.v", top), write(&b, "counter.v", COUNTER)];
        for report in lint(&files, "pair") {
            assert!(!report.is_failure(), "{report}");
        }
    }

    #[test]
    fn silence_with_a_bad_exit_status_is_not_clean() {
        let finished = Invocation::of(Tool::Verilator, Path::new("false")).finish().unwrap();
        assert!(matches!(judge(Tool::Verilator, finished), Outcome::Broken(_)));
    }

    #[test]
    fn places_are_read_from_every_format() {
        let at = |f: &Finding| (f.file.clone().unwrap_or_default(), f.line, f.column);
        let f = verilator_line("%Warning-WIDTHEXPAND: a/b.v:12:61: Operator ADD: 8 bits").unwrap();
        assert_eq!(at(&f), ("a/b.v".into(), Some(12), Some(61)));
        assert_eq!(f.message, "Operator ADD: 8 bits");
        let f = verible_line("x.v:4:22-24: names must end [Style: a-b] [port-name-suffix]").unwrap();
        assert_eq!(at(&f), ("x.v".into(), Some(4), Some(22)));
        assert_eq!((f.rule.as_deref(), &*f.message), (Some("port-name-suffix"), "names must end"));
        let f = compiler_line("x.v:8: ERROR: syntax error, unexpected ';'").unwrap();
        assert_eq!(at(&f), ("x.v".into(), Some(8), None));
        let f = compiler_line("x.v:7:14: warning: unused net 'u' [-Wunused-net]").unwrap();
        assert_eq!(f.to_string(), "x.v:7:14: warning: unused net 'u' [unused-net]");
        let f = compiler_line("Warning: Wire x.\\y [3] is used but has no driver.").unwrap();
        assert_eq!((f.severity, f.line), (Severity::Warning, None));
        assert_eq!(compiler_line("Build failed: 1 error, 1 warning"), None);
    }
}
