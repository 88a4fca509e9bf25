//! Comparison of targets that train side by side: every word of every memory after every instruction ([`verify`]), or as few
//! comparisons as find where they part ([`bisect`]).

mod bisect;
mod difference;
#[cfg(test)]
mod faulty;
mod lockstep;

use anyhow::{Result, ensure};
use logloom_sim::target::Target;
use serde::Serialize;

pub use bisect::{BisectProgress, BisectReport, Finding, bisect, most_comparisons};
pub use difference::Difference;
use difference::{Moment, State, first_difference};
pub use lockstep::Run;

use crate::train::checkpoint::{Checkpoint, state_digest};

/// The outcome of a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Names; the first is the reference.
    pub targets: Vec<String>,
    /// Training steps that were completed on all targets.
    pub steps: u64,
    /// Instructions after which all words were compared.
    pub instructions: u64,
    /// Pairs of words that were compared, the registers included.
    pub words_compared: u64,
    pub equal: bool,
    /// Of the reference at the end; see [`TrainResult`](crate::train::session::TrainResult).
    pub state_sha256: String,
    pub first_difference: Option<Difference>,
}

/// How far a comparison is, for a progress display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Completed steps.
    pub step: u64,
    pub steps: u64,
    /// Instructions of this step that were compared, of how many.
    pub instruction: u32,
    pub instructions: u32,
}

/// Runs the first `steps` training steps on all targets, one instruction at a time, and compares every word of every memory and
/// of the registers that do not count time before the first instruction of a step and after each one. Stops at the first
/// difference, which is a result, not an error.
///
/// A board that has run before is cleared first: what a memory holds beside the network is compared as well.
///
/// # Errors
/// If there are fewer than two targets, or one fails, or all stop with the same error.
pub fn verify(
    targets: &mut [Box<dyn Target>],
    run: &Run<'_>,
    steps: u64,
    observe: &mut dyn FnMut(VerifyProgress),
) -> Result<VerifyReport> {
    ensure!(targets.len() >= 2, "a comparison takes two targets, {} given; name another with --targets", targets.len());
    let names: Vec<String> = targets.iter().map(|target| target.name().to_string()).collect();
    let design = run.compiled.design();
    let mut lockstep = run.start(targets)?;
    let mut states: Vec<State> = names.iter().map(|_| State::new(design)).collect();
    let pairs = State::words(design) * (names.len() - 1) as u64;
    let (mut done, mut compared, mut words_compared, mut first) = (0, 0, 0, None);
    'steps: while done < steps {
        let instructions = lockstep.begin(done)?;
        // One comparison of what the host wrote, then one after each instruction.
        for index in 0..=instructions.len() {
            let before = index.checked_sub(1);
            let clocks = if before.is_some() { lockstep.advance()? } else { lockstep.clocks() };
            lockstep.read(&mut states)?;
            words_compared += pairs;
            if let Some(word) = first_difference(&states, None) {
                let moment = Moment { step: done, instruction: before.map(|i| (i as u32, &instructions[i])) };
                let name = &names[word.target];
                first = Some(Difference::new(&word, name, &moment, clocks[word.target], run.compiled));
                break 'steps;
            }
            compared += u64::from(before.is_some());
            lockstep.check()?;
            let (instruction, instructions) = (index as u32, instructions.len() as u32);
            observe(VerifyProgress { step: done, steps, instruction, instructions });
        }
        done += 1;
    }
    let layers = lockstep.reference().read_weights()?;
    Ok(VerifyReport {
        steps: done,
        instructions: compared,
        words_compared,
        equal: first.is_none(),
        state_sha256: state_digest(&Checkpoint { layers, ..Checkpoint::default() }),
        first_difference: first,
        targets: names,
    })
}

#[cfg(test)]
mod tests {
    use super::faulty::{Fault, Faulty, Kind, model, network, run};
    use super::lockstep::clear;
    use super::*;
    use crate::train::session::{self, Settings};
    use logloom_hdl::host::map::{self, Region, Register};
    use logloom_sim::model::Model;
    use std::ops::ControlFlow;

    /// One word reads wrongly once a number of instructions was right.
    fn with_fault(address: u32, flip: u32, right: u32) -> VerifyReport {
        let (compiled, samples) = network();
        // Seven instructions are a step.
        let (step, executed) = (u64::from(right / 7), right % 7);
        let fault = Fault { kind: Kind::Reads, step, executed, address, flip, in_runs: |_| true };
        let mut targets = [model(&compiled), model(&compiled), Box::new(Faulty::new(&compiled, fault))];
        verify(&mut targets, &run(&compiled, &samples), 4, &mut |_| ()).unwrap()
    }

