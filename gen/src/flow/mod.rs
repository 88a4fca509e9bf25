//! Finding and running external tools, reading their reports.
