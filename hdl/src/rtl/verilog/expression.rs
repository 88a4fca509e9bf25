//! Expressions as text.
//!
//! Verilog lets the surroundings decide the width and the sign at which an expression is computed. Here nothing is
//! left to the surroundings: the Verilog type of what is printed for an expression equals its own type, operands of one
//! operator included, so that context can neither widen it nor change its sign (`>>>` and `<` would change meaning).

use super::Layout;
use crate::rtl::{BinaryOp, Bits, Expr, Kind, ShiftOp, Type, UnaryOp};
use pretty::RcDoc;

pub(super) type Doc = RcDoc<'static, ()>;

/// How strongly the outermost operator binds, strongest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Names, literals, concatenations, calls.
    Primary,
    Complement,
    /// Reductions and the minus sign: always in parentheses inside other operators, `a & (&b)`.
    Prefix,
    Multiply,
    Add,
    Shift,
    Compare,
    Equal,
    And,
    Xor,
    Or,
    Mux,
}

#[derive(Clone)]
pub(super) struct Text {
    pub doc: Doc,
    pub level: Level,
}

/// What the place of an expression asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Width and sign matter.
    Typed,
    /// Only the bits matter, and the width is the expression's own: inside concatenations, of indices and shift
    /// amounts, under reductions. Casts are not printed.
    Bits,
}

impl Text {
    fn primary(text: impl Into<String>) -> Self {
        Text { doc: RcDoc::text(text.into()), level: Level::Primary }
    }

    /// In parentheses if `wanted`.
    fn parenthesised_if(self, wanted: bool) -> Doc {
        if wanted { RcDoc::text("(").append(self.doc.nest(1)).append(")") } else { self.doc }
    }

    fn unless_primary(self) -> Doc {
        let wanted = self.level > Level::Primary;
        self.parenthesised_if(wanted)
    }

    /// As an operand of a binary operator. Beyond what the grammar needs, parentheses stand where few readers know the
    /// precedence: around sums in shifts, comparisons in bitwise operators, and different bitwise operators.
    fn operand_of(self, parent: Level, same_operator: bool) -> Doc {
        let bare = match self.level {
            Level::Primary | Level::Complement => true,
            child if child == parent => same_operator,
            Level::Multiply => parent == Level::Add,
            Level::Add => matches!(parent, Level::Compare | Level::Equal),
            _ => false,
        };
        self.parenthesised_if(!bare)
    }
}

/// The signals' names and where their bits are.
pub(super) struct Names<'a> {
    pub layout: &'a [Layout],
}

