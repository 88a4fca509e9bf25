//! NumPy archives: a ZIP file of .npy arrays.
//!
//! The .npy header is read here and not by a crate: npyz 0.9, the obvious one, multiplies the dimensions
//! unchecked and so panics on a damaged file. Format: NumPy enhancement proposal 1, `numpy/lib/format.py`.

use std::io::{Cursor, Read};
use std::path::Path;

use zip::ZipArchive;

use super::array::{Array, Element, Kind, Place, byte_size, check_size, shape_text};
use super::{DataError, Dataset};
use crate::files::read_regular;

const INPUTS: &[&str] = &["x", "X", "inputs"];
const LABELS: &[&str] = &["y", "labels"];

/// Deflate never shrinks data by more than this factor (258 bytes in two bits), so a larger claim is false.
const MAX_DEFLATE_RATIO: u64 = 1032;

/// NumPy pads the header of a plain array to 128 bytes or so; its own reader refuses more than 10000.
const MAX_HEADER_BYTES: u64 = 10_000;

type Archive<'a> = ZipArchive<Cursor<&'a [u8]>>;

pub(super) fn load(path: &Path) -> Result<Dataset, DataError> {
    let bytes = read_regular(path).map_err(|source| DataError::Unreadable { path: path.to_owned(), source })?;
    let mut archive = ZipArchive::new(Cursor::new(&bytes[..]))
        .map_err(|e| DataError::Archive { path: path.to_owned(), reason: e.to_string() })?;
    let input_name = find(path, &archive, INPUTS)?;
    let label_name = find(path, &archive, LABELS)?;
    let (inputs, features) = read(path, &mut archive, &input_name)?.array(path).inputs()?;
    let labels = read(path, &mut archive, &label_name)?.array(path).labels()?;
    let samples = inputs.len() / features;
    if labels.len() != samples {
        return Err(DataError::LabelCount {
            path: path.to_owned(),
            place: format!("array {label_name}"),
            labels: labels.len(),
            samples,
            inputs: None,
        });
    }
    Ok(Dataset { inputs, features, labels })
}

/// Which of the `wanted` names the archive holds.
fn find(path: &Path, archive: &Archive, wanted: &[&str]) -> Result<String, DataError> {
    let mut found = wanted.iter().filter(|name| archive.index_for_name(&format!("{name}.npy")).is_some());
    match (found.next(), found.next()) {
        (Some(name), None) => Ok((*name).to_owned()),
        (Some(first), Some(second)) => Err(DataError::ArrayAmbiguous {
            path: path.to_owned(),
            first: (*first).to_owned(),
            second: (*second).to_owned(),
        }),
        (None, _) => {
            let mut held: Vec<String> = archive
                .file_names()
                .flatten() // names that are not text
                .map(|name| name.strip_suffix(".npy").unwrap_or(&name).to_owned())
                .collect();
            held.sort_unstable();
            Err(DataError::ArrayMissing {
                path: path.to_owned(),
                wanted: wanted.join(", "),
                found: if held.is_empty() { "nothing".to_owned() } else { held.join(", ") },
            })
        }
    }
}

/// One array, unpacked.
struct Npy {
    name: String,
    header: Header,
    data: Vec<u8>,
}

impl Npy {
    fn array<'a>(&'a self, path: &'a Path) -> Array<'a> {
        Array {
            path,
            place: Place::Array(&self.name),
            element: self.header.element,
            shape: self.header.shape.clone(),
            column_major: self.header.column_major,
            data: &self.data,
        }
    }
}

fn read(path: &Path, archive: &mut Archive, name: &str) -> Result<Npy, DataError> {
    let place = format!("array {name}");
    let archive_error =
        |reason: String| DataError::Archive { path: path.to_owned(), reason: format!("{place}: {reason}") };

    let entry = archive.by_name(&format!("{name}.npy")).map_err(|e| archive_error(e.to_string()))?;
    let claimed = entry.size();
    if claimed > entry.compressed_size().saturating_mul(MAX_DEFLATE_RATIO) {
        return Err(archive_error(format!(
            "{claimed} bytes cannot come out of {} compressed ones",
            entry.compressed_size()
        )));
    }

    npy(path, name, entry, claimed)
}

