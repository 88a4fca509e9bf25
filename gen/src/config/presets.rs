//! The presets that come with the command. Each sets every field that it needs; a file changes some.

/// Names, as `preset = "..."` takes them.
pub const NAMES: &[&str] = &["digits", "tiny", "exact8"];

/// The TOML of a preset; empty for a name that is not in [`NAMES`].
pub fn text(name: &str) -> &'static str {
    match name {
        "digits" => include_str!("presets/digits.toml"),
        "tiny" => include_str!("presets/tiny.toml"),
        "exact8" => include_str!("presets/exact8.toml"),
        _ => "",
    }
}
