//! Test benches: the same inputs into the printed text and into the simulation of the description.

use logloom_hdl::rtl::{Bits, Module};
use logloom_sim::netlist::Simulator;
use std::fmt::Write as _;
use std::sync::Arc;

/// xorshift64*.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn below(&mut self, end: u32) -> u32 {
        ((self.next() >> 32) % u64::from(end)) as u32
    }

    /// Now and then all zeros, all ones, or the most negative value: where signs go wrong.
    pub fn bits(&mut self, width: u32) -> Bits {
        let words: Vec<u64> = (0..width.div_ceil(64)).map(|_| self.next()).collect();
        match self.below(6) {
            0 => Bits::zero(width),
            1 => Bits::from_i64(width, -1),
            2 => {
                let mut words = vec![0; words.len()];
                words[(width as usize - 1) / 64] = 1 << ((width - 1) % 64);
                Bits::from_words(width, &words)
            }
            3 => Bits::from_words(width, &words[..1]),
            _ => Bits::from_words(width, &words),
        }
    }

    /// Values of all inputs, `count` times.
    pub fn vectors(&mut self, module: &Module, count: usize) -> Vec<Vec<Bits>> {
        let widths: Vec<u32> = module.inputs.iter().map(|&port| module.signal(port).ty.width).collect();
        (0..count).map(|_| widths.iter().map(|&width| self.bits(width)).collect()).collect()
    }
}

/// Cycles of reset before the first vector.
const RESET: usize = 2;

/// A test bench that prints, for each vector, one line per output, `vector output value`, and then clocks.
pub fn text(module: &Module, vectors: &[Vec<Bits>]) -> String {
    let mut text = String::from("module bench;\n");
    let mut ports = Vec::new();
    let mut steps = String::new();
    if module.is_sequential() {
        text.push_str("  reg clk_i = 1'b0;\n  reg rst_ni = 1'b0;\n");
        ports.push(".clk_i(clk_i)".to_string());
    }
    if module.is_reset() {
        ports.push(".rst_ni(rst_ni)".to_string());
    }
    for &port in &module.inputs {
        let port = module.signal(port);
        let _ = writeln!(text, "  reg [{}:0] {} = 0;", port.ty.width - 1, port.name);
        ports.push(format!(".{0}({0})", port.name));
    }
    for (name, value) in &module.outputs {
        let _ = writeln!(text, "  wire [{}:0] {name};", value.width() - 1);
        ports.push(format!(".{name}({name})"));
    }
    let clock = if module.is_sequential() { "    clk_i = 1'b1; #1; clk_i = 1'b0; #1;\n" } else { "" };
    if module.is_sequential() {
        steps.push_str("    #1;\n");
        steps.push_str(&clock.repeat(RESET));
        steps.push_str("    rst_ni = 1'b1;\n");
    }
    for (v, vector) in vectors.iter().enumerate() {
        for (&port, bits) in module.inputs.iter().zip(vector) {
            let _ = writeln!(steps, "    {} = {}'h{bits:x};", module.signal(port).name, bits.width());
        }
        steps.push_str("    #1;\n");
        for (name, _) in &module.outputs {
            let _ = writeln!(steps, "    $display(\"{v} {name} %h\", {name});");
        }
        steps.push_str(clock);
    }
    let _ = writeln!(text, "  {0} u_{0} ({1});", module.name, ports.join(", "));
    let _ = writeln!(text, "  initial begin\n{steps}    $finish;\n  end\nendmodule");
    text
}

/// What the bench prints if the text means what the description means.
pub fn expected(module: &Arc<Module>, vectors: &[Vec<Bits>]) -> Vec<String> {
    let mut sim = Simulator::new(module).unwrap();
    let mut lines = Vec::new();
    if module.is_sequential() {
        sim.set_reset(true);
        sim.run(RESET as u64);
        sim.set_reset(false);
    }
    for (v, vector) in vectors.iter().enumerate() {
        for (&port, bits) in module.inputs.iter().zip(vector) {
            let port = sim.input(&module.signal(port).name).unwrap();
            sim.set_bits(port, bits);
        }
        sim.evaluate();
        for (name, _) in &module.outputs {
            let port = sim.output(name).unwrap();
            lines.push(format!("{v} {name} {:x}", sim.get_bits(port)));
        }
        sim.step();
    }
    lines
}

/// Digits that are unknown (`x`: words that were never read, or that are not there) agree with all; they must be few.
pub fn compare(output: &str, expected: &[String]) {
    let seen: Vec<&str> = output.lines().filter(|line| line.contains("_o ")).collect();
    assert_eq!(seen.len(), expected.len(), "{output}");
    let mut unknown = 0;
    for (seen, expected) in seen.iter().zip(expected) {
        let (port, value) = seen.rsplit_once(' ').unwrap();
        let (expected_port, expected_value) = expected.rsplit_once(' ').unwrap();
        assert_eq!((port, value.len()), (expected_port, expected_value.len()));
        let same = value.chars().zip(expected_value.chars()).all(|(a, b)| a == b || "xX".contains(a));
        assert!(same, "{seen} in the text, {expected_value} in the description");
        unknown += usize::from(value.contains(['x', 'X']));
    }
    assert!(unknown * 10 < seen.len(), "{unknown} of {} values are unknown", seen.len());
}
