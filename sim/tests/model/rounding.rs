//! Requantiser and rounding generators on numbers worked out by hand.
use crate::rig::{Place, Rig, design, exact, mitchell};
use logloom_hdl::arith::Side;
use logloom_hdl::control::isa::*;
use logloom_hdl::host::map::{Region, Register, address};

const ACTIVATION: Place = Place { region: Region::Activation, base: 0, stride: 1 };
const GRADIENT: Place = Place { region: Region::Gradient, base: 0, stride: 1 };
const WEIGHT: Place = Place { region: Region::Weight, base: 0, stride: 1 };

/// Host word of the one element of the destination, in tile 2: a 1 x 1 array has two banks.
const DEST: u32 = 2 * 2 * 2;

/// 1 x 1 array of 8-bit exact products; masters of 8 bits are their own compute copies.
fn scalar() -> Rig {
    let mut design = design(1, 1, exact(8));
    design.weight.bits = 8;
    design.weight.frac = 6;
    Rig::new(design)
}

fn multiply(dest: Dest, shift: u8) -> Instruction {
    Instruction::Gemm(Gemm {
        moving: if dest == Dest::Gradient { Moving::Gradient } else { Moving::Activation },
        dest,
        shift,
        m: 1,
        k: 1,
        n: 1,
        block: 1,
        dest_base: 2,
        mask_base: 1,
        ..Gemm::default()
    })
}

/// Code (of the exact family: the operand itself) that `a * b` leaves in an activation.
fn activation(a: i64, b: i64, shift: u8) -> u32 {
    let mut rig = scalar();
    rig.put(ACTIVATION, 1, &[a]);
    rig.put(WEIGHT, 1, &[b]);
    rig.run(&[multiply(Dest::Activation, shift)]);
    rig.read(address(Region::Activation, DEST), 1)[0]
}

const PASS: u32 = 1 << 8;

#[test]
fn half_rounds_up_and_relu_clears() {
    assert_eq!(activation(5, 3, 2), PASS | 4);
    assert_eq!(activation(7, 2, 2), PASS | 4);
    assert_eq!(activation(13, 1, 2), PASS | 3);
    assert_eq!(activation(13, 1, 0), PASS | 13);
    assert_eq!(activation(1, 1, 2), 0);
    assert_eq!(activation(-5, 3, 2), 0);
}

#[test]
fn a_saturated_activation_does_not_pass() {
    assert_eq!(activation(63, 2, 0), PASS | 126);
    assert_eq!(activation(127, 1, 0), 127);
    assert_eq!(activation(100, 100, 0), 127);
}

/// Code that a gradient product leaves behind an activation.
fn gradient(a: i64, b: i64, shift: u8, mask: i64) -> u32 {
    let mut rig = scalar();
    rig.put(GRADIENT, 1, &[a]);
    rig.put(WEIGHT, 1, &[b]);
    rig.put(Place { base: 1, ..ACTIVATION }, 1, &[mask]);
    rig.run(&[multiply(Dest::Gradient, shift)]);
    rig.read(address(Region::Gradient, DEST), 1)[0]
}

#[test]
fn gradients_keep_their_sign_and_obey_the_mask() {
    assert_eq!(gradient(-7, 2, 2, 1), (-3i8 as u8).into());
    assert_eq!(gradient(-6, 1, 2, 126), (-1i8 as u8).into());
    assert_eq!(gradient(-128, -128, 0, 1), 127);
    assert_eq!(gradient(-128, 127, 0, 1), 128);
    for blocked in [0, -1, 127, -128] {
        assert_eq!(gradient(7, 7, 0, blocked), 0);
    }
}

/// Masters after one update by `a * b >> shift`, and the counters of clipped and zero updates.
fn update(master: i64, a: i64, b: i64, shift: u8) -> (i32, [u32; 3]) {
    let mut rig = scalar();
    rig.put(ACTIVATION, 1, &[a]);
    rig.put(GRADIENT, 1, &[b]);
    rig.put(Place { base: 2, ..WEIGHT }, 1, &[master]);
    let Instruction::Gemm(gemm) = multiply(Dest::Weight, shift) else { unreachable!() };
    rig.run(&[Instruction::Gemm(Gemm { stationary: Stationary::Gradient, ..gemm })]);
    let counters = [Register::Saturated, Register::WeightsSaturated, Register::ZeroUpdates];
    (rig.read(address(Region::Weight, DEST), 1)[0] as i32, counters.map(|r| rig.register(r)))
}

