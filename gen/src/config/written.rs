//! First stage: what was written. Every value has the kind that its key asks for, is in range by itself, and
//! knows where it stands. Nothing here looks at two keys together.

use crate::nearest::nearest;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, ConfigErrors};
use super::keys::{self, Absent, KEYS, Key, Kind};
use super::origin::Origin;
use super::presets;

/// A configuration is a page of text; anything beyond this is some other file given by mistake.
const LARGEST_FILE: u64 = 1 << 20;

/// A value as TOML has it, after its key's kind was checked.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    Integer(u32),
    Real(f64),
    Text(String),
    Integers(Vec<u32>),
    Texts(Vec<String>),
}

impl std::fmt::Display for Value {
    /// As it would stand in the file.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Integer(number) => write!(f, "{number}"),
            Value::Real(number) => write!(f, "{number:?}"),
            Value::Text(text) => write!(f, "{}", toml::Value::String(text.clone())),
            Value::Integers(numbers) => write!(f, "{numbers:?}"),
            Value::Texts(texts) => write!(f, "{texts:?}"),
        }
    }
}

/// A value and who decided it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub value: Value,
    pub origin: Origin,
}

/// A value that an option of the command puts over the file's.
#[derive(Clone, Debug)]
pub struct Override {
    /// `section.key`; must be in the key table.
    pub key: &'static str,
    pub value: Value,
    /// The option as typed, for example `--seed`.
    pub option: &'static str,
}

impl Override {
    /// That of an option for a whole number, if it is given.
    pub fn integer(key: &'static str, option: &'static str, value: Option<u32>) -> Option<Self> {
        value.map(|value| Override { key, value: Value::Integer(value), option })
    }
}

/// The values of file, preset and defaults, merged: `section.key` to entry. Keys without a value are absent.
pub type Written = BTreeMap<&'static str, Entry>;

/// Reads the file at `path`, and under it the preset it names and the defaults; `overrides` go on top.
///
/// # Errors
/// All problems of the file at once: unreadable, not TOML, unknown keys, wrong kinds, values out of range.
pub fn read(path: &Path, overrides: &[Override]) -> Result<Written, ConfigErrors> {
    let text = text_of(path)?;
    let display: Arc<str> = path.display().to_string().into();
    let line_origin = |line| Origin::File { path: display.clone(), line };
    let mut written = parse(path, &text, &line_origin)?;
    for Override { key, value, option } in overrides {
        let origin = Origin::Option(option);
        let key = keys::find(key).expect("overrides name keys of the table");
        let value = check(&key.kind, value.clone())
            .map_err(|(what, remedy)| ConfigError::of_key(path, &origin, key.name, what, remedy))?;
        written.insert(key.name, Entry { value, origin });
    }
    if let Some(Value::Text(name)) = written.get("preset").map(|entry| &entry.value) {
        let name = presets::NAMES.iter().find(|known| *known == name).expect("checked as a choice");
        let dropped = dropped_with(&written);
        let preset = preset(name);
        let family = |values: &Written| values.get("arithmetic.family").map(|entry| entry.value.clone());
        let other_family = family(&written).is_some_and(|own| Some(own) != family(&preset));
        for (key, entry) in preset {
            // The parameters of one family say nothing of another one, though it may share their names; nor does an accumulator
            // that is as wide as its products ask.
            let of_family = keys::is_parameter(key) || key == "array.accumulator_bits";
            if dropped.contains(&key) || other_family && of_family {
                continue;
            }
            written.entry(key).or_insert(entry);
        }
    }
    let mut missing = Vec::new();
    for key in KEYS.iter() {
        if written.contains_key(key.name) {
            continue;
        }
        match key.absent {
            Absent::Default(text) => {
                let value = DeValue::parse(text).expect("defaults are TOML");
                let value = value_of(&key.kind, value.get_ref()).expect("defaults obey their kind");
                let origin = Origin::Default;
                written.insert(key.name, Entry { value, origin });
            }
            Absent::Required => missing.push(ConfigError {
                location: path.display().to_string(),
                key: Some(key.name.to_string()),
                what: "is missing".to_string(),
                remedy: format!("add {} under [{}], or start from a preset", key.kind, key.section()),
            }),
            Absent::Derived(_) | Absent::Optional => {}
        }
    }
    if missing.is_empty() { Ok(written) } else { Err(ConfigErrors(missing)) }
}

