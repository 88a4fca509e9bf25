//! The accelerator behind a UART: eight data bits, no parity, one stop bit.

use super::behind::Answers;
use super::frame::frame_master;
use crate::accelerator::accelerator;
use crate::design::Design;
use crate::rtl::{Bits, Builder, ElaborationError, Expr, Module, address_bits, cat, mux, unsigned};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Name of the top module.
pub const TOP: &str = "serial_accelerator";
/// Bit times after which the silence of a host means that the rest of its frame is lost; at most twice that.
pub const SILENT_BITS: u32 = 4096;
/// Clock cycles per bit. A start bit is seen up to a cycle late, which must be no more than a quarter of a bit; the upper end
/// is for the width of counters.
const DIVIDERS: RangeInclusive<u64> = 4..=1 << 16;
/// Largest error of the baud, in percent: what is left for the host's own clock is about as much.
const TOLERANCE: u64 = 2;

/// Clock cycles per bit.
///
/// # Errors
/// No whole number of cycles, 4 to 65536, gives the baud within 2 %.
pub fn divider(clock_hz: u32, baud: u32) -> Result<u32, ElaborationError> {
    let (clock, rate) = (u64::from(clock_hz), u64::from(baud.max(1)));
    let nearest = (clock + rate / 2) / rate;
    let made = nearest * rate;
    if DIVIDERS.contains(&nearest) && clock.abs_diff(made) * 100 <= TOLERANCE * made {
        return Ok(nearest as u32);
    }
    // One cycle more is slower than what was asked for, one less faster.
    let slower = nearest + u64::from(made <= clock);
    let near = [slower, slower - 1].map(|cycles| cycles.clamp(*DIVIDERS.start(), *DIVIDERS.end()));
    let mut choices = near.map(|cycles| (clock / cycles).to_string()).to_vec();
    choices.dedup();
    Err(ElaborationError {
        path: "uart.baud".into(),
        message: format!(
            "{baud} baud cannot be made from a clock of {clock_hz} Hz within {TOLERANCE} %, with {} to {} cycles per bit; \
             choose {}",
            DIVIDERS.start(),
            DIVIDERS.end(),
            choices.join(" or ")
        ),
    })
}

/// A number of cycles within a bit.
fn cycles(divider: u32, count: u32) -> Expr {
    Expr::constant(unsigned(address_bits(divider)), count.into())
}

/// Module `uart_receiver`: a byte stands on `byte_o` in the cycle of `valid_o`. A byte without a stop bit is dropped.
pub fn uart_receiver(divider: u32) -> Result<Arc<Module>, ElaborationError> {
    let one = unsigned(1);
    let mut m = Builder::new("uart_receiver", "Takes bytes from a line: samples each bit once, in its middle.");
    let rx = m.input("rx_i", one);
    // High when idle, in reset too.
    let mut high_at_first = |name: &str, next: &Expr| {
        let register = m.register_reset(name, one, Bits::from_i64(1, 1));
        m.drive(&register, next);
        register.value()
    };
    // The line knows no clock: two registers before anybody decides by it.
    let settling = high_at_first("settling_q", &rx);
    let line = high_at_first("line_q", &settling);
    let before = high_at_first("before_q", &line);

    let active = m.register("active_q", one);
    let left = m.register("cycles_q", unsigned(address_bits(divider)));
    let count = m.register("bits_q", unsigned(4));
    let starts = m.wire("starts", before & !&line & !active.value());
    let sample = m.wire("sample", active.value() & !left.value().any());
    let counted = mux(&sample, &cycles(divider, divider - 1), &(left.value() - 1));
    m.drive_when(&left, &starts | active.value(), mux(&starts, &cycles(divider, divider / 2 - 1), &counted));
    m.drive_when(&count, &starts | &sample, (count.value() + 1).gate(&!&starts));
    let glitch = m.wire("glitch", &sample & &line & !count.value().any());
    m.comment(&glitch, "not a start bit after all: it is over by its middle");
    let stop = m.wire("stop", &sample & count.value().is(9));
    m.drive_when(&active, &starts | glitch | &stop, &starts);
    let byte = m.register("byte_q", unsigned(8));
    m.drive_when(&byte, &sample & !&stop, cat(&[line.clone(), byte.value().slice(1, 7)]));

    let valid = m.reg("valid_q", stop & line);
    m.output("valid_o", valid);
    m.output("byte_o", byte.value());
    m.finish()
}

