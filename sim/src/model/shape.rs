//! The numbers of a design that the model needs again and again.
use logloom_hdl::arith::Side;
use logloom_hdl::design::Design;
use logloom_hdl::host::map::Region;

/// Fixed when the model is made; [`Design`] documents each.
#[derive(Debug)]
pub(super) struct Shape {
    pub rows: usize,
    pub columns: usize,
    pub accumulator_bits: u32,
    pub accumulator_depth: usize,
    pub operand_bits: u32,
    /// Position of the ReLU derivative in an activation entry: above the codes.
    pub pass_bit: u32,
    /// Where the stationary code lies in an activation entry.
    pub stationary_offset: u32,
    pub moving_mask: u32,
    pub stationary_mask: u32,
    /// Whether codes take random bits.
    pub draws: bool,
    pub master_bits: u32,
    pub weight_shift: i32,
    pub lift: u32,
    /// Host words of each region, by its number.
    pub region_words: Vec<u32>,
}

impl Shape {
    pub fn new(design: &Design) -> Self {
        Self {
            rows: design.rows as usize,
            columns: design.columns as usize,
            accumulator_bits: design.accumulator_bits,
            accumulator_depth: design.accumulator_depth as usize,
            operand_bits: design.operand_bits(),
            pass_bit: design.word_bits(),
            stationary_offset: design.code_offset(Side::Stationary),
            moving_mask: (1 << design.code_bits(Side::Moving)) - 1,
            stationary_mask: (1 << design.code_bits(Side::Stationary)) - 1,
            draws: design.draw_bits() > 0,
            master_bits: design.master_bits(),
            weight_shift: design.weight_shift(),
            lift: design.lift(),
            region_words: Region::ALL.iter().map(|region| region.words(design)).collect(),
        }
    }
}
