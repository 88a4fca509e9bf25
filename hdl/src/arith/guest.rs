//! Multipliers that somebody else wrote, in Verilog.
//!
//! **Definition.** A unit multiplies two numbers of U bits; its products are those of a table, which has one for each pair of
//! bit patterns. Whoever makes a [`Guest`] answers for the table being what the Verilog does.
//!
//! **Codes.** Of a unit of two's complement operands, a code is the operand, and W = U. Around an unsigned unit stands a wrapper
//! of sign and magnitude: a code is `{sign, |x|}`, 1 + U bits, and operands have W = U or W = U + 1 bits. With W = U + 1 the least
//! operand, -2^U, has no magnitude of U bits and is taken as -(2^U - 1).
//!
//! **Laws.** 0 times anything must be 0: [`validate`](Arithmetic::validate) refuses what is not, and names the pair. Products need
//! not keep signs: that of a signed unit may be any number.
//!
//! **Error bound.** The largest error of all pairs.
use super::{Addend, Arithmetic, ErrorBound, Operand, ParameterError, Side, check_operand_bits};
use crate::rtl::{Builder, ElaborationError, Expr, Foreign, Module, Type, cat, lookup};
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Widths of operands of which a table of all pairs is no burden: with 12 bits and their sign, it takes 256 MiB.
pub const UNIT_BITS: RangeInclusive<u32> = 3..=12;

/// Widest product port.
pub const PRODUCT_BITS: u32 = 31;

/// Most cycles from operands to product.
pub const MAX_LATENCY: u32 = 8;

/// What the bits of operands and products stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operands {
    /// Two's complement.
    Signed,
    Unsigned,
}

impl fmt::Display for Operands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operands::Signed => "signed",
            Operands::Unsigned => "unsigned",
        })
    }
}

impl Operands {
    /// The number that the low `width` bits stand for.
    pub fn value(self, bits: u32, width: u32) -> i64 {
        let unused = 64 - width;
        match self {
            Operands::Signed => (i64::from(bits) << unused) >> unused,
            Operands::Unsigned => (u64::from(bits) << unused >> unused) as i64,
        }
    }
}

/// A port as the Verilog declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    pub name: String,
    pub ty: Type,
}

/// The module of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    pub module: String,
    pub verilog: Arc<str>,
    /// Every module that the Verilog defines.
    pub modules: Vec<String>,
    /// Of equal widths, [`UNIT_BITS`].
    pub moving: Port,
    pub stationary: Port,
    /// At most [`PRODUCT_BITS`] wide.
    pub product: Port,
    /// Where the latency is not 0: products are registered at its rising edges.
    pub clock: Option<String>,
    /// Cycles from operands to product, at most [`MAX_LATENCY`].
    pub latency: u32,
    pub operands: Operands,
}

impl Unit {
    /// U.
    pub fn bits(&self) -> u32 {
        self.moving.ty.width
    }

    /// Whether it suits operands of W bits.
    ///
    /// # Errors
    /// It does not.
    pub fn takes(&self, operand_bits: u32) -> Result<(), ParameterError> {
        check_operand_bits(operand_bits)?;
        let (bits, widest) = (self.bits(), self.code_bits());
        if (bits..=widest).contains(&operand_bits) {
            return Ok(());
        }
        let problem = format!("operands have {operand_bits} bits, those of the {} unit {bits}", self.operands);
        let or = if widest > bits { format!(", or {widest} with their sign") } else { String::new() };
        Err(ParameterError::new("operand_bits", problem, format!("choose formats of {bits} bits{or}")))
    }

    /// The bits of a code.
    fn code_bits(&self) -> u32 {
        self.bits() + u32::from(self.operands == Operands::Unsigned)
    }

