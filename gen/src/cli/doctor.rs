//! `logloom doctor`.

use clap::Args;
use serde::Serialize;

use super::Outcome;
use super::output::{Output, table};
use crate::flow::doctor::{Checkup, Status, doctor};

/// Show which external tools are there, in which version, and what to do about the rest
#[derive(Args)]
pub struct Arguments {
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    /// Whether every tool that is not optional is ready.
    ready: bool,
    tools: Vec<Checkup>,
}

pub fn run(arguments: &Arguments, output: &mut Output) -> anyhow::Result<Outcome> {
    let tools = doctor();
    let ready = tools.iter().all(|tool| matches!(tool.status, Status::Ready | Status::Optional));
    let outcome = if ready { Outcome::Good } else { Outcome::Failed };
    if arguments.json {
        output.json(&Report { ready, tools })?;
        return Ok(outcome);
    }
    let mut rows = vec![["tool", "status", "version", "for", "program"].map(String::from).to_vec()];
    for tool in &tools {
        let status = match tool.status {
            Status::Ready => "ready",
            Status::Optional => "absent, optional",
            Status::Missing => "missing",
            Status::Broken => "broken",
        };
        rows.push(vec![
            tool.tool.to_string(),
            status.to_string(),
            tool.version.clone().unwrap_or_default(),
            tool.purpose.to_string(),
            tool.program.as_ref().map(|program| program.display().to_string()).unwrap_or_default(),
        ]);
    }
    output.text(&table(&rows, &[]))?;
    for tool in &tools {
        if let Some(cure) = &tool.cure {
            output.line("")?;
            output.line(&format!("{}: {cure}", tool.tool))?;
        }
    }
    Ok(outcome)
}
