//! The hardware description language: values with a width and a sign, modules, memories, regular
//! arrays of instances, and the checks that every module passes before anything is printed or run.
//!
//! One clock, one synchronous reset (both implicit: a module that holds state, or contains one that
//! does, has the port `clk_i`, and `rst_ni` if a register there is reset). Nothing widens, truncates or
//! changes sign unless asked.
//!
//! ```
//! use logloom_hdl::rtl::{Builder, unsigned};
//!
//! let mut m = Builder::new("counter", "Counts the cycles in which it is enabled.");
//! let enable = m.input("enable_i", unsigned(1));
//! let count = m.register("count_q", unsigned(8));
//! m.drive_when(&count, &enable, count.value() + 1);
//! m.output("count_o", count.value());
//! let counter = m.finish().unwrap();
//! assert_eq!(counter.name, "counter");
//! ```

mod bits;
mod builder;
mod checks;
mod expr;
mod module;
mod usage;
pub mod verilog;

pub use bits::Bits;
pub use builder::{Builder, Forward, Outputs, Register};
pub use expr::{
    BinaryOp, Expr, Kind, ShiftOp, Signal, Type, UnaryOp, cat, lanes, lookup, mux, select, signed, unsigned,
};
pub use module::{
    Attribute, Connection, Declaration, ElaborationError, Foreign, Instance, Memory, Module, ReadPort, ReadUnderWrite,
    Source, WritePort, address_bits,
};
