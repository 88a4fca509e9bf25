//! Random expressions: what simulators make of the printed text is what the simulation of the description makes of it.

use super::{bench, icarus, write};
use crate::bench::Random;
use logloom::flow::testing::needs;
use logloom::flow::{Invocation, Tool};
use logloom_hdl::rtl::{Builder, Expr, Module, Type, cat, mux, select, signed, unsigned};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Expressions in one module, and input vectors for it.
const EXPRESSIONS: usize = 240;
const VECTORS: usize = 12;

impl Random {
    /// 1 ..= 600, mostly narrow.
    fn width(&mut self) -> u32 {
        let limit = [1, 8, 16, 40, 70, 600][self.below(6) as usize];
        1 + self.below(limit)
    }

    fn ty(&mut self) -> Type {
        let width = self.width();
        if self.below(2) == 0 { unsigned(width) } else { signed(width) }
    }
}

struct Maker {
    random: Random,
    builder: Builder,
    inputs: Vec<Expr>,
    wires: usize,
}

impl Maker {
    fn named(&mut self, value: &Expr) -> Expr {
        self.wires += 1;
        let wire = self.builder.wire(&format!("w{}", self.wires), value);
        self.builder.discard(&wire);
        wire
    }

    /// A leaf of the type: a part of an input, widened where it is too narrow; or a constant.
    fn leaf(&mut self, ty: Type) -> Expr {
        if self.random.below(5) == 0 {
            let bits = self.random.bits(ty.width);
            return cast(&Expr::literal(bits), ty);
        }
        let input = self.inputs[self.random.below(self.inputs.len() as u32) as usize].clone();
        let own = input.width();
        if own < ty.width {
            let widened = if self.random.below(2) == 0 { input.as_signed() } else { input.as_unsigned() };
            return cast(&widened.extend(ty.width), ty);
        }
        cast(&input.slice(self.random.below(own - ty.width + 1), ty.width), ty)
    }

    fn any(&mut self, depth: u32) -> Expr {
        let ty = self.random.ty();
        self.expr(ty, depth)
    }

    fn expr(&mut self, ty: Type, depth: u32) -> Expr {
        if depth == 0 {
            return self.leaf(ty);
        }
        let depth = depth - 1;
        match self.random.below(16) {
            0 => self.expr(ty, depth) + self.expr(ty, depth),
            1 => self.expr(ty, depth) - self.expr(ty, depth),
            2 if ty.width <= 140 => self.expr(ty, depth).mul(&self.expr(ty, depth)),
            3 => match self.random.below(3) {
                0 => self.expr(ty, depth) & self.expr(ty, depth),
                1 => self.expr(ty, depth) | self.expr(ty, depth),
                _ => self.expr(ty, depth) ^ self.expr(ty, depth),
            },
            4 => !self.expr(ty, depth),
            5 => -self.expr(ty, depth),
            6 | 7 => {
                let value = self.expr(ty, depth);
                // Wider than any width needs, now and then.
                let limit = if self.random.below(8) == 0 { 70 } else { 10 };
                let bits = 1 + self.random.below(limit);
                let amount = self.expr(unsigned(bits), depth);
                if self.random.below(3) == 0 { value.shl(&amount) } else { value.shr(&amount) }
            }
            8 => {
                let condition = self.expr(unsigned(1), depth);
                mux(&condition, &self.expr(ty, depth), &self.expr(ty, depth))
            }
            9 => {
                let bits = 1 + self.random.below(4);
                let index = self.expr(unsigned(bits), depth.min(1));
                let index = if self.random.below(2) == 0 { self.named(&index) } else { index };
                let count = 2 + self.random.below(7);
                let choices: Vec<Expr> = (0..count).map(|_| self.expr(ty, depth.min(1))).collect();
                select(&index, &choices)
            }
            10 if ty.width > 1 => {
                let high = 1 + self.random.below(ty.width - 1);
                let high = self.expr_of_width(high, depth);
                let low = self.expr_of_width(ty.width - high.width(), depth);
                cast(&cat(&[high, low]), ty)
            }
            11 if ty.width.is_multiple_of(3) => cast(&self.expr_of_width(ty.width / 3, depth).repeat(3), ty),
            12 if ty.width > 1 => {
                let width = 1 + self.random.below(ty.width - 1);
                let narrow = self.expr_of_width(width, depth);
                let narrow = self.named(&narrow);
                cast(&narrow.extend(ty.width), ty)
            }
            13 => {
                let other = if ty.signed { unsigned(ty.width) } else { signed(ty.width) };
                cast(&self.expr(other, depth), ty)
            }
            14 => {
                let wide = ty.width + self.random.width();
                let wide = self.expr_of_width(wide, depth);
                let wide = self.named(&wide);
                cast(&wide.slice(self.random.below(wide.width() - ty.width + 1), ty.width), ty)
            }
            _ if ty == unsigned(1) => {
                let a = self.any(depth);
                let b = self.expr(a.ty(), depth);
                match self.random.below(7) {
                    0 => a.eq(&b),
                    1 => a.ne(&b),
                    2 => a.lt(&b),
                    3 => a.le(&b),
                    4 => a.any(),
                    5 => a.all(),
                    _ => a.parity(),
                }
            }
            _ => self.leaf(ty),
        }
    }

