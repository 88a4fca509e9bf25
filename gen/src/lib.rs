//! The library behind the `logloom` command.
pub mod board;
pub mod build;
pub mod cli;
pub mod compare;
pub mod compile;
pub mod config;
pub mod emit;
pub mod flow;
pub mod target;
pub mod train;
pub mod units;
pub mod verify;