    #[test]
    fn equal_targets_are_equal_and_train() {
        let (compiled, samples) = network();
        let mut targets = [model(&compiled), model(&compiled)];
        let mut seen = Vec::new();
        let report = verify(&mut targets, &run(&compiled, &samples), 3, &mut |progress| seen.push(progress)).unwrap();
        assert!(report.equal && report.first_difference.is_none());
        // 3 L + 1 instructions; memories are compared once more per step, before the first.
        assert_eq!((report.steps, report.instructions, seen.len()), (3, 21, 24));
        let memories: u32 = Region::ALL[1..].iter().map(|region| region.words(compiled.design())).sum();
        assert_eq!(report.words_compared, 24 * u64::from(memories + 12));

        // Three steps are an epoch of ten samples in batches of four: the weights are those of a training run.
        let settings = Settings { epochs: 1, seed: 1, checkpoint: None };
        let mut other = Model::new(compiled.design(), 0).unwrap();
        let observe = &mut |_: &session::Progress<'_>| ControlFlow::Continue(());
        let trained = session::train(&mut other, &compiled, &samples, &samples, &settings, None, observe).unwrap();
        assert_eq!(report.state_sha256, trained.state_sha256);
    }

    /// A single wrong bit in any memory is found after exactly the instruction that made it.
    #[test]
    fn a_wrong_bit_is_found_wherever_it_is() {
        let (compiled, _) = network();
        for &region in Region::ALL {
            for word in [0, region.words(compiled.design()) - 1] {
                // ID is not compared.
                let word = if region == Region::Registers && word == 0 { Register::Pc.number() } else { word };
                let report = with_fault(map::address(region, word), 1, 9);
                let difference = report.first_difference.unwrap_or_else(|| panic!("{}", region.name()));
                assert!(!report.equal && report.steps == 1 && report.instructions == 8, "{region:?}");
                assert_eq!((difference.step, difference.instruction), (1, Some(1)));
                assert_eq!((difference.memory.as_str(), difference.address), (region.name(), word));
                assert_eq!(difference.expected ^ difference.found, 1);
                assert_eq!((difference.target.as_str(), difference.cycles), ("faulty", Some((8, 9))));
                assert!(difference.disassembly.starts_with("gemm moving=activation"), "{}", difference.disassembly);
            }
        }
    }

    #[test]
    fn a_difference_before_the_first_instruction_is_told_apart() {
        let report = with_fault(map::address(Region::Label, 2), 4, 0);
        let difference = report.first_difference.unwrap();
        assert_eq!((difference.step, difference.instruction, report.words_compared > 0), (0, None, true));
        assert!(
            difference.to_string().contains("before the first instruction: label word 2 (sample 2)"),
            "{difference}"
        );
    }

    #[test]
    fn the_message_names_the_element() {
        let (compiled, _) = network();
        let weights = &compiled.plan().weight.matrices[1];
        let address = map::address(Region::Weight, weights.word(compiled.plan().banks, 5, 3));
        let difference = with_fault(address, 0x8000, 5).first_difference.unwrap().to_string();
        for part in ["step 0, after instruction 4 (gemm", "dest=weight", "weights 2, row 5, column 3", "cycles 4 to 5"]
        {
            assert!(difference.contains(part), "{part}: {difference}");
        }
    }

    /// A board that has trained is made as it powers up.
    #[test]
    fn a_target_that_has_run_before_is_cleared() {
        let (compiled, samples) = network();
        let mut used = model(&compiled);
        let settings = Settings { epochs: 1, seed: 3, checkpoint: None };
        let observe = &mut |_: &session::Progress<'_>| ControlFlow::Continue(());
        session::train(used.as_mut(), &compiled, &samples, &samples, &settings, None, observe).unwrap();
        let mut targets = [model(&compiled), used];
        assert!(verify(&mut targets, &run(&compiled, &samples), 2, &mut |_| ()).unwrap().equal);
        let [_, mut used] = targets;
        clear(used.as_mut(), compiled.design()).unwrap();
        for &region in &Region::ALL[1..] {
            let mut words = vec![1; region.words(compiled.design()) as usize];
            used.read(map::address(region, 0), &mut words).unwrap();
            assert!(words.iter().all(|&word| word == 0), "{}", region.name());
        }
    }

    /// Time may differ between targets, and registers that are not results.
    #[test]
    fn cycles_and_stalls_are_not_compared() {
        for register in [Register::Cycles, Register::Stall] {
            assert!(with_fault(register.address(), 1, 3).equal);
        }
    }
}
