//! The memories, and where the elements of a matrix lie in a skewed one.
use anyhow::{Result, ensure};
use logloom_hdl::control::isa::By;
use logloom_hdl::design::Design;

/// The largest signed number of so many bits; the least is its complement.
pub(super) fn most(bits: u32) -> i64 {
    (1 << (bits - 1)) - 1
}

/// Clamps to the signed range of so many bits.
pub(super) fn saturate(value: i64, bits: u32) -> i64 {
    value.clamp(!most(bits), most(bits))
}

/// The low bits as a signed number.
pub(super) fn wrap(value: i64, bits: u32) -> i64 {
    let unused = 64 - bits;
    value << unused >> unused
}

/// All memories, 0 at power-up.
#[derive(Debug)]
pub(super) struct Memories {
    pub program: Vec<u32>,
    pub label: Vec<u16>,
    /// `{pass, code}`.
    pub activation: Skewed<u32>,
    /// Codes.
    pub gradient: Skewed<u32>,
    /// Masters.
    pub weight: Skewed<i32>,
    /// Codes of the compute copies.
    pub weight_code: Skewed<u32>,
    /// Entry `address * C + column`.
    pub accumulator: Vec<i64>,
    pub maximum: Vec<i16>,
    pub log_sum: Vec<u16>,
    pub rest: Vec<u16>,
    pub prediction: Vec<u16>,
}

impl Memories {
    pub fn new(design: &Design) -> Self {
        let batch = design.batch_depth as usize;
        let accumulators = design.accumulator_depth * design.columns;
        Self {
            program: vec![0; design.program_depth as usize * 8],
            label: vec![0; batch],
            activation: Skewed::new("activation", design, design.activation_depth),
            gradient: Skewed::new("gradient", design, design.gradient_depth),
            weight: Skewed::new("weight", design, design.weight_depth),
            weight_code: Skewed::new("weight code", design, design.weight_depth),
            accumulator: vec![0; accumulators as usize],
            maximum: vec![0; batch],
            log_sum: vec![0; batch],
            rest: vec![0; batch],
            prediction: vec![0; batch],
        }
    }
}

/// A skewed memory of N banks; entry `address * N + bank`, as the host counts.
#[derive(Debug)]
pub(super) struct Skewed<T> {
    name: &'static str,
    log2_banks: u32,
    pub entries: Vec<T>,
}

impl<T: Copy + Default> Skewed<T> {
    fn new(name: &'static str, design: &Design, depth: u32) -> Self {
        let banks = design.banks();
        Self { name, log2_banks: banks.ilog2(), entries: vec![T::default(); (depth * banks) as usize] }
    }

    /// Where the matrix of `vectors` x `elements` with this base and stride lies.
    ///
    /// # Errors
    /// If a part of it is outside the memory.
    pub fn view(&self, (base, stride): (u16, u16), by: By, (vectors, elements): (usize, usize)) -> Result<View> {
        let banks = 1 << self.log2_banks;
        let row = Axis { tile_stride: stride.into(), address_step: banks };
        let column = Axis { tile_stride: 1, address_step: 0 };
        let (vector, element) = match by {
            By::Row => (row, column),
            By::Column => (column, row),
        };
        let log2_banks = self.log2_banks;
        let view = View { base: base.into(), log2_banks, vector, element, vectors, elements };
        let tiles = self.entries.len() >> (2 * log2_banks);
        let last = view.last_tile();
        ensure!(
            last < tiles,
            "a {vectors} x {elements} matrix at tile {base} with stride {stride} reaches tile {last} of the \
             {} memory, which has {tiles}",
            self.name
        );
        Ok(view)
    }

    /// Replaces `out` by the elements of a matrix, vector after vector, each through `entry`.
    pub fn gather<U>(&self, view: View, out: &mut Vec<U>, entry: impl Fn(T) -> U) {
        out.clear();
        for vector in 0..view.vectors {
            out.extend(view.indices(vector).map(|index| entry(self.entries[index])));
        }
    }

    /// Visits the entries of a matrix, vector after vector, beside as many values.
    pub fn for_each<U>(&mut self, view: View, values: &mut [U], mut visit: impl FnMut(&mut T, &mut U)) {
        for (vector, values) in values.chunks_exact_mut(view.elements).enumerate() {
            for (value, index) in values.iter_mut().zip(view.indices(vector)) {
                visit(&mut self.entries[index], value);
            }
        }
    }
}

/// A matrix inside a skewed memory: vectors are its rows or its columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    base: usize,
    log2_banks: u32,
    vector: Axis,
    element: Axis,
    vectors: usize,
    elements: usize,
}

/// One direction of a stored matrix, down its rows or along a row.
#[derive(Clone, Copy, Debug)]
struct Axis {
    /// Tiles from one tile to the next.
    tile_stride: usize,
    /// Entries from one address to the next: N down the rows, 0 along a row, where the address stays.
    address_step: usize,
}

impl View {
    fn last_tile(&self) -> usize {
        let tiles = |length: usize, axis: Axis| ((length - 1) >> self.log2_banks) * axis.tile_stride;
        self.base + tiles(self.vectors, self.vector) + tiles(self.elements, self.element)
    }

    /// Entries of the elements of a vector: `address * N + bank` with bank `(i + j) mod N` and address
    /// `tile * N + i mod N`.
    #[inline]
    fn indices(&self, vector: usize) -> impl ExactSizeIterator<Item = usize> {
        let Self { log2_banks, element: axis, .. } = *self;
        let low = (1 << log2_banks) - 1;
        let tile = self.base + (vector >> log2_banks) * self.vector.tile_stride;
        let start = (tile << (2 * log2_banks)) + (vector & low) * self.vector.address_step;
        let tile_step = axis.tile_stride << (2 * log2_banks);
        (0..self.elements).map(move |element| {
            start
                + (element >> log2_banks) * tile_step
                + (element & low) * axis.address_step
                + ((vector + element) & low)
        })
    }
}

/// The compute copy of a master: rounded half up to W bits and saturated, or shifted left.
#[inline]
pub(super) fn compute_copy(master: i64, shift: i32, operand_bits: u32) -> i64 {
    match shift {
        1.. => saturate((master + (1 << (shift - 1))) >> shift, operand_bits),
        _ => master << -shift,
    }
}

/// The ReLU derivative of an activation: positive and not saturated.
#[inline]
pub(super) fn pass(activation: i64, operand_bits: u32) -> bool {
    0 < activation && activation < most(operand_bits)
}
