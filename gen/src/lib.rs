//! The library behind the `logloom` command.
pub mod flow;
pub mod train;
