//! Checkpoints: the master weights and what is needed to go on, as a safetensors file.
//!
//! safetensors (github.com/huggingface/safetensors): eight bytes header length, little-endian; a JSON header;
//! the tensors' bytes. The crate reads it. The header is written here, because the crate takes the metadata from a
//! hash map, whose order, and with it the file, differs from run to run.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, Metadata, SafeTensors};
use serde::Serialize;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::files::{self, WriteError};

/// One matrix of master weights, in units of its last fractional bit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    pub name: String,
    pub rows: usize,
    pub cols: usize,
    /// Row-major, `rows * cols` long.
    pub values: Vec<i32>,
}

/// The state of a training run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// In the order of the network; the file keeps it.
    pub layers: Vec<Tensor>,
    /// What the caller wants to find again: format version, network, design digest, epoch, step, seed, history.
    /// The key `generator` is taken.
    pub metadata: BTreeMap<String, String>,
}

/// Why a checkpoint was not written, not read, or does not fit.
#[derive(Debug, Error)]
pub enum CheckpointError {
    #[error(transparent)]
    Write(#[from] WriteError),

    #[error("tensor {name}: {rows} x {cols} needs {} values, but there are {values}", rows * cols)]
    Values { name: String, rows: usize, cols: usize, values: usize },

    #[error("tensor {name:?} cannot be stored: {reason}")]
    Unstorable { name: String, reason: &'static str },

    #[error("metadata key \"generator\" is written by Logloom itself; choose another")]
    ReservedKey,

    #[error("the header would take {bytes} bytes, of which readers accept {MAX_HEADER_BYTES}; shorten the metadata")]
    Header { bytes: usize },

    #[error("{}: cannot be read: {source}; check the path and its permissions", path.display())]
    Unreadable { path: PathBuf, source: io::Error },

    #[error("{}: {place}: {expected} bytes expected, {actual} found: it is cut short; go back to an earlier checkpoint", path.display())]
    Truncated { path: PathBuf, place: &'static str, expected: u64, actual: u64 },

    #[error("{}: {extra} bytes follow the last tensor; the file is damaged, go back to an earlier checkpoint", path.display())]
    Trailing { path: PathBuf, extra: u64 },

    #[error("{}: not a safetensors file: {reason}; name a file that `logloom train` wrote", path.display())]
    NotSafetensors { path: PathBuf, reason: String },

    #[error("{}: tensor {name}: element type {dtype}, but master weights are I32; convert them to fixed point first", path.display())]
    ElementType { path: PathBuf, name: String, dtype: String },

    #[error("{}: tensor {name}: shape {shape:?} is not that of a matrix of at least one value (rows, columns)", path.display())]
    NotMatrix { path: PathBuf, name: String, shape: Vec<usize> },

    #[error("no tensor {name} in this checkpoint, which holds {found}; it belongs to another network")]
    Missing { name: String, found: String },

    #[error(
        "tensor {name} is {rows} x {cols} in this checkpoint, but the network needs {expected_rows} x {expected_cols}; \
         it belongs to another network"
    )]
    OtherShape { name: String, rows: usize, cols: usize, expected_rows: usize, expected_cols: usize },
}

/// How every file begins, after the eight bytes of length.
const SIGNATURE: &[u8] = br#"{"__metadata__":{"generator":"logloom""#;
const GENERATOR_KEY: &str = "generator";
/// The limit of the safetensors crate.
const MAX_HEADER_BYTES: usize = 100_000_000;
const LENGTH_BYTES: usize = 8;

#[derive(Serialize)]
struct HeaderOut<'a> {
    #[serde(rename = "__metadata__")]
    metadata: MetadataOut<'a>,
    #[serde(flatten)]
    tensors: BTreeMap<&'a str, TensorOut>,
}

#[derive(Serialize)]
struct MetadataOut<'a> {
    generator: &'static str,
    #[serde(flatten)]
    given: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct TensorOut {
    dtype: &'static str,
    shape: [usize; 2],
    data_offsets: [usize; 2],
}

