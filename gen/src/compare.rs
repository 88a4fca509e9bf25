//! Comparing the targets of a configuration: brings them up, and writes the wave around a difference.

use std::io::BufWriter;
use std::ops::Range;
use std::path::Path;

use anyhow::Result;
use logloom_sim::netlist::Fault;
use logloom_sim::target::Target;
use tempfile::NamedTempFile;

use crate::config::Configuration;
use crate::files;
use crate::run::RunData;
use crate::target::{self, Kind, Options};
use crate::verify::{BisectProgress, BisectReport, Run, VerifyProgress, VerifyReport, bisect, verify};

/// What to compare, and how far.
#[derive(Clone, Debug)]
pub struct Comparison<'a> {
    /// Two or more; the first is the reference.
    pub targets: &'a [Kind],
    /// Training steps.
    pub steps: u64,
    /// Defects that the simulation is to have: a comparison that cannot fail proves nothing.
    pub faults: &'a [Fault],
    /// Where the wave around a difference of the simulation goes (VCD).
    pub wave: &'a Path,
}

/// Cycles that the wave shows before and after the instruction that made the difference.
const MARGIN: u64 = 20;

/// The report, and whether a wave was written.
///
/// # Errors
/// A target cannot be brought up, or fails; or the wave cannot be written, or would replace a foreign file.
pub fn compare(
    configuration: &Configuration,
    data: &RunData,
    comparison: &Comparison<'_>,
    observe: &mut dyn FnMut(VerifyProgress),
) -> Result<(VerifyReport, bool)> {
    let (report, culprit) = once(configuration, data, comparison, comparison.targets, None, observe)?;
    let Some((Kind::Sim, start, end)) = culprit else {
        return Ok((report, false));
    };
    // A second run, as the waves of a whole run would be too large to keep. It is the same in every cycle. The other targets
    // are not needed for it, and a board would no more be as it powers up.
    let window = start.saturating_sub(MARGIN)..end + MARGIN;
    let file = NamedTempFile::new()?;
    once(configuration, data, comparison, &[Kind::Model, Kind::Sim], Some((window, &file)), observe)?;
    files::replace(comparison.wave, &std::fs::read(file.path())?, is_wave)?;
    Ok((report, true))
}

/// Whether a file begins like a wave of the simulation.
fn is_wave(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&head[..head.len().min(64)]).into_owned();
    let mut words = head.split_whitespace();
    words.next() == Some("$version") && words.next() == Some("logloom")
}

/// The target that differs, with its clock before and after the instruction.
type Culprit = (Kind, u64, u64);

/// Compares fresh targets. With a window of cycles and a file, the simulation writes its wave.
fn once(
    configuration: &Configuration,
    data: &RunData,
    comparison: &Comparison<'_>,
    targets: &[Kind],
    wave: Option<(Range<u64>, &NamedTempFile)>,
    observe: &mut dyn FnMut(VerifyProgress),
) -> Result<(VerifyReport, Option<Culprit>)> {
    let mut opened: Vec<Box<dyn Target>> = Vec::new();
    for kind in targets {
        let record = match (&wave, kind) {
            (Some((window, file)), Kind::Sim) => {
                let out: Box<dyn std::io::Write + Send> = Box::new(BufWriter::new(file.reopen()?));
                Some((window.clone(), out))
            }
            _ => None,
        };
        let options = Options { faults: comparison.faults.to_vec(), record };
        opened.push(target::open_with(kind, configuration, options)?);
    }
    let report = verify(&mut opened, &run(configuration, data), comparison.steps, observe)?;
    let culprit = report.first_difference.as_ref().and_then(|difference| {
        let at = opened.iter().position(|target| target.name() == difference.target)?;
        let (start, end) = difference.cycles?;
        Some((targets[at].clone(), start, end))
    });
    Ok((report, culprit))
}

/// Where the second target parts from the first, within so many training steps.
///
/// # Errors
/// A target cannot be brought up, or fails.
pub fn search(
    configuration: &Configuration,
    data: &RunData,
    [against, target]: [&Kind; 2],
    steps: u64,
    observe: &mut dyn FnMut(BisectProgress),
) -> Result<BisectReport> {
    let mut targets = [target::open(against, configuration)?, target::open(target, configuration)?];
    bisect(&mut targets, &run(configuration, data), steps, observe)
}

