//! The Logloom training accelerator, described in Rust.
pub mod arith;
pub mod control;
pub mod design;
pub mod link;
pub mod rtl;

#[cfg(test)]
mod page;
