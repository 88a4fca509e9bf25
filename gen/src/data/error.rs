use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// What is wrong with a data set, where, and what to do about it.
#[derive(Debug, Error)]
pub enum DataError {
    #[error("{}: cannot be read: {source}; check the path and its permissions", path.display())]
    Unreadable { path: PathBuf, source: io::Error },

    #[error("{}: offset 0: compressed with gzip; decompress it first (gzip -d)", path.display())]
    Gzip { path: PathBuf },

    #[error(
        "{}: offset 0: {found} is not the start of an IDX file (00 00, element type, rank of at least 1); \
         check that this is the right file",
        path.display()
    )]
    IdxMagic { path: PathBuf, found: String },

    #[error(
        "{}: offset 2: unknown IDX element type 0x{code:02x}; known are 08 (u8), 09 (i8), 0b (i16), 0c (i32), \
         0d (f32) and 0e (f64)",
        path.display()
    )]
    IdxType { path: PathBuf, code: u8 },

    #[error(
        "{}: {place}: {expected} bytes expected, {actual} found: it is cut short; copy or download it again",
        path.display()
    )]
    Truncated { path: PathBuf, place: String, expected: u64, actual: u64 },

    #[error(
        "{}: {place}: {expected} bytes expected, {actual} found: something follows the data; \
         check that the shape in the header is the one meant, or write the file again",
        path.display()
    )]
    Trailing { path: PathBuf, place: String, expected: u64, actual: u64 },

    #[error("{}: {place}: a shape of {shape} is larger than any file; the header is damaged, write the file again", path.display())]
    TooLarge { path: PathBuf, place: String, shape: String },

    #[error("{}: {place}: there are no values{}; give at least one sample with one feature", path.display(), of_shape(shape))]
    Empty { path: PathBuf, place: String, shape: Option<String> },

    #[error("{}: {place}: labels must be one number per sample, but the shape is {shape}; {advice}", path.display())]
    LabelShape { path: PathBuf, place: String, shape: String, advice: &'static str },

    #[error("{}: {place}: {labels} labels for {samples} samples{}; give exactly one label per sample", path.display(), inputs_in(inputs))]
    LabelCount { path: PathBuf, place: String, labels: usize, samples: usize, inputs: Option<PathBuf> },

    #[error("{}: {place}: {value} is not a label; labels are whole numbers from 0 to 65535", path.display())]
    Label { path: PathBuf, place: String, value: String },

    #[error(
        "{}: {place}: {value} is not finite as a 32-bit number; remove or replace the sample",
        path.display()
    )]
    NotFinite { path: PathBuf, place: String, value: String },

    #[error("{}: not a readable .npz archive: {reason}; write it with numpy.savez or numpy.savez_compressed", path.display())]
    Archive { path: PathBuf, reason: String },

    #[error("{}: no array named {wanted}; it holds {found}; rename the array when saving", path.display())]
    ArrayMissing { path: PathBuf, wanted: String, found: String },

    #[error("{}: both {first} and {second} could be meant; keep one of the arrays", path.display())]
    ArrayAmbiguous { path: PathBuf, first: String, second: String },

    #[error("{}: {place}: {reason}; save it as a plain array of numbers (x.astype('float32'))", path.display())]
    ArrayHeader { path: PathBuf, place: String, reason: String },

    #[error("{}: {reason}; save it as an array of integers (x.astype('int32'))", path.display())]
    NotWhole { path: PathBuf, reason: String },

    #[error("{}: line {line}: {reason}; correct the line", path.display())]
    CsvSyntax { path: PathBuf, line: u64, reason: String },

    #[error("{}: line {line}: {found} columns where the lines before have {expected}; complete the line or remove it", path.display())]
    CsvWidth { path: PathBuf, line: u64, found: usize, expected: usize },

    #[error("{}: line {line}: one column only; separate features and, last, the label with commas", path.display())]
    CsvNarrow { path: PathBuf, line: u64 },

    #[error(
        "{}: line {line}, column {column}: {text:?} is not a number; correct it{}",
        path.display(),
        if *first { " (a first line counts as a header only if none of its fields is a number)" } else { "" }
    )]
    CsvNumber { path: PathBuf, line: u64, column: usize, text: String, first: bool },

    #[error(
        "sample {sample}: label {label} is not in {}, the {classes} classes of the network's output; \
         widen the output or correct the labels",
        class_range(*classes)
    )]
    LabelRange { sample: usize, label: u16, classes: usize },

    #[error("{setting} cannot normalise; numbers must be finite, the scale not zero, and max above min")]
    Normalise { setting: String },

    #[error("sample {sample}, feature {feature}: {value} overflows when normalised; choose a smaller scale")]
    Overflow { sample: usize, feature: usize, value: f32 },

    #[error(
        "a test fraction of {fraction} leaves {train} training and {test} test samples of {samples}; \
         choose a fraction between 0 and 1 that leaves at least one of each"
    )]
    Fraction { fraction: f64, samples: usize, train: usize, test: usize },
}

fn of_shape(shape: &Option<String>) -> String {
    shape.as_ref().map(|s| format!(" (shape {s})")).unwrap_or_default()
}

fn inputs_in(inputs: &Option<PathBuf>) -> String {
    inputs.as_ref().map(|p| format!(" in {}", p.display())).unwrap_or_default()
}

fn class_range(classes: usize) -> String {
    match classes {
        0 => "the empty range".to_owned(),
        n => format!("0..={}", n - 1),
    }
}
