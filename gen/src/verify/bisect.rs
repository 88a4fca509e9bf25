//! The first instruction after which two targets differ, with few comparisons: reading all memories of a board over a serial
//! line takes longer than many steps of training.
//!
//! Both run from the same initial state to a point between two instructions, and are compared there; where they differ, the next
//! point is earlier, else later. So a difference must last until the next point to be seen: one that later instructions overwrite
//! without a trace is seen by [`verify`](super::verify()) alone.
//!
//! **The initial state** is the one of [`verify`](super::verify()): all memories 0, then the weights of the run. The host writes them all anew
//! for each run. The memories that only programs write (accumulators, and what SOFTMAX leaves for each sample) are cleared by
//! instructions, which may go wrong on the target that is searched: what rests there is compared once the run has changed it.
//!
//! **To be sure**, the run to the difference is repeated, and the states before and after it must come out as they did: a target
//! that does something else each time would mislead the search.

use anyhow::{Result, ensure};
use logloom_sim::target::Target;
use serde::Serialize;

use super::difference::{Difference, Moment, State, Word, first_difference};
use super::lockstep::{Cycles, Lockstep, Run};

/// What a search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// After all steps, the targets hold the same.
    Equal,
    /// One instruction makes different results of equal states, each time.
    Part,
    /// The instructions of one step do when they run without a pause, as in training, but not one at a time.
    PartWithoutPause,
    /// A target holds something else after the same run.
    NotDeterministic,
}

/// The outcome of a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BisectReport {
    /// Names; the first is the reference.
    pub targets: Vec<String>,
    /// Training steps that were searched.
    pub steps: u64,
    /// Runs from the initial state.
    pub runs: u64,
    /// Comparisons of all memories.
    pub comparisons: u64,
    pub finding: Finding,
    /// Where the targets part; or a target from what it held before, if it is not deterministic.
    pub difference: Option<Difference>,
}

impl BisectReport {
    /// In words.
    pub fn verdict(&self) -> String {
        let Some(difference) = &self.difference else {
            return format!("equal in every word after {} steps", self.steps);
        };
        match self.finding {
            Finding::NotDeterministic => {
                let Difference { target, expected, found, .. } = difference;
                let (moment, place) = (difference.moment(), difference.place());
                format!(
                    "NOT DETERMINISTIC: {moment}: {place} is {found:#x} on {target}, and was {expected:#x} when the same was \
                     run before"
                )
            }
            Finding::PartWithoutPause => format!(
                "DIFFERENT when the instructions of the step follow each other without a pause, equal one at a time: {difference}"
            ),
            Finding::Equal | Finding::Part => format!("DIFFERENT: {difference}"),
        }
    }
}

/// How far a search is, for a progress display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BisectProgress {
    pub comparisons: u64,
    /// Of which there will be no more than these.
    pub most_comparisons: u64,
    /// Completed steps of the present run, of how many.
    pub step: u64,
    pub steps: u64,
}

/// A bound on the comparisons of a search through so many steps: the start and the end of the first run; the halving of steps;
/// the last step one instruction at a time; the halving of its instructions; the states beside the difference once more.
pub fn most_comparisons(steps: u64, instructions_per_step: u64) -> u64 {
    let halvings = |points: u64| u64::from(points.next_power_of_two().trailing_zeros());
    2 + halvings(steps) + 1 + halvings(instructions_per_step + 1) + 2
}

/// Finds where two targets part in the first `steps` training steps; the first target is the reference.
///
/// # Errors
/// If a target fails, or both stop with the same error.
pub fn bisect(
    targets: &mut [Box<dyn Target>; 2],
    run: &Run<'_>,
    steps: u64,
    observe: &mut dyn FnMut(BisectProgress),
) -> Result<BisectReport> {
    ensure!(steps > 0, "a search takes at least one step");
    let names = targets.each_ref().map(|target| target.name().to_string());
    let instructions = run.instructions(0)?.len() as u32;
    let most_comparisons = most_comparisons(steps, instructions.into());
    let progress = BisectProgress { comparisons: 0, most_comparisons, step: 0, steps };
    let mut search = Search { run: *run, instructions, progress, observe, runs: 0, initial: None };
    let (finding, found) = search.find(targets)?;
    let (runs, comparisons) = (search.runs, search.progress.comparisons);
    let difference = found.map(|found| found.described(&names, run)).transpose()?;
    Ok(BisectReport { targets: names.into(), steps, runs, comparisons, finding, difference })
}

