//! The library behind the `logloom` command.
pub mod cli;
pub mod compile;
pub mod config;
pub mod emit;
pub mod flow;
pub mod train;
pub mod verify;
