//! The request for one vector of a stored matrix.

use crate::rtl::{Builder, Expr, Outputs, cat, unsigned};

/// A vector of up to N elements of a matrix in a skewed memory: a row, starting at column `lane`, or a column,
/// starting at row `lane`.
///
/// | field | bits | meaning |
/// |---|---|---|
/// | `valid` | 1 | |
/// | `tile` | T | tile of the first element |
/// | `carry` | T | distance to the tile of the elements past the tile's edge: 1 for a row, the stride for a column |
/// | `line` | log2 N | index of the vector within its tile: row number for a row, column number for a column |
/// | `lane` | log2 N | index of the first element within its tile |
/// | `column` | 1 | 1: a column of the matrix |
/// | `count` | log2 N + 1 | elements wanted, 0..=N |
#[derive(Clone, Debug)]
pub struct Request {
    pub valid: Expr,
    pub tile: Expr,
    pub carry: Expr,
    pub line: Expr,
    pub lane: Expr,
    pub column: Expr,
    pub count: Expr,
}

impl Request {
    /// The name of each field, as a port without suffix, with its width.
    fn fields(tile_bits: u32, lane_bits: u32) -> [(&'static str, u32); 7] {
        [
            ("valid", 1),
            ("tile", tile_bits),
            ("carry", tile_bits),
            ("line", lane_bits),
            ("lane", lane_bits),
            ("column", 1),
            ("count", lane_bits + 1),
        ]
    }

    fn values(&self) -> [&Expr; 7] {
        [&self.valid, &self.tile, &self.carry, &self.line, &self.lane, &self.column, &self.count]
    }

    fn build(mut make: impl FnMut(usize) -> Expr) -> Self {
        Request {
            valid: make(0),
            tile: make(1),
            carry: make(2),
            line: make(3),
            lane: make(4),
            column: make(5),
            count: make(6),
        }
    }

    /// Input ports `<prefix>_valid_i`, ...
    pub fn inputs(m: &mut Builder, prefix: &str, tile_bits: u32, lane_bits: u32) -> Self {
        let fields = Request::fields(tile_bits, lane_bits);
        Request::build(|i| m.input(&format!("{prefix}_{}_i", fields[i].0), unsigned(fields[i].1)))
    }

    /// The input ports that [`Request::inputs`] declares, with the values of this request; tiles are cut to `tile_bits`.
    pub fn connections(&self, prefix: &str, tile_bits: u32) -> Vec<(String, Expr)> {
        let fields = Request::fields(0, 0);
        fields
            .iter()
            .zip(self.values())
            .map(|((name, _), value)| {
                let cut = if matches!(*name, "tile" | "carry") { value.truncate(tile_bits) } else { value.clone() };
                (format!("{prefix}_{name}_i"), cut)
            })
            .collect()
    }

    /// The output ports `<prefix>_valid_o`, ... with their values.
    pub fn outputs(&self, prefix: &str) -> Vec<(String, Expr)> {
        let fields = Request::fields(0, 0);
        fields.iter().zip(self.values()).map(|((name, _), v)| (format!("{prefix}_{name}_o"), v.clone())).collect()
    }

    /// The request that an instance gives on the ports of [`Request::outputs`].
    pub fn of(out: &Outputs, prefix: &str) -> Self {
        let fields = Request::fields(0, 0);
        Request::build(|i| out.get(&format!("{prefix}_{}_o", fields[i].0)))
    }

    /// `cycles` registers later. One register per stage holds the whole request.
    pub fn delayed(&self, m: &mut Builder, name: &str, cycles: u32) -> Self {
        let mut packed = cat(&self.values().map(Expr::clone));
        for stage in 1..=cycles {
            packed = m.reg(&format!("{name}{stage}_q"), &packed);
        }
        let widths = self.values().map(Expr::width);
        Request::build(|i| packed.slice(widths[i + 1..].iter().sum(), widths[i]))
    }

    /// Fields by name: `choose(field, value of this request)` gives the new value.
    pub fn map(&self, mut choose: impl FnMut(usize, &Expr) -> Expr) -> Self {
        let values = self.values();
        Request::build(|i| choose(i, values[i]))
    }

    /// `condition ? self : other`, field by field.
    pub fn or_else(&self, m: &mut Builder, name: &str, condition: &Expr, other: &Request) -> Self {
        let fields = Request::fields(0, 0);
        let others = other.values();
        self.map(|i, value| m.wire(&format!("{name}_{}", fields[i].0), crate::rtl::mux(condition, value, others[i])))
    }

    /// The same vector, requested only while `enable` is 1.
    pub fn when(&self, enable: &Expr) -> Self {
        Request { valid: &self.valid & enable, ..self.clone() }
    }
}