    fn expr_of_width(&mut self, width: u32, depth: u32) -> Expr {
        let ty = if self.random.below(2) == 0 { unsigned(width) } else { signed(width) };
        self.expr(ty, depth)
    }
}

fn cast(value: &Expr, ty: Type) -> Expr {
    if ty.signed { value.as_signed() } else { value.as_unsigned() }
}

fn random_module(seed: u64) -> Arc<Module> {
    let builder = Builder::new("random", "Random expressions.");
    let mut maker = Maker { random: Random(seed), builder, inputs: Vec::new(), wires: 0 };
    for (i, width) in [1, 1, 5, 8, 17, 33, 64, 65, 130, 600].into_iter().enumerate() {
        let ty = if i % 2 == 0 { unsigned(width) } else { signed(width) };
        let input = maker.builder.input(&format!("in{i}_i"), ty);
        maker.builder.discard(&input);
        maker.inputs.push(input);
    }
    for i in 0..EXPRESSIONS {
        // Half of them one bit wide, where comparisons and reductions are.
        let ty = if i % 4 == 0 { unsigned(1) } else { maker.random.ty() };
        let value = maker.expr(ty, 1 + i as u32 % 4);
        maker.builder.output(&format!("out{i}_o"), value);
    }
    maker.builder.finish().unwrap()
}

fn compare(seed: u64, run: impl Fn(&Path) -> String) {
    let module = random_module(seed);
    let mut random = Random(seed ^ 0x5555);
    let vectors = random.vectors(&module, VECTORS);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &module);
    std::fs::write(folder.path().join("bench.v"), bench::text(&module, &vectors)).unwrap();
    bench::compare(&run(folder.path()), &bench::expected(&module, &vectors));
}

const LIMIT: Duration = Duration::from_secs(600);

#[test]
fn icarus_agrees_on_random_expressions() {
    if !needs(&[Tool::Iverilog, Tool::Vvp]) {
        return;
    }
    for seed in [0x1001, 0x2002, 0x3003, 0x4004] {
        compare(seed, |folder| icarus(folder, &["random.v".into()]));
    }
}

#[test]
fn verilator_agrees_on_random_expressions() {
    if !needs(&[Tool::Verilator, Tool::Make, Tool::Cxx]) {
        return;
    }
    compare(0x5005, |folder| {
        let call = Invocation::new(Tool::Verilator).unwrap().folder(folder).limit(LIMIT);
        // The packaged Verilator does not know how the compiler includes a precompiled header.
        call.args(["-MAKEFLAGS", "CFG_CXXFLAGS_PCH_I=-include", "-MAKEFLAGS", "OPT_FAST=-O0"])
            .args(["--binary", "--timing", "-CFLAGS", "-std=c++20", "-Wno-fatal", "-Wno-lint"])
            .args(["--top-module", "bench", "--Mdir", "obj", "-j", "2", "random.v", "bench.v"])
            .run()
            .unwrap();
        let output = std::process::Command::new(folder.join("obj/Vbench")).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    });
}