/// The preset's data keys that what the file says about data takes the meaning from: half a preset's files and
/// half the user's make no sense together.
fn dropped_with(written: &Written) -> &'static [&'static str] {
    let has = |key| written.contains_key(key);
    if has("data.train") {
        &["data.train_labels", "data.test", "data.test_labels", "data.zero", "data.one"]
    } else if has("data.test_fraction") || has("data.split_seed") {
        &["data.test", "data.test_labels"]
    } else if has("data.test") {
        &["data.test_labels"]
    } else {
        &[]
    }
}

/// The entries of an embedded preset.
pub fn preset(name: &'static str) -> Written {
    let origin = |_| Origin::Preset(name);
    parse(Path::new(name), presets::text(name), &origin).expect("embedded presets are valid")
}

fn text_of(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |error: std::io::Error| {
        ConfigError::of_file(
            path,
            format!("cannot be read: {error}"),
            "name an existing file, or write one with `logloom new`",
        )
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(ConfigError::of_file(path, "is larger than 1 MiB", "name a Logloom configuration"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = line_of(error.as_bytes(), valid);
        ConfigError {
            location: format!("{}:{line}", path.display()),
            key: None,
            what: "is not UTF-8 text".to_string(),
            remedy: "name a Logloom configuration, saved as UTF-8".to_string(),
        }
    })
}

/// Lines count from 1.
fn line_of(text: &[u8], offset: usize) -> usize {
    1 + text[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

fn parse(path: &Path, text: &str, origin_of_line: &dyn Fn(usize) -> Origin) -> Result<Written, ConfigErrors> {
    let origin_at = |offset: usize| origin_of_line(line_of(text.as_bytes(), offset));
    let table = DeTable::parse(text).map_err(|error| {
        let location = match error.span() {
            Some(span) => origin_at(span.start).to_string(),
            None => path.display().to_string(),
        };
        ConfigError {
            location,
            key: None,
            // The parser's message may have several lines; an error of ours has one.
            what: format!("is not TOML: {}", error.message().lines().collect::<Vec<_>>().join(" ")),
            remedy: "write `key = value` lines under [section] headings".to_string(),
        }
    })?;

    let mut written = Written::new();
    // With the offset, because the parser's tables are in alphabetical order and people read files from the top.
    let mut problems: Vec<(usize, ConfigError)> = Vec::new();
    let mut one = |section: &str, name: &Spanned<std::borrow::Cow<'_, str>>, value: &Spanned<DeValue<'_>>| {
        let short = name.get_ref().as_ref();
        let offset = name.span().start;
        let full = if section.is_empty() { short.to_string() } else { format!("{section}.{short}") };
        match keys::find(&full) {
            None => {
                let is_table = matches!(value.get_ref(), DeValue::Table(_));
                let (what, remedy) = unknown_key(section, short, is_table);
                let error = ConfigError::of_key(path, &origin_at(offset), &full, what, remedy);
                problems.push((offset, error));
            }
            Some(key) => {
                let origin = origin_at(value.span().start);
                match value_of(&key.kind, value.get_ref()) {
                    Ok(value) => {
                        written.insert(key.name, Entry { value, origin });
                    }
                    Err((what, remedy)) => {
                        let error = ConfigError::of_key(path, &origin, &full, what, remedy);
                        problems.push((offset, error));
                    }
                }
            }
        }
    };
    for (name, value) in table.get_ref() {
        let section = name.get_ref().as_ref();
        match value.get_ref() {
            DeValue::Table(entries) if keys::sections().contains(&section) => {
                for (name, value) in entries {
                    one(section, name, value);
                }
            }
            _ => one("", name, value),
        }
    }
    if problems.is_empty() {
        return Ok(written);
    }
    problems.sort_by_key(|(offset, _)| *offset);
    Err(ConfigErrors(problems.into_iter().map(|(_, error)| error).collect()))
}

/// What and remedy for a key that the table does not have.
fn unknown_key(section: &str, short: &str, is_table: bool) -> (String, String) {
    let sections = keys::sections();
    if section.is_empty() {
        if sections.contains(&short) {
            let remedy = format!("write [{short}] and its keys below it");
            return ("is a section, not a value".to_string(), remedy);
        }
        if let Some(near) = nearest(short, sections.iter().copied()) {
            return ("unknown section".to_string(), format!("did you mean [{near}]?"));
        }
    }
    let remedy = match keys::suggest(section, short) {
        Some(name) => format!("did you mean {name}?"),
        None if section.is_empty() => {
            let sections: Vec<String> = sections.iter().map(|section| format!("[{section}]")).collect();
            format!("the sections are {}", sections.join(", "))
        }
        None => {
            let known = KEYS.iter().filter(|key| key.section() == section).map(Key::short);
            format!("[{section}] knows {}", known.collect::<Vec<_>>().join(", "))
        }
    };
    let what = if is_table && section.is_empty() { "unknown section" } else { "unknown key" };
    (what.to_string(), remedy)
}

/// What is wrong, and what to do.
type Complaint = (String, String);

/// The value, if it has the kind.
fn value_of(kind: &Kind, value: &DeValue<'_>) -> Result<Value, Complaint> {
    let wrong_type = || {
        let what = format!("is {}", article(value));
        (what, format!("choose {kind}"))
    };
    let value = match (kind, value) {
        (Kind::Integer { .. } | Kind::PowerOfTwo { .. }, DeValue::Integer(number)) => {
            match u32::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Integer(number),
                Err(_) => return Err(out_of_range(kind, &number.to_string())),
            }
        }
        (Kind::Real { .. }, DeValue::Integer(number)) => {
            let number = i64::from_str_radix(number.as_str(), number.radix());
            Value::Real(number.map_err(|_| wrong_type())? as f64)
        }
        (Kind::Real { .. }, DeValue::Float(number)) => Value::Real(number.as_str().parse().map_err(|_| wrong_type())?),
        (Kind::Layers { .. } | Kind::Integers { .. }, DeValue::Array(items)) => {
            let mut sizes = Vec::new();
            for item in items {
                let DeValue::Integer(number) = item.get_ref() else {
                    let what = format!("contains {}", article(item.get_ref()));
                    return Err((what, format!("choose {kind}")));
                };
                match u32::from_str_radix(number.as_str(), number.radix()) {
                    Ok(size) => sizes.push(size),
                    Err(_) => return Err(out_of_range(kind, &number.to_string())),
                }
            }
            Value::Integers(sizes)
        }
        (Kind::Rates { .. }, DeValue::Array(items)) => {
            let text = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
                DeValue::String(text) => Ok(text.to_string()),
                other => Err((format!("contains {}", article(other)), format!("choose {kind}"))),
            };
            Value::Texts(items.iter().map(text).collect::<Result<_, _>>()?)
        }
        (
            Kind::Name | Kind::Identifier | Kind::Choice(_) | Kind::Format { .. } | Kind::Rate { .. } | Kind::Path,
            DeValue::String(text),
        ) => Value::Text(text.to_string()),
        _ => return Err(wrong_type()),
    };
    check(kind, value)
}

fn out_of_range(kind: &Kind, spelling: &str) -> Complaint {
    let range = match kind {
        Kind::Integer { min, max }
        | Kind::PowerOfTwo { min, max }
        | Kind::Layers { min, max }
        | Kind::Integers { min, max } => {
            format!(" {min}..={max}")
        }
        _ => String::new(),
    };
    (format!("{spelling} is out of range{range}"), format!("choose {kind}"))
}

/// The rules of a kind for a value of its type.
fn check(kind: &Kind, value: Value) -> Result<Value, Complaint> {
    let choose = format!("choose {kind}");
    match (kind, &value) {
        (Kind::Integer { min, max } | Kind::PowerOfTwo { min, max }, Value::Integer(number))
            if !(*min..=*max).contains(number) =>
        {
            Err(out_of_range(kind, &number.to_string()))
        }
        (Kind::PowerOfTwo { .. }, Value::Integer(number)) if !number.is_power_of_two() => {
            Err((format!("{number} is not a power of two"), choose))
        }
        (Kind::Real { above, below }, Value::Real(number)) if !(number > above && number < below) => {
            Err((format!("{number:?} is out of range"), choose))
        }
        (Kind::Layers { .. }, Value::Integers(sizes)) if sizes.len() < 2 => {
            Err((format!("has {} of the two or more sizes", sizes.len()), choose))
        }
        (Kind::Integers { .. }, Value::Integers(numbers)) if numbers.is_empty() => {
            Err(("is an empty list".to_string(), choose))
        }
        (Kind::Layers { .. }, Value::Integers(sizes)) if sizes.len() > LAYERS_AT_MOST => {
            Err((format!("has {} layers", sizes.len()), format!("choose at most {LAYERS_AT_MOST}")))
        }
        (Kind::Layers { min, max } | Kind::Integers { min, max }, Value::Integers(sizes)) => {
            match sizes.iter().find(|size| !(*min..=*max).contains(*size)) {
                Some(size) => Err(out_of_range(kind, &size.to_string())),
                None => Ok(value),
            }
        }
        (Kind::Choice(words), Value::Text(text)) if !words.contains(&text.as_str()) => {
            let remedy = match nearest(text, words.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => choose,
            };
            Err((format!("{} is unknown", quoted(text)), remedy))
        }
        (Kind::Identifier, Value::Text(text)) if !is_identifier(text) => {
            Err((format!("{} is not a name", quoted(text)), choose))
        }
        (Kind::Format { min_bits, max_bits }, Value::Text(text)) => match format_of(text) {
            None => Err((format!("{} is not a fixed-point format", quoted(text)), choose)),
            Some((int, frac)) => {
                let bits = u64::from(int) + u64::from(frac) + 1;
                if (u64::from(*min_bits)..=u64::from(*max_bits)).contains(&bits) {
                    Ok(value)
                } else {
                    Err((format!("{} has {bits} bits", quoted(text)), choose))
                }
            }
        },
        (Kind::Rate { max }, Value::Text(text)) => match wrong_rate(text, *max) {
            Some(wrong) => Err((wrong, choose)),
            None => Ok(value),
        },
        (Kind::Rates { .. }, Value::Texts(texts)) if texts.is_empty() => Err(("is an empty list".to_string(), choose)),
        (Kind::Rates { max }, Value::Texts(texts)) => match texts.iter().find_map(|text| wrong_rate(text, *max)) {
            Some(wrong) => Err((wrong, choose)),
            None => Ok(value),
        },
        (Kind::Name, Value::Text(text)) if !is_name(text) => Err((format!("{} is not a name", quoted(text)), choose)),
        (Kind::Path, Value::Text(text)) if text.is_empty() || text.contains('\0') => {
            Err((format!("{} is not a path", quoted(text)), choose))
        }
        _ => Ok(value),
    }
}

/// What is wrong with a power of two from `2^0` to `2^-max`.
fn wrong_rate(text: &str, max: u32) -> Option<String> {
    match rate_of(text) {
        None => Some(format!("{} is not a power of two", quoted(text))),
        Some(shift) if shift > max => Some(format!("{} is out of range", quoted(text))),
        Some(_) => None,
    }
}

/// Instructions count layers; a network beyond this is a slip of the keyboard.
const LAYERS_AT_MOST: usize = 64;

/// Integer and fraction bits of `Q<int>.<frac>`.
pub(super) fn format_of(text: &str) -> Option<(u32, u32)> {
    let (int, frac) = text.strip_prefix('Q')?.split_once('.')?;
    Some((digits(int)?, digits(frac)?))
}

/// The n of `2^-n`; `2^0` is 0.
pub(super) fn rate_of(text: &str) -> Option<u32> {
    match text.strip_prefix("2^")? {
        "0" => Some(0),
        exponent => digits(exponent.strip_prefix('-')?),
    }
}

/// Plain decimal digits only: `parse` alone would also take a sign.
fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Whether the text can name files and a Verilog module: starts with a letter, at most 64 characters.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// Whether the text can name something in Verilog and in C.
fn is_identifier(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The text in quotes on one line, shortened: it comes from a file that may hold anything.
fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    format!("{short:?}")
}

fn article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
