//! Which bits of which signals a module reads.

use super::module::{Connection, Module, Source};
use super::{Expr, Kind, Signal};
use std::collections::{BTreeSet, HashSet};

/// A set of bit positions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct BitSet {
    /// Disjoint, ascending, not touching: first bit and the bit after the last.
    ranges: Vec<(u32, u32)>,
}

impl BitSet {
    pub fn insert(&mut self, low: u32, end: u32) {
        // Ranges that lie wholly below or above stay; the others melt into the new one.
        let from = self.ranges.partition_point(|r| r.1 < low);
        let to = self.ranges.partition_point(|r| r.0 <= end);
        let merged = self.ranges[from..to].iter().fold((low, end), |m, r| (m.0.min(r.0), m.1.max(r.1)));
        if merged.0 < merged.1 {
            self.ranges.splice(from..to, [merged]);
        }
    }

    pub fn extend(&mut self, other: &BitSet) {
        for &(low, end) in &other.ranges {
            self.insert(low, end);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The lowest bit.
    pub fn first(&self) -> Option<u32> {
        self.ranges.first().map(|r| r.0)
    }

    /// The ranges (first bit, bit after the last) of `0 .. width` that are not in the set.
    pub fn missing(&self, width: u32) -> Vec<(u32, u32)> {
        let mut missing = Vec::new();
        let mut next = 0;
        for &(low, end) in &self.ranges {
            if next < low.min(width) {
                missing.push((next, low.min(width)));
            }
            next = next.max(end);
        }
        if next < width {
            missing.push((next, width));
        }
        missing
    }
}

/// Calls `visit` for every expression in `roots` that is not in `seen` yet, parents before their operands.
pub(super) fn walk<'a>(
    seen: &mut HashSet<usize>,
    roots: impl IntoIterator<Item = &'a Expr>,
    mut visit: impl FnMut(&'a Expr),
) {
    let mut open: Vec<&Expr> = roots.into_iter().collect();
    // The last one pushed is the first one visited.
    open.reverse();
    while let Some(expr) = open.pop() {
        if seen.insert(expr.identity()) {
            visit(expr);
            open.extend(expr.operands().into_iter().rev());
        }
    }
}

/// The signals that expressions read, ascending.
pub(super) fn signals_in<'a>(module: &Module, roots: impl IntoIterator<Item = &'a Expr>) -> Vec<usize> {
    let mut signals = BTreeSet::new();
    walk(&mut HashSet::new(), roots, |expr| {
        if let Kind::Signal(Signal(index)) = expr.kind()
            && (*index as usize) < module.signals.len()
        {
            signals.insert(*index as usize);
        }
    });
    signals.into_iter().collect()
}

/// The bits of each signal that `roots` read.
pub(super) fn bits_read<'a>(module: &Module, roots: impl IntoIterator<Item = &'a Expr>) -> Vec<BitSet> {
    let mut read = vec![BitSet::default(); module.signals.len()];
    let mut whole = HashSet::new();
    let mut seen = HashSet::new();
    let mut open: Vec<&Expr> = roots.into_iter().collect();
    while let Some(expr) = open.pop() {
        match expr.kind() {
            // Not marked as seen: the whole signal may be read elsewhere through the same node.
            Kind::Slice(of, low) => {
                if let Kind::Signal(s) = of.kind()
                    && let Some(bits) = read.get_mut(s.0 as usize)
                {
                    bits.insert(*low, low + expr.width());
                }
            }
            Kind::Signal(s) if whole.insert(*s) => {
                if let Some(bits) = read.get_mut(s.0 as usize) {
                    bits.insert(0, expr.width());
                }
            }
            _ if seen.insert(expr.identity()) => open.extend(expr.operands()),
            _ => {}
        }
    }
    read
}

/// Every expression that drives something, with the name of what it drives.
pub(super) fn drivers(module: &Module) -> Vec<(&str, &Expr)> {
    let mut drivers = Vec::new();
    for declaration in &module.signals {
        let name = declaration.name.as_str();
        match &declaration.source {
            Source::Wire(value) => drivers.push((name, value)),
            Source::Register { next, enable, .. } => {
                drivers.extend(enable.iter().map(|e| (name, e)));
                drivers.push((name, next));
            }
            Source::Input | Source::MemoryRead(_) | Source::InstanceOutput { .. } => {}
        }
    }
    for memory in &module.memories {
        let name = memory.name.as_str();
        drivers.extend([(name, &memory.read.enable), (name, &memory.read.address)]);
        if let Some(write) = &memory.write {
            drivers.extend([(name, &write.enable), (name, &write.address), (name, &write.data)]);
        }
    }
    for instance in &module.instances {
        drivers.extend(instance.inputs.iter().map(|c| (instance.name.as_str(), c.expr())));
    }
    drivers.extend(module.outputs.iter().map(|(name, value)| (name.as_str(), value)));
    drivers
}

impl Connection {
    /// The value that enters the instance or the array.
    pub fn expr(&self) -> &Expr {
        match self {
            Connection::All(e) | Connection::Element(e) => e,
            Connection::Lane { lanes, .. } => lanes,
            Connection::Chain { first, .. } => first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bit_sets_merge_what_overlaps_or_touches() {
        let mut bits = BitSet::default();
        bits.insert(8, 10);
        bits.insert(0, 2);
        bits.insert(20, 20);
        assert_eq!(bits.missing(12), [(2, 8), (10, 12)]);
        bits.insert(2, 8);
        assert_eq!(bits.ranges, [(0, 10)]);
        bits.insert(4, 30);
        assert_eq!(bits.missing(16), []);
        assert_eq!(bits.first(), Some(0));
    }
}
