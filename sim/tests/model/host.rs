//! The host port: what can be written and read, errors, starting and stopping.
use crate::rig::{DIGEST, Rig, design, exact, mitchell};
use logloom_hdl::arith::Side;
use logloom_hdl::control::isa::*;
use logloom_hdl::host::map::{self, ErrorCode, Region, Register, address, control, status};
use logloom_sim::model::Model;
use logloom_sim::target::Target;

fn rig() -> Rig {
    Rig::new(design(3, 5, mitchell(16, 4, 8)))
}

/// The pending error, which is cleared.
fn error(rig: &mut Rig) -> Option<ErrorCode> {
    let code = rig.register(Register::Error);
    rig.set(Register::Error, 0xFFFF);
    assert_eq!(rig.register(Register::Error), 0);
    ErrorCode::from_number(code)
}

#[test]
fn a_wrong_design_is_refused() {
    let mut wrong = design(2, 2, exact(8));
    wrong.rows = 0;
    assert_eq!(Model::new(&wrong, 0).unwrap_err().key, "array.rows");
}

#[test]
fn constants() {
    let mut rig = rig();
    assert_eq!(rig.register(Register::Id), 0x4C4F_474C);
    assert_eq!(rig.register(Register::Digest), DIGEST);
    assert_eq!(rig.register(Register::Geometry), 5 << 16 | 3);
    assert_eq!(rig.register(Register::Status), 0);
    assert_eq!(rig.register(Register::Control), 0);
    assert_eq!(rig.model.cycles(), None);
}

#[test]
fn memories_power_up_empty_and_entries_read_as_written() {
    let mut rig = rig();
    for &region in &Region::ALL[1..] {
        assert!(rig.read_all(region).iter().all(|&word| word == 0), "{region:?}");
    }
    let family = rig.design.arithmetic.clone();
    let pass = 1 << rig.design.word_bits();
    for (region, data, expected) in [
        (Region::Program, 0xDEAD_BEEF, 0xDEAD_BEEF),
        (Region::Label, 0xABCD_1234, 0x1234),
        (Region::Activation, 1000, pass | family.encode(Side::Moving, 1000, 0)),
        (Region::Activation, 0x1234_8000, family.encode(Side::Moving, -32768, 0)),
        (Region::Activation, 0, 0),
        (Region::Activation, 32767, family.encode(Side::Moving, 32767, 0)),
        (Region::Activation, 32766, pass | family.encode(Side::Moving, 32766, 0)),
        (Region::Gradient, -5i32 as u32, family.encode(Side::Moving, -5, 0)),
        (Region::Weight, 0xFFFF, u32::MAX),
        (Region::Weight, 0x7FFF, 0x7FFF),
    ] {
        let last = region.words(&rig.design) - 1;
        rig.write(address(region, last), data);
        assert_eq!(rig.read(address(region, last), 1), [expected], "{region:?} {data}");
    }
    let last = Region::Weight.words(&rig.design) - 1;
    assert_eq!(rig.read(address(Region::WeightCode, last), 1), [family.encode(Side::Moving, 32767, 0)]);
    assert_eq!(error(&mut rig), None);
}

#[test]
fn a_wider_master_is_rounded_for_its_code() {
    let mut design = design(2, 2, exact(8));
    design.weight.bits = 12;
    design.weight.frac = 8;
    let mut rig = Rig::new(design);
    for (master, copy) in [(0x7FF, 127), (8, 1), (7, 0), (0xFF8, 0), (0xFF7, 0xFF), (0x800, 0x80)] {
        rig.write(address(Region::Weight, 3), master);
        assert_eq!(rig.read(address(Region::WeightCode, 3), 1), [copy], "{master:x}");
    }
}