#[test]
fn updates_are_subtracted_and_saturate() {
    assert_eq!(update(10, 3, 4, 2), (7, [0, 0, 0]));
    assert_eq!(update(-120, 30, 1, 0), (-128, [0, 1, 0]));
    assert_eq!(update(120, -30, 1, 0), (127, [0, 1, 0]));
    assert_eq!(update(0, 100, 100, 0), (-127, [1, 0, 0]));
    assert_eq!(update(5, 1, 1, 3), (5, [0, 0, 1]));
}

#[test]
fn the_lift_keeps_shifts_positive() {
    // With 24 dropped bits and these formats the lift is 24 - 12.
    let mut design = design(1, 1, mitchell(16, 4, 24));
    design.activation.frac = 10;
    design.gradient.frac = 14;
    design.weight.frac = 12;
    design.accumulator_bits = 16;
    assert_eq!(design.lift(), 12);
    let mut rig = Rig::new(design);
    // 2^14 * 2^12 drops to 4, lifts to 2^14.
    rig.put(ACTIVATION, 1, &[1 << 14]);
    rig.put(WEIGHT, 1, &[1 << 12]);
    rig.run(&[multiply(Dest::Activation, 0)]);
    let operand = mitchell(16, 4, 24).encode(Side::Moving, 1 << 14, 0);
    assert_eq!(rig.read(address(Region::Activation, DEST), 1)[0] & 0x3FF, operand);
}

/// Updates of a column of zero masters by totals of 1 with stochastic rounding at this shift.
fn stochastic_updates(columns: u32, count: u16, shift: u8, seed: u32, salt: u8) -> Vec<i32> {
    let mut design = design(1, columns, exact(8));
    design.weight.bits = 8;
    design.weight.frac = 6;
    assert_eq!(design.lift(), 0);
    design.activation_depth = 256 * design.banks();
    design.weight_depth = 256 * design.banks();
    let mut rig = Rig::new(design);
    rig.set(Register::Seed, seed);
    rig.put(ACTIVATION, 1, &vec![1; count.into()]);
    rig.put(GRADIENT, columns as usize, &vec![1; columns as usize]);
    rig.run(&[Instruction::Gemm(Gemm {
        moving: Moving::Activation,
        stationary: Stationary::Gradient,
        dest: Dest::Weight,
        rounding: Rounding::Stochastic,
        shift,
        salt,
        m: count,
        k: 1,
        n: columns as u16,
        block: 16,
        moving_stride: 1,
        stationary_stride: 1,
        dest_stride: 1,
        ..Gemm::default()
    })]);
    let weights = rig.read_all(Region::Weight);
    let word = |i, j| rig.word(WEIGHT, i, j) as usize;
    (0..count.into())
        .flat_map(|i| (0..columns as usize).map(move |j| (i, j)))
        .map(|(i, j)| weights[word(i, j)] as i32)
        .collect()
}

#[test]
fn the_first_steps_of_a_generator() {
    // Seed 0, lane 0 starts at 0x9E3779B9; the addend of 1 rounds up when the low bits are all ones.
    let mut state = 0x9E37_79B9u32;
    let mut expected = Vec::new();
    for _ in 0..12 {
        expected.push(-i32::from(state & 3 == 3));
        state = if state & 1 == 1 { state >> 1 ^ 0x8020_0003 } else { state >> 1 };
    }
    assert!(expected.contains(&-1) && expected.contains(&0));
    assert_eq!(stochastic_updates(1, 12, 2, 0, 0), expected);
}

#[test]
fn stochastic_rounding_is_right_on_average() {
    let updates = stochastic_updates(4, 250, 3, 12345, 7);
    let mean = -updates.iter().sum::<i32>() as f64 / updates.len() as f64;
    // 1000 draws of probability 1/8: standard deviation 0.0105.
    assert!((mean - 0.125).abs() < 0.04, "{mean}");
}

#[test]
fn seed_and_salt_choose_the_draws() {
    let draws = stochastic_updates(2, 100, 2, 1, 1);
    assert_eq!(stochastic_updates(2, 100, 2, 1, 1), draws);
    assert_ne!(stochastic_updates(2, 100, 2, 2, 1), draws);
    assert_ne!(stochastic_updates(2, 100, 2, 1, 2), draws);
}
