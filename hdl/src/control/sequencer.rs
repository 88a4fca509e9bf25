//! Fetches, checks and dispatches instructions.

use super::isa::{self, Field, gemm, softmax};
use crate::design::{Design, Roundings};
use crate::host::map::ErrorCode;
use crate::rtl::{
    Builder, ElaborationError, Expr, Module, Outputs, ReadPort, ReadUnderWrite, WritePort, address_bits, cat, lanes,
    mux, unsigned,
};
use std::sync::Arc;

/// The bits of a field in the instruction register (word 0 lowest).
fn field(instruction: &Expr, field: Field) -> Expr {
    instruction.slice(field.word * 32 + field.low, field.bits)
}

/// The fields of a GEMM as output ports; those that a SOFTMAX has too stand at the same bits.
pub fn operand(out: &Outputs, field: Field) -> Expr {
    out.get(&format!("{}_o", field.name))
}

/// Module `sequencer`: program memory, instruction register, program counter.
///
/// `run_i` or `step_i` (one instruction) start when idle. `gemm_start_o` and `softmax_start_o` last one cycle, the fields (`m_o`,
/// `shift_o`, ...: those of [`gemm`]) hold until the next instruction is fetched; `busy_i` from the cycle after a start until
/// the instruction is done. `error_o` is an error code for one cycle, 0 otherwise; `retired_o` marks a completed instruction.
pub fn sequencer(design: &Design) -> Result<Arc<Module>, ElaborationError> {
    let pc_type = unsigned(address_bits(design.program_depth));
    let program_words = design.program_depth * isa::WORDS as u32;
    let address_type = unsigned(address_bits(program_words));
    let mut m = Builder::new("sequencer", "Fetches instructions, checks them and starts the loops that execute them.");
    let run = m.input("run_i", unsigned(1));
    let step = m.input("step_i", unsigned(1));
    let busy = m.input("busy_i", unsigned(1));
    let pc_write = m.input("pc_write_i", unsigned(1));
    let pc_data = m.input("pc_data_i", pc_type);
    let host_write = m.input("program_write_i", unsigned(1));
    let host_read = m.input("program_read_i", unsigned(1));
    let host_address = m.input("program_address_i", address_type);
    let host_data = m.input("program_data_i", unsigned(32));

    let pc = m.register("pc_q", pc_type);
    let running = m.register("running_q", unsigned(1));
    let stepping = m.register("stepping_q", unsigned(1));
    let fetching = m.register("fetching_q", unsigned(1));
    let word = m.register("word_q", unsigned(isa::WORDS.trailing_zeros()));
    let executing = m.register("executing_q", unsigned(1));

    let go = m.wire("go", run | &step);
    let fetched = m.wire("fetched", fetching.value() & word.value().all());
    let arriving = m.reg("arriving_q", fetching.value());
    let decode = m.delay("decode", &fetched, 3);
    let program_word = m.memory(
        "instructions",
        program_words,
        ReadUnderWrite::Never,
        ReadPort {
            enable: fetching.value() | &host_read,
            address: mux(&host_read, &host_address, &cat(&[pc.value(), word.value()])),
        },
        WritePort { enable: host_write, address: host_address, data: host_data },
    );
    // A register for each word, so that bits without a meaning take none.
    let arriving_word = m.reg("arriving_word_q", word.value());
    let words: Vec<Expr> = (0..isa::WORDS)
        .map(|w| {
            let arrives = &arriving & arriving_word.is(w as i64);
            m.reg_when(&format!("instruction{w}_q"), arrives, &program_word)
        })
        .collect();
    let bits = lanes(&words);

    // What may execute.
    let opcode = m.wire("opcode", field(&bits, isa::OPCODE));
    // It comes in the first word, long before the last one.
    let is_gemm = m.reg("is_gemm_q", opcode.is(gemm::OPCODE.into()));
    let is_softmax = m.reg("is_softmax_q", opcode.is(softmax::OPCODE.into()));
    let is_halt = m.reg("is_halt_q", opcode.is(isa::halt::OPCODE.into()));
    let is_zero = |f: Field| !field(&bits, f).any();
    let above = |f: Field, most: u32| Expr::constant(unsigned(16), most.into()).lt(&field(&bits, f));
    let dimension_bits = design.dimension_bits();
    // No dimension: zero, or more than any memory holds.
    let no_dimension = |f: Field| match 16 - dimension_bits {
        0 => is_zero(f),
        high => is_zero(f) | field(&bits, f).slice(dimension_bits, high).any(),
    };
    let value_is = |f: Field, value: u32| field(&bits, f).is(value.into());
    let moving_is = |memory: isa::Moving| value_is(gemm::MOVING, memory as u32);
    let stationary_is = |memory: isa::Stationary| value_is(gemm::STATIONARY, memory as u32);
    let reads_activation =
        m.wire("reads_activation", moving_is(isa::Moving::Activation) | stationary_is(isa::Stationary::Activation));
    // Gradients may be stored in the moving code alone.
    let no_gradient = stationary_is(isa::Stationary::Gradient);
    let no_gradient = match design.arithmetic.is_symmetric() {
        true => moving_is(isa::Moving::Gradient) & no_gradient,
        false => no_gradient,
    };
    let no_stationary = moving_is(isa::Moving::Activation) & stationary_is(isa::Stationary::Activation) | no_gradient;
    let mut bad_gemm = no_dimension(gemm::M)
        | no_dimension(gemm::K)
        | no_dimension(gemm::N)
        | is_zero(gemm::BLOCK)
        | above(gemm::BLOCK, design.accumulator_depth)
        | value_is(gemm::STATIONARY, 3)
        | no_stationary
        | (value_is(gemm::DEST, isa::Dest::Gradient as u32) & reads_activation);
    if !design.updates_may_read_weights() {
        // The way through which an update reads or writes is not that of codes as well.
        let updates_weights = value_is(gemm::DEST, isa::Dest::Weight as u32);
        bad_gemm = bad_gemm | (stationary_is(isa::Stationary::WeightCode) & updates_weights);
    }
    if design.roundings == Roundings::Nearest {
        bad_gemm = bad_gemm | value_is(gemm::ROUNDING, isa::Rounding::Stochastic as u32);
    }
    let bad_softmax = is_zero(softmax::M) | no_dimension(softmax::N) | above(softmax::M, design.batch_depth);
    let bad = m.reg("bad_operand_q", (&is_gemm & bad_gemm) | (&is_softmax & bad_softmax));
    let known = m.wire("known_opcode", &is_gemm | &is_softmax | &is_halt);
    let code = |error: ErrorCode| Expr::constant(unsigned(3), error.number().into());
    let error = mux(&known, &code(ErrorCode::IllegalOperand).gate(&bad), &code(ErrorCode::IllegalOpcode));
    let error = m.wire("error", error.gate(&decode));
    let starts = m.wire("starts", &decode & !error.any() & !&is_halt);
    let halts = m.wire("halts", &decode & &is_halt);

    let done = m.wire("done", executing.value() & !busy);
    m.drive_when(&executing, &starts | &done, &starts);
    let stops = m.wire("stops", halts.clone() | error.any() | (&done & stepping.value()));
    m.drive_when(&running, &go | &stops, &go);
    m.drive_when(&stepping, &go, &step);
    let fetch = m.wire("fetch", &go | (&done & !stepping.value()));
    m.drive_when(&fetching, &fetch | &fetched, &fetch);
    m.drive_when(&word, &fetch | fetching.value(), (word.value() + 1).gate(&!&fetch));
    m.drive_when(&pc, &pc_write | &done, mux(&pc_write, &pc_data, &(pc.value() + 1)));
    let halted = m.register("halted_q", unsigned(1));
    m.drive_when(&halted, &go | &halts, &halts);

    m.output("running_o", running.value());
    m.output("halted_o", halted.value());
    m.output("pc_o", pc.value());
    m.output("error_o", &error);
    m.output("retired_o", done | halts);
    m.output("gemm_start_o", &starts & &is_gemm);
    m.output("softmax_start_o", &starts & &is_softmax);
    m.output("is_softmax_o", &is_softmax);
    m.output("program_data_o", program_word);
    m.output("passes_o", field(&bits, softmax::PASSES));
    for operand in gemm::FIELDS {
        m.output(&format!("{}_o", operand.name), field(&bits, *operand));
    }
    m.finish()
}