/// A file of its own with one array of whole numbers: its shape, and the numbers in row-major order.
pub(super) fn integers(path: &Path) -> Result<(Vec<u64>, Vec<i64>), DataError> {
    let bytes = read_regular(path).map_err(|source| DataError::Unreadable { path: path.to_owned(), source })?;
    let npy = npy(path, "of the file", &bytes[..], bytes.len() as u64)?;
    if matches!(npy.header.element.kind, Kind::Float | Kind::Boolean) {
        let reason = "the elements are no whole numbers".to_owned();
        return Err(DataError::NotWhole { path: path.to_owned(), reason });
    }
    Ok((npy.header.shape.clone(), npy.array(path).integers()?))
}

/// An array of that name, of which `entry` gives as many bytes as it claims to.
fn npy(path: &Path, name: &str, mut entry: impl Read, claimed: u64) -> Result<Npy, DataError> {
    let place = format!("array {name}");
    let archive_error =
        |reason: String| DataError::Archive { path: path.to_owned(), reason: format!("{place}: {reason}") };
    let header_error = |reason| DataError::ArrayHeader { path: path.to_owned(), place: place.clone(), reason };

    // Magic, version, and the length of the text, whose width depends on the version.
    let mut take = |expected: u64| -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        entry.by_ref().take(expected).read_to_end(&mut bytes).map_err(|e| archive_error(e.to_string()))?;
        check_size(path, format!("{place}, header"), expected, bytes.len() as u64)?;
        Ok(bytes)
    };
    let start = take(8)?;
    if !start.starts_with(b"\x93NUMPY") {
        return Err(header_error("does not begin with the .npy magic".to_owned()));
    }
    let length_bytes = match start[6] {
        1 => 2,
        2 | 3 => 4,
        version => return Err(header_error(format!(".npy version {version} is unknown"))),
    };
    let length = take(length_bytes)?.iter().rev().fold(0, |length, &byte| length << 8 | u64::from(byte));
    if length > MAX_HEADER_BYTES {
        return Err(header_error(format!("the header claims {length} bytes, more than a plain array needs")));
    }
    let text = take(length)?;
    let header = Header::parse(&String::from_utf8_lossy(&text)).map_err(header_error)?;

    let Some(expected) = byte_size(&header.shape, header.element) else {
        let shape = shape_text(&header.shape);
        return Err(DataError::TooLarge { path: path.to_owned(), place, shape });
    };
    // Both numbers are claims; they must agree before anything is unpacked.
    check_size(path, place.clone(), expected, claimed.saturating_sub(8 + length_bytes + length))?;
    let mut data = Vec::new();
    // One byte more than expected, so that the end is reached and with it the check sum.
    entry.take(expected + 1).read_to_end(&mut data).map_err(|e| archive_error(e.to_string()))?;
    check_size(path, place.clone(), expected, data.len() as u64)?;
    Ok(Npy { name: name.to_owned(), header, data })
}

/// What the header of a .npy file says.
#[derive(Debug, PartialEq)]
struct Header {
    element: Element,
    column_major: bool,
    shape: Vec<u64>,
}

impl Header {
    /// Reads the Python dictionary that `numpy.save` writes, such as
    /// `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }`.
    fn parse(text: &str) -> Result<Self, String> {
        let value = |key: &str| {
            text.split_once(&format!("'{key}':"))
                .map(|(_, rest)| rest.trim_start())
                .ok_or_else(|| format!("the header lacks '{key}'"))
        };
        let descr = value("descr")?
            .strip_prefix('\'')
            .and_then(|rest| rest.split_once('\''))
            .map(|(descr, _)| descr)
            .ok_or("structured element types are not supported")?;
        let order = value("fortran_order")?;
        let column_major = match (order.starts_with("True"), order.starts_with("False")) {
            (true, _) => true,
            (_, true) => false,
            _ => return Err("'fortran_order' is neither True nor False".to_owned()),
        };
        let shape = value("shape")?
            .strip_prefix('(')
            .and_then(|rest| rest.split_once(')'))
            .map(|(shape, _)| shape)
            .ok_or("'shape' is not a tuple")?
            .split(',')
            .map(str::trim)
            .filter(|n| !n.is_empty())
            // Python 2 wrote long integers with an L.
            .map(|n| n.trim_end_matches('L').parse().map_err(|_| format!("{n} is not a dimension")))
            .collect::<Result<_, _>>()?;
        Ok(Self { element: element(descr)?, column_major, shape })
    }
}