    /// The unit as a module with the ports `moving_i`, `stationary_i` and `product_o`, of which the table is the meaning.
    fn hardware(&self, table: &Arc<[u32]>) -> Result<Arc<Module>, ElaborationError> {
        let mut m = Builder::new(&self.module, "Multiplies.");
        let moving = m.input("moving_i", self.moving.ty);
        let stationary = m.input("stationary_i", self.stationary.ty);
        let index = cat(&[moving.as_unsigned(), stationary.as_unsigned()]);
        let product = m.wire("product", lookup(self.product.ty, &index, table));
        let register = |product, stage| m.reg_unreset(&format!("product{stage}_q"), product);
        let product = (1..=self.latency).fold(product, register);
        m.output("product_o", product);
        m.foreign(Foreign {
            text: self.verilog.clone(),
            modules: self.modules.clone(),
            inputs: vec![self.moving.name.clone(), self.stationary.name.clone()],
            outputs: vec![self.product.name.clone()],
            clock: self.clock.clone(),
        });
        m.finish()
    }
}

/// A unit in the array.
#[derive(Debug)]
pub struct Guest {
    unit: Unit,
    operand_bits: u32,
    digest: String,
    /// Products of bit patterns, as the port has them.
    table: Arc<[u32]>,
    /// Products of codes, a row for each moving code.
    products: Vec<i32>,
    keeps_signs: bool,
    /// Largest magnitude of a product, and largest error of one.
    most: i64,
    worst: i64,
}

impl Guest {
    /// The unit for operands of W bits. `products`: those of all bit patterns, `moving << U | stationary`, each in the range of the
    /// product port; `digest`: of the unit and its products, since equal digests mean equal hardware.
    ///
    /// # Panics
    /// If the products are not as many as there are pairs, or the unit does not [take](Unit::takes) such operands.
    pub fn new(unit: Unit, operand_bits: u32, products: &[i64], digest: String) -> Self {
        let bits = unit.bits();
        assert_eq!(products.len(), 1 << (2 * bits));
        assert_eq!(unit.takes(operand_bits), Ok(()));
        let mask = (1u32 << bits) - 1;
        let of_codes = |moving: u32, stationary: u32| {
            let product = products[((moving & mask) << bits | stationary & mask) as usize] as i32;
            let negative = unit.operands == Operands::Unsigned && (moving ^ stationary) >> bits == 1;
            if negative { -product } else { product }
        };
        let codes = 0..1 << unit.code_bits();
        let by_code = codes.clone().flat_map(|a| codes.clone().map(move |b| (a, b))).map(|(a, b)| of_codes(a, b));
        let mut guest = Guest {
            operand_bits,
            digest,
            table: products.iter().map(|&product| product as u32).collect(),
            products: by_code.collect(),
            keeps_signs: true,
            most: 1,
            worst: 0,
            unit,
        };
        let half = 1i64 << (operand_bits - 1);
        let codes: Vec<(i64, u32)> = (-half..half).map(|x| (x, guest.encode(Side::Moving, x, 0))).collect();
        for &(a, moving) in &codes {
            for &(b, stationary) in &codes {
                let product = guest.product(moving, stationary);
                guest.most = guest.most.max(product.abs());
                guest.worst = guest.worst.max((product - a * b).abs());
                guest.keeps_signs &= product == 0 || (product < 0) == (a * b < 0);
                if a > -half {
                    guest.keeps_signs &= product == -guest.product(guest.encode(Side::Moving, -a, 0), stationary);
                }
                if b > -half {
                    guest.keeps_signs &= product == -guest.product(moving, guest.encode(Side::Moving, -b, 0));
                }
            }
        }
        guest
    }

    /// The unit.
    pub fn unit(&self) -> &Unit {
        &self.unit
    }

    /// The unit as a module of its own: `moving_i`, `stationary_i` and `product_o`.
    ///
    /// # Errors
    /// The description is wrong.
    pub fn hardware(&self) -> Result<Arc<Module>, ElaborationError> {
        self.unit.hardware(&self.table)
    }

    /// The first numbers that the unit multiplies to something else than 0 though one of them is 0, with their product.
    pub fn product_of_zero(&self) -> Option<[i64; 3]> {
        let Unit { operands, .. } = self.unit;
        let bits = self.unit.bits();
        let all = 0..1u32 << bits;
        let pairs = all.clone().map(|b| (0, b)).chain(all.map(|a| (a, 0)));
        let found =
            pairs.map(|(a, b)| (a, b, self.table[(a << bits | b) as usize])).find(|&(.., product)| product != 0);
        found.map(|(a, b, product)| {
            let product = operands.value(product, self.unit.product.ty.width);
            [operands.value(a, bits), operands.value(b, bits), product]
        })
    }
}