impl Names<'_> {
    /// Bits `low .. low + width` of a declared signal.
    pub fn slice(&self, signal: usize, low: u32, width: u32) -> String {
        let Layout { name, base, width: declared, .. } = &self.layout[signal];
        let low = low - base;
        match width {
            _ if low == 0 && width == *declared => name.clone(),
            1 => format!("{name}[{low}]"),
            _ => format!("{name}[{}:{low}]", low + width - 1),
        }
    }

    pub fn typed(&self, expr: &Expr) -> Text {
        self.expr(expr, Place::Typed)
    }

    pub fn bits(&self, expr: &Expr) -> Text {
        self.expr(expr, Place::Bits)
    }

    fn expr(&self, expr: &Expr, place: Place) -> Text {
        match expr.kind() {
            Kind::Signal(s) => Text::primary(self.slice(s.0 as usize, self.layout[s.0 as usize].base, expr.width())),
            Kind::Slice(of, low) => match of.kind() {
                Kind::Signal(s) => Text::primary(self.slice(s.0 as usize, *low, expr.width())),
                _ => unreachable!("a checked module slices only signals"),
            },
            Kind::Constant(bits) => literal(expr.ty(), bits, place),
            Kind::Unary(op, a) => self.unary(*op, a, expr.width() == 1 && a.width() == 1),
            Kind::Binary(op, a, b) => self.binary(*op, a, b),
            Kind::Shift(op, a, amount) => {
                let symbol = match op {
                    ShiftOp::Left => "<<",
                    ShiftOp::Right if a.is_signed() => ">>>",
                    ShiftOp::Right => ">>",
                };
                let a = self.typed(a).operand_of(Level::Shift, false);
                let amount = self.bits(amount).operand_of(Level::Shift, false);
                infix(a, symbol, amount, Level::Shift)
            }
            Kind::Mux(condition, then, otherwise) => {
                self.mux(self.bits(condition), self.typed(then), self.typed(otherwise))
            }
            Kind::Select(index, choices) => self.select(index, choices),
            Kind::Concat(_) => Text { doc: self.concatenation(expr), level: Level::Primary },
            Kind::Repeat(of, count) => {
                let of = RcDoc::intersperse(self.parts(of), RcDoc::text(",").append(RcDoc::line()));
                let doc = RcDoc::text(format!("{{{count}{{")).append(of.nest(2).group()).append("}}");
                Text { doc, level: Level::Primary }
            }
            Kind::Extend(_) if !expr.is_signed() || place == Place::Bits => {
                Text { doc: self.concatenation(expr), level: Level::Primary }
            }
            Kind::Extend(_) => call("$signed", self.concatenation(expr)),
            Kind::Cast(of) if place == Place::Bits => self.bits(of),
            Kind::Cast(of) => call(if expr.is_signed() { "$signed" } else { "$unsigned" }, self.bits(of).doc),
            Kind::Lookup(..) => unreachable!("a checked module looks nothing up where it is printed"),
            Kind::Invalid(message) => unreachable!("a checked module holds no mistakes: {message}"),
        }
    }

    fn unary(&self, op: UnaryOp, a: &Expr, single: bool) -> Text {
        let (symbol, place, level) = match op {
            UnaryOp::Not => ("~", Place::Typed, Level::Complement),
            UnaryOp::Negate => ("-", Place::Typed, Level::Prefix),
            // Reducing one bit: the bit itself.
            _ if single => return self.typed(&a.as_unsigned()),
            UnaryOp::ReduceOr => ("|", Place::Bits, Level::Prefix),
            UnaryOp::ReduceAnd => ("&", Place::Bits, Level::Prefix),
            UnaryOp::ReduceXor => ("^", Place::Bits, Level::Prefix),
        };
        Text { doc: RcDoc::text(symbol).append(self.expr(a, place).unless_primary()), level }
    }

    fn binary(&self, op: BinaryOp, a: &Expr, b: &Expr) -> Text {
        let (symbol, level) = match op {
            BinaryOp::Add => ("+", Level::Add),
            BinaryOp::Sub => ("-", Level::Add),
            BinaryOp::Mul => ("*", Level::Multiply),
            BinaryOp::And => ("&", Level::And),
            BinaryOp::Or => ("|", Level::Or),
            BinaryOp::Xor => ("^", Level::Xor),
            BinaryOp::Equal => ("==", Level::Equal),
            BinaryOp::NotEqual => ("!=", Level::Equal),
            BinaryOp::Less => ("<", Level::Compare),
            BinaryOp::LessEqual => ("<=", Level::Compare),
        };
        let chains = !matches!(level, Level::Equal | Level::Compare);
        let associates = matches!(level, Level::And | Level::Or | Level::Xor);
        let a = self.typed(a).operand_of(level, chains);
        let b = self.typed(b).operand_of(level, associates);
        infix(a, symbol, b, level)
    }

    fn mux(&self, condition: Text, then: Text, otherwise: Text) -> Text {
        let bare = condition.level <= Level::Complement;
        let doc = condition
            .parenthesised_if(!bare)
            .group()
            .append(" ?")
            .append({
                let nested = then.level == Level::Mux;
                RcDoc::line().append(then.parenthesised_if(nested).group()).nest(2).group()
            })
            .append(" :")
            .append(RcDoc::line())
            .append(otherwise.doc);
        Text { doc, level: Level::Mux }
    }

    /// A tree of two-way choices on the bits of the index: on four-input LUTs 48 of them for 5 choices of 16 bits, where
    /// a `case` or a chain of comparisons takes 81.
    fn select(&self, index: &Expr, choices: &[Expr]) -> Text {
        let bits = u32::BITS - (choices.len() as u32 - 1).leading_zeros();
        let last = &choices[choices.len() - 1];
        if (0..index.width()).any(|i| matches!(index.bit(i).kind(), Kind::Invalid(_))) {
            // The bits of an unnamed index have no names.
            let mut text = self.typed(last);
            for (i, choice) in choices.iter().enumerate().rev().skip(1) {
                let number = Bits::from_words(index.width(), &[i as u64]);
                if number.to_u64() == Some(i as u64) {
                    let condition = self.typed(&index.eq(&Expr::literal(number)));
                    text = self.mux(condition, self.typed(choice), text);
                }
            }
            return text;
        }
        let tree = self.select_bits(index, choices, 0, bits.min(index.width()));
        if index.width() <= bits {
            return tree;
        }
        let beyond = index.slice(bits, index.width() - bits);
        let beyond = if beyond.width() == 1 { beyond } else { beyond.any() };
        self.mux(self.bits(&beyond), self.typed(last), tree)
    }

    /// The choice among `choices[low ..]` by the low `bits` bits of the index.
    fn select_bits(&self, index: &Expr, choices: &[Expr], low: usize, bits: u32) -> Text {
        let last = choices.len() - 1;
        // Choices of the same value need no telling apart.
        let within = &choices[low.min(last)..=last.min(low + ((1 << bits) - 1))];
        if within.iter().all(|choice| *choice == within[0]) {
            return self.typed(&within[0]);
        }
        let upper = self.select_bits(index, choices, low + (1 << (bits - 1)), bits - 1);
        let lower = self.select_bits(index, choices, low, bits - 1);
        self.mux(self.bits(&index.bit(bits - 1)), upper, lower)
    }

    fn concatenation(&self, expr: &Expr) -> Doc {
        let parts = self.parts(expr);
        if parts.len() == 1 {
            return parts.into_iter().next().unwrap_or_else(RcDoc::nil);
        }
        RcDoc::text("{")
            .append(RcDoc::line_().append(RcDoc::intersperse(parts, RcDoc::text(",").append(RcDoc::line()))).nest(2))
            .append(RcDoc::line_())
            .append("}")
            .group()
    }

    /// The parts of a concatenation, nested ones and extensions opened.
    fn parts(&self, expr: &Expr) -> Vec<Doc> {
        match expr.kind() {
            Kind::Concat(parts) => parts.iter().flat_map(|p| self.parts(p)).collect(),
            Kind::Cast(of) => self.parts(of),
            Kind::Extend(of) => {
                let count = expr.width() - of.width();
                let fill = if expr.is_signed() {
                    let sign = self.bits(&of.msb()).doc;
                    if count == 1 { sign } else { RcDoc::text(format!("{{{count}{{")).append(sign).append("}}") }
                } else {
                    RcDoc::text(if count == 1 { "1'b0".into() } else { format!("{count}'d0") })
                };
                std::iter::once(fill).chain(self.parts(of)).collect()
            }
            _ => vec![self.bits(expr).doc.nest(2).group()],
        }
    }
}

