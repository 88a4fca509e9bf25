//! The presets that come with the command. Each sets every field that it needs; a file changes some.

/// Names, as `preset = "..."` takes them. `digits-<device>` is for a board, with the array and the clock that it bears.
pub const NAMES: &[&str] = &[
    "digits",
    "tiny",
    "exact8",
    "digits-hx8k",
    "digits-up5k",
    "digits-tang-nano-9k",
    "digits-tang-nano-20k",
    "digits-25k",
    "digits-ulx3s-85f",
    "digits-85k",
];

/// The TOML of a preset; empty for a name that is not in [`NAMES`].
pub fn text(name: &str) -> &'static str {
    match name {
        "digits" => include_str!("presets/digits.toml"),
        "tiny" => include_str!("presets/tiny.toml"),
        "exact8" => include_str!("presets/exact8.toml"),
        "digits-hx8k" => include_str!("presets/digits-hx8k.toml"),
        "digits-up5k" => include_str!("presets/digits-up5k.toml"),
        "digits-tang-nano-9k" => include_str!("presets/digits-tang-nano-9k.toml"),
        "digits-tang-nano-20k" => include_str!("presets/digits-tang-nano-20k.toml"),
        "digits-25k" => include_str!("presets/digits-25k.toml"),
        "digits-ulx3s-85f" => include_str!("presets/digits-ulx3s-85f.toml"),
        "digits-85k" => include_str!("presets/digits-85k.toml"),
        _ => "",
    }
}
