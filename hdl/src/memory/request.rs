//! The request for one vector of a stored matrix.

use crate::rtl::{Builder, Expr, Forward, Outputs, cat, mux, unsigned};
use std::collections::BTreeMap;

/// A vector of up to N elements of a matrix in a skewed memory: a row, starting at column `lane`, or a column,
/// starting at row `lane`.
///
/// | field | bits | meaning |
/// |---|---|---|
/// | `valid` | 1 | |
/// | `tile` | T | tile of the first element |
/// | `carry` | T | distance to the tile of the elements past the tile's edge: 1 for a row, the stride for a column. Only where vectors wrap |
/// | `line` | log2 N | index of the vector within its tile: row number for a row, column number for a column |
/// | `lane` | log2 N | index of the first element within its tile |
/// | `column` | 1 | 1: a column of the matrix |
/// | `count` | log2 N + 1 | elements wanted, 0..=N |
#[derive(Clone, Debug)]
pub struct Request {
    pub valid: Expr,
    pub tile: Expr,
    pub carry: Option<Expr>,
    pub line: Expr,
    pub lane: Expr,
    pub column: Expr,
    pub count: Expr,
}

/// What the requests of a design have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub tile_bits: u32,
    pub lane_bits: u32,
    /// Width of the length of a vector.
    pub length_bits: u32,
    /// A vector may begin within a tile and end in the next one: unless R = C = N, when every vector is a tile wide.
    pub wraps: bool,
}

impl Shape {
    /// The name of each field, as a port without suffix, with its width.
    fn fields(&self) -> Vec<(&'static str, u32)> {
        let mut fields = vec![("valid", 1), ("tile", self.tile_bits)];
        if self.wraps {
            fields.push(("carry", self.tile_bits));
        }
        fields.extend([
            ("line", self.lane_bits),
            ("lane", self.lane_bits),
            ("column", 1),
            ("count", self.lane_bits + 1),
        ]);
        fields
    }
}

impl Request {
    /// Each field under its name.
    fn fields(&self) -> Vec<(&'static str, &Expr)> {
        let mut fields = vec![("valid", &self.valid), ("tile", &self.tile)];
        fields.extend(self.carry.iter().map(|carry| ("carry", carry)));
        fields.extend([("line", &self.line), ("lane", &self.lane), ("column", &self.column), ("count", &self.count)]);
        fields
    }

    fn build(wraps: bool, mut make: impl FnMut(&'static str) -> Expr) -> Self {
        Request {
            valid: make("valid"),
            tile: make("tile"),
            carry: wraps.then(|| make("carry")),
            line: make("line"),
            lane: make("lane"),
            column: make("column"),
            count: make("count"),
        }
    }

    /// Input ports `<prefix>_valid_i`, ...
    pub fn inputs(m: &mut Builder, prefix: &str, shape: Shape) -> Self {
        let widths: BTreeMap<_, _> = shape.fields().into_iter().collect();
        Request::build(shape.wraps, |name| m.input(&format!("{prefix}_{name}_i"), unsigned(widths[name])))
    }

    /// The input ports that [`Request::inputs`] declares, with the values of this request; tiles are cut to `tile_bits`.
    pub fn connections(&self, prefix: &str, tile_bits: u32) -> Vec<(String, Expr)> {
        let cut = |name, value: &Expr| match name {
            "tile" | "carry" => value.truncate(tile_bits),
            _ => value.clone(),
        };
        self.fields().into_iter().map(|(name, value)| (format!("{prefix}_{name}_i"), cut(name, value))).collect()
    }

    /// The output ports `<prefix>_valid_o`, ... with their values.
    pub fn outputs(&self, prefix: &str) -> Vec<(String, Expr)> {
        self.fields().into_iter().map(|(name, value)| (format!("{prefix}_{name}_o"), value.clone())).collect()
    }

    /// A request whose fields are assigned later with [`ForwardRequest::assign`]: `<prefix>_valid`, ...
    pub fn forward(m: &mut Builder, prefix: &str, shape: Shape) -> ForwardRequest {
        let forward = |(name, width)| (name, m.forward(&format!("{prefix}_{name}"), unsigned(width)));
        ForwardRequest { fields: shape.fields().into_iter().map(forward).collect() }
    }

    /// `cycles` registers later. One register per stage holds the whole request.
    pub fn delayed(&self, m: &mut Builder, name: &str, cycles: u32) -> Self {
        let fields = self.fields();
        let mut packed = cat(&fields.iter().map(|(_, value)| (*value).clone()).collect::<Vec<_>>());
        for stage in 1..=cycles {
            packed = m.reg(&format!("{name}{stage}_q"), &packed);
        }
        let mut above = packed.width();
        self.map(|_, value| {
            above -= value.width();
            packed.slice(above, value.width())
        })
    }

    /// `choose(field, value of this request)` gives the new value; in the order of the fields.
    fn map(&self, mut choose: impl FnMut(&'static str, &Expr) -> Expr) -> Self {
        let values: BTreeMap<_, _> = self.fields().into_iter().collect();
        Request::build(self.carry.is_some(), |name| choose(name, values[name]))
    }

    /// `condition ? self : other`, field by field.
    pub fn or_else(&self, m: &mut Builder, name: &str, condition: &Expr, other: &Request) -> Self {
        let others: BTreeMap<_, _> = other.fields().into_iter().collect();
        self.map(|field, value| match others[field] {
            other if other == value => value.clone(),
            other => m.wire(&format!("{name}_{field}"), mux(condition, value, other)),
        })
    }

    /// The same vector, requested only while `enable` is 1.
    pub fn when(&self, enable: &Expr) -> Self {
        Request { valid: &self.valid & enable, ..self.clone() }
    }
}

/// See [`Request::forward`].
pub struct ForwardRequest {
    fields: Vec<(&'static str, Forward)>,
}

impl ForwardRequest {
    pub fn value(&self) -> Request {
        let wraps = self.fields.iter().any(|(name, _)| *name == "carry");
        Request::build(wraps, |name| self.fields.iter().find(|field| field.0 == name).expect("all fields").1.value())
    }

    /// Assigns what an instance gives on the ports of [`Request::outputs`].
    pub fn assign(&self, m: &mut Builder, out: &Outputs, prefix: &str) {
        for (name, forward) in &self.fields {
            m.assign(forward, out.get(&format!("{prefix}_{name}_o")));
        }
    }
}
