//! The accelerator behind SPI: a slave in mode 0, most significant bit first, that carries frames.

use super::behind::Answers;
use super::frame::{REPLY, frame_master};
use crate::accelerator::accelerator;
use crate::control::timing;
use crate::design::Design;
use crate::rtl::{Bits, Builder, ElaborationError, Expr, Module, cat, mux, unsigned};
use std::sync::Arc;

/// Name of the top module.
pub const TOP: &str = "spi_accelerator";
/// What the slave gives while it has nothing to say.
pub const FILLER: u8 = 0x00;
/// Clock cycles after which the silence of a host means that the rest of its frame is lost; at most twice that.
pub const SILENT_CYCLES: u32 = 1 << 16;

const _: () = assert!(FILLER != REPLY, "a reply begins where silence ends");

/// Clock cycles of half a period of `sck_i`: three from an edge at the pin to what it does at `miso_o`, and one for the way to the
/// master.
const HALF: u32 = 4;

/// The fewest clock cycles per bit.
pub const CYCLES_PER_BIT: u32 = 2 * HALF;

/// From the first bit of a byte of a reply the next byte has seven and a half bits to be found. A read takes the longest: the CRC of
/// the byte before, the ways through the frame master and the host port, and the memory.
const _: () = assert!(18 + timing::SLOW_READ <= 7 * CYCLES_PER_BIT, "a reply does not wait for words");

/// Module `spi_slave`: a byte from the host stands on `byte_o` in the cycle of `valid_o`. In exchange the host gets `byte_i`, if
/// `byte_valid_i` when the exchange begins, which is taken (`byte_ready_o`) with the first bit, and [`FILLER`] otherwise.
///
/// A byte whose exchange is broken off by `cs_n_i` is dropped in the one direction, and in the other lost once its first bit was
/// taken.
pub fn spi_slave() -> Result<Arc<Module>, ElaborationError> {
    let one = unsigned(1);
    let mut m = Builder::new("spi_slave", "Exchanges bytes with an SPI master: mode 0, most significant bit first.");
    let sck = m.input("sck_i", one);
    let cs_n = m.input("cs_n_i", one);
    let mosi = m.input("mosi_i", one);
    let reply_valid = m.input("byte_valid_i", one);
    let reply = m.input("byte_i", unsigned(8));

    // The pins know no clock: two registers each before anybody decides by them, and so they keep in step with each other.
    let sck = m.delay("sck", sck, 2);
    let mosi = m.delay("mosi", mosi, 2);
    let mut high_at_first = |name: &str, next: &Expr| {
        let register = m.register_reset(name, one, Bits::from_i64(1, 1));
        m.drive(&register, next);
        register.value()
    };
    let cs_settling = high_at_first("cs_settling_q", &cs_n);
    let cs_n = high_at_first("cs_n_q", &cs_settling);
    let cs_n_before = high_at_first("cs_n_before_q", &cs_n);
    let sck_before = m.reg("sck_before_q", &sck);
    let selected = m.wire("selected", !&cs_n);
    let begins = m.wire("begins", &selected & &cs_n_before);
    let rises = m.wire("rises", &selected & &sck & !&sck_before);
    let falls = m.wire("falls", &selected & !&sck & &sck_before);

    let count = m.register("bits_q", unsigned(3));
    let first = m.wire("first", !count.value().any());
    m.drive_when(&count, &rises | !&selected, (count.value() + 1).gate(&selected));
    let byte = m.register("byte_q", unsigned(8));
    m.drive_when(&byte, &rises, cat(&[byte.value().slice(0, 7), mosi]));
    let valid = m.reg("valid_q", &rises & count.value().all());

    let loads = m.wire("loads", &begins | (&falls & &first));
    let given = m.register("given_q", unsigned(8));
    let filler = Expr::constant(unsigned(8), FILLER.into());
    let shifted = cat(&[given.value().slice(0, 7), Expr::zero(one)]);
    m.drive_when(&given, &loads | &falls, mux(&loads, &mux(&reply_valid, &reply, &filler), &shifted));
    let is_reply = m.reg_when("is_reply_q", &loads, reply_valid);

    m.output("valid_o", valid);
    m.output("byte_o", byte.value());
    m.output("byte_ready_o", rises & first & is_reply);
    m.output("miso_o", given.value().msb());
    m.finish()
}

/// The accelerator of `design` behind SPI. `digest`: value of the register DIGEST.
///
/// Ports: `clk_i`, `rst_ni`, `sck_i`, `cs_n_i`, `mosi_i`, `miso_o`; the period of `sck_i` is at least [`CYCLES_PER_BIT`] clock
/// cycles.
///
/// # Errors
/// The accelerator cannot be elaborated.
pub fn spi_accelerator(design: &Design, digest: u32) -> Result<Arc<Module>, ElaborationError> {
    let accelerator = accelerator(design, digest)?;
    let cycles = CYCLES_PER_BIT;
    let mut m = Builder::new(
        TOP,
        &format!("The accelerator behind SPI, mode 0: a bit of `sck_i` takes {cycles} cycles of `clk_i` or more."),
    );
    let sck = m.input("sck_i", unsigned(1));
    let cs_n = m.input("cs_n_i", unsigned(1));
    let mosi = m.input("mosi_i", unsigned(1));
    let reply_valid = m.forward("reply_valid", unsigned(1));
    let reply = m.forward("reply", unsigned(8));
    let answers = Answers::new(&mut m);
    let (host_ready, host_data) = answers.values();
    let slave = m.instance(
        "spi_slave",
        &spi_slave()?,
        &[
            ("sck_i", &sck),
            ("cs_n_i", &cs_n),
            ("mosi_i", &mosi),
            ("byte_valid_i", &reply_valid.value()),
            ("byte_i", &reply.value()),
        ],
    );
    let master = m.instance(
        "frame_master",
        &frame_master(SILENT_CYCLES)?,
        &[
            ("byte_valid_i", &slave.get("valid_o")),
            ("byte_i", &slave.get("byte_o")),
            ("byte_ready_i", &slave.get("byte_ready_o")),
            ("host_ready_i", &host_ready),
            ("host_data_i", &host_data),
        ],
    );
    m.assign(&reply_valid, master.get("byte_valid_o"));
    m.assign(&reply, master.get("byte_o"));
    answers.connect(&mut m, &accelerator, &master);
    m.output("miso_o", slave.get("miso_o"));
    m.finish()
}
