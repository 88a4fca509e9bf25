//! Expressions on lists of bits, one bit at a time: too slow and too simple to be wrong.

use logloom_hdl::rtl::{BinaryOp, Bits, Expr, Kind, Module, ShiftOp, Source, UnaryOp};
use std::collections::HashMap;

/// Least significant bit first.
pub type Value = Vec<bool>;

pub fn from_bits(bits: &Bits) -> Value {
    (0..bits.width()).map(|i| bits.bit(i)).collect()
}

/// The value of an expression of a module without state or instances.
pub fn value(
    module: &Module,
    inputs: &HashMap<String, Value>,
    expr: &Expr,
    memo: &mut HashMap<*const Kind, Value>,
) -> Value {
    let key = std::ptr::from_ref(expr.kind());
    if let Some(known) = memo.get(&key) {
        return known.clone();
    }
    let width = expr.width() as usize;
    let mut eval = |e: &Expr| value(module, inputs, e, memo);
    let result = match expr.kind() {
        Kind::Signal(signal) => {
            let declaration = module.signal(*signal);
            match &declaration.source {
                Source::Input => inputs[&declaration.name].clone(),
                Source::Wire(driver) => eval(driver),
                other => panic!("{other:?} in a combinational module"),
            }
        }
        Kind::Constant(bits) => from_bits(bits),
        Kind::Unary(op, a) => {
            let a = eval(a);
            match op {
                UnaryOp::Not => not(&a),
                UnaryOp::Negate => add(&not(&a), &vec![false; a.len()], true),
                UnaryOp::ReduceOr => vec![a.contains(&true)],
                UnaryOp::ReduceAnd => vec![!a.contains(&false)],
                UnaryOp::ReduceXor => vec![a.iter().filter(|&&b| b).count() % 2 == 1],
            }
        }
        Kind::Binary(op, x, y) => {
            let (a, b) = (eval(x), eval(y));
            let each = |f: fn(bool, bool) -> bool| a.iter().zip(&b).map(|(&a, &b)| f(a, b)).collect();
            match op {
                BinaryOp::Add => add(&a, &b, false),
                BinaryOp::Sub => add(&a, &not(&b), true),
                BinaryOp::Mul => {
                    let mut sum = vec![false; width];
                    for (i, _) in b.iter().enumerate().filter(|(_, bit)| **bit) {
                        let moved: Value = std::iter::repeat_n(false, i).chain(a.iter().copied()).take(width).collect();
                        sum = add(&sum, &moved, false);
                    }
                    sum
                }
                BinaryOp::And => each(|a, b| a && b),
                BinaryOp::Or => each(|a, b| a || b),
                BinaryOp::Xor => each(|a, b| a != b),
                BinaryOp::Equal => vec![a == b],
                BinaryOp::NotEqual => vec![a != b],
                BinaryOp::Less => vec![less(&a, &b, x.is_signed())],
                BinaryOp::LessEqual => vec![!less(&b, &a, x.is_signed())],
            }
        }
        Kind::Shift(op, x, amount) => {
            let (a, amount) = (eval(x), number(&eval(amount)));
            let fill = *op == ShiftOp::Right && x.is_signed() && a[width - 1];
            (0..width)
                .map(|i| match op {
                    ShiftOp::Left => i >= amount && a[i - amount],
                    ShiftOp::Right => a.get(i.saturating_add(amount)).copied().unwrap_or(fill),
                })
                .collect()
        }
        Kind::Mux(c, a, b) => {
            if eval(c)[0] {
                eval(a)
            } else {
                eval(b)
            }
        }
        Kind::Select(index, choices) => {
            let index = number(&eval(index));
            eval(choices.get(index).unwrap_or(&choices[choices.len() - 1]))
        }
        Kind::Lookup(index, table) => {
            let word = table[number(&eval(index))];
            (0..width).map(|bit| word >> bit & 1 == 1).collect()
        }
        Kind::Slice(a, low) => eval(a)[*low as usize..][..width].to_vec(),
        Kind::Concat(parts) => parts.iter().rev().flat_map(eval).collect(),
        Kind::Repeat(a, count) => eval(a).repeat(*count as usize),
        Kind::Extend(x) => {
            let mut a = eval(x);
            let fill = x.is_signed() && a[a.len() - 1];
            a.resize(width, fill);
            a
        }
        Kind::Cast(a) => eval(a),
        Kind::Invalid(message) => panic!("{message}"),
    };
    assert_eq!(result.len(), width);
    memo.insert(key, result.clone());
    result
}

fn not(a: &[bool]) -> Value {
    a.iter().map(|b| !b).collect()
}

fn add(a: &[bool], b: &[bool], mut carry: bool) -> Value {
    let mut out = Vec::new();
    for (&a, &b) in a.iter().zip(b) {
        out.push(a ^ b ^ carry);
        carry = a & b | a & carry | b & carry;
    }
    out
}

fn less(a: &[bool], b: &[bool], signed: bool) -> bool {
    let top = a.len() - 1;
    if signed && a[top] != b[top] {
        return a[top];
    }
    (0..a.len()).rev().find(|&i| a[i] != b[i]).is_some_and(|i| b[i])
}

/// Clamped far above every width and list in the tests.
fn number(a: &[bool]) -> usize {
    a.iter().enumerate().filter(|(_, bit)| **bit).map(|(i, _)| if i < 20 { 1 << i } else { 1 << 20 }).sum()
}
