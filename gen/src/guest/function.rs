//! Products as a function in C: compiled, and called for every pair in a process of its own.

use std::path::Path;
use std::time::Duration;

use logloom_hdl::arith::guest::Operands;

use super::{Problem, text};
use crate::flow::{Invocation, Tool, ToolError, yosys};

/// Calls the function, in both orders of pairs, and says where it stops.
const DRIVER: &str = include_str!("templates/driver.c");

/// All calls together. A function of 20 bits takes far less than a second.
const SECONDS: u32 = 10;

/// Products by bit patterns.
pub(super) fn call(file: &Path, function: &str, bits: u32, operands: Operands) -> Result<Vec<i64>, Problem> {
    text("guest.c", file)?;
    let problem = |what: String, remedy: &str| Problem::new("guest.c", format!("{}: {what}", file.display()), remedy);
    let failed = |error: anyhow::Error| Problem::of_tool("guest.c", &error);
    let folder = yosys::scratch().map_err(|error| failed(error.into()))?;
    let (driver, program, results) =
        (folder.path().join("driver.c"), folder.path().join("driver"), folder.path().join("results"));
    std::fs::write(&driver, DRIVER).map_err(|error| failed(error.into()))?;
    let signed = u32::from(operands == Operands::Signed);
    let absolute = std::path::absolute(file).map_err(|error| failed(error.into()))?;
    let compiler = Invocation::new(Tool::Cc).map_err(|error| failed(error.into()))?;
    let compiled = compiler
        .args(["-O1", "-Werror=implicit-function-declaration"])
        .args([format!("-DLOGLOOM_FUNCTION={function}"), format!("-DLOGLOOM_BITS={bits}")])
        .args([format!("-DLOGLOOM_SIGNED={signed}"), format!("-DLOGLOOM_SECONDS={SECONDS}")])
        // Of a file that is a program of its own.
        .arg("-Dmain=logloom_not_this_one")
        .arg("-include")
        .arg(&absolute)
        .arg("-o")
        .args([&program, &driver])
        .arg("-lm")
        .env("LC_ALL", "C")
        .finish()
        .map_err(|error| failed(error.into()))?;
    if !compiled.status.success() {
        let line =
            compiled.stderr.lines().find(|line| line.contains("error: ") || line.contains("undefined reference"));
        let line = line.unwrap_or_default();
        let missing = line.split_once("undefined reference to ").map(|(_, name)| name.trim_matches(['`', '\'']));
        // In the driver, or in the name that the macro stands for.
        let is_call = line.contains(&*driver.to_string_lossy()) || line.starts_with("<command");
        let remedy = format!("have it define `{function}` of two integers, which returns one");
        return Err(match missing {
            Some(name) if name != function => {
                problem(format!("calls `{name}`, which is in no library of C"), "define it in the same file")
            }
            None if !is_call => {
                let said = line.replace(&*absolute.to_string_lossy(), &file.to_string_lossy());
                problem(format!("does not compile: {said}"), &remedy)
            }
            None if !line.contains("declar") => {
                problem(format!("`{function}` does not make an integer of two integers"), &remedy)
            }
            _ => problem(format!("defines no function `{function}`"), &remedy),
        });
    }
    // A little longer than the program gives itself.
    let limit = Duration::from_secs(u64::from(SECONDS) + 5);
    let ended = Invocation::of(Tool::Cc, &program).arg(&results).limit(limit).finish();
    let stopped = |what: &str| problem(format!("`{function}` {what}"), "have it return a product for every pair");
    match ended {
        Ok(_) => {}
        Err(ToolError::TimedOut { .. }) => return Err(stopped(&format!("does not return within {SECONDS} s"))),
        Err(error) => return Err(failed(error.into())),
    }
    let results = std::fs::read_to_string(&results).unwrap_or_default();
    let mut lines = results.lines();
    match lines.next_back().map(|line| line.split(' ').collect::<Vec<_>>()).as_deref() {
        Some(["end"]) => {
            let products: Option<Vec<i64>> = lines.map(|line| line.parse().ok()).collect();
            let whole = products.filter(|products| products.len() == 1 << (2 * bits));
            whole.ok_or_else(|| stopped("gives no number"))
        }
        Some(["stopped", "alarm", a, b]) => {
            Err(stopped(&format!("does not return within {SECONDS} s: it is at {a} * {b}")))
        }
        Some(["stopped", signal, a, b]) => Err(stopped(&format!("crashes at {a} * {b}: {}", signal.replace('-', " ")))),
        Some(["differs", a, b, first, second]) => Err(problem(
            format!("`{function}` is not deterministic: {a} * {b} is {first} and then {second}"),
            "have it depend on nothing but its operands",
        )),
        _ => Err(stopped("ends the program")),
    }
}
