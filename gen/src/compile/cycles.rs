//! How long a program takes: the clock cycles of every instruction, exactly.

use logloom_hdl::control::isa::{Gemm, Instruction, Passes, Softmax};
use logloom_hdl::control::timing;
use logloom_hdl::design::Design;

/// Clock cycles that the register CYCLES counts for an instruction that is legal on `design`.
///
/// | instruction | cycles |
/// |---|---|
/// | GEMM | fetch + load + sum over tiles of max(vectors, load) + drain + 1, load = [`timing::least_slot`] |
/// | SOFTMAX | fetch + passes * (samples * ceil(classes / lanes) + drain) + 1, lanes = C or 1 |
/// | HALT | fetch |
pub fn cycles(instruction: &Instruction, design: &Design) -> u64 {
    let fetch = u64::from(timing::FETCH);
    match instruction {
        Instruction::Gemm(gemm) => fetch + gemm_slots(gemm, design) + u64::from(timing::gemm_drain(design)) + 1,
        Instruction::Softmax(softmax) => fetch + softmax_passes(softmax, design) + 1,
        Instruction::Halt => fetch,
    }
}

/// Clock cycles of a program that runs to its end.
pub fn program_cycles(program: &[Instruction], design: &Design) -> u64 {
    program.iter().map(|instruction| cycles(instruction, design)).sum()
}

/// Cycles in which a moving vector enters the array: one per vector and tile.
pub fn busy_cycles(gemm: &Gemm, design: &Design) -> u64 {
    u64::from(gemm.m) * tiles(gemm, design)
}

/// Tiles of the stationary matrix.
fn tiles(gemm: &Gemm, design: &Design) -> u64 {
    u64::from(gemm.k).div_ceil(design.rows.into()) * u64::from(gemm.n).div_ceil(design.columns.into())
}

/// The first tile's load, then for each tile its vectors, but at least the load of the tile after it.
fn gemm_slots(gemm: &Gemm, design: &Design) -> u64 {
    let load = u64::from(timing::least_slot(design));
    let (m, block) = (u64::from(gemm.m), u64::from(gemm.block));
    let rest = m % block;
    let column = (m / block) * block.max(load) + if rest == 0 { 0 } else { rest.max(load) };
    load + tiles(gemm, design) * column
}

fn softmax_passes(softmax: &Softmax, design: &Design) -> u64 {
    let passes = match softmax.passes {
        Passes::Argmax => 1,
        Passes::LogSum => 2,
        Passes::Loss => 3,
        Passes::Gradient => 4,
    };
    let groups = u64::from(softmax.n).div_ceil(design.loss_lanes().into());
    passes * (u64::from(softmax.m) * groups + u64::from(timing::softmax_drain(design)))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{compiled, mitchell, task};
    use super::super::{Compiled, Mode};
    use super::*;
    use crate::train::driver::Driver;
    use logloom_hdl::accelerator::accelerator;
    use logloom_hdl::design::{Interconnect, SoftmaxLanes};
    use logloom_hdl::host::map::{Register, control};
    use logloom_sim::target::Target;
    use logloom_sim::target::simulation::{Settings, Simulation};
    use proptest::prelude::*;

    fn simulation(design: &Design) -> Simulation {
        Simulation::new(&accelerator(design, 0).unwrap(), &Settings::default()).unwrap()
    }

    fn register(target: &mut dyn Target, register: Register) -> u32 {
        let mut value = [0];
        target.read(register.address(), &mut value).unwrap();
        value[0]
    }

    /// CYCLES and BUSY of each instruction of a training step, simulated.
    fn simulated(compiled: &Compiled, samples: u32) -> Vec<(Instruction, u64, u64)> {
        let mut target = simulation(compiled.design());
        let mut driver = Driver::new(&mut target, compiled).unwrap();
        let (_, program) = driver.begin(Mode::Train { halvings: 0 }, samples, 1).unwrap();
        program
            .into_iter()
            .map(|instruction| {
                driver.target().write(&[(Register::Control.address(), control::CLEAR)]).unwrap();
                driver.step().unwrap();
                let cycles = register(driver.target(), Register::Cycles);
                (instruction, cycles.into(), register(driver.target(), Register::Busy).into())
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn every_instruction_takes_the_predicted_cycles(
            rows in 1u32..=8,
            columns in 1u32..=8,
            inputs in 1u32..=12,
            hidden in 1u32..=9,
            classes in 2u32..=9,
            batch in 1u32..=8,
            softmax_lanes in prop::sample::select(&[SoftmaxLanes::All, SoftmaxLanes::One][..]),
            interconnect in prop::sample::select(&[Interconnect::Systolic, Interconnect::Broadcast][..]),
        ) {
            let network = [inputs, hidden, classes];
            let compiled = compiled(&network, batch, rows, columns, mitchell(4, 16));
            let design = Design { softmax_lanes, interconnect, ..compiled.design().clone() };
            let compiled = Compiled::new(&task(&network, batch), &design).unwrap();
            for (instruction, simulated, busy) in simulated(&compiled, batch) {
                prop_assert_eq!(cycles(&instruction, compiled.design()), simulated, "{:?}", instruction);
                if let Instruction::Gemm(gemm) = instruction {
                    prop_assert_eq!(busy_cycles(&gemm, compiled.design()), busy, "{:?}", gemm);
                }
            }
        }
    }

    #[test]
    fn a_program_takes_the_sum_of_its_instructions() {
        let compiled = compiled(&[5, 4, 3], 4, 2, 3, mitchell(4, 16));
        let mut target = simulation(compiled.design());
        let mut driver = Driver::new(&mut target, &compiled).unwrap();
        driver.run(Mode::Train { halvings: 0 }, 4, 1).unwrap();
        driver.target().write(&[(Register::Control.address(), control::CLEAR)]).unwrap();
        driver.run(Mode::Train { halvings: 0 }, 4, 1).unwrap();
        let program = compiled.program(Mode::Train { halvings: 0 }, 4).unwrap();
        let simulated = register(driver.target(), Register::Cycles);
        // The driver may clear the counters itself; either way one program was counted.
        assert_eq!(program_cycles(&program, compiled.design()), u64::from(simulated));
    }

    /// Shapes that divide the array, moving length at least R: what an instruction spends besides moving vectors is one
    /// load, the pipeline's depth, and the fetch, whatever its size.
    #[test]
    fn the_array_is_busy_nine_tenths_of_a_gemm_that_is_large_enough() {
        let compiled = compiled(&[64, 32, 10], 16, 8, 8, mitchell(4, 16));
        let design = compiled.design();
        for (m, k, n) in [(8, 64, 64), (16, 64, 32), (64, 16, 32), (64, 64, 64)] {
            let gemm = Gemm { m, k, n, block: m, ..Gemm::default() };
            let (busy, all) = (busy_cycles(&gemm, design), cycles(&Instruction::Gemm(gemm), design));
            let overhead = all - busy;
            assert_eq!(overhead, cycles(&Instruction::Gemm(Gemm { m: 8, k: 8, n: 8, block: 8, ..gemm }), design) - 8);
            assert!(busy * 10 >= all * 9, "{m} x {k} x {n}: busy {busy} of {all} cycles");
        }
    }
}