fn run<'a>(configuration: &'a Configuration, data: &'a RunData) -> Run<'a> {
    let seed = u64::from(configuration.training.seed);
    Run { compiled: &configuration.compiled, training: &data.training, seed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::{Difference, Finding};
    use logloom_hdl::accelerator::accelerator;
    use logloom_sim::netlist::{FaultKind, Simulator};

    fn tiny() -> (Configuration, RunData) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/tiny.toml");
        let configuration = Configuration::load(&path, &[]).unwrap();
        let data = RunData::load(&configuration).unwrap();
        (configuration, data)
    }

    fn with_faults(faults: &[Fault], wave: &Path) -> Result<(VerifyReport, bool)> {
        let (configuration, data) = tiny();
        let targets = &[Kind::Model, Kind::Sim];
        compare(&configuration, &data, &Comparison { targets, steps: 2, faults, wave }, &mut |_| {})
    }

    #[test]
    fn a_sound_simulation_is_equal_and_leaves_no_wave() {
        let folder = tempfile::tempdir().unwrap();
        let wave = folder.path().join("x.vcd");
        let (report, written) = with_faults(&[], &wave).unwrap();
        assert!(report.equal && !written && !wave.exists());
        assert_eq!((report.steps, report.instructions), (2, 14));
    }

    #[test]
    fn one_wrong_bit_is_found_and_its_wave_written() {
        let folder = tempfile::tempdir().unwrap();
        let wave = folder.path().join("x.vcd");
        let top = accelerator(tiny().0.design(), 0).unwrap();
        let simulator = Simulator::new(&top).unwrap();
        let (_, path) = simulator.signals().find(|(_, path)| path.ends_with(".sum_q")).unwrap();
        let fault = Fault { path: path.into(), bit: 3, kind: FaultKind::StuckAt1 };
        let (report, written) = with_faults(std::slice::from_ref(&fault), &wave).unwrap();
        assert!(!report.equal && written);
        let difference = report.first_difference.unwrap();
        let (start, end) = difference.cycles.unwrap();
        assert!(difference.instruction.is_some() && start < end);
        let text = std::fs::read_to_string(&wave).unwrap();
        assert!(is_wave(text.as_bytes()) && text.contains("sum_q"), "{}", &text[..text.len().min(2000)]);
        // An own wave may be replaced, another file may not.
        assert!(with_faults(std::slice::from_ref(&fault), &wave).unwrap().1);
        std::fs::write(&wave, "mine").unwrap();
        let error = with_faults(&[fault], &wave).unwrap_err().to_string();
        assert!(error.contains("was not written by Logloom"), "{error}");
        assert_eq!(std::fs::read_to_string(&wave).unwrap(), "mine");
    }

    /// The simulation with a defect: as for a board, whose memories of results the defect may reach before the run begins.
    #[test]
    fn a_search_finds_what_verify_finds() {
        let (configuration, data) = tiny();
        let folder = tempfile::tempdir().unwrap();
        let top = accelerator(configuration.design(), 0).unwrap();
        let simulator = Simulator::new(&top).unwrap();
        let mut alike = 0;
        for (unit, signal, bit, kind) in [
            ("u_pe", ".sum_q", 3, FaultKind::StuckAt1),
            ("u_pe", ".moving_q", 0, FaultKind::StuckAt1),
            ("u_pe", ".stationary_q", 1, FaultKind::StuckAt0),
            ("u_requantise", ".value_q", 2, FaultKind::StuckAt1),
        ] {
            let signals = &mut simulator.signals();
            let Some((_, path)) = signals.find(|(_, path)| path.contains(unit) && path.ends_with(signal)) else {
                panic!("{unit}{signal}")
            };
            let fault = Fault { path: path.into(), bit, kind };
            let (verified, _) = with_faults(std::slice::from_ref(&fault), &folder.path().join("x.vcd")).unwrap();
            let options = Options { faults: vec![fault], record: None };
            let sim = target::open_with(&Kind::Sim, &configuration, options).unwrap();
            let mut targets = [target::open(&Kind::Model, &configuration).unwrap(), sim];
            let searched = bisect(&mut targets, &run(&configuration, &data), 2, &mut |_| {}).unwrap();
            assert_eq!(searched.finding, Finding::Part, "{path}");
            let (verified, searched) = (verified.first_difference.unwrap(), searched.difference.unwrap());
            assert!(searched.instruction.is_some(), "{path}");
            // Where `verify` tells of what rests in the accumulators, a search goes on. The clock has counted on from run to run.
            if verified.instruction.is_some() {
                assert_eq!(searched, Difference { cycles: searched.cycles, ..verified }, "{path}");
                alike += 1;
            }
        }
        assert!(alike >= 3, "{alike}");
    }
}
