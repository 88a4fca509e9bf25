//! How far long work is, on standard error.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of no length yet. `template`: in the notation of indicatif.
pub fn bar(template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}