#[test]
fn addresses_that_do_not_exist() {
    let mut rig = rig();
    for &region in Region::ALL {
        let end = address(region, region.words(&rig.design));
        assert_eq!(rig.read(end, 1), [0]);
        assert_eq!(error(&mut rig), Some(ErrorCode::NoSuchWord), "{region:?}");
        rig.write(end, 1);
        assert_eq!(error(&mut rig), Some(ErrorCode::NoSuchWord), "{region:?}");
    }
    for address in [12 << 20, u32::MAX] {
        assert_eq!(rig.read(address, 1), [0]);
        assert_eq!(error(&mut rig), Some(ErrorCode::NoSuchWord));
    }
}

#[test]
fn read_only_words() {
    let mut rig = rig();
    for &region in Region::ALL {
        rig.write(address(region, 0), 1);
        let expected = match region {
            // ID.
            Region::Registers => Some(ErrorCode::ReadOnly),
            _ if region.writable(&rig.design) => None,
            _ => Some(ErrorCode::ReadOnly),
        };
        assert_eq!(error(&mut rig), expected, "{region:?}");
    }
    for &register in Register::ALL {
        rig.set(register, 0);
        let expected = (!register.access().writable()).then_some(ErrorCode::ReadOnly);
        assert_eq!(error(&mut rig), expected, "{register:?}");
    }
    assert_eq!(rig.register(Register::Id), map::ID);
}

#[test]
fn the_first_error_stays() {
    let mut rig = rig();
    rig.set(Register::Id, 0);
    rig.read(u32::MAX, 1);
    assert_eq!(rig.register(Register::Status), status::ERROR);
    assert_eq!(error(&mut rig), Some(ErrorCode::ReadOnly));
    assert_eq!(rig.register(Register::Status), 0);
}

#[test]
fn program_counter_and_seed() {
    let mut rig = rig();
    rig.set(Register::Seed, 0xCAFE_F00D);
    rig.set(Register::Pc, 8 + 3);
    assert_eq!(rig.register(Register::Seed), 0xCAFE_F00D);
    assert_eq!(rig.register(Register::Pc), 3);
}

fn gemm() -> Gemm {
    Gemm { m: 1, k: 1, n: 1, block: 1, ..Gemm::default() }
}

#[test]
fn stepping_and_running() {
    let mut rig = rig();
    let softmax = Softmax { m: 1, n: 1, ..Softmax::default() };
    rig.program(&[Instruction::Gemm(gemm()), Instruction::Softmax(softmax), Instruction::Halt]);
    rig.set(Register::Control, control::STEP);
    assert_eq!([rig.register(Register::Pc), rig.register(Register::Instructions)], [1, 1]);
    assert_eq!(rig.register(Register::Status), 0);
    rig.set(Register::Control, control::RUN | control::STEP | control::CLEAR);
    assert_eq!([rig.register(Register::Pc), rig.register(Register::Instructions)], [2, 2]);
    assert_eq!(rig.register(Register::Status), status::HALTED);
    assert_eq!(rig.register(Register::Busy), 0);
    // A single step of a HALT halts; of anything else it clears the flag.
    rig.set(Register::Control, control::STEP);
    assert_eq!(rig.register(Register::Status), status::HALTED);
    assert_eq!(rig.register(Register::Pc), 2);
    rig.set(Register::Pc, 0);
    rig.set(Register::Control, control::STEP);
    assert_eq!(rig.register(Register::Status), 0);
    assert_eq!(rig.register(Register::Busy), 1);
    rig.set(Register::Control, control::CLEAR);
    assert_eq!([rig.register(Register::Busy), rig.register(Register::Instructions)], [0, 0]);
}

#[test]
fn the_program_counter_wraps() {
    let mut rig = rig();
    rig.program(&[Instruction::Halt]);
    rig.write(address(Region::Program, 7 * 8), Instruction::Gemm(gemm()).encode()[0]);
    for (word, data) in (7 * 8..).zip(Instruction::Gemm(gemm()).encode()) {
        rig.write(address(Region::Program, word), data);
    }
    rig.set(Register::Pc, 7);
    rig.set(Register::Control, control::RUN);
    assert_eq!([rig.register(Register::Pc), rig.register(Register::Instructions)], [0, 2]);
}

