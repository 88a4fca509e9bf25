//! GEMM against loops written in the order of the specification.
use crate::rig::{Place, Rig, design, exact, mitchell};
use logloom_hdl::arith::Side;
use logloom_hdl::control::isa::*;
use logloom_hdl::design::Design;
use logloom_hdl::host::map::{Region, Register};
use proptest::prelude::*;

/// A GEMM to try. Placement and data follow from `seed`.
#[derive(Clone, Debug)]
struct Case {
    rows: u32,
    columns: u32,
    family: u32,
    operands: (Moving, Stationary),
    dest: Dest,
    by: [By; 3],
    rounding: Rounding,
    shift: u8,
    shape: (u16, u16, u16),
    block: u16,
    master_bits: u32,
    narrow: bool,
    seed: u64,
}

impl Case {
    fn design(&self) -> Design {
        let arithmetic = match self.family {
            0 => exact(8),
            1 => exact(16),
            2 => mitchell(16, 4, 8),
            3 => mitchell(16, 15, 0),
            _ => mitchell(6, 2, 5),
        };
        let mut design = design(self.rows, self.columns, arithmetic);
        design.weight.bits = self.master_bits;
        design.weight.frac = design.weight.frac.min(self.master_bits - 1);
        let tiles = 1024 / design.banks();
        let depth = tiles.max(16) * design.banks();
        (design.activation_depth, design.gradient_depth, design.weight_depth) = (depth, depth, depth);
        design.accumulator_bits = (62 - design.lift()).min(48);
        if self.narrow {
            // The narrowest legal accumulator, so that sums over several tiles wrap.
            design.accumulator_bits = design.sum_bits().max(16);
        }
        design
    }
}

/// Deterministic numbers for the data: a 64-bit LCG, high bits.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 33
    }

    /// Signed operand: often 0, often extreme.
    fn operand(&mut self, bits: u32) -> i64 {
        let most = (1i64 << (bits - 1)) - 1;
        match self.next() % 8 {
            0 | 1 => 0,
            2 => most,
            3 => -most - 1,
            4 => 1,
            _ => self.next() as i64 % (2 * most + 2) - most - 1,
        }
    }

    fn matrix(&mut self, length: usize, bits: u32) -> Vec<i64> {
        (0..length).map(|_| self.operand(bits)).collect()
    }
}

/// Places matrices one after the other in each memory, with a gap in front and a loose stride.
struct Allocator {
    next: [u32; 16],
    banks: u32,
}

impl Allocator {
    fn place(&mut self, region: Region, (rows, columns): (usize, usize), slack: u32) -> Place {
        let tiles = |n: usize| (n as u32).div_ceil(self.banks);
        let base = self.next[region.number() as usize] + slack;
        let stride = tiles(columns) + slack;
        self.next[region.number() as usize] = base + tiles(rows) * stride;
        Place { region, base, stride }
    }
}

fn stored(by: By, (vectors, elements): (usize, usize)) -> (usize, usize) {
    match by {
        By::Row => (vectors, elements),
        By::Column => (elements, vectors),
    }
}

/// Position of (vector, element) in a row-major stored matrix.
fn position(by: By, (vectors, elements): (usize, usize), vector: usize, element: usize) -> usize {
    match by {
        By::Row => vector * elements + element,
        By::Column => element * vectors + vector,
    }
}

fn saturate(value: i128, bits: u32) -> i64 {
    let most = (1i128 << (bits - 1)) - 1;
    value.clamp(-most - 1, most) as i64
}

