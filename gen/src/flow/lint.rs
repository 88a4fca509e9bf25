//! Linters over emitted Verilog.