/// The element type of an array-protocol string: byte order, kind, bytes.
fn element(descr: &str) -> Result<Element, String> {
    let unsupported = || format!("element type '{descr}' is not supported");
    let mut letters = descr.chars();
    let (order, kind) = (letters.next().ok_or_else(unsupported)?, letters.next().ok_or_else(unsupported)?);
    let size = letters.as_str();
    let (kind, sizes) = match kind {
        'b' => (Kind::Boolean, &["1"][..]),
        'u' => (Kind::Unsigned, &["1", "2", "4", "8"][..]),
        'i' => (Kind::Signed, &["1", "2", "4", "8"][..]),
        'f' => (Kind::Float, &["4", "8"][..]),
        _ => return Err(unsupported()),
    };
    if !sizes.contains(&size) || !['<', '>', '|'].contains(&order) || (order == '|' && size != "1") {
        return Err(unsupported());
    }
    Ok(Element { kind, size: size.parse().map_err(|_| unsupported())?, big_endian: order == '>' })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;
    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::*;

    fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
        let fortran = if fortran { "True" } else { "False" };
        let text = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.bytes());
        bytes.extend(data);
        bytes
    }

    fn archive(entries: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn load_bytes(bytes: &[u8]) -> Result<Dataset, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.npz");
        std::fs::write(&path, bytes).unwrap();
        load(&path)
    }

    #[track_caller]
    fn assert_says(entries: &[(&str, &[u8])], parts: &[&str]) {
        let message = load_bytes(&archive(entries, CompressionMethod::Stored)).unwrap_err().to_string();
        for part in parts.iter().chain(&["d.npz"]) {
            assert!(message.contains(part), "{part:?} is missing in: {message}");
        }
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    #[test]
    fn both_compressions_and_orders() {
        let y = npy("'<i8'", false, "(2,)", &[5i64, 0].map(i64::to_le_bytes).concat());
        let rows = npy("'<f4'", false, "(2, 3)", &floats(&[1., 2., 3., 4., 5., 6.]));
        let columns = npy("'<f4'", true, "(2, 3)", &floats(&[1., 4., 2., 5., 3., 6.]));
        let expected = Dataset { inputs: vec![1., 2., 3., 4., 5., 6.], features: 3, labels: vec![5, 0] };
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            for x in [&rows, &columns] {
                for (inputs, labels) in [("x", "y"), ("X", "labels"), ("inputs", "y")] {
                    let (inputs, labels) = (format!("{inputs}.npy"), format!("{labels}.npy"));
                    let bytes = archive(&[(&inputs, x), (&labels, &y), ("more.npy", b"?")], method);
                    assert_eq!(load_bytes(&bytes).unwrap(), expected);
                }
            }
        }
    }

    /// Written by NumPy 2.4: `savez_compressed(f, x=asfortranarray(arange(6, dtype='>i2').reshape(2, 3)), y=array([[1], [0]], 'u1'))`.
    #[test]
    fn numpy_wrote_this() {
        let data = load_bytes(include_bytes!("testdata/numpy.npz")).unwrap();
        assert_eq!(data, Dataset { inputs: vec![0., 1., 2., 3., 4., 5.], features: 3, labels: vec![1, 0] });
    }

    #[test]
    fn names_are_checked() {
        let x = npy("'<f4'", false, "(1, 1)", &floats(&[1.]));
        let y = npy("'|u1'", false, "(1,)", &[0]);
        assert_says(&[("x_train.npy", &x), ("y.npy", &y)], &["no array named x, X, inputs", "holds x_train, y"]);
        assert_says(&[("x.npy", &x)], &["no array named y, labels"]);
        assert_says(&[("x.npy", &x), ("inputs.npy", &x), ("y.npy", &y)], &["both x and inputs"]);
        assert_says(&[], &["holds nothing"]);
    }

    #[test]
    fn arrays_are_checked() {
        let x = npy("'<f4'", false, "(2, 2)", &floats(&[1., 2., 3., 4.]));
        let y = npy("'|u1'", false, "(2,)", &[0, 1]);
        let with_x = |x: Vec<u8>, parts: &[&str]| assert_says(&[("x.npy", &x), ("y.npy", &y)], parts);
        let with_y = |y: Vec<u8>, parts: &[&str]| assert_says(&[("x.npy", &x), ("y.npy", &y)], parts);
        with_x(npy("'|O'", false, "(2,)", b"pickle"), &["array x", "'|O'", "astype"]);
        with_x(npy("'<f2'", false, "(2,)", &[0; 4]), &["'<f2'"]);
        with_x(npy("[('a', '<f4')]", false, "(2,)", &[0; 8]), &["structured"]);
        with_x(npy("'<f4'", false, "(2, 2)", &[0; 15]), &["array x", "16 bytes expected, 15 found"]);
        with_x(npy("'<f4'", false, "(2, 2)", &[0; 17]), &["array x", "16 bytes expected, 17 found"]);
        with_x(npy("'<f4'", false, "(-1,)", &[]), &["-1 is not a dimension"]);
        with_x(npy("'<f4'", false, "(2, 0)", &[]), &["no values", "(2 x 0)"]);
        with_x(npy("'<f4'", false, "()", &floats(&[1.])), &["array x", "no values"]);
        with_x(npy("'<f4'", false, "(4294967296, 4294967296)", &[]), &["larger than any file"]);
        with_x(npy("'<f4'", false, "(1152921504606846976,)", &[0; 4]), &["4611686018427387904 bytes expected"]);
        with_x(
            npy("'<f4'", false, "(2, 2)", &floats(&[1., 2., f32::NAN, 4.])),
            &["array x, sample 1, feature 0", "NaN"],
        );
        with_x(b"not numpy".to_vec(), &["array x", "magic"]);
        with_x(b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(), &["claims 4294967295 bytes"]);
        with_x(b"\x93NUMPY\x01\x00\x40\x00{".to_vec(), &["array x, header", "64 bytes expected, 1 found"]);
        with_y(npy("'|u1'", false, "(3,)", &[0; 3]), &["array y", "3 labels for 2 samples"]);
        with_y(npy("'|i1'", false, "(2,)", &[0, 0xff]), &["array y, sample 1", "-1"]);
        with_y(npy("'<f4'", false, "(2,)", &floats(&[0.5, 1.])), &["array y, sample 0", "0.5"]);
        with_y(npy("'|u1'", false, "(2, 10)", &[0; 20]), &["(2 x 10)", "argmax"]);
    }

    /// A directory entry that claims 2^31 bytes behind a few compressed ones.
    #[test]
    fn inflated_claims_are_refused() {
        let x = npy("'<f4'", false, "(1, 1)", &floats(&[1.]));
        let mut bytes = archive(&[("x.npy", &x), ("y.npy", &x)], CompressionMethod::Deflated);
        let entry = bytes.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        bytes[entry + 24..entry + 28].copy_from_slice(&(1u32 << 31).to_le_bytes());
        let error = load_bytes(&bytes).unwrap_err().to_string();
        assert!(error.contains("2147483648 bytes cannot come out"), "{error}");
    }

    #[test]
    fn damaged_data_fail_the_check_sum() {
        let x = npy("'<f4'", false, "(1, 1)", &floats(&[1.]));
        let mut bytes = archive(&[("x.npy", &x), ("y.npy", &x)], CompressionMethod::Stored);
        let at = bytes.windows(4).position(|w| w == 1f32.to_le_bytes()).unwrap();
        bytes[at] ^= 1;
        let error = load_bytes(&bytes).unwrap_err();
        assert!(matches!(error, DataError::Archive { .. }), "{error}");
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = include_bytes!("testdata/numpy.npz");
        for cut in 0..bytes.len() {
            assert!(load_bytes(&bytes[..cut]).is_err(), "{cut}");
        }
    }

    proptest! {
        /// Whatever one byte is turned into: an answer, never a panic.
        #[test]
        fn damage_never_panics(at in 0usize..510, byte: u8) {
            let mut bytes = include_bytes!("testdata/numpy.npz").to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = load_bytes(&bytes);
        }

        #[test]
        fn no_header_panics(text in "\\PC{0,80}|\\{'descr': ?'[<>|]?[a-z]?[0-9]?'?, 'fortran_order': ?[TF][a-z]{3,4}, 'shape': \\([0-9, L-]*\\)?") {
            let _ = Header::parse(&text);
        }
    }
}
