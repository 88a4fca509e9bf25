//! A truncated logarithmic multiplier (Mitchell 1962, with three bits of the fraction), in rust_hdl.
//!
//! `cargo run -p truncated-log -- build/truncated-log` writes what Logloom takes.

use rust_hdl::prelude::*;
use std::process::ExitCode;

/// The leading one of an operand and the three bits below it: `{characteristic, fraction}`, 0 for 0.
#[derive(LogicBlock, Default)]
struct Logarithm {
    pub operand: Signal<In, Bits<8>>,
    pub logarithm: Signal<Out, Bits<6>>,
    pub nonzero: Signal<Out, Bit>,
}

impl Logic for Logarithm {
    #[hdl_gen]
    fn update(&mut self) {
        self.nonzero.next = self.operand.val().any();
        self.logarithm.next = bits::<6>(0);
        if self.operand.val().get_bit(7) {
            self.logarithm.next = bits::<6>(56) | bit_cast::<6, 3>(self.operand.val().get_bits::<3>(4));
        } else if self.operand.val().get_bit(6) {
            self.logarithm.next = bits::<6>(48) | bit_cast::<6, 3>(self.operand.val().get_bits::<3>(3));
        } else if self.operand.val().get_bit(5) {
            self.logarithm.next = bits::<6>(40) | bit_cast::<6, 3>(self.operand.val().get_bits::<3>(2));
        } else if self.operand.val().get_bit(4) {
            self.logarithm.next = bits::<6>(32) | bit_cast::<6, 3>(self.operand.val().get_bits::<3>(1));
        } else if self.operand.val().get_bit(3) {
            self.logarithm.next = bits::<6>(24) | bit_cast::<6, 3>(self.operand.val().get_bits::<3>(0));
        } else if self.operand.val().get_bit(2) {
            self.logarithm.next =
                bits::<6>(16) | (bit_cast::<6, 2>(self.operand.val().get_bits::<2>(0)) << bits::<6>(1));
        } else if self.operand.val().get_bit(1) {
            self.logarithm.next =
                bits::<6>(8) | (bit_cast::<6, 1>(self.operand.val().get_bits::<1>(0)) << bits::<6>(2));
        }
    }
}

/// The sum of two logarithms, taken back.
#[derive(LogicBlock, Default)]
struct TruncatedLog {
    pub a: Signal<In, Bits<8>>,
    pub b: Signal<In, Bits<8>>,
    pub product: Signal<Out, Bits<16>>,
    log_a: Logarithm,
    log_b: Logarithm,
    sum: Signal<Local, Bits<7>>,
    mantissa: Signal<Local, Bits<19>>,
    characteristic: Signal<Local, Bits<19>>,
    shifted: Signal<Local, Bits<19>>,
}

impl Logic for TruncatedLog {
    #[hdl_gen]
    fn update(&mut self) {
        self.log_a.operand.next = self.a.val();
        self.log_b.operand.next = self.b.val();
        // Widened before the addition: a cast of a sum is another number in Verilog.
        self.sum.next = bit_cast::<7, 6>(self.log_a.logarithm.val()) + bit_cast::<7, 6>(self.log_b.logarithm.val());
        self.mantissa.next = bits::<19>(8) | bit_cast::<19, 3>(self.sum.val().get_bits::<3>(0));
        self.characteristic.next = bit_cast::<19, 4>(self.sum.val().get_bits::<4>(3));
        self.shifted.next = self.mantissa.val() << self.characteristic.val();
        self.product.next = bits::<16>(0);
        if self.log_a.nonzero.val() & self.log_b.nonzero.val() {
            self.product.next = self.shifted.val().get_bits::<16>(3);
        }
    }
}

fn main() -> ExitCode {
    logloom_guest::hand_over!(TruncatedLog, a, b, product)
}
