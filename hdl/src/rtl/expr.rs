//! Expressions: immutable trees over the signals of one module, typed by width and sign.
//!
//! An operator whose operands do not fit does not panic: it yields an [`Kind::Invalid`] expression that
//! [`Builder::finish`](super::Builder::finish) reports with the path of the signal it would have driven.

use super::Bits;
use std::ops::{Add, BitAnd, BitOr, BitXor, Neg, Not, Sub};
use std::sync::Arc;

/// Width in bits and sign of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Type {
    pub width: u32,
    pub signed: bool,
}

/// An unsigned value of `width` bits.
pub fn unsigned(width: u32) -> Type {
    Type { width, signed: false }
}

/// A two's-complement value of `width` bits, the sign included.
pub fn signed(width: u32) -> Type {
    Type { width, signed: true }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}({})", if self.signed { "signed" } else { "unsigned" }, self.width)
    }
}

/// A signal of the module under construction: the index of its declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signal(pub u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// Bitwise complement.
    Not,
    /// Two's-complement negation, same width.
    Negate,
    /// One bit: any / all / an odd number of the operand's bits.
    ReduceOr,
    ReduceAnd,
    ReduceXor,
}

/// Operands of one type; `Add` .. `Xor` give that type (wrapping), comparisons give `unsigned(1)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    And,
    Or,
    Xor,
    Equal,
    NotEqual,
    Less,
    LessEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShiftOp {
    Left,
    /// Arithmetic when the shifted value is signed.
    Right,
}

/// What an expression computes. The result type stands beside it in [`Expr`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Signal(Signal),
    Constant(Bits),
    Unary(UnaryOp, Expr),
    Binary(BinaryOp, Expr, Expr),
    /// Shift by an unsigned amount; amounts of at least the width give zero (or all sign bits).
    Shift(ShiftOp, Expr, Expr),
    /// `if condition { then } else { otherwise }`.
    Mux(Expr, Expr, Expr),
    /// The choice at the index; the last one for every index beyond the list.
    Select(Expr, Vec<Expr>),
    /// The word at the index, of a table with one for each. In the meaning of a [`Foreign`](super::Foreign) module alone:
    /// it is not printed.
    Lookup(Expr, Arc<[u32]>),
    /// Bits `low ..` of the operand, as many as the result is wide; the operand is a signal.
    Slice(Expr, u32),
    /// Most significant part first; unsigned.
    Concat(Vec<Expr>),
    /// Copies side by side; unsigned.
    Repeat(Expr, u32),
    /// Widened by its own sign.
    Extend(Expr),
    /// The same bits with the other sign.
    Cast(Expr),
    /// A mistake, reported when the module is finished.
    Invalid(String),
}

/// A typed expression; cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Expr(Arc<(Type, Kind)>);

impl std::fmt::Debug for Expr {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}:{:?}", self.ty(), self.kind())
    }
}

impl Expr {
    pub(super) fn new(ty: Type, kind: Kind) -> Self {
        Expr(Arc::new((ty, kind)))
    }

    fn invalid(ty: Type, message: String) -> Self {
        Expr::new(ty, Kind::Invalid(message))
    }

    /// A constant of the type; `value` is taken modulo 2^width, and is a mistake when it does not fit.
    pub fn constant(ty: Type, value: i64) -> Self {
        let fits = match (ty.width, ty.signed) {
            (0, _) => false,
            (64.., true) => true,
            (63.., false) => value >= 0,
            (w, true) => value >= -(1 << (w - 1)) && value < 1 << (w - 1),
            (w, false) => value >= 0 && value < 1 << w,
        };
        if fits {
            Expr::new(ty, Kind::Constant(Bits::from_i64(ty.width, value)))
        } else {
            Expr::invalid(ty, format!("constant {value} does not fit {ty}"))
        }
    }

    /// An unsigned constant given by its bits.
    pub fn literal(bits: Bits) -> Self {
        Expr::new(unsigned(bits.width()), Kind::Constant(bits))
    }

    pub fn zero(ty: Type) -> Self {
        Expr::constant(ty, 0)
    }

    pub fn ty(&self) -> Type {
        self.0.0
    }

    pub fn width(&self) -> u32 {
        self.ty().width
    }

    pub fn is_signed(&self) -> bool {
        self.ty().signed
    }

    pub fn kind(&self) -> &Kind {
        &self.0.1
    }

