//! IDX, the format of MNIST: two zero bytes, element type, rank, big-endian 32-bit dimensions, big-endian data.

use std::path::Path;

use super::array::{Array, Element, Kind, Place, check_size};
use super::{DataError, Dataset};
use crate::files::read_regular;

pub(super) fn load(inputs: &Path, labels: &Path) -> Result<Dataset, DataError> {
    let bytes = read(inputs)?;
    let (values, features) = parse(inputs, &bytes)?.inputs()?;
    let samples = values.len() / features;
    let bytes = read(labels)?;
    let classes = parse(labels, &bytes)?.labels()?;
    if classes.len() != samples {
        return Err(DataError::LabelCount {
            path: labels.to_owned(),
            place: "offset 4".to_owned(),
            labels: classes.len(),
            samples,
            inputs: Some(inputs.to_owned()),
        });
    }
    Ok(Dataset { inputs: values, features, labels: classes })
}

/// The samples without labels; every sample is given the class 0.
pub(super) fn load_inputs(path: &Path) -> Result<Dataset, DataError> {
    let bytes = read(path)?;
    let (inputs, features) = parse(path, &bytes)?.inputs()?;
    let labels = vec![0; inputs.len() / features];
    Ok(Dataset { inputs, features, labels })
}

fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    read_regular(path).map_err(|source| DataError::Unreadable { path: path.to_owned(), source })
}