/// Module `uart_transmitter`: takes a byte in a cycle of `valid_i` and `ready_o`.
pub fn uart_transmitter(divider: u32) -> Result<Arc<Module>, ElaborationError> {
    let mut m = Builder::new("uart_transmitter", "Gives bytes to a line, each between a start and a stop bit.");
    let valid = m.input("valid_i", unsigned(1));
    let byte = m.input("byte_i", unsigned(8));

    // The lowest bit is on the line; ones follow the byte, the stop bit and the idle line.
    let frame = m.register_reset("frame_q", unsigned(9), Bits::from_i64(9, -1));
    let left = m.register("bits_q", unsigned(4));
    let wait = m.register("cycles_q", unsigned(address_bits(divider)));
    let busy = m.wire("busy", left.value().any());
    let take = m.wire("take", &valid & !&busy);
    let next = m.wire("next", &busy & !wait.value().any());
    let counted = mux(&next, &cycles(divider, divider - 1), &(wait.value() - 1));
    m.drive_when(&wait, &take | &busy, mux(&take, &cycles(divider, divider - 1), &counted));
    let (start, stop) = (Expr::zero(unsigned(1)), Expr::constant(unsigned(1), 1));
    let shifted = cat(&[stop, frame.value().slice(1, 8)]);
    m.drive_when(&frame, &take | &next, mux(&take, &cat(&[byte, start]), &shifted));
    let ten = Expr::constant(unsigned(4), 10);
    m.drive_when(&left, &take | &next, mux(&take, &ten, &(left.value() - 1)));

    m.output("ready_o", !busy);
    m.output("tx_o", frame.value().bit(0));
    m.finish()
}

/// The accelerator of `design` behind a UART of `baud`, with a clock of `clock_hz`. `digest`: value of the register DIGEST.
///
/// Ports: `clk_i`, `rst_ni`, `rx_i`, `tx_o`.
///
/// # Errors
/// The baud cannot be met ([`divider`]).
pub fn serial_accelerator(
    design: &Design,
    digest: u32,
    clock_hz: u32,
    baud: u32,
) -> Result<Arc<Module>, ElaborationError> {
    let divider = divider(clock_hz, baud)?;
    let accelerator = accelerator(design, digest)?;
    let mut m =
        Builder::new(TOP, &format!("The accelerator behind a UART: {baud} baud, with a clock of {clock_hz} Hz."));
    let rx = m.input("rx_i", unsigned(1));
    let byte_ready = m.forward("byte_ready", unsigned(1));
    let answers = Answers::new(&mut m);
    let (host_ready, host_data) = answers.values();
    let receiver = m.instance("uart_receiver", &uart_receiver(divider)?, &[("rx_i", &rx)]);
    let master = m.instance(
        "frame_master",
        &frame_master(SILENT_BITS * divider)?,
        &[
            ("byte_valid_i", &receiver.get("valid_o")),
            ("byte_i", &receiver.get("byte_o")),
            ("byte_ready_i", &byte_ready.value()),
            ("host_ready_i", &host_ready),
            ("host_data_i", &host_data),
        ],
    );
    let transmitter = m.instance(
        "uart_transmitter",
        &uart_transmitter(divider)?,
        &[("valid_i", &master.get("byte_valid_o")), ("byte_i", &master.get("byte_o"))],
    );
    m.assign(&byte_ready, transmitter.get("ready_o"));
    answers.connect(&mut m, &accelerator, &master);
    m.output("tx_o", transmitter.get("tx_o"));
    m.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dividers_are_near_or_refused() {
        assert_eq!(divider(12_000_000, 1_000_000), Ok(12));
        assert_eq!(divider(12_000_000, 115_200), Ok(104));
        assert_eq!(divider(4_000_000, 1_000_000), Ok(4));
        // 2 % of the baud that is made, on either side.
        assert_eq!(divider(5_100_000, 100_000), Ok(51));
        assert_eq!((divider(4_080_000, 1_000_000), divider(3_920_000, 1_000_000)), (Ok(4), Ok(4)));
        let refused = |clock, baud, choices: &str| {
            let message = format!(
                "uart.baud: {baud} baud cannot be made from a clock of {clock} Hz within 2 %, with 4 to 65536 cycles per bit; \
                 choose {choices}"
            );
            assert_eq!(divider(clock, baud).unwrap_err().to_string(), message);
        };
        refused(16_500_000, 1_000_000, "970588 or 1031250");
        refused(4_090_000, 1_000_000, "818000 or 1022500");
        refused(3_600_000, 1_000_000, "900000");
        refused(3_000_000, 1_000_000, "750000");
        refused(100_000_000, 0, "1525");
        for (clock, baud) in [(16_500_000, 970_588), (16_500_000, 1_031_250), (4_090_000, 818_000)] {
            assert!(divider(clock, baud).is_ok(), "{clock} {baud}");
        }
    }
}