/// A moment between two instructions.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Point {
    /// Steps that were run, each without a pause.
    steps: u64,
    /// Instructions of the next one that were run one at a time once the host had begun it; none if it has not.
    within: Option<u32>,
}

impl Point {
    const START: Point = Point { steps: 0, within: Some(0) };

    const fn after(steps: u64) -> Point {
        Point { steps, within: None }
    }
}

/// Both targets at a point.
struct Probe {
    point: Point,
    states: Vec<State>,
    differ: bool,
}

/// A word that differs, and when.
struct Found {
    word: Word,
    point: Point,
    cycles: Cycles,
}

impl Found {
    fn described(&self, names: &[String; 2], run: &Run<'_>) -> Result<Difference> {
        let Point { steps, within } = self.point;
        // After a whole step is after its last instruction.
        let step = if within.is_some() { steps } else { steps - 1 };
        let program = run.instructions(step)?;
        let executed = within.map_or(program.len(), |instructions| instructions as usize);
        let instruction = executed.checked_sub(1).map(|last| (last as u32, &program[last]));
        let name = &names[self.word.target];
        Ok(Difference::new(&self.word, name, &Moment { step, instruction }, self.cycles, run.compiled))
    }
}

struct Search<'s> {
    run: Run<'s>,
    /// In each step.
    instructions: u32,
    progress: BisectProgress,
    observe: &'s mut dyn FnMut(BisectProgress),
    runs: u64,
    /// What the first run began in.
    initial: Option<Vec<State>>,
}

type Targets = [Box<dyn Target>; 2];

impl<'s> Search<'s> {
    fn find(&mut self, targets: &mut Targets) -> Result<(Finding, Option<Found>)> {
        let mut equal = self.probe(targets, Point::START)?;
        if equal.differ {
            return self.confirm(targets, None, &equal, Finding::Part);
        }
        let mut different = self.probe(targets, Point::after(self.progress.steps))?;
        if !different.differ {
            return Ok((Finding::Equal, None));
        }
        while different.point.steps - equal.point.steps > 1 {
            let middle = equal.point.steps.midpoint(different.point.steps);
            self.narrow(targets, &mut equal, &mut different, Point::after(middle))?;
        }
        let steps = equal.point.steps;
        let within = |instructions: u32| Point { steps, within: Some(instructions) };
        let paused = self.probe(targets, within(self.instructions))?;
        if !paused.differ {
            // Twice in a row: that pauses help is not to be a matter of chance.
            if let Some(word) = changed(&paused.states, &self.probe(targets, paused.point)?.states) {
                return Ok((Finding::NotDeterministic, Some(Found { word, point: paused.point, cycles: None })));
            }
            return self.confirm(targets, Some(&equal), &different, Finding::PartWithoutPause);
        }
        different = paused;
        // The points of a step are those after 0, 1, ... instructions; -1 stands for the end of the step before.
        let index = |probe: &Probe| probe.point.within.map_or(-1, i64::from);
        while index(&different) - index(&equal) > 1 {
            // Rounded towards 0, so never -1.
            let middle = index(&equal).midpoint(index(&different));
            self.narrow(targets, &mut equal, &mut different, within(middle as u32))?;
        }
        self.confirm(targets, Some(&equal), &different, Finding::Part)
    }

    /// Puts the middle in the place of that one of the two which it is like.
    fn narrow(&mut self, targets: &mut Targets, equal: &mut Probe, different: &mut Probe, middle: Point) -> Result<()> {
        let probe = self.probe(targets, middle)?;
        let place = if probe.differ { different } else { equal };
        *place = probe;
        Ok(())
    }