impl Checkpoint {
    /// The file as bytes; equal checkpoints give equal bytes.
    ///
    /// # Errors
    /// [`CheckpointError`] if the number of values contradicts the shape, a tensor is empty or its name empty,
    /// reserved or used twice, or the metadata use the key `generator` or are too long.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CheckpointError> {
        if self.metadata.contains_key(GENERATOR_KEY) {
            return Err(CheckpointError::ReservedKey);
        }
        let mut names = BTreeSet::new();
        let mut tensors = BTreeMap::new();
        let mut data = Vec::new();
        for tensor in &self.layers {
            let Tensor { name, rows, cols, values } = tensor;
            let unstorable = |reason| Err(CheckpointError::Unstorable { name: name.clone(), reason });
            if name.is_empty() || name == "__metadata__" {
                return unstorable("the name is empty or reserved");
            }
            if !names.insert(name) {
                return unstorable("another tensor has the same name");
            }
            if values.is_empty() {
                // Two tensors at one offset would have no order.
                return unstorable("it is empty");
            }
            if rows.checked_mul(*cols) != Some(values.len()) {
                return Err(CheckpointError::Values {
                    name: name.clone(),
                    rows: *rows,
                    cols: *cols,
                    values: values.len(),
                });
            }
            let start = data.len();
            data.extend(values.iter().flat_map(|v| v.to_le_bytes()));
            let out = TensorOut { dtype: "I32", shape: [*rows, *cols], data_offsets: [start, data.len()] };
            tensors.insert(name.as_str(), out);
        }
        let metadata = MetadataOut { generator: "logloom", given: &self.metadata };
        let mut header =
            serde_json::to_vec(&HeaderOut { metadata, tensors }).expect("strings and integers are valid JSON");
        // The format asks that the data begin at a multiple of eight, and allows spaces for it.
        header.resize(header.len().next_multiple_of(8), b' ');
        if header.len() > MAX_HEADER_BYTES {
            return Err(CheckpointError::Header { bytes: header.len() });
        }
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header);
        bytes.extend(data);
        Ok(bytes)
    }

    /// Writes the file in one step: whoever reads finds the old checkpoint or the new one.
    ///
    /// # Errors
    /// As [`Checkpoint::to_bytes`]; [`WriteError`] also if `path` is a file that is not a checkpoint of Logloom.
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        Ok(files::replace(path, &self.to_bytes()?, Self::is_one)?)
    }

    /// Whether a file begins like a checkpoint.
    pub fn is_one(head: &[u8]) -> bool {
        head.get(LENGTH_BYTES..).is_some_and(|json| json.starts_with(SIGNATURE))
    }

    /// Reads a safetensors file whose tensors are matrices of 32-bit integers.
    ///
    /// # Errors
    /// [`CheckpointError`] names the file, the place in it, what is wrong and what to do.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = files::read_regular(path)
            .map_err(|source| CheckpointError::Unreadable { path: path.to_owned(), source })?;
        check_extent(path, &bytes)?;
        let not_safetensors = |e: safetensors::SafeTensorError| CheckpointError::NotSafetensors {
            path: path.to_owned(),
            reason: e.to_string(),
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(not_safetensors)?;
        let file = SafeTensors::deserialize(&bytes).map_err(not_safetensors)?;
        let mut layers = Vec::new();
        for name in header.offset_keys() {
            let view = file.tensor(&name).map_err(not_safetensors)?;
            if view.dtype() != Dtype::I32 {
                let dtype = format!("{:?}", view.dtype());
                return Err(CheckpointError::ElementType { path: path.to_owned(), name, dtype });
            }
            let &[rows, cols] = view.shape() else {
                return Err(CheckpointError::NotMatrix { path: path.to_owned(), name, shape: view.shape().to_vec() });
            };
            let values: Vec<i32> =
                view.data().as_chunks::<4>().0.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect();
            if values.is_empty() {
                return Err(CheckpointError::NotMatrix { path: path.to_owned(), name, shape: vec![rows, cols] });
            }
            layers.push(Tensor { name, rows, cols, values });
        }
        let mut metadata: BTreeMap<String, String> =
            header.metadata().clone().unwrap_or_default().into_iter().collect();
        metadata.remove(GENERATOR_KEY);
        Ok(Self { layers, metadata })
    }

    /// The tensor of this name, if it has this shape.
    ///
    /// # Errors
    /// [`CheckpointError::Missing`] with the names that there are, [`CheckpointError::OtherShape`].
    pub fn tensor(&self, name: &str, rows: usize, cols: usize) -> Result<&Tensor, CheckpointError> {
        let Some(tensor) = self.layers.iter().find(|t| t.name == name) else {
            let names: Vec<&str> = self.layers.iter().map(|t| t.name.as_str()).collect();
            return Err(CheckpointError::Missing {
                name: name.to_owned(),
                found: if names.is_empty() { "none".to_owned() } else { names.join(", ") },
            });
        };
        if (tensor.rows, tensor.cols) != (rows, cols) {
            return Err(CheckpointError::OtherShape {
                name: name.to_owned(),
                rows: tensor.rows,
                cols: tensor.cols,
                expected_rows: rows,
                expected_cols: cols,
            });
        }
        Ok(tensor)
    }
}

