//! Model and simulation agree in every word.
use logloom_hdl::accelerator::accelerator;
use logloom_hdl::arith::{Arithmetic, Exact, Form, Mitchell};
use logloom_hdl::control::isa::*;
use logloom_hdl::design::{Design, Format};
use logloom_hdl::link::map::{Region, Register, address, control};
use logloom_sim::model::Model;
use logloom_sim::netlist::Simulator;
use logloom_sim::target::Target;
use std::sync::Arc;

struct Sim {
    sim: Simulator,
}

impl Sim {
    fn new(design: &Design) -> Self {
        let top = accelerator(design, 0x1234).unwrap();
        let mut sim = Simulator::new(&top).unwrap();
        eprintln!("{} operations", sim.operations());
        sim.set_reset(true);
        sim.run(3);
        sim.set_reset(false);
        Sim { sim }
    }
    fn access(&mut self, write: bool, address: u32, data: u32) -> u32 {
        let s = &mut self.sim;
        let port = |s: &Simulator, n: &str| s.input(n).unwrap();
        let (v, w, a, d) =
            (port(s, "host_valid_i"), port(s, "host_write_i"), port(s, "host_address_i"), port(s, "host_data_i"));
        let (r, o) = (s.output("host_ready_o").unwrap(), s.output("host_data_o").unwrap());
        s.set(v, 1);
        s.set(w, write.into());
        s.set(a, address.into());
        s.set(d, data.into());
        let mut n = 0;
        loop {
            s.evaluate();
            let ready = s.get(r) == 1;
            let data = s.get(o) as u32;
            s.step();
            if ready {
                s.set(v, 0);
                return data;
            }
            n += 1;
            assert!(n < 1000);
        }
    }
}

impl Target for Sim {
    fn name(&self) -> &str {
        "sim"
    }
    fn write(&mut self, words: &[(u32, u32)]) -> anyhow::Result<()> {
        for &(a, d) in words {
            self.access(true, a, d);
        }
        Ok(())
    }
    fn read(&mut self, address: u32, out: &mut [u32]) -> anyhow::Result<()> {
        for (i, o) in out.iter_mut().enumerate() {
            *o = self.access(false, address + i as u32, 0);
        }
        Ok(())
    }
    fn wait(&mut self) -> anyhow::Result<()> {
        for _ in 0..10000 {
            let mut w = [0];
            self.read(Register::Status.address(), &mut w)?;
            if w[0] & 1 == 0 {
                return Ok(());
            }
        }
        panic!("does not end");
    }
    fn cycles(&mut self) -> Option<u64> {
        Some(self.sim.cycle())
    }
}

fn design(rows: u32, columns: u32, arithmetic: Arc<dyn Arithmetic>) -> Design {
    let bits = arithmetic.operand_bits();
    let banks = rows.max(columns).max(2).next_power_of_two();
    let mut design = Design {
        name: "test".into(),
        rows,
        columns,
        activation: Format { bits, frac: bits / 2 },
        gradient: Format { bits, frac: bits - 2 },
        arithmetic,
        weight: Format { bits: 16, frac: 12 },
        accumulator_bits: 40,
        accumulator_depth: 16,
        activation_depth: 32 * banks,
        gradient_depth: 32 * banks,
        weight_depth: 32 * banks,
        batch_depth: 16,
        program_depth: 8,
    };
    design.accumulator_bits = design.accumulator_bits.min(62 - design.lift());
    design
}

fn compare(design: &Design, a: &mut dyn Target, b: &mut dyn Target, what: &str) {
    let mut bad = 0;
    for &region in Region::ALL {
        let n = region.words(design) as usize;
        let (mut x, mut y) = (vec![0; n], vec![0; n]);
        a.read(address(region, 0), &mut x).unwrap();
        b.read(address(region, 0), &mut y).unwrap();
        for i in 0..n {
            if region == Region::Registers && [8, 10].contains(&i) {
                continue;
            }
            if x[i] != y[i] {
                bad += 1;
                if bad < 20 {
                    eprintln!("{} {i}: {:x} {:x}", region.name(), x[i], y[i]);
                }
            }
        }
    }
    assert_eq!(bad, 0, "{what}");
}