#[test]
fn a_program_without_halt_is_found() {
    let mut rig = rig();
    rig.program(&[Instruction::Gemm(gemm()); 8]);
    let start = (Register::Control.address(), control::RUN);
    let error = rig.model.write(&[start]).unwrap_err();
    assert!(error.to_string().contains("no HALT"));
}

#[test]
fn illegal_instructions_stop_before_anything_changes() {
    let mut rig = rig();
    let limit = rig.design.accumulator_depth as u16;
    let good = gemm();
    let gradient = Moving::Gradient;
    let softmax = |m, n| Instruction::Softmax(Softmax { m, n, ..Softmax::default() }).encode();
    let gemm = |gemm: Gemm| Instruction::Gemm(gemm).encode();
    let both_gradients = Gemm { moving: gradient, stationary: Stationary::Gradient, ..good };
    let mut no_memory = gemm(good);
    no_memory[0] |= 3 << 6;
    for words in [
        gemm(Gemm { m: 0, ..good }),
        gemm(Gemm { k: 0, ..good }),
        gemm(Gemm { n: 0, ..good }),
        gemm(Gemm { block: 0, ..good }),
        gemm(Gemm { block: limit + 1, ..good }),
        gemm(Gemm { stationary: Stationary::Activation, ..good }),
        gemm(Gemm { dest: Dest::Gradient, ..good }),
        gemm(Gemm { dest: Dest::Gradient, stationary: Stationary::Activation, moving: gradient, ..good }),
        gemm(both_gradients),
        no_memory,
        softmax(0, 1),
        softmax(1, 0),
        softmax(33, 1),
    ] {
        for (word, data) in (8..).zip(words) {
            rig.write(address(Region::Program, word), data);
        }
        rig.set(Register::Pc, 1);
        rig.set(Register::Control, control::RUN | control::CLEAR);
        assert_eq!(rig.register(Register::Pc), 1);
        assert_eq!(rig.register(Register::Status), status::ERROR);
        assert_eq!(rig.register(Register::Instructions), 0);
        assert_eq!(error(&mut rig), Some(ErrorCode::IllegalOperand), "{words:x?}");
    }
    for opcode in [0, 4, 15] {
        rig.write(address(Region::Program, 8), opcode);
        rig.set(Register::Control, control::STEP);
        assert_eq!(error(&mut rig), Some(ErrorCode::IllegalOpcode));
    }
}

#[test]
fn nothing_starts_with_an_error_pending() {
    let mut rig = rig();
    rig.program(&[Instruction::Halt]);
    rig.set(Register::Control, control::RUN);
    rig.set(Register::Id, 0);
    rig.set(Register::Control, control::RUN | control::CLEAR);
    assert_eq!(rig.register(Register::Instructions), 0);
    assert_eq!(rig.register(Register::Status), status::HALTED | status::ERROR);
    assert_eq!(error(&mut rig), Some(ErrorCode::ReadOnly));
}

#[test]
fn accumulators_between_the_columns_and_a_power_of_two_read_as_zero() {
    let mut rig = rig();
    rig.write(address(Region::Activation, 0), 256);
    rig.write(address(Region::Weight, 0), -256i32 as u32);
    rig.run(&[Instruction::Gemm(Gemm { dest: Dest::Accumulator, acc_base: 1, ..gemm() })]);
    let words = rig.read_all(Region::Accumulator);
    // Entries of 48 bits take two words, rows of 5 columns eight entries: -65536 >> 8 at address 1.
    assert_eq!(words.len(), 16 * 8 * 2);
    assert_eq!(words[16..18], [-256i32 as u32, u32::MAX]);
    assert!(words[18..32].iter().all(|&word| word == 0));
}