fn check(case: &Case) {
    let design = case.design();
    let arithmetic = design.arithmetic.clone();
    let width = design.operand_bits();
    let encode = |x: i64| arithmetic.encode(Side::Moving, x, 0);
    let copy = |master: i64| {
        let d = design.master_bits() as i32 - width as i32;
        if d > 0 { saturate((i128::from(master) + (1 << (d - 1))) >> d, width) } else { master << -d }
    };
    let mut rig = Rig::new(design.clone());
    let mut numbers = Numbers(case.seed);
    let (m, k, n) = (case.shape.0 as usize, case.shape.1 as usize, case.shape.2 as usize);
    let mut allocator = Allocator { next: [0; 16], banks: design.banks() };
    let slack = |numbers: &mut Numbers| (numbers.next() % 2) as u32;

    // Operands.
    let (moving_region, stationary_region) = (
        match case.operands.0 {
            Moving::Activation => Region::Activation,
            Moving::Gradient => Region::Gradient,
        },
        match case.operands.1 {
            Stationary::WeightCode => Region::Weight,
            Stationary::Gradient => Region::Gradient,
            Stationary::Activation => Region::Activation,
        },
    );
    let moving_at = allocator.place(moving_region, stored(case.by[0], (m, k)), slack(&mut numbers));
    let moving = numbers.matrix(m * k, width);
    rig.put(moving_at, stored(case.by[0], (m, k)).1, &moving);
    let stationary_at = allocator.place(stationary_region, stored(case.by[1], (k, n)), slack(&mut numbers));
    let stationary_bits = if stationary_region == Region::Weight { design.master_bits() } else { width };
    let stationary = numbers.matrix(k * n, stationary_bits);
    rig.put(stationary_at, stored(case.by[1], (k, n)).1, &stationary);

    // Destination, with old contents, and the mask.
    let dest_region = match case.dest {
        Dest::Activation => Region::Activation,
        Dest::Gradient => Region::Gradient,
        Dest::Weight | Dest::Accumulator => Region::Weight,
    };
    let dest_shape = stored(case.by[2], (m, n));
    let dest_at = allocator.place(dest_region, dest_shape, slack(&mut numbers));
    let old_bits = if dest_region == Region::Weight { design.master_bits() } else { width };
    let old = numbers.matrix(m * n, old_bits);
    rig.put(dest_at, dest_shape.1, &old);
    let mask_at = allocator.place(Region::Activation, dest_shape, slack(&mut numbers));
    let mask = numbers.matrix(m * n, width);
    if case.dest == Dest::Gradient {
        rig.put(mask_at, dest_shape.1, &mask);
    }

    let salt = numbers.next() as u8;
    let seed = numbers.next() as u32;
    let acc_base = numbers.next() as u16 % 20;
    rig.set(Register::Seed, seed);
    let regions = [Region::Activation, Region::Gradient, Region::Weight, Region::WeightCode];
    let mut expected: Vec<Vec<u32>> = regions.iter().map(|&r| rig.read_all(r)).collect();
    let mut accumulators = rig.accumulators();

    let tiles = |place: Place| (place.base as u16, place.stride as u16);
    rig.run(&[Instruction::Gemm(Gemm {
        moving: case.operands.0,
        moving_by: case.by[0],
        stationary: case.operands.1,
        stationary_by: case.by[1],
        dest: case.dest,
        dest_by: case.by[2],
        rounding: case.rounding,
        shift: case.shift,
        salt,
        m: case.shape.0,
        k: case.shape.1,
        n: case.shape.2,
        block: case.block,
        moving_base: tiles(moving_at).0,
        moving_stride: tiles(moving_at).1,
        stationary_base: tiles(stationary_at).0,
        stationary_stride: tiles(stationary_at).1,
        dest_base: tiles(dest_at).0,
        dest_stride: tiles(dest_at).1,
        mask_base: tiles(mask_at).0,
        mask_stride: tiles(mask_at).1,
        acc_base,
    })]);

    // The same by loops in the specified order.
    let moving_code = |vector, element| encode(moving[position(case.by[0], (m, k), vector, element)]);
    let stationary_code = |vector, element| {
        let x = stationary[position(case.by[1], (k, n), vector, element)];
        encode(if stationary_region == Region::Weight { copy(x) } else { x })
    };
    let (rows, columns) = (design.rows as usize, design.columns as usize);
    let mut lanes: Vec<u32> = (0..columns as u32)
        .map(|c| {
            let lane = 0x9E3779B9u32.wrapping_mul(c + 1);
            (seed ^ lane ^ (u32::from(salt) * 0x01010101)) | 0x80000000
        })
        .collect();
    let (mut busy, mut zero_codes, mut saturated, mut weights_saturated, mut zero_updates) = (0, 0, 0, 0, 0);
    let block = case.block as usize;
    for n0 in (0..n).step_by(columns) {
        for m0 in (0..m).step_by(block) {
            let vectors = m0..m.min(m0 + block);
            for k0 in (0..k).step_by(rows) {
                for vector in vectors.clone() {
                    busy += 1;
                    let offset = match case.dest {
                        Dest::Accumulator => n0 / columns * m + vector,
                        _ => vector - m0,
                    };
                    let address = (acc_base as usize + offset) % design.accumulator_depth as usize;
                    for row in k0..k0 + rows {
                        zero_codes += u32::from(row >= k || moving_code(vector, row) == 0);
                    }
                    for column in n0..n0 + columns {
                        let mut sum = 0;
                        if column < n {
                            for row in k0..k.min(k0 + rows) {
                                sum += arithmetic.product(moving_code(vector, row), stationary_code(row, column));
                            }
                        }
                        let cell = &mut accumulators[address][column - n0];
                        let total = if k0 == 0 { sum } else { *cell + sum };
                        let modulus = 1i64 << design.accumulator_bits;
                        let half = modulus / 2;
                        *cell = (total + half).rem_euclid(modulus) - half;
                    }
                }
            }
            for vector in vectors {
                if case.dest == Dest::Accumulator {
                    continue;
                }
                for column in n0..n.min(n0 + columns) {
                    let address = (acc_base as usize + vector - m0) % design.accumulator_depth as usize;
                    let total = i128::from(accumulators[address][column - n0]) << design.lift();
                    let lane = &mut lanes[column - n0];
                    let random = *lane;
                    *lane = (*lane >> 1) ^ if *lane & 1 == 1 { 0x80200003 } else { 0 };
                    let stochastic = case.dest == Dest::Weight && case.rounding == Rounding::Stochastic;
                    let addend = match case.shift {
                        0 => 0,
                        s if stochastic => u64::from(random) & ((1 << s) - 1),
                        s => 1 << (s - 1),
                    };
                    let wide = (total + i128::from(addend)) >> case.shift;
                    let bits = if case.dest == Dest::Weight { design.master_bits() } else { width };
                    let r = saturate(wide, bits);
                    saturated += u32::from(i128::from(r) != wide);

                    let (i, j) = stored(case.by[2], (vector, column));
                    let at = rig.word(dest_at, i, j) as usize;
                    let stored_position = i * dest_shape.1 + j;
                    match case.dest {
                        Dest::Activation => {
                            let y = r.max(0);
                            let pass = 0 < y && y < (1 << (width - 1)) - 1;
                            expected[0][at] = u32::from(pass) << design.word_bits() | encode(y);
                        }
                        Dest::Gradient => {
                            let a = mask[stored_position];
                            let pass = 0 < a && a < (1 << (width - 1)) - 1;
                            expected[1][at] = encode(if pass { r } else { 0 });
                        }
                        Dest::Weight => {
                            let wide = i128::from(old[stored_position]) - i128::from(r);
                            let new = saturate(wide, bits);
                            zero_updates += u32::from(r == 0);
                            weights_saturated += u32::from(i128::from(new) != wide);
                            expected[2][at] = new as u32;
                            expected[3][at] = encode(copy(new));
                        }
                        Dest::Accumulator => unreachable!(),
                    }
                }
            }
        }
    }

    for (&region, expected) in regions.iter().zip(&expected) {
        assert_eq!(&rig.read_all(region), expected, "{region:?}");
    }
    assert_eq!(rig.accumulators(), accumulators);
    for (register, value) in [
        (Register::Busy, busy),
        (Register::ZeroCodes, zero_codes),
        (Register::Saturated, saturated),
        (Register::WeightsSaturated, weights_saturated),
        (Register::ZeroUpdates, zero_updates),
        (Register::Instructions, 2),
        (Register::Cycles, 0),
        (Register::Stall, 0),
    ] {
        assert_eq!(rig.register(register), value, "{register:?}");
    }
}

