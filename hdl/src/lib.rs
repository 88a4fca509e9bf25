//! The Logloom training accelerator, described in Rust.
pub mod rtl;
