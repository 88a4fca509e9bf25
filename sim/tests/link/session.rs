//! A host's session with an accelerator behind its UART, against the model.
use crate::noise::{Noisy, Random};
use crate::small::{design, logarithmic};
use logloom_hdl::arith::{Arithmetic, family};
use logloom_hdl::control::isa::{Dest, Gemm, Instruction, Softmax};
use logloom_hdl::design::Design;
use logloom_hdl::host::map::{Region, Register, address, control};
use logloom_hdl::link::uart::{SILENT_BITS, serial_accelerator};
use logloom_sim::model::Model;
use logloom_sim::target::Target;
use logloom_sim::target::framed::Framed;
use logloom_sim::target::line::Line;
use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::sync::Arc;

pub const DIGEST: u32 = 0xC0FF_EE00;
/// The fewest clock cycles per bit, so that little is simulated.
const DIVIDER: u32 = 4;

/// Codes are drawn: a write that is carried out twice moves the generators.
pub fn drawn() -> Arc<dyn Arithmetic> {
    family::find("ternary").unwrap().parse("operand_bits=16").unwrap()
}

/// A line that the test keeps a hand on.
#[derive(Clone)]
struct Shared(Rc<RefCell<Noisy<Line>>>);

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(buffer)
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn line(design: &Design, bit: f64, period: usize, seed: u64) -> Shared {
    let top = serial_accelerator(design, DIGEST, 1_000_000 * DIVIDER, 1_000_000).unwrap();
    let patience = u64::from(2 * SILENT_BITS * DIVIDER);
    Shared(Rc::new(RefCell::new(Noisy::new(Line::new(&top, bit, patience).unwrap(), period, seed))))
}

/// Fills every memory that a host may write, runs a program twice, and reads everything back, time excepted.
pub fn session(design: &Design, target: &mut dyn Target) -> Vec<u32> {
    let mut random = Random::new(3);
    let mut words = vec![(Register::Error.address(), 0), (Register::Control.address(), control::CLEAR)];
    words.push((Register::Seed.address(), 77));
    for region in [Region::Label, Region::Activation, Region::Gradient, Region::Weight] {
        for word in 0..region.words(design) {
            // With gaps, so that there are runs of all lengths.
            if random.below(5) > 0 {
                words.push((address(region, word), random.next() as u32 >> random.below(24)));
            }
        }
    }
    target.write(&words).unwrap();
    let gemm = Gemm { dest: Dest::Accumulator, m: 4, k: 3, n: 2, block: 4, ..Gemm::default() };
    let loss = Softmax { m: 4, n: 2, dest_stride: 1, ..Softmax::default() };
    let update = Gemm { dest: Dest::Activation, m: 2, k: 3, n: 2, block: 4, dest_base: 3, ..Gemm::default() };
    let program = [Instruction::Gemm(gemm), Instruction::Softmax(loss), Instruction::Gemm(update), Instruction::Halt];
    let program: Vec<u32> = program.iter().flat_map(Instruction::encode).collect();
    target.write(&(address(Region::Program, 0)..).zip(program).collect::<Vec<_>>()).unwrap();
    for _ in 0..2 {
        target.write(&[(Register::Pc.address(), 0)]).unwrap();
        target.write(&[(Register::Control.address(), control::RUN)]).unwrap();
        target.wait().unwrap();
    }
    let mut all = Vec::new();
    for &region in Region::ALL {
        let mut out = vec![0; region.words(design) as usize];
        target.read(address(region, 0), &mut out).unwrap();
        if region == Region::Registers {
            for register in [Register::Cycles, Register::Stall] {
                out[register.number() as usize] = 0;
            }
        }
        all.extend(out);
    }
    all
}

#[test]
fn a_clean_line_gives_the_models_words() {
    for arithmetic in [logarithmic(), drawn()] {
        let design = design(arithmetic);
        let expected = session(&design, &mut Model::new(&design, DIGEST).unwrap());
        for percent in [98.0, 100.0, 102.0] {
            let line = line(&design, f64::from(DIVIDER) * percent / 100.0, 0, 0);
            assert_eq!(session(&design, &mut Framed::open("line", line).unwrap()), expected, "host's bit {percent} %");
        }
    }
}

#[test]
fn a_bad_line_gives_the_models_words() {
    let mut faults = 0;
    for (seed, arithmetic) in (0..).zip([logarithmic(), drawn(), drawn(), drawn()]) {
        let design = design(arithmetic);
        let expected = session(&design, &mut Model::new(&design, DIGEST).unwrap());
        let line = line(&design, f64::from(DIVIDER), 600, seed);
        assert_eq!(session(&design, &mut Framed::open("line", line.clone()).unwrap()), expected, "seed {seed}");
        faults += line.0.borrow().faults;
    }
    assert!(faults > 8, "{faults}");
}

#[test]
fn a_line_that_is_all_faults_is_given_up() {
    let line = line(&design(logarithmic()), f64::from(DIVIDER), 3, 1);
    let error = Framed::open("line", line).err().unwrap().to_string();
    assert!(error.starts_with("line: ") && error.contains("10 times; check"), "{error}");
}

#[test]
fn a_reset_does_not_go_unnoticed() {
    let line = line(&design(logarithmic()), f64::from(DIVIDER), 0, 0);
    let mut target = Framed::open("line", line.clone()).unwrap();
    target.write(&[(Register::Seed.address(), 5)]).unwrap();
    line.0.borrow_mut().line.reset();
    let error = target.write(&[(Register::Control.address(), control::RUN)]).unwrap_err().to_string();
    assert!(error.starts_with("line: the accelerator was reset"), "{error}");
    // Nor a second host, to the first.
    let mut first = Framed::open("first", line.clone()).unwrap();
    first.wait().unwrap();
    Framed::open("second", line).unwrap();
    let error = first.wait().unwrap_err().to_string();
    assert!(error.contains("another program uses the line"), "{error}");
}