    /// Runs to a point, and compares.
    fn probe(&mut self, targets: &mut Targets, point: Point) -> Result<Probe> {
        let mut lockstep = self.run_to(targets, point)?;
        let states = self.read(&mut lockstep)?;
        let differ = self.first(&states).is_some();
        if !differ {
            lockstep.check()?;
        }
        Ok(Probe { point, states, differ })
    }

    /// Runs once more to the state before the difference and over it. Both states must come out as they did before: else the
    /// search was misled, and what it found is that a target is not deterministic.
    fn confirm(
        &mut self,
        targets: &mut Targets,
        before: Option<&Probe>,
        after: &Probe,
        finding: Finding,
    ) -> Result<(Finding, Option<Found>)> {
        let not_deterministic = |found| Ok((Finding::NotDeterministic, Some(found)));
        let mut lockstep = self.run_to(targets, before.map_or(after.point, |before| before.point))?;
        let mut clocks = lockstep.clocks();
        if let Some(before) = before {
            if let Some(word) = changed(&before.states, &self.read(&mut lockstep)?) {
                return not_deterministic(Found { word, point: before.point, cycles: None });
            }
            if before.point.within.is_none() {
                lockstep.begin(before.point.steps)?;
            }
            clocks = match after.point.within {
                None => lockstep.finish()?,
                Some(0) => lockstep.clocks(),
                Some(_) => lockstep.advance()?,
            };
        }
        let states = self.read(&mut lockstep)?;
        if let Some(word) = changed(&after.states, &states) {
            return not_deterministic(Found { word, point: after.point, cycles: None });
        }
        let found = self.first(&states).map(|word| Found { cycles: clocks[word.target], word, point: after.point });
        Ok((finding, found))
    }

    fn run_to<'t>(&mut self, targets: &'t mut Targets, point: Point) -> Result<Lockstep<'t>>
    where
        's: 't,
    {
        let mut lockstep = self.run.restart(targets)?;
        self.runs += 1;
        self.progress.step = 0;
        for step in 0..point.steps {
            (self.observe)(self.progress);
            lockstep.begin(step)?;
            lockstep.finish()?;
            self.progress.step += 1;
        }
        (self.observe)(self.progress);
        if let Some(instructions) = point.within {
            lockstep.begin(point.steps)?;
            for _ in 0..instructions {
                lockstep.advance()?;
            }
        }
        Ok(lockstep)
    }

    fn read(&mut self, lockstep: &mut Lockstep<'_>) -> Result<Vec<State>> {
        let mut states = vec![State::new(self.run.compiled.design()); 2];
        lockstep.read(&mut states)?;
        self.progress.comparisons += 1;
        (self.observe)(self.progress);
        if self.initial.is_none() {
            self.initial = Some(states.clone());
        }
        Ok(states)
    }

    fn first(&self, states: &[State]) -> Option<Word> {
        first_difference(states, self.initial.as_deref())
    }
}