/// Tells a file that was cut short from one that never was a checkpoint; the crate has one error for both.
fn check_extent(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    let truncated = |place, expected: usize| CheckpointError::Truncated {
        path: path.to_owned(),
        place,
        expected: expected as u64,
        actual: bytes.len() as u64,
    };
    let not_safetensors = |reason: String| CheckpointError::NotSafetensors { path: path.to_owned(), reason };
    let Some(&length) = bytes.first_chunk::<LENGTH_BYTES>() else {
        return Err(truncated("header length", LENGTH_BYTES));
    };
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER_BYTES as u64 || bytes.get(LENGTH_BYTES).is_some_and(|&b| b != b'{') {
        return Err(not_safetensors("it does not begin with a length and a JSON header".to_owned()));
    }
    let data_start = LENGTH_BYTES + length as usize;
    let Some(header) = bytes.get(LENGTH_BYTES..data_start) else {
        return Err(truncated("header", data_start));
    };
    let header: Metadata = serde_json::from_slice(header).map_err(|e| not_safetensors(format!("header: {e}")))?;
    let expected = data_start.saturating_add(header.data_len());
    match bytes.len() {
        actual if actual < expected => Err(truncated("tensors", expected)),
        actual if actual > expected => {
            Err(CheckpointError::Trailing { path: path.to_owned(), extra: (actual - expected) as u64 })
        }
        _ => Ok(()),
    }
}

