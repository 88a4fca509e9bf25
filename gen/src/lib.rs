//! The library behind the `logloom` command.
pub mod board;
pub mod build;
pub mod cli;
pub mod compare;
pub mod compile;
pub mod config;
pub mod emit;
pub mod flow;
pub mod guest;
pub mod target;
pub mod train;
pub mod units;
pub mod verify;

/// The examples in the page for people with multipliers of their own.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guests.md")]
struct BringYourOwnMultiplier;
