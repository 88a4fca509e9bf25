//! The check sum of frames.

use crate::rtl::{Builder, ElaborationError, Expr, Module, cat, mux, unsigned};
use std::sync::Arc;

/// The generator polynomial, lowest power first: x^32 + x^26 + x^23 + ... + 1.
const POLYNOMIAL: i64 = 0xEDB8_8320;
/// What stands in the register, before the final complement, after any message and its CRC.
const RESIDUE: i64 = 0xDEBB_20E3;

/// Module `crc32`: CRC-32/ISO-HDLC of the bytes that come with `valid_i`, a bit per cycle; `start_i` begins a new message,
/// with that byte or before one.
///
/// While `busy_o` no byte may come; then `crc_o` is the CRC of all bytes since the start, and `right_o` says whether the last
/// four of them, low byte first, are the CRC of those before.
pub fn crc32() -> Result<Arc<Module>, ElaborationError> {
    let word = unsigned(32);
    let mut m = Builder::new("crc32", "CRC-32/ISO-HDLC of a message of bytes, one bit per cycle.");
    let start = m.input("start_i", unsigned(1));
    let valid = m.input("valid_i", unsigned(1));
    let byte = m.input("byte_i", unsigned(8));

    let crc = m.register("crc_q", word);
    let bits = m.register("bits_q", unsigned(8));
    let left = m.register("left_q", unsigned(4));
    let busy = m.wire("busy", left.value().any());
    let zero = Expr::zero(unsigned(1));

    let feedback = m.wire("feedback", crc.value().bit(0) ^ bits.value().bit(0));
    let shifted = cat(&[zero.clone(), crc.value().slice(1, 31)]);
    let stepped = shifted ^ Expr::constant(word, POLYNOMIAL).gate(&feedback);
    let ones = Expr::constant(word, 0xFFFF_FFFF);
    m.drive_when(&crc, &start | &busy, mux(&start, &ones, &stepped));
    m.drive_when(&bits, &valid | &busy, mux(&valid, &byte, &cat(&[zero, bits.value().slice(1, 7)])));
    let eight = Expr::constant(unsigned(4), 8);
    m.drive_when(&left, &valid | &busy, mux(&valid, &eight, &(left.value() - 1)));

    m.output("crc_o", !crc.value());
    m.output("right_o", crc.value().is(RESIDUE));
    m.output("busy_o", busy);
    m.finish()
}