/// SHA-256 in hexadecimal over the values alone: tensors in order, each row-major, each value as a little-endian
/// `i32`. Two runs with the same digest have the same weights.
pub fn state_digest(checkpoint: &Checkpoint) -> String {
    let mut hash = Sha256::new();
    for tensor in &checkpoint.layers {
        for value in &tensor.values {
            hash.update(value.to_le_bytes());
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn small() -> Checkpoint {
        let tensor = |name: &str, rows, cols, values: &[i32]| Tensor {
            name: name.to_owned(),
            rows,
            cols,
            values: values.to_vec(),
        };
        Checkpoint {
            // Not in alphabetical order, which the file must not impose.
            layers: vec![
                tensor("layer1.weight", 2, 3, &[1, -2, 3, i32::MIN, i32::MAX, 0]),
                tensor("layer0.weight", 1, 1, &[256]),
            ],
            metadata: ["epoch", "seed", "history", "Network"]
                .map(|key| (key.to_owned(), format!("[\"{key}\", \u{b5}]")))
                .into(),
        }
    }

    fn load_bytes(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.safetensors");
        fs::write(&path, bytes).unwrap();
        Checkpoint::load(&path)
    }

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
    }

    #[track_caller]
    fn assert_says(bytes: &[u8], parts: &[&str]) {
        let message = load_bytes(bytes).unwrap_err().to_string();
        for part in parts.iter().chain(&["run.safetensors"]) {
            assert!(message.contains(part), "{part:?} is missing in: {message}");
        }
    }

    #[test]
    fn round_trip_keeps_everything_and_every_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        small().save(&path).unwrap();
        let back = Checkpoint::load(&path).unwrap();
        assert_eq!(back, small());
        let first = fs::read(&path).unwrap();
        back.save(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), first);
    }

    /// Determinism across runs, machines and versions: the whole file, spelled out.
    #[test]
    fn bytes_are_fixed() {
        let checkpoint = Checkpoint {
            layers: vec![Tensor { name: "w".to_owned(), rows: 1, cols: 2, values: vec![1, -1] }],
            metadata: [("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())].into(),
        };
        let header = concat!(
            r#"{"__metadata__":{"generator":"logloom","a":"1","b":"2"},"#,
            r#""w":{"dtype":"I32","shape":[1,2],"data_offsets":[0,8]}}"#
        );
        let header = format!("{header:<width$}", width = header.len().next_multiple_of(8));
        let expected = file(&header, &[1, 0, 0, 0, 255, 255, 255, 255]);
        assert_eq!(checkpoint.to_bytes().unwrap(), expected);
    }

    /// `printf '\1\0\0\0\377\377\377\377' | sha256sum`
    #[test]
    fn digest_covers_values_in_order() {
        let checkpoint = |values: &[&[i32]]| Checkpoint {
            layers: values
                .iter()
                .map(|v| Tensor { name: String::new(), rows: 1, cols: v.len(), values: v.to_vec() })
                .collect(),
            metadata: BTreeMap::new(),
        };
        let digest = "b15348c8f462384c01e83b6d499c6faf3f96808f5aa07c6bab4b65b36b4445d4";
        assert_eq!(state_digest(&checkpoint(&[&[1, -1]])), digest);
        assert_eq!(state_digest(&checkpoint(&[&[1], &[-1]])), digest);
        assert_ne!(state_digest(&checkpoint(&[&[-1], &[1]])), digest);
    }

    #[test]
    fn every_truncation_is_recognised_as_one() {
        let bytes = small().to_bytes().unwrap();
        for cut in 0..bytes.len() {
            let error = load_bytes(&bytes[..cut]).unwrap_err();
            assert!(matches!(error, CheckpointError::Truncated { .. }), "{cut}: {error}");
        }
        let (expected, actual) = (bytes.len().to_string(), (bytes.len() - 3).to_string());
        assert_says(&bytes[..bytes.len() - 3], &["tensors", &expected, &actual]);
        assert_says(&[&bytes[..], b"xx"].concat(), &["2 bytes follow"]);
    }

    #[test]
    fn other_files_are_recognised() {
        assert_says(b"\x93NUMPY\x01\x00v\x00{'descr'", &["not a safetensors file"]);
        assert_says(&file("{\"w\": 1}", &[]), &["not a safetensors file", "header"]);
        assert_says(&file("{]", &[]), &["not a safetensors file"]);
        let floats = r#"{"w":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}"#;
        assert_says(&file(floats, &[0; 4]), &["tensor w", "F32", "I32"]);
        let vector = r#"{"w":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}}"#;
        assert_says(&file(vector, &[0; 8]), &["tensor w", "[2]"]);
        let empty = r#"{"w":{"dtype":"I32","shape":[0,2],"data_offsets":[0,0]}}"#;
        assert_says(&file(empty, &[]), &["tensor w", "[0, 2]"]);
    }

    #[test]
    fn hostile_headers() {
        assert_says(&[255; 64], &["not a safetensors file"]);
        for (shape, offsets) in [
            ("[4294967296,4294967296]", "[0,4]"),
            ("[1,1]", "[0,18446744073709551615]"),
            ("[1,1]", "[4,0]"),
            ("[1,1]", "[4,8]"),
            ("[1,2]", "[0,4]"),
        ] {
            let header = format!(r#"{{"w":{{"dtype":"I32","shape":{shape},"data_offsets":{offsets}}}}}"#);
            assert!(load_bytes(&file(&header, &[0; 4])).is_err(), "{header}");
        }
    }

    #[test]
    fn lookups_check_name_and_shape() {
        let checkpoint = small();
        assert_eq!(checkpoint.tensor("layer1.weight", 2, 3).unwrap().values[1], -2);
        let missing = checkpoint.tensor("layer9", 1, 1).unwrap_err().to_string();
        assert!(missing.contains("layer9") && missing.contains("layer1.weight, layer0.weight"), "{missing}");
        let other = checkpoint.tensor("layer1.weight", 3, 2).unwrap_err().to_string();
        assert!(other.contains("2 x 3") && other.contains("3 x 2"), "{other}");
    }

    #[test]
    fn unstorable_checkpoints_are_refused() {
        let with = |change: fn(&mut Checkpoint)| {
            let mut checkpoint = small();
            change(&mut checkpoint);
            checkpoint.to_bytes().unwrap_err()
        };
        assert!(matches!(with(|c| c.layers[0].rows = 3), CheckpointError::Values { .. }));
        assert!(matches!(with(|c| c.layers[0].values.clear()), CheckpointError::Unstorable { .. }));
        assert!(matches!(with(|c| c.layers[0].name.clear()), CheckpointError::Unstorable { .. }));
        assert!(matches!(with(|c| c.layers[0].name = c.layers[1].name.clone()), CheckpointError::Unstorable { .. }));
        assert!(matches!(with(|c| c.layers[0].name = "__metadata__".to_owned()), CheckpointError::Unstorable { .. }));
        let reserved = |c: &mut Checkpoint| {
            c.metadata.insert("generator".to_owned(), "me".to_owned());
        };
        assert!(matches!(with(reserved), CheckpointError::ReservedKey));
    }

    #[test]
    fn a_foreign_safetensors_file_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("theirs.safetensors");
        let theirs = file(r#"{"w":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}"#, &[0; 4]);
        fs::write(&path, &theirs).unwrap();
        let error = small().save(&path).unwrap_err();
        assert!(matches!(error, CheckpointError::Write(WriteError::Foreign { .. })), "{error}");
        assert_eq!(fs::read(&path).unwrap(), theirs);
    }

    proptest! {
        #[test]
        fn damage_never_panics(at: prop::sample::Index, byte: u8) {
            let mut bytes = small().to_bytes().unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = load_bytes(&bytes);
        }
    }
}
