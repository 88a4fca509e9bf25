//! The Logloom training accelerator, described in Rust.