/// Takes the header apart. The size of the data is checked when they are decoded.
fn parse<'a>(path: &'a Path, bytes: &'a [u8]) -> Result<Array<'a>, DataError> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Err(DataError::Gzip { path: path.to_owned() });
    }
    let Some(&[zero, zero_too, code, rank]) = bytes.first_chunk::<4>() else {
        check_size(path, "header".to_owned(), 4, bytes.len() as u64)?;
        unreachable!("fewer than four bytes are fewer than four bytes");
    };
    if [zero, zero_too] != [0, 0] || rank == 0 {
        let found: Vec<String> = bytes[..4].iter().map(|b| format!("{b:02x}")).collect();
        return Err(DataError::IdxMagic { path: path.to_owned(), found: found.join(" ") });
    }
    let (kind, size) = match code {
        0x08 => (Kind::Unsigned, 1),
        0x09 => (Kind::Signed, 1),
        0x0b => (Kind::Signed, 2),
        0x0c => (Kind::Signed, 4),
        0x0d => (Kind::Float, 4),
        0x0e => (Kind::Float, 8),
        code => {
            return Err(DataError::IdxType { path: path.to_owned(), code });
        }
    };
    let data_start = 4 + 4 * usize::from(rank);
    let Some(dimensions) = bytes.get(4..data_start) else {
        return Err(DataError::Truncated {
            path: path.to_owned(),
            place: format!("header with {rank} dimensions"),
            expected: data_start as u64,
            actual: bytes.len() as u64,
        });
    };
    let shape =
        dimensions.chunks_exact(4).map(|d| d.iter().fold(0, |value, &byte| value << 8 | u64::from(byte))).collect();
    Ok(Array {
        path,
        place: Place::Offset(data_start as u64),
        element: Element { kind, size, big_endian: true },
        shape,
        column_major: false,
        data: &bytes[data_start..],
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::data::{Source, load};

    fn idx(code: u8, shape: &[u32], data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, code, shape.len() as u8];
        bytes.extend(shape.iter().flat_map(|n| n.to_be_bytes()));
        bytes.extend(data);
        bytes
    }

    fn load_bytes(inputs: &[u8], labels: &[u8]) -> Result<Dataset, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let (x, y) = (folder.path().join("x.idx"), folder.path().join("y.idx"));
        std::fs::write(&x, inputs).unwrap();
        std::fs::write(&y, labels).unwrap();
        load(&Source::Idx { inputs: x, labels: y })
    }

    fn message(inputs: &[u8], labels: &[u8]) -> String {
        load_bytes(inputs, labels).unwrap_err().to_string()
    }

    #[track_caller]
    fn assert_says(message: &str, parts: &[&str]) {
        for part in parts {
            assert!(message.contains(part), "{part:?} is missing in: {message}");
        }
    }

    #[test]
    fn images_become_rows() {
        let x = idx(8, &[2, 1, 3], &[1, 2, 3, 4, 5, 255]);
        let data = load_bytes(&x, &idx(8, &[2], &[7, 0])).unwrap();
        assert_eq!(data, Dataset { inputs: vec![1., 2., 3., 4., 5., 255.], features: 3, labels: vec![7, 0] });
        assert_eq!(data.sample(1), [4., 5., 255.]);
    }

    #[test]
    fn wide_types_are_big_endian() {
        let y = idx(8, &[2], &[0, 1]);
        let bytes = |values: &[&[u8]]| values.concat();
        for (code, data) in [
            (9, bytes(&[&(-2i8).to_be_bytes(), &3i8.to_be_bytes()])),
            (0x0b, bytes(&[&(-2i16).to_be_bytes(), &3i16.to_be_bytes()])),
            (0x0c, bytes(&[&(-2i32).to_be_bytes(), &3i32.to_be_bytes()])),
            (0x0d, bytes(&[&(-2f32).to_be_bytes(), &3f32.to_be_bytes()])),
            (0x0e, bytes(&[&(-2f64).to_be_bytes(), &3f64.to_be_bytes()])),
        ] {
            let data = load_bytes(&idx(code, &[2], &data), &y).unwrap();
            assert_eq!((data.inputs, data.features), (vec![-2., 3.], 1), "type {code:#x}");
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        let x = idx(8, &[2, 3], &[1; 6]);
        let y = idx(8, &[2], &[0, 1]);
        for cut in 0..x.len() {
            let error = load_bytes(&x[..cut], &y).unwrap_err();
            assert!(matches!(error, DataError::Truncated { .. }), "{cut}: {error}");
        }
        assert_says(&message(&x[..15], &y), &["x.idx", "offset 12", "6 bytes expected, 3 found"]);
        assert_says(&message(&x, &y[..9]), &["y.idx", "2 bytes expected, 1 found"]);
    }

    #[test]
    fn wrong_files_are_recognised() {
        let y = idx(8, &[1], &[0]);
        assert_says(&message(b"\x1f\x8b\x08\x00data", &y), &["x.idx", "gzip -d"]);
        assert_says(&message(b"PK\x03\x04....", &y), &["x.idx", "offset 0", "50 4b 03 04"]);
        assert_says(&message(&[0, 0, 8, 0, 1], &y), &["rank of at least 1"]);
        assert_says(&message(&idx(0x0a, &[1], &[0]), &y), &["offset 2", "0x0a"]);
        let longer = [idx(8, &[1], &[0]), b"x".to_vec()].concat();
        assert_says(&message(&longer, &y), &["1 bytes expected, 2 found", "follows"]);
    }

    /// 255 dimensions of 2^32 - 1, and four that wrap to a small number when multiplied in 64 bits.
    #[test]
    fn hostile_shapes_allocate_nothing() {
        let y = idx(8, &[1], &[0]);
        assert_says(&message(&idx(8, &[u32::MAX; 255], &[0]), &y), &["larger than any file"]);
        let wrapping = idx(8, &[1 << 31, 1 << 31, 4, 1], &[]);
        assert_says(&message(&wrapping, &y), &["larger than any file"]);
        let huge = idx(0x0e, &[1 << 30, 1 << 25], &[0; 8]);
        assert_says(&message(&huge, &y), &["288230376151711744 bytes expected, 8 found"]);
        assert_says(&message(&idx(8, &[u32::MAX, 0], &[]), &y), &["no values", "4294967295 x 0"]);
    }

    #[test]
    fn labels_are_checked() {
        let x = idx(8, &[2, 1], &[1, 2]);
        assert_says(&message(&x, &idx(8, &[3], &[0, 1, 2])), &["y.idx", "3 labels for 2 samples", "x.idx"]);
        assert_says(&message(&x, &idx(9, &[2], &[0, 255])), &["offset 9", "sample 1", "-1"]);
        let half = [0f32.to_be_bytes(), 0.5f32.to_be_bytes()].concat();
        assert_says(&message(&x, &idx(0x0d, &[2], &half)), &["offset 12", "sample 1", "0.5"]);
        assert_says(&message(&x, &idx(8, &[2, 2], &[0; 4])), &["(2 x 2)", "argmax"]);
        assert_says(&message(&x, &idx(8, &[0], &[])), &["y.idx", "no values"]);
    }

    #[test]
    fn values_must_be_finite() {
        let y = idx(8, &[2], &[0, 1]);
        let x = |v: f64| idx(0x0e, &[2, 2], &[0.0, 1.0, 2.0, v].map(f64::to_be_bytes).concat());
        assert!(load_bytes(&x(3.0), &y).is_ok());
        assert_says(&message(&x(f64::NAN), &y), &["offset 36", "sample 1, feature 1", "NaN"]);
        assert_says(&message(&x(f64::NEG_INFINITY), &y), &["-inf"]);
        // Finite in 64 bits only.
        assert_says(&message(&x(1e300), &y), &["sample 1, feature 1"]);
    }

    #[test]
    fn missing_file_and_folder() {
        let folder = tempfile::tempdir().unwrap();
        let labels = PathBuf::from("unused");
        let missing = Source::Idx { inputs: folder.path().join("gone.idx"), labels: labels.clone() };
        assert_says(&load(&missing).unwrap_err().to_string(), &["gone.idx", "check the path"]);
        let directory = Source::Idx { inputs: folder.path().to_owned(), labels };
        assert_says(&load(&directory).unwrap_err().to_string(), &["not a regular file"]);
    }

    /// The shipped set, with figures that were counted from scikit-learn's arrays.
    #[test]
    fn digits_are_complete() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/digits");
        for (name, samples) in [("train", 1437), ("test", 360)] {
            let data = load(&Source::Idx {
                inputs: folder.join(format!("{name}-images.idx")),
                labels: folder.join(format!("{name}-labels.idx")),
            })
            .unwrap();
            assert_eq!((data.samples(), data.features), (samples, 64));
            assert!(data.inputs.iter().all(|v| (0.0..=16.0).contains(v)));
            assert!(data.inputs.contains(&16.0));
            let count = |digit| data.labels.iter().filter(|&&l| l == digit).count();
            // The split is stratified: every digit has a tenth, give or take 0.5 %.
            for digit in 0..10 {
                assert!(count(digit).abs_diff(samples / 10) <= samples / 100, "{name}, digit {digit}");
            }
        }
    }
}
