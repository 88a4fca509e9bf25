//! A block with its ports at hand, and its simulation.

use std::panic::{self, AssertUnwindSafe};

use anyhow::{Result, bail, ensure};
use rust_hdl_core::prelude::{Bits, Block, Clock, In, Signal, Signed, Synth, simulate};

/// Rounds in which a block must come to rest.
const ROUNDS: usize = 100;

/// What operands and products may be: `Bits` or `Signed`.
pub trait Number: Synth {
    const SIGNED: bool;
    fn from_word(word: i64) -> Self;
    fn word(self) -> i64;
}

impl<const N: usize> Number for Bits<N> {
    const SIGNED: bool = false;

    fn from_word(word: i64) -> Self {
        (word as u64).into()
    }

    fn word(self) -> i64 {
        self.to_u64() as i64
    }
}

impl<const N: usize> Number for Signed<N> {
    const SIGNED: bool = true;

    fn from_word(word: i64) -> Self {
        word.into()
    }

    fn word(self) -> i64 {
        let unused = 64 - N as u32;
        (self.inner().to_u64() as i64) << unused >> unused
    }
}

/// An input of a block U: its name, and how to come at it.
pub type Input<U, T> = (&'static str, fn(&mut U) -> &mut Signal<In, T>);

/// The ports of a block U.
pub struct Ports<U, A: Number, B: Number, P: Number> {
    pub a: Input<U, A>,
    pub b: Input<U, B>,
    pub product: (&'static str, fn(&U) -> P),
    pub clock: Option<Input<U, Clock>>,
    /// Cycles from operands to product; 0 without a clock.
    pub latency: u32,
}

/// A block that is simulated.
pub struct Unit<U, A: Number, B: Number, P: Number> {
    pub block: U,
    ports: Ports<U, A, B, P>,
}

impl<U: Block, A: Number, B: Number, P: Number> Unit<U, A, B, P> {
    /// W: width of an operand.
    pub const OPERAND_BITS: u32 = A::BITS as u32;

    /// # Errors
    /// The operands differ in width or sign, or the product is not of their kind.
    pub fn new(mut block: U, ports: Ports<U, A, B, P>) -> Result<Self> {
        let [a, b, product] = [ports.a.0, ports.b.0, ports.product.0];
        let kind = |signed: bool, bits: usize| format!("{}<{bits}>", if signed { "Signed" } else { "Bits" });
        ensure!(
            (A::SIGNED, A::BITS) == (B::SIGNED, B::BITS),
            "{a} is {} and {b} is {}; give both operands one width and kind",
            kind(A::SIGNED, A::BITS),
            kind(B::SIGNED, B::BITS)
        );
        ensure!(
            P::SIGNED == A::SIGNED,
            "{product} is {} and {a} is {}; make both Signed or both Bits",
            kind(P::SIGNED, P::BITS),
            kind(A::SIGNED, A::BITS)
        );
        if let Some((clock, _)) = ports.clock {
            ensure!(
                ports.latency > 0,
                "{clock} is its clock, but its latency is 0; state the cycles from operands to product"
            );
        }
        block.connect_all();
        Ok(Self { block, ports })
    }

    /// Cycles from operands to product.
    pub fn latency(&self) -> u32 {
        self.ports.latency
    }

    /// The product of two operands, which `then` others follow at once: in a block with registers they have left when it comes.
    ///
    /// # Errors
    /// The block does not come to rest.
    pub fn product(&mut self, operands: [i64; 2], then: [i64; 2]) -> Result<i64> {
        self.apply(operands)?;
        if let Some((_, clock)) = self.ports.clock {
            for _ in 0..self.ports.latency {
                for level in [true, false] {
                    clock(&mut self.block).next = level.into();
                    self.settle()?;
                }
                self.apply(then)?;
            }
        }
        Ok((self.ports.product.1)(&self.block).word())
    }

    fn apply(&mut self, [a, b]: [i64; 2]) -> Result<()> {
        (self.ports.a.1)(&mut self.block).next = A::from_word(a);
        (self.ports.b.1)(&mut self.block).next = B::from_word(b);
        self.settle()
    }

    fn settle(&mut self) -> Result<()> {
        ensure!(
            simulate(&mut self.block, ROUNDS),
            "it does not come to rest: a signal depends on itself; put a register into the loop"
        );
        Ok(())
    }
}

/// What `work` gives. rust_hdl panics on blocks that are at fault: its words become an error.
pub fn quietly<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    panic::set_hook(hook);
    result.unwrap_or_else(|cause| {
        let text = cause.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| cause.downcast_ref::<String>().cloned());
        bail!("rust_hdl gave it up: {}", text.unwrap_or_else(|| "it does not say why".into()))
    })
}