fn infix(a: Doc, symbol: &'static str, b: Doc, level: Level) -> Text {
    let doc = a.append(" ").append(symbol).append(RcDoc::line()).append(b);
    Text { doc, level }
}

fn call(function: &'static str, argument: Doc) -> Text {
    let argument = RcDoc::line_().append(argument).nest(2).append(RcDoc::line_());
    Text { doc: RcDoc::text(function).append("(").append(argument).append(")").group(), level: Level::Primary }
}

/// A sized literal: decimal up to four digits, else hexadecimal.
fn literal(ty: Type, bits: &Bits, place: Place) -> Text {
    const DECIMAL: u64 = 9999;
    /// Longer literals would not fit a line.
    const CHUNK: u32 = 256;
    let Type { width, signed } = ty;
    let negative = signed && bits.bit(width - 1);
    let magnitude = if negative { negated(bits) } else { bits.clone() };
    let small = magnitude.to_u64().filter(|&m| m <= DECIMAL);
    if width == 1 {
        let base = if signed { "sb" } else { "b" };
        return Text::primary(format!("1'{base}{}", u32::from(bits.bit(0))));
    }
    let sign = if signed { "s" } else { "" };
    // The most negative value has no positive counterpart: negated, it is itself.
    match small {
        Some(value) if negative && magnitude != *bits => {
            Text { doc: RcDoc::text(format!("-{width}'sd{value}")), level: Level::Prefix }
        }
        Some(value) if !negative => Text::primary(format!("{width}'{sign}d{value}")),
        _ if width > CHUNK => {
            let chunks = (0..width.div_ceil(CHUNK)).rev().map(|i| {
                let chunk = bits.slice(i * CHUNK, CHUNK.min(width - i * CHUNK));
                RcDoc::text(format!("{}'h{chunk:x}", chunk.width()))
            });
            let separator = RcDoc::text(",").append(RcDoc::line());
            let body = RcDoc::line_().append(RcDoc::intersperse(chunks, separator)).nest(2);
            let doc = RcDoc::text("{").append(body).append(RcDoc::line_()).append("}").group();
            if signed && place == Place::Typed { call("$signed", doc) } else { Text { doc, level: Level::Primary } }
        }
        _ => Text::primary(format!("{width}'{sign}h{bits:x}")),
    }
}

/// Two's complement.
fn negated(bits: &Bits) -> Bits {
    let mut carry = true;
    let words: Vec<u64> = bits
        .words()
        .iter()
        .map(|w| {
            let (word, overflow) = (!w).overflowing_add(u64::from(carry));
            carry = overflow;
            word
        })
        .collect();
    Bits::from_words(bits.width(), &words)
}