/// Pairs of operands that a destination can have without reading a memory twice.
fn legal_operands(dest: Dest) -> Vec<(Moving, Stationary)> {
    let gradient_and_weight = (Moving::Gradient, Stationary::WeightCode);
    match dest {
        Dest::Gradient => vec![gradient_and_weight],
        _ => vec![
            gradient_and_weight,
            (Moving::Activation, Stationary::WeightCode),
            (Moving::Activation, Stationary::Gradient),
            (Moving::Gradient, Stationary::Activation),
        ],
    }
}

const DESTS: [Dest; 4] = [Dest::Activation, Dest::Gradient, Dest::Weight, Dest::Accumulator];
const BYS: [By; 2] = [By::Row, By::Column];

#[test]
fn every_destination_and_orientation_on_prime_shapes() {
    let mut seed = 1;
    for (rows, columns) in [(1, 1), (4, 4), (3, 5), (8, 2), (1, 7)] {
        for dest in DESTS {
            for operands in legal_operands(dest) {
                for bits in 0..8 {
                    seed += 1;
                    let by = [BYS[bits & 1], BYS[bits >> 1 & 1], BYS[bits >> 2]];
                    check(&Case {
                        rows,
                        columns,
                        family: seed as u32 % 5,
                        operands,
                        dest,
                        by,
                        rounding: Rounding::Nearest,
                        shift: 9,
                        shape: (7, 11, 13),
                        block: 3,
                        master_bits: 16,
                        narrow: false,
                        seed,
                    });
                }
            }
        }
    }
}

