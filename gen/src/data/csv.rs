//! Comma-separated numbers, the label last, if there is one.

use std::path::Path;

use super::array::label;
use super::{DataError, Dataset};
use crate::files::read_regular;

pub(super) fn load(path: &Path) -> Result<Dataset, DataError> {
    read(path, None)
}

/// The same for samples of so many features; where there is no column for a label, all are given the class 0.
pub(super) fn load_inputs(path: &Path, features: usize) -> Result<Dataset, DataError> {
    read(path, Some(features))
}

fn read(path: &Path, unlabelled: Option<usize>) -> Result<Dataset, DataError> {
    let bytes = read_regular(path).map_err(|source| DataError::Unreadable { path: path.to_owned(), source })?;
    // Flexible, because an unequal length is reported here, with the line a person would count.
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(&bytes[..]);
    let mut data = Dataset { inputs: Vec::new(), features: 0, labels: Vec::new() };
    let mut width = None;
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(e) => {
                let line = e.position().map_or(0, csv::Position::line);
                return Err(DataError::CsvSyntax { path: path.to_owned(), line, reason: reason(&e) });
            }
        }
        let line = record.position().map_or(0, |position| first_line(&bytes, position));
        let first = width.is_none();
        let expected = *width.get_or_insert(record.len());
        if record.len() != expected {
            return Err(DataError::CsvWidth { path: path.to_owned(), line, found: record.len(), expected });
        }
        let has_label = unlabelled != Some(expected);
        if has_label && expected < 2 {
            return Err(DataError::CsvNarrow { path: path.to_owned(), line });
        }
        // Only a line without any number is a header, so a typing error in the first sample does not make it vanish.
        if first && record.iter().all(|field| field.parse::<f64>().is_err()) {
            continue;
        }
        for (index, field) in record.iter().enumerate() {
            let column = index + 1;
            let value: f64 = field.parse().map_err(|_| DataError::CsvNumber {
                path: path.to_owned(),
                line,
                column,
                text: field.to_owned(),
                first,
            })?;
            let place = || format!("line {line}, column {column}");
            if has_label && column == expected {
                data.labels.push(label(value).ok_or_else(|| DataError::Label {
                    path: path.to_owned(),
                    place: place(),
                    value: field.to_owned(),
                })?);
            } else if (value as f32).is_finite() {
                data.inputs.push(value as f32);
            } else {
                return Err(DataError::NotFinite { path: path.to_owned(), place: place(), value: field.to_owned() });
            }
        }
        if !has_label {
            data.labels.push(0);
        }
    }
    if data.labels.is_empty() {
        return Err(DataError::Empty { path: path.to_owned(), place: "all lines".to_owned(), shape: None });
    }
    data.features = data.inputs.len() / data.labels.len();
    Ok(data)
}

/// The line on which a record begins. The reader's own position is where it began to look, before empty lines
/// and before the second half of a CR LF.
fn first_line(bytes: &[u8], position: &csv::Position) -> u64 {
    let rest = &bytes[(position.byte() as usize).min(bytes.len())..];
    let skipped = rest.iter().take_while(|b| matches!(b, b'\r' | b'\n')).filter(|&&b| b == b'\n').count();
    position.line() + skipped as u64
}

fn reason(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { err, .. } => format!("column {}: not UTF-8 text", err.field() + 1),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: impl AsRef<[u8]>) -> Result<Dataset, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.csv");
        std::fs::write(&path, text).unwrap();
        load(&path)
    }

    #[track_caller]
    fn assert_says(text: impl AsRef<[u8]>, parts: &[&str]) {
        let message = load_text(text).unwrap_err().to_string();
        for part in parts.iter().chain(&["d.csv"]) {
            assert!(message.contains(part), "{part:?} is missing in: {message}");
        }
    }

    #[test]
    fn with_and_without_header() {
        let expected = Dataset { inputs: vec![0.5, -1., 2., 3e4], features: 2, labels: vec![1, 0] };
        for text in [
            "0.5,-1,1\n2,3e4,0\n",
            "a,b,class\n0.5,-1,1\n2,3e4,0",
            "\u{feff}a,b,class\r\n0.5, -1 ,1\r\n\r\n2,3e4,0\r\n",
            "\"a, first\",b,class\n0.5,-1,1.0\n2,3e4,0.000e+00\n",
        ] {
            assert_eq!(load_text(text).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn without_labels() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.csv");
        let inputs_of = |text: &str, features| {
            std::fs::write(&path, text).unwrap();
            load_inputs(&path, features)
        };
        let expected = Dataset { inputs: vec![0.5, -1., 2., 3e4], features: 2, labels: vec![0, 0] };
        assert_eq!(inputs_of("a,b\n0.5,-1\n2,3e4\n", 2).unwrap(), expected);
        assert_eq!(inputs_of("0.5,-1,7\n2,3e4,8\n", 2).unwrap().inputs, expected.inputs);
        assert_eq!(inputs_of("0.5\n-1\n2\n3e4\n", 1).unwrap().inputs, expected.inputs);
        let error = inputs_of("0.5,-1\n2,3e4,0\n", 2).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("3 columns"), "{error}");
    }

    #[test]
    fn shipped_xor() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/xor.csv");
        let data = load(&path).unwrap();
        assert_eq!((data.features, data.samples()), (2, 4));
        for sample in 0..4 {
            let x = data.sample(sample);
            assert_eq!(data.labels[sample], u16::from(x[0] != x[1]));
        }
    }

    #[test]
    fn places_are_named() {
        assert_says("a,b,y\n1,2,0\n1,x,0\n", &["line 3, column 2", "\"x\""]);
        assert_says("1,2,0\n1,,0\n", &["line 2, column 2", "\"\""]);
        assert_says("1,2,0\n1,0\n", &["line 2", "2 columns", "have 3"]);
        assert_says("1,2,0\n\n1,2,3,4\n", &["line 3", "4 columns"]);
        assert_says("1,2,0\r\n1,2,0\r\n\r\n1,x,0\r\n", &["line 4, column 2"]);
        assert_says("1,2,0\n1,nan,0\n", &["line 2, column 2", "nan", "not finite"]);
        assert_says("1,1e39,0\n", &["line 1, column 2", "1e39"]);
        assert_says("1,2,-1\n", &["line 1, column 3", "-1 is not a label"]);
        assert_says("1,2,0.5\n", &["line 1, column 3", "0.5"]);
        assert_says("1,2,65536\n", &["line 1, column 3", "65536"]);
        assert_says(b"1,2,0\n1,\xff,0\n", &["line 2", "column 2", "UTF-8"]);
    }

    /// A typing error in the first sample must not turn it into a header.
    #[test]
    fn half_a_header_is_an_error() {
        assert_says("1,2,O\n1,2,0\n", &["line 1, column 3", "\"O\"", "header"]);
    }

    #[test]
    fn nothing_inside() {
        assert_says("", &["no values"]);
        assert_says("a,b\n", &["no values"]);
        assert_says("1;2;0\n", &["line 1", "commas"]);
    }
}