fn fill(design: &Design, targets: &mut [&mut dyn Target], seed: u64) {
    let mut x = seed | 1;
    let mut words = Vec::new();
    for region in [Region::Activation, Region::Gradient, Region::Weight, Region::Label] {
        for i in 0..region.words(design) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            let scale = (x >> 40) % 14;
            let v = ((x >> 8) as i16 >> scale) as i32;
            let v = if region == Region::Label { (x >> 20) as i32 & 3 } else { v };
            words.push((address(region, i), v as u32));
        }
    }
    for t in targets {
        t.write(&words).unwrap();
    }
}

fn run(design: &Design, program: &[Instruction]) {
    let mut model = Model::new(design, 0x1234).unwrap();
    let mut sim = Sim::new(design);
    fill(design, &mut [&mut model, &mut sim], 77);
    compare(design, &mut model, &mut sim, "fill");
    let words: Vec<u32> = program.iter().flat_map(Instruction::encode).collect();
    let words: Vec<(u32, u32)> =
        words.into_iter().enumerate().map(|(i, w)| (address(Region::Program, i as u32), w)).collect();
    for (n, _) in program.iter().enumerate() {
        for t in [&mut model as &mut dyn Target, &mut sim] {
            if n == 0 {
                t.write(&words).unwrap();
                t.write(&[(Register::Seed.address(), 99)]).unwrap();
            }
            t.write(&[(Register::Control.address(), control::STEP)]).unwrap();
            t.wait().unwrap();
        }
        compare(design, &mut model, &mut sim, &format!("instruction {n} {:?}", program[n]));
    }
    assert!(sim.sim.hazards().is_empty(), "{:?}", &sim.sim.hazards()[..1]);
}

#[test]
fn forward() {
    for (r, c) in [(2, 2), (4, 4), (3, 5), (1, 1), (5, 2)] {
        let d = design(r, c, Arc::new(Mitchell { operand_bits: 16, fraction_bits: 4, dropped_bits: 8, stages: 0 }));
        eprintln!("{r}x{c}");
        let g = Gemm {
            m: 5,
            k: 7,
            n: 6,
            block: 4,
            shift: 12,
            moving_stride: 4,
            stationary_stride: 4,
            dest_base: 16,
            dest_stride: 3,
            ..Default::default()
        };
        run(&d, &[Instruction::Gemm(g)]);
        let g = Gemm {
            moving: Moving::Gradient,
            stationary_by: By::Column,
            dest: Dest::Gradient,
            mask_base: 1,
            mask_stride: 2,
            ..g
        };
        run(&d, &[Instruction::Gemm(g)]);
        let g = Gemm {
            moving: Moving::Activation,
            moving_by: By::Column,
            stationary: Stationary::Gradient,
            stationary_by: By::Row,
            dest: Dest::Weight,
            dest_base: 0,
            rounding: Rounding::Stochastic,
            salt: 3,
            ..g
        };
        run(&d, &[Instruction::Gemm(g)]);
        let a = Gemm { dest: Dest::Accumulator, block: 8, m: 5, n: 3.min(2 * c as u16), acc_base: 1, ..g };
        let s =
            Softmax { passes: Passes::Gradient, shift: 14, m: 5, n: a.n, dest_base: 12, dest_stride: 2, acc_base: 1 };
        run(&d, &[Instruction::Gemm(a), Instruction::Softmax(s), Instruction::Halt]);
    }
    let _ = (Form::Rows, |d: Exact| d);
}

#[test]
fn small() {
    let d = design(2, 2, Arc::new(Mitchell { operand_bits: 16, fraction_bits: 4, dropped_bits: 8, stages: 0 }));
    for (m, k, n, block) in [
        (1, 1, 1, 4),
        (4, 2, 2, 4),
        (3, 2, 2, 4),
        (4, 1, 2, 4),
        (4, 4, 2, 4),
        (3, 4, 2, 4),
        (4, 2, 4, 4),
        (5, 2, 2, 4),
        (6, 2, 2, 2),
    ] {
        let g = Gemm {
            m,
            k,
            n,
            block,
            shift: 12,
            moving_stride: 4,
            stationary_stride: 4,
            dest_base: 16,
            dest_stride: 3,
            ..Default::default()
        };
        eprintln!("m{m} k{k} n{n} block{block}");
        let d = d.clone();
        let r = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || run(&d, &[Instruction::Gemm(g)])));
        eprintln!("---- {}", if r.is_ok() { "ok" } else { "BAD" });
    }
}
