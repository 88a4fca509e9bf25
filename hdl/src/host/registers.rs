//! The registers: control, status, counters.

use super::map::{self, ErrorCode, Register, control};
use crate::design::{Design, Roundings};
use crate::rtl::{Builder, ElaborationError, Expr, Module, address_bits, cat, mux, select, unsigned};
use std::sync::Arc;

/// Event counters of a design: register, input port, width of the count per cycle.
pub fn counters(design: &Design) -> Vec<(Register, &'static str, u32)> {
    let count = |lanes: u32| u32::BITS - lanes.leading_zeros();
    let (rows, columns) = (count(design.rows), count(design.columns));
    let mut counters = vec![
        (Register::Cycles, "running_i", 1),
        (Register::Busy, "busy_i", 1),
        (Register::Stall, "stall_i", 1),
        (Register::ZeroCodes, "zero_codes_i", rows),
        (Register::Saturated, "saturated_i", columns),
        (Register::WeightsSaturated, "weights_saturated_i", columns),
        (Register::ZeroUpdates, "zero_updates_i", columns),
        (Register::Loss, "loss_i", 19),
        (Register::Correct, "correct_i", 1),
        (Register::Instructions, "retired_i", 1),
    ];
    counters.retain(|(register, ..)| register.exists(design));
    counters
}

/// Module `registers`. `write_i` with `address_i` and `data_i` writes; `value_o` is the register at `address_i`.
///
/// `host_error_i` and `sequencer_error_i` are error codes, 0 for none; the first one is kept. `run_o`, `step_o`, a cycle after
/// the write, and `pc_write_o` are pulses. A register that the design lacks reads 0.
pub fn registers(design: &Design, digest: u32) -> Result<Arc<Module>, ElaborationError> {
    let pc_bits = address_bits(design.program_depth);
    let mut m = Builder::new("registers", "Control and status registers, and the event counters.");
    let write = m.input("write_i", unsigned(1));
    let address = m.input("address_i", unsigned(5));
    let data = m.input("data_i", unsigned(32));
    let halted = m.input("halted_i", unsigned(1));
    let pc = m.input("pc_i", unsigned(pc_bits));
    let host_error = m.input("host_error_i", unsigned(3));
    let sequencer_error = m.input("sequencer_error_i", unsigned(3));
    let counted: Vec<(Register, Expr)> =
        counters(design).into_iter().map(|(r, port, bits)| (r, m.input(port, unsigned(bits)))).collect();
    // From the write that starts a run until its end: the sequencer hears of it a cycle later.
    let run = m.register("run_q", unsigned(1));
    let step = m.register("step_q", unsigned(1));
    let running = m.wire("running", &counted[0].1 | run.value() | step.value());

    let writes = |register: Register| &write & address.is(register.number().into());
    let idle = !&running;
    let bit = |mask: u32| data.bit(mask.trailing_zeros());

    // Errors: the first since cleared.
    let error = m.register("error_q", unsigned(3));
    let controls = m.wire("controls", writes(Register::Control));
    let starts = m.wire("starts", &controls & (bit(control::RUN) | bit(control::STEP)));
    let needs_idle = m.wire("needs_idle", &starts | writes(Register::Pc) | writes(Register::Seed));
    let refused = m.wire("refused", &needs_idle & &running);
    let read_only: Vec<Expr> = Register::ALL.iter().filter(|r| !r.access().writable()).map(|&r| writes(r)).collect();
    let read_only = read_only.into_iter().reduce(|a, b| a | b).expect("some registers are read-only");
    let code = |error: ErrorCode| Expr::constant(unsigned(3), error.number().into());
    let own = mux(&refused, &code(ErrorCode::Running), &code(ErrorCode::ReadOnly).gate(&read_only));
    let from_host = m.reg("from_host_q", own | host_error);
    let new_error = m.wire("new_error", mux(&sequencer_error.any(), &sequencer_error, &from_host));
    let clears = m.wire("clears_error", writes(Register::Error));
    let keeps = m.wire("keeps_error", &clears | (!error.value().any() & new_error.any()));
    m.drive_when(&error, keeps, new_error.gate(&!&clears));
    let no_error = m.wire("no_error", !(error.value() | &from_host).any());

    let accepted = m.wire("accepted", &starts & &idle & &no_error);
    m.drive(&run, &accepted & bit(control::RUN));
    m.drive(&step, &accepted & bit(control::STEP) & !bit(control::RUN));
    m.output("run_o", run.value());
    m.output("step_o", step.value());
    m.output("pc_write_o", writes(Register::Pc) & &idle);
    let seed = Register::Seed.exists(design).then(|| {
        let seed_write = m.wire("seed_write", writes(Register::Seed) & &idle);
        let seed = m.reg_when("seed_q", &seed_write, &data);
        if design.draw_bits() > 0 {
            m.output("seed_write_o", &seed_write);
        }
        if design.roundings == Roundings::Any {
            m.output("seed_o", &seed);
        }
        seed
    });

    m.discard(&data);
    let clear = m.reg("clear_counters_q", &controls & bit(control::CLEAR));
    let counts: Vec<(Register, Expr)> = counted
        .into_iter()
        .map(|(register, event)| {
            let name = register.name().to_lowercase();
            let count = m.register(&format!("{name}_q"), unsigned(32));
            m.drive_when(&count, event.any() | &clear, (count.value() + event.extend(32)).gate(&!&clear));
            (register, count.value())
        })
        .collect();

    let constant = |value: u32| Expr::constant(unsigned(32), value.into());
    let value = |register: &Register| match register {
        Register::Id => constant(map::ID),
        Register::Digest => constant(digest),
        Register::Geometry => constant(design.columns << 16 | design.rows),
        Register::Control => constant(0),
        // running, halted, error from bit 0 up.
        Register::Status => cat(&[!&no_error, halted.clone(), running.clone()]).extend(32),
        Register::Error => error.value().extend(32),
        Register::Pc => pc.extend(32),
        Register::Seed => seed.clone().unwrap_or(constant(0)),
        counter => counts.iter().find(|c| c.0 == *counter).map_or(constant(0), |count| count.1.clone()),
    };
    let mut values: Vec<Expr> = Register::ALL.iter().map(value).collect();
    values.push(constant(0));
    m.output("value_o", select(&address, &values));
    m.finish()
}
