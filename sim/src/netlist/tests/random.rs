//! Random expressions of all widths against the naive interpreter.

use super::naive;
use crate::netlist::Simulator;
use logloom_hdl::rtl::{Bits, Builder, Expr, Kind, Type, cat, mux, select, signed, unsigned};
use proptest::prelude::*;
use std::collections::HashMap;

/// A small generator of its own: the expression must follow from the seed alone.
struct Random(u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let x = self.0;
        (x ^ x >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) ^ x >> 32
    }

    fn below(&mut self, limit: u32) -> u32 {
        (self.word() >> 33) as u32 % limit
    }

    fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high - low + 1)
    }

    fn width(&mut self) -> u32 {
        match self.below(6) {
            0 => self.between(1, 8),
            1 => self.between(1, 64),
            2 => self.between(60, 68),
            3 => self.between(120, 136),
            4 => self.between(1, 200),
            _ => self.between(1, 600),
        }
    }

    fn ty(&mut self) -> Type {
        let width = self.width();
        if self.below(2) == 0 { signed(width) } else { unsigned(width) }
    }

    fn bits(&mut self, width: u32) -> Bits {
        let style = self.below(6);
        let words: Vec<u64> = (0..width.div_ceil(64))
            .map(|_| match style {
                0 => 0,
                1 => u64::MAX,
                2 => self.word() & self.word() & self.word(),
                _ => self.word(),
            })
            .collect();
        let mut bits = Bits::from_words(width, &words);
        // Carries, sign bits and boundaries are where mistakes live.
        if style == 0 && self.below(2) == 0 {
            let one = self.below(width);
            let words: Vec<u64> =
                (0..width.div_ceil(64)).map(|w| if one / 64 == w { 1 << (one % 64) } else { 0 }).collect();
            bits = Bits::from_words(width, &words);
        }
        bits
    }
}

struct Maker {
    random: Random,
    builder: Builder,
    pool: Vec<Expr>,
    names: u32,
}

impl Maker {
    fn any(&mut self) -> Expr {
        let index = self.random.below(self.pool.len() as u32);
        self.pool[index as usize].clone()
    }

    fn named(&mut self, value: &Expr) -> Expr {
        if matches!(value.kind(), Kind::Signal(_)) {
            return value.clone();
        }
        self.names += 1;
        let wire = self.builder.wire(&format!("w{}", self.names), value);
        // What is grown from it may be thrown away.
        self.builder.discard(&wire);
        wire
    }

    fn cast(value: &Expr, is_signed: bool) -> Expr {
        if is_signed { value.as_signed() } else { value.as_unsigned() }
    }

    fn fit(&mut self, value: &Expr, ty: Type) -> Expr {
        let value = self.named(value);
        if value.width() < ty.width {
            Self::cast(&value.extend(ty.width), ty.signed)
        } else if value.width() > ty.width {
            let low = self.random.below(value.width() - ty.width + 1);
            Self::cast(&value.slice(low, ty.width), ty.signed)
        } else {
            Self::cast(&value, ty.signed)
        }
    }

    fn grow(&mut self) {
        let a = self.any();
        let other = self.any();
        let b = self.fit(&other, a.ty());
        let made = match self.random.below(24) {
            0 => &a + &b,
            1 => &a - &b,
            2 if a.width() <= 200 => a.mul(&b),
            2 | 3 => &a & &b,
            4 => &a | &b,
            5 => &a ^ &b,
            6 => a.eq(&b),
            7 => a.ne(&b),
            8 => a.lt(&b),
            9 => a.le(&b),
            10 => !&a,
            11 => -&a,
            12 => a.any(),
            13 => a.all(),
            14 => a.parity(),
            15 | 16 => {
                let width = self.random.between(1, 11);
                let other = self.any();
                let amount = self.fit(&other, unsigned(width));
                if self.random.below(2) == 0 { a.shl(&amount) } else { a.shr(&amount) }
            }
            17 => {
                let other = self.any();
                let condition = self.fit(&other, unsigned(1));
                mux(&condition, &a, &b)
            }
            18 => {
                let width = self.random.between(1, 4);
                let other = self.any();
                let index = self.fit(&other, unsigned(width));
                let count = self.random.between(2, 9);
                let mut choices = vec![a.clone(), b];
                for _ in 2..count {
                    let other = self.any();
                    choices.push(self.fit(&other, a.ty()));
                }
                select(&index, &choices)
            }
            19 => {
                let ty = self.random.ty();
                self.fit(&a, ty)
            }
            20 => {
                let (b, c) = (self.any(), self.any());
                let parts = [a.clone(), b, c];
                let count = self.random.between(2, 3) as usize;
                cat(&parts[..count])
            }
            21 => a.repeat(self.random.between(2, 5)),
            22 => {
                let bits = self.random.bits(a.width());
                Self::cast(&Expr::literal(bits), a.is_signed())
            }
            _ => {
                let named = self.named(&a);
                named.extend(a.width() + self.random.width())
            }
        };
        if made.width() > 700 {
            return;
        }
        let keep = if self.random.below(2) == 0 { self.named(&made) } else { made };
        self.pool.push(keep);
    }
}

fn check(seed: u64) {
    let mut maker =
        Maker { random: Random(seed), builder: Builder::new("random", "Random logic."), pool: Vec::new(), names: 0 };
    let mut types = Vec::new();
    for i in 0..maker.random.between(1, 5) {
        let ty = maker.random.ty();
        let name = format!("in{i}_i");
        let input = maker.builder.input(&name, ty);
        maker.pool.push(input);
        types.push((name, ty));
    }
    for _ in 0..maker.random.between(1, 40) {
        maker.grow();
    }
    // Everything is observed; what is built twice under way is observed once.
    for (i, value) in maker.pool.iter().enumerate() {
        maker.builder.output(&format!("out{i}_o"), value);
    }
    let mut random = maker.random;
    let module = maker.builder.finish().unwrap();
    let mut sim = Simulator::new(&module).unwrap();
    for _ in 0..8 {
        let mut inputs = HashMap::new();
        for (name, ty) in &types {
            let bits = random.bits(ty.width);
            let port = sim.input(name).unwrap();
            sim.set_bits(port, &bits);
            inputs.insert(name.clone(), naive::from_bits(&bits));
        }
        let mut memo = HashMap::new();
        for (name, driver) in &module.outputs {
            let port = sim.output(name).unwrap();
            let expected = naive::value(&module, &inputs, driver, &mut memo);
            assert_eq!(naive::from_bits(&sim.get_bits(port)), expected, "{name} = {driver:?}");
            let signal = sim.find(name).unwrap();
            assert_eq!(naive::from_bits(&sim.peek(signal)), expected, "{name}, by its path");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn random_expressions_equal_the_naive_interpreter(seed: u64) {
        check(seed);
    }
}
