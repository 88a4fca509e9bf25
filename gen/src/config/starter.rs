//! The commented file that `logloom new` writes, made from the key table.

use std::fmt::Write;

use super::keys::{self, Absent, KEYS};
use super::written::{self, Value};

/// A configuration that starts from the preset and shows every key with its meaning and the preset's value,
/// commented out. The data files stand uncommented, because they are the user's own.
pub fn text(preset: &'static str) -> String {
    let values = written::preset(preset);
    let mut text = String::new();
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    line("# A Logloom accelerator: remove the # before a value to change it.");
    line("# `logloom check` with this file shows what every value becomes, and where it came from.");
    line("");
    line("# the values to start from");
    line(&format!("preset = {}", Value::Text(preset.to_string())));
    for section in keys::sections() {
        line("");
        line(&format!("[{section}]"));
        for key in KEYS.iter().filter(|key| key.section() == section) {
            let mut comment = format!("# {}: {}", key.help, key.kind);
            if let Absent::Derived(how) = key.absent {
                write!(comment, " (left out: {how})").expect("strings take everything");
            }
            line(&comment);
            let remark = if section == "data" { "" } else { "#" };
            match (values.get(key.name), key.absent) {
                (Some(entry), _) => line(&format!("{remark}{} = {}", key.short(), entry.value)),
                (None, Absent::Default(value)) => line(&format!("#{} = {value}", key.short())),
                (None, _) => line(&format!("#{} =", key.short())),
            }
        }
    }
    text
}