fn case() -> impl Strategy<Value = Case> {
    let dest = prop::sample::select(&DESTS[..]);
    let dest_and_operands = dest.prop_flat_map(|dest| (Just(dest), prop::sample::select(legal_operands(dest))));
    let by = || prop::sample::select(&BYS[..]);
    let rounding = prop::sample::select(&[Rounding::Nearest, Rounding::Stochastic][..]);
    (
        (1u32..=9, 1u32..=9, 0u32..5, dest_and_operands),
        ([by(), by(), by()], rounding, 0u8..=31),
        ((1u16..=20, 1u16..=20, 1u16..=20), 1u16..=16, 8u32..=24, any::<bool>(), any::<u64>()),
    )
        .prop_map(
            |(
                (rows, columns, family, (dest, operands)),
                (by, rounding, shift),
                (shape, block, master_bits, narrow, seed),
            )| {
                Case {
                    rows,
                    columns,
                    family,
                    operands,
                    dest,
                    by,
                    rounding,
                    shift,
                    shape,
                    block,
                    master_bits,
                    narrow,
                    seed,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn random_shapes_designs_and_data(case in case()) {
        check(&case);
    }
}

#[test]
fn matrices_outside_a_memory_fail_with_the_instruction() {
    use logloom_hdl::host::map::{address, control};
    use logloom_sim::target::Target;
    let mut rig = Rig::new(design(2, 2, exact(8)));
    let gemm = Gemm { m: 1, k: 1, n: 1, block: 1, dest_base: 64, ..Gemm::default() };
    rig.program(&[Instruction::Gemm(gemm)]);
    let start = (Register::Control.address(), control::RUN);
    let error = format!("{:#}", rig.model.write(&[start]).unwrap_err());
    assert!(error.contains("instruction 0"), "{error}");
    assert!(error.contains("tile 64 of the activation memory, which has 64"), "{error}");
    // Nothing has changed.
    assert_eq!(rig.read(address(Region::Activation, 0), 1), [0]);
    assert_eq!(rig.register(Register::Instructions), 0);
}