/// The first word of a target that came out otherwise than before.
fn changed(before: &[State], now: &[State]) -> Option<Word> {
    before.iter().zip(now).enumerate().find_map(|(target, (before, now))| {
        let word = first_difference(&[before.clone(), now.clone()], None)?;
        Some(Word { target, ..word })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::faulty::{Fault, Faulty, Kind, model, network, run};
    use crate::verify::verify;
    use logloom_hdl::host::map::{self, Region, Register};

    const STEPS: u64 = 11;
    /// Of a step of the network.
    const INSTRUCTIONS: u32 = 7;

    fn search(fault: Fault) -> BisectReport {
        let (compiled, samples) = network();
        let mut targets = [model(&compiled), Box::new(Faulty::new(&compiled, fault)) as Box<dyn Target>];
        bisect(&mut targets, &run(&compiled, &samples), STEPS, &mut |_| ()).unwrap()
    }

    /// Without the cycles, which count from power-up.
    fn verified(fault: Fault) -> Option<Difference> {
        let (compiled, samples) = network();
        let mut targets = [model(&compiled), Box::new(Faulty::new(&compiled, fault)) as Box<dyn Target>];
        let report = verify(&mut targets, &run(&compiled, &samples), STEPS, &mut |_| ()).unwrap();
        report.first_difference.map(|difference| Difference { cycles: None, ..difference })
    }

    fn always(_: u64) -> bool {
        true
    }

    /// Finds what `verify` finds, with few comparisons.
    fn assert_found(fault: Fault) -> Difference {
        let report = search(fault);
        let place = format!("step {}, {} instructions", fault.step, fault.executed);
        assert_eq!(report.finding, Finding::Part, "{place}");
        // 2 for both ends, 4 for 11 steps, 1 for the step with pauses, 3 for the 8 points within it, 2 to be sure.
        assert!(report.comparisons <= 12, "{place}: {} comparisons", report.comparisons);
        let difference = report.difference.unwrap();
        let cycles = difference.cycles.unwrap();
        assert_eq!(cycles.1 - cycles.0, u64::from(difference.instruction.is_some()), "{place}");
        assert_eq!(Some(Difference { cycles: None, ..difference.clone() }), verified(fault), "{place}");
        difference
    }

    #[test]
    fn a_word_that_reads_wrongly_is_found_from_its_moment_on() {
        let (compiled, _) = network();
        for step in 0..STEPS {
            for executed in 0..=INSTRUCTIONS {
                let region = Region::ALL[(step as usize + 3 * executed as usize) % Region::ALL.len()];
                let word = match region {
                    Region::Registers => Register::Loss.number(),
                    _ => (step as u32 * 31 + executed) % region.words(compiled.design()),
                };
                // Rests are compared from the first instruction on: `before_the_first_instruction` tells.
                let executed = if (step, executed) == (0, 0) { 1 } else { executed };
                let address = map::address(region, word);
                let difference =
                    assert_found(Fault { kind: Kind::Reads, step, executed, address, flip: 4, in_runs: always });
                assert_eq!((difference.step, difference.instruction), (step, executed.checked_sub(1)));
                assert_eq!((difference.memory.as_str(), difference.address), (region.name(), word));
                assert_eq!(difference.expected ^ difference.found, 4);
            }
        }
    }

    #[test]
    fn a_word_that_was_changed_is_found_where_it_was() {
        let (compiled, _) = network();
        let matrix = &compiled.plan().weight.matrices[0];
        for step in 0..STEPS {
            for executed in 1..=INSTRUCTIONS {
                let word = matrix.word(compiled.plan().banks, (step % 4) as u32, executed % 5);
                let address = map::address(Region::Weight, word);
                let fault = Fault { kind: Kind::Changes, step, executed, address, flip: 0x400, in_runs: always };
                let difference = assert_found(fault);
                assert_eq!((difference.step, difference.instruction), (step, executed.checked_sub(1)));
                assert_eq!((difference.memory.as_str(), difference.address), ("weight", word));
            }
        }
    }

    #[test]
    fn before_the_first_instruction() {
        let address = map::address(Region::Label, 1);
        let fault = Fault { kind: Kind::Reads, step: 0, executed: 0, address, flip: 1, in_runs: always };
        let difference = assert_found(fault);
        assert_eq!((difference.step, difference.instruction), (0, None));
        let report = search(fault);
        assert_eq!((report.runs, report.comparisons), (2, 2));
        // What rests in a memory of results is no difference, until a program writes there.
        let rest = Fault { address: map::address(Region::Maximum, 0), ..fault };
        assert_eq!(verified(rest).unwrap().instruction, None);
        let difference = search(rest).difference.unwrap();
        assert_eq!((difference.step, difference.disassembly.split(' ').next()), (0, Some("softmax")));
    }

    #[test]
    fn equal_targets_take_two_comparisons() {
        let (compiled, samples) = network();
        let mut seen = Vec::new();
        let report =
            bisect(&mut [model(&compiled), model(&compiled)], &run(&compiled, &samples), STEPS, &mut |progress| {
                seen.push(progress)
            });
        let report = report.unwrap();
        assert_eq!((report.finding, report.difference), (Finding::Equal, None));
        assert_eq!((report.runs, report.comparisons), (2, 2));
        let last = seen.last().unwrap();
        assert_eq!((last.step, last.steps, last.comparisons, last.most_comparisons), (STEPS, STEPS, 2, 12));
    }

    #[test]
    fn findings_have_names_for_machines() {
        let all = [Finding::Equal, Finding::Part, Finding::PartWithoutPause, Finding::NotDeterministic];
        let names = serde_json::to_value(all).unwrap();
        assert_eq!(names, serde_json::json!(["equal", "part", "part-without-pause", "not-deterministic"]));
    }

    #[test]
    fn the_bound_grows_with_the_logarithm() {
        assert_eq!(most_comparisons(1, 7), 2 + 1 + 3 + 2);
        assert_eq!(most_comparisons(1024, 7), most_comparisons(1, 7) + 10);
        assert_eq!(most_comparisons(1025, 8), most_comparisons(1, 7) + 11 + 1);
    }

    /// A hazard between instructions, which `verify` cannot see.
    #[test]
    fn what_goes_wrong_only_without_pauses_is_told_apart() {
        let address = map::address(Region::Weight, 2);
        for step in 0..STEPS {
            let fault = Fault { kind: Kind::ChangesUnpaused, step, executed: 3, address, flip: 0x400, in_runs: always };
            assert_eq!(verified(fault), None);
            let report = search(fault);
            assert_eq!(report.finding, Finding::PartWithoutPause);
            let verdict = report.verdict();
            let difference = report.difference.unwrap();
            assert_eq!((difference.step, difference.instruction), (step, Some(INSTRUCTIONS - 1)));
            assert!(report.comparisons <= 12);
            assert!(
                verdict.contains(&format!("equal one at a time: step {step}, after instruction 6 (halt): ")),
                "{verdict}"
            );
        }
    }

    #[test]
    fn a_target_that_changes_its_mind_is_not_deterministic() {
        let address = map::address(Region::Weight, 2);
        let in_runs: [fn(u64) -> bool; 6] = [
            |run| run == 1,
            |run| run % 2 == 1,
            |run| run >= 2,
            |run| run % 3 == 1,
            |run| run < 4,
            |run| run.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 63 == 0 && run != 0 || run == 1,
        ];
        let (mut recognised, mut searches) = (0, 0);
        for in_runs in in_runs {
            for kind in [Kind::Reads, Kind::Changes] {
                for step in 0..STEPS {
                    let fault = Fault { kind, step, executed: 3, address, flip: 0x400, in_runs };
                    let report = search(fault);
                    let Some(difference) = report.difference else {
                        // It was right in the one run to the end that decides.
                        assert!(report.finding == Finding::Equal && !in_runs(1));
                        continue;
                    };
                    // It is recognised, or has been wrong in all the runs that led to the right place.
                    match report.finding {
                        Finding::NotDeterministic => {
                            assert_eq!((difference.target.as_str(), difference.cycles), ("faulty", None));
                            recognised += 1;
                        }
                        Finding::Part => assert_eq!((difference.step, difference.instruction), (step, Some(2))),
                        Finding::PartWithoutPause => assert_eq!(difference.step, step),
                        Finding::Equal => panic!("equal, with a difference"),
                    }
                    searches += 1;
                }
            }
        }
        assert!(10 * recognised > 9 * searches, "{recognised} of {searches}");
        let once = Fault { kind: Kind::Changes, step: 5, executed: 3, address, flip: 0x400, in_runs: |run| run == 1 };
        let report = search(once);
        assert_eq!(report.finding, Finding::NotDeterministic);
        let verdict = report.verdict();
        assert!(
            verdict.starts_with("NOT DETERMINISTIC: step 10, ") && verdict.contains(" on faulty, and was "),
            "{verdict}"
        );
    }
}
