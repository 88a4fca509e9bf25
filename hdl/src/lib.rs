//! The Logloom training accelerator, described in Rust.
pub mod accelerator;
pub mod arith;
pub mod array;
pub mod control;
pub mod design;
pub mod host;
pub mod link;
mod logic;
pub mod memory;
pub mod rtl;
pub mod update;
pub mod vector;

#[cfg(test)]
mod page;