    /// The expressions it is made of, in order.
    pub fn operands(&self) -> Vec<&Expr> {
        match self.kind() {
            Kind::Signal(_) | Kind::Constant(_) | Kind::Invalid(_) => Vec::new(),
            Kind::Unary(_, a)
            | Kind::Lookup(a, _)
            | Kind::Slice(a, _)
            | Kind::Repeat(a, _)
            | Kind::Extend(a)
            | Kind::Cast(a) => vec![a],
            Kind::Binary(_, a, b) | Kind::Shift(_, a, b) => vec![a, b],
            Kind::Mux(a, b, c) => vec![a, b, c],
            Kind::Select(index, choices) => std::iter::once(index).chain(choices).collect(),
            Kind::Concat(parts) => parts.iter().collect(),
        }
    }

    /// The same for clones of one expression, different for expressions that were built separately: trees share their
    /// branches, and whoever walks them must not visit a branch once per path to it.
    pub fn identity(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    fn binary(op: BinaryOp, a: &Expr, b: &Expr, result: Type) -> Expr {
        if a.ty() == b.ty() {
            Expr::new(result, Kind::Binary(op, a.clone(), b.clone()))
        } else {
            Expr::invalid(result, format!("{op:?} of {} and {}: the types differ", a.ty(), b.ty()))
        }
    }

    fn compare(op: BinaryOp, a: &Expr, b: &Expr) -> Expr {
        Expr::binary(op, a, b, unsigned(1))
    }

    pub fn eq(&self, other: &Expr) -> Expr {
        Expr::compare(BinaryOp::Equal, self, other)
    }

    pub fn ne(&self, other: &Expr) -> Expr {
        Expr::compare(BinaryOp::NotEqual, self, other)
    }

    pub fn lt(&self, other: &Expr) -> Expr {
        Expr::compare(BinaryOp::Less, self, other)
    }

    pub fn le(&self, other: &Expr) -> Expr {
        Expr::compare(BinaryOp::LessEqual, self, other)
    }

    /// Equal to a constant of its own type.
    pub fn is(&self, value: i64) -> Expr {
        self.eq(&Expr::constant(self.ty(), value))
    }

    /// Product modulo 2^width; widen both operands first to keep every bit.
    pub fn mul(&self, other: &Expr) -> Expr {
        Expr::binary(BinaryOp::Mul, self, other, self.ty())
    }

    fn unary(&self, op: UnaryOp, ty: Type) -> Expr {
        Expr::new(ty, Kind::Unary(op, self.clone()))
    }

    /// One bit: some bit is set.
    pub fn any(&self) -> Expr {
        self.unary(UnaryOp::ReduceOr, unsigned(1))
    }

    /// One bit: every bit is set.
    pub fn all(&self) -> Expr {
        self.unary(UnaryOp::ReduceAnd, unsigned(1))
    }

    /// One bit: an odd number of bits is set.
    pub fn parity(&self) -> Expr {
        self.unary(UnaryOp::ReduceXor, unsigned(1))
    }

    fn shift(&self, op: ShiftOp, amount: &Expr) -> Expr {
        if amount.is_signed() {
            return Expr::invalid(self.ty(), format!("shift by a signed amount, {}", amount.ty()));
        }
        Expr::new(self.ty(), Kind::Shift(op, self.clone(), amount.clone()))
    }

    /// Left shift, same width; bits that leave are lost.
    pub fn shl(&self, amount: &Expr) -> Expr {
        self.shift(ShiftOp::Left, amount)
    }

    /// Right shift, same width; arithmetic when signed.
    pub fn shr(&self, amount: &Expr) -> Expr {
        self.shift(ShiftOp::Right, amount)
    }

    /// Bits `low .. low + width`, unsigned. Of a named signal, a constant, or whole parts of a concatenation:
    /// Verilog cannot slice an expression, so name it with [`wire`](super::Builder::wire) first.
    pub fn slice(&self, low: u32, width: u32) -> Expr {
        let ty = unsigned(width);
        if width == 0 || u64::from(low) + u64::from(width) > u64::from(self.width()) {
            return Expr::invalid(ty, format!("slice of {width} bits from bit {low} of {}", self.ty()));
        }
        if low == 0 && width == self.width() {
            return self.as_unsigned();
        }
        match self.kind() {
            Kind::Signal(_) => Expr::new(ty, Kind::Slice(self.clone(), low)),
            Kind::Constant(bits) => Expr::literal(bits.slice(low, width)),
            Kind::Slice(inner, inner_low) => inner.slice(inner_low + low, width),
            Kind::Cast(inner) => inner.slice(low, width),
            Kind::Concat(parts) => {
                let mut part_low = 0;
                let mut within = Vec::new();
                for part in parts.iter().rev() {
                    let part_high = part_low + part.width();
                    let (from, to) = (low.max(part_low), (low + width).min(part_high));
                    if from < to {
                        within.push(part.slice(from - part_low, to - from));
                    }
                    part_low = part_high;
                }
                within.reverse();
                cat(&within)
            }
            Kind::Invalid(message) => Expr::invalid(ty, message.clone()),
            _ => Expr::invalid(ty, "slice of an unnamed expression: name it with `wire`".into()),
        }
    }

    /// Bit `index`.
    pub fn bit(&self, index: u32) -> Expr {
        self.slice(index, 1)
    }

    /// Lane `index` of a flat vector of lanes `width` bits wide; lane 0 is lowest.
    pub fn lane(&self, index: u32, width: u32) -> Expr {
        self.slice(index * width, width)
    }

    /// The top bit.
    pub fn msb(&self) -> Expr {
        self.bit(self.width() - 1)
    }

    /// The low `width` bits, same sign.
    pub fn truncate(&self, width: u32) -> Expr {
        let low = self.slice(0, width);
        if self.is_signed() { low.as_signed() } else { low }
    }

    /// Widened to `width` by its own sign. A signed operand must be one that [`slice`](Expr::slice) accepts: a named
    /// signal, a part of one, a constant, a concatenation.
    pub fn extend(&self, width: u32) -> Expr {
        let ty = Type { width, signed: self.is_signed() };
        if width == self.width() {
            return self.clone();
        }
        if width < self.width() {
            return Expr::invalid(ty, format!("extend of {} to {width} bits", self.ty()));
        }
        match self.kind() {
            Kind::Constant(bits) => Expr::new(ty, Kind::Constant(bits.extend(width, self.is_signed()))),
            Kind::Extend(inner) => inner.extend(width),
            Kind::Invalid(message) => Expr::invalid(ty, message.clone()),
            // The sign bit is repeated, so it must have a name: Verilog cannot take a bit of an expression.
            _ if self.is_signed() && matches!(self.msb().kind(), Kind::Invalid(_)) => {
                Expr::invalid(ty, "sign extension of an unnamed expression: name it with `wire`".into())
            }
            _ => Expr::new(ty, Kind::Extend(self.clone())),
        }
    }

    fn cast(&self, signed: bool) -> Expr {
        let ty = Type { width: self.width(), signed };
        match self.kind() {
            _ if self.is_signed() == signed => self.clone(),
            Kind::Cast(inner) => inner.clone(),
            Kind::Constant(bits) => Expr::new(ty, Kind::Constant(bits.clone())),
            Kind::Invalid(message) => Expr::invalid(ty, message.clone()),
            _ => Expr::new(ty, Kind::Cast(self.clone())),
        }
    }

    /// The same bits as two's complement.
    pub fn as_signed(&self) -> Expr {
        self.cast(true)
    }

    /// The same bits without sign.
    pub fn as_unsigned(&self) -> Expr {
        self.cast(false)
    }

    /// `count` copies side by side.
    pub fn repeat(&self, count: u32) -> Expr {
        let ty = unsigned(self.width() * count);
        match count {
            0 => Expr::invalid(ty, "repeat 0 times".into()),
            1 => self.as_unsigned(),
            _ => Expr::new(ty, Kind::Repeat(self.as_unsigned(), count)),
        }
    }

    /// The value where `keep` is 1, else zero.
    pub fn gate(&self, keep: &Expr) -> Expr {
        mux(keep, self, &Expr::zero(self.ty()))
    }
}

/// `condition ? then : otherwise`; the condition is one bit, the arms have one type.
pub fn mux(condition: &Expr, then: &Expr, otherwise: &Expr) -> Expr {
    let ty = then.ty();
    if condition.ty() != unsigned(1) {
        Expr::invalid(ty, format!("mux on a condition of {}", condition.ty()))
    } else if otherwise.ty() != ty {
        Expr::invalid(ty, format!("mux between {ty} and {}", otherwise.ty()))
    } else {
        Expr::new(ty, Kind::Mux(condition.clone(), then.clone(), otherwise.clone()))
    }
}

/// The choice at `index`; the last one for every index beyond the list.
pub fn select(index: &Expr, choices: &[Expr]) -> Expr {
    let Some(first) = choices.first() else {
        return Expr::invalid(unsigned(1), "select from no choices".into());
    };
    if let Some(other) = choices.iter().find(|c| c.ty() != first.ty()) {
        return Expr::invalid(first.ty(), format!("select between {} and {}", first.ty(), other.ty()));
    }
    if index.is_signed() {
        return Expr::invalid(first.ty(), "select by a signed index".into());
    }
    if choices.len() == 1 {
        return first.clone();
    }
    Expr::new(first.ty(), Kind::Select(index.clone(), choices.to_vec()))
}

/// The word of the table at `index`, of the low bits that the type has; a word for each index. See [`Kind::Lookup`].
pub fn lookup(ty: Type, index: &Expr, table: &Arc<[u32]>) -> Expr {
    if index.is_signed() || index.width() >= 32 || table.len() != 1 << index.width() || ty.width > 32 {
        let message = format!("lookup of {ty} by {} in {} words", index.ty(), table.len());
        return Expr::invalid(ty, message);
    }
    Expr::new(ty, Kind::Lookup(index.clone(), table.clone()))
}

/// Concatenation, most significant part first; unsigned. Neighbouring slices of one signal become one slice.
pub fn cat(parts: &[Expr]) -> Expr {
    let mut joined: Vec<Expr> = Vec::with_capacity(parts.len());
    for part in parts {
        let part = part.as_unsigned();
        let merged = joined.last().and_then(|high| adjacent(high, &part));
        match (merged, joined.last_mut()) {
            (Some(merged), Some(last)) => *last = merged,
            _ => joined.push(part),
        }
    }
    match joined.as_slice() {
        [] => Expr::invalid(unsigned(1), "concatenation of nothing".into()),
        [one] => one.clone(),
        _ => {
            let width = joined.iter().map(Expr::width).sum();
            Expr::new(unsigned(width), Kind::Concat(joined))
        }
    }
}

/// One slice in place of two that touch.
fn adjacent(high: &Expr, low: &Expr) -> Option<Expr> {
    match (high.kind(), low.kind()) {
        (Kind::Slice(a, from), Kind::Slice(b, start)) if a == b && *from == start + low.width() => {
            Some(a.slice(*start, low.width() + high.width()))
        }
        _ => None,
    }
}

/// A flat vector of lanes, lane 0 lowest.
pub fn lanes(lanes: &[Expr]) -> Expr {
    let parts: Vec<Expr> = lanes.iter().rev().cloned().collect();
    cat(&parts)
}

macro_rules! operator {
    ($trait:ident, $method:ident, $op:expr) => {
        impl $trait<&Expr> for &Expr {
            type Output = Expr;
            fn $method(self, other: &Expr) -> Expr {
                Expr::binary($op, self, other, self.ty())
            }
        }
        impl $trait<Expr> for &Expr {
            type Output = Expr;
            fn $method(self, other: Expr) -> Expr {
                self.$method(&other)
            }
        }
        impl $trait<&Expr> for Expr {
            type Output = Expr;
            fn $method(self, other: &Expr) -> Expr {
                (&self).$method(other)
            }
        }
        impl $trait<Expr> for Expr {
            type Output = Expr;
            fn $method(self, other: Expr) -> Expr {
                (&self).$method(&other)
            }
        }
        /// With a constant of the value's own type.
        impl $trait<i64> for &Expr {
            type Output = Expr;
            fn $method(self, other: i64) -> Expr {
                self.$method(&Expr::constant(self.ty(), other))
            }
        }
        impl $trait<i64> for Expr {
            type Output = Expr;
            fn $method(self, other: i64) -> Expr {
                (&self).$method(other)
            }
        }
    };
}

operator!(Add, add, BinaryOp::Add);
operator!(Sub, sub, BinaryOp::Sub);
operator!(BitAnd, bitand, BinaryOp::And);
operator!(BitOr, bitor, BinaryOp::Or);
operator!(BitXor, bitxor, BinaryOp::Xor);

impl Not for &Expr {
    type Output = Expr;
    fn not(self) -> Expr {
        self.unary(UnaryOp::Not, self.ty())
    }
}

impl Not for Expr {
    type Output = Expr;
    fn not(self) -> Expr {
        !&self
    }
}

impl Neg for &Expr {
    type Output = Expr;
    fn neg(self) -> Expr {
        self.unary(UnaryOp::Negate, self.ty())
    }
}

impl Neg for Expr {
    type Output = Expr;
    fn neg(self) -> Expr {
        -&self
    }
}

impl AsRef<Expr> for Expr {
    fn as_ref(&self) -> &Expr {
        self
    }
}