impl Arithmetic for Guest {
    fn name(&self) -> &'static str {
        "guest"
    }

    fn parameters(&self) -> String {
        let Unit { module, latency, operands, .. } = &self.unit;
        let Self { operand_bits, digest, .. } = self;
        format!("operand_bits={operand_bits} module={module} operands={operands} latency={latency} digest={digest}")
    }

    fn validate(&self) -> Result<(), ParameterError> {
        self.unit.takes(self.operand_bits)?;
        match self.product_of_zero() {
            None => Ok(()),
            Some([a, b, product]) => Err(ParameterError::new(
                "zero",
                format!("{a} * {b} is {product}: training takes a product with 0 as 0"),
                "have the unit give 0 wherever an operand is 0",
            )),
        }
    }

    fn operand_bits(&self) -> u32 {
        self.operand_bits
    }

    fn keeps_signs(&self) -> bool {
        self.keeps_signs
    }

    fn code_bits(&self, _: Side) -> u32 {
        self.unit.code_bits()
    }

    fn latency(&self) -> u32 {
        self.unit.latency
    }

    fn product_bound(&self) -> i64 {
        self.most
    }

    fn error_bound(&self) -> ErrorBound {
        ErrorBound { absolute: self.worst as f64, ..ErrorBound::EXACT }
    }

    #[inline]
    fn encode(&self, _: Side, operand: i64, _: u32) -> u32 {
        let bits = self.unit.bits();
        match self.unit.operands {
            Operands::Signed => operand as u32 & ((1 << bits) - 1),
            Operands::Unsigned => {
                let magnitude = operand.unsigned_abs().min((1 << bits) - 1) as u32;
                u32::from(operand < 0) << bits | magnitude
            }
        }
    }

    #[inline]
    fn product(&self, moving: u32, stationary: u32) -> i64 {
        self.products[(moving << self.unit.code_bits() | stationary) as usize].into()
    }

    fn encode_rtl(&self, m: &mut Builder, _: Side, operand: &Operand, _: Option<&Expr>) -> Expr {
        let bits = self.unit.bits();
        if self.unit.operands == Operands::Signed {
            return operand.value(m).as_unsigned();
        }
        let magnitude = operand.magnitude(m);
        let magnitude =
            if self.operand_bits == bits { magnitude } else { magnitude.slice(0, bits) | magnitude.msb().repeat(bits) };
        cat(&[operand.sign(m), magnitude])
    }

    fn product_rtl(&self, m: &mut Builder, moving: &Expr, stationary: &Expr) -> Addend {
        let unit = match self.hardware() {
            Ok(unit) => unit,
            Err(error) => unreachable!("the ports of a unit are legal: {error}"),
        };
        let (bits, width) = (self.unit.bits(), self.product_bits());
        let port = |code: &Expr, port: &Port| {
            let operand = code.slice(0, bits);
            if port.ty.signed { operand.as_signed() } else { operand }
        };
        let inputs = [port(moving, &self.unit.moving), port(stationary, &self.unit.stationary)];
        let outputs = m.instance("guest", &unit, &[("moving_i", &inputs[0]), ("stationary_i", &inputs[1])]);
        let product = outputs.get("product_o");
        let negative = (self.unit.operands == Operands::Unsigned).then(|| {
            let negative = m.wire("negative", moving.msb() ^ stationary.msb());
            let register = |negative, stage| m.reg_unreset(&format!("negative{stage}_q"), negative);
            (1..self.latency()).fold(negative, register)
        });
        // No product needs the bits above.
        let product = match product.width() {
            formed if formed > width => {
                m.discard(product.slice(width, formed - width));
                product.slice(0, width)
            }
            _ => product.as_unsigned(),
        };
        let product = match self.unit.operands {
            Operands::Signed => product.as_signed().extend(width),
            Operands::Unsigned => product.extend(width).as_signed(),
        };
        Addend { value: m.wire("product", product), negative }
    }
}
