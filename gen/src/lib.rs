//! The library behind the `logloom` command.
pub mod board;
pub mod build;
pub mod cli;
pub mod compare;
pub mod compile;
pub mod config;
pub mod data;
pub mod emit;
pub mod files;
pub mod flow;
pub mod guest;
mod nearest;
pub mod random;
pub mod run;
pub mod target;
pub mod train;
pub mod units;
pub mod verify;

/// The examples in the page for people with multipliers of their own.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guests.md")]
struct BringYourOwnMultiplier;
