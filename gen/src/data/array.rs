//! An n-dimensional array as bytes, with the checks that IDX and .npy share.

use std::path::Path;

use super::DataError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Unsigned,
    Signed,
    Float,
}

/// The type of one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub kind: Kind,
    /// Bytes: 1, 2, 4 or 8; for a float 4 or 8.
    pub size: usize,
    pub big_endian: bool,
}

impl Element {
    /// The value of `bytes`, which are `size` long. 64-bit integers are rounded to 53 bits, far beyond what an
    /// input (24 bits) or a label (16 bits) keeps.
    fn value(&self, bytes: &[u8]) -> f64 {
        let mut little = [0; 8];
        for (i, byte) in bytes.iter().enumerate() {
            little[if self.big_endian { self.size - 1 - i } else { i }] = *byte;
        }
        let bits = u64::from_le_bytes(little);
        match self.kind {
            Kind::Boolean | Kind::Unsigned => bits as f64,
            Kind::Signed => {
                let unused = 64 - 8 * self.size as u32;
                (((bits << unused) as i64) >> unused) as f64
            }
            Kind::Float if self.size == 4 => f64::from(f32::from_bits(bits as u32)),
            Kind::Float => f64::from_bits(bits),
        }
    }
}

/// Where the array is, for messages.
pub(super) enum Place<'a> {
    /// The data of a file of its own begin at this offset.
    Offset(u64),
    /// An array in an archive.
    Array(&'a str),
}

impl Place<'_> {
    fn whole(&self) -> String {
        match self {
            Place::Offset(start) => format!("data from offset {start}"),
            Place::Array(name) => format!("array {name}"),
        }
    }

    fn element(&self, index: usize, size: usize, what: &str) -> String {
        match self {
            Place::Offset(start) => format!("offset {} ({what})", start + (index * size) as u64),
            Place::Array(name) => format!("array {name}, {what}"),
        }
    }
}

pub(super) struct Array<'a> {
    pub path: &'a Path,
    pub place: Place<'a>,
    pub element: Element,
    /// The first dimension counts samples.
    pub shape: Vec<u64>,
    /// The first index varies fastest (Fortran order); otherwise the last does.
    pub column_major: bool,
    pub data: &'a [u8],
}

pub(super) fn shape_text(shape: &[u64]) -> String {
    let dimensions: Vec<String> = shape.iter().map(u64::to_string).collect();
    format!("({})", dimensions.join(" x "))
}

/// How many bytes an array of this shape takes; `None` if more than 2^64.
pub(super) fn byte_size(shape: &[u64], element: Element) -> Option<u64> {
    shape.iter().try_fold(element.size as u64, |size, &n| size.checked_mul(n))
}

/// Compares the bytes that should be there with those that are.
pub(super) fn check_size(path: &Path, place: String, expected: u64, actual: u64) -> Result<(), DataError> {
    let path = path.to_owned();
    match actual.cmp(&expected) {
        std::cmp::Ordering::Less => Err(DataError::Truncated { path, place, expected, actual }),
        std::cmp::Ordering::Greater => Err(DataError::Trailing { path, place, expected, actual }),
        std::cmp::Ordering::Equal => Ok(()),
    }
}

/// The label that `value` is, if it is one.
pub(super) fn label(value: f64) -> Option<u16> {
    let label = value as u16; // saturates
    (f64::from(label) == value).then_some(label)
}

impl Array<'_> {
    /// Samples and values per sample, after checking that the data have the size of the shape and are not empty.
    fn dimensions(&self) -> Result<(usize, usize), DataError> {
        let (path, place) = (self.path.to_owned(), self.place.whole());
        let shape = shape_text(&self.shape);
        let Some(expected) = byte_size(&self.shape, self.element) else {
            return Err(DataError::TooLarge { path, place, shape });
        };
        check_size(self.path, place.clone(), expected, self.data.len() as u64)?;
        if expected == 0 || self.shape.is_empty() {
            return Err(DataError::Empty { path, place, shape: Some(shape) });
        }
        // No dimension exceeds the size of the data from here on.
        let samples = self.shape[0] as usize;
        Ok((samples, self.data.len() / self.element.size / samples))
    }

    fn value(&self, index: usize) -> f64 {
        let size = self.element.size;
        self.element.value(&self.data[index * size..][..size])
    }

    /// Every value as `f32`, row-major, and the number of values per sample.
    pub fn inputs(&self) -> Result<(Vec<f32>, usize), DataError> {
        let (samples, features) = self.dimensions()?;
        let (sample_stride, feature_offset) =
            if self.column_major { (1, self.column_major_offsets(features)) } else { (features, Vec::new()) };
        let mut inputs = Vec::with_capacity(samples * features);
        for sample in 0..samples {
            for feature in 0..features {
                let offset = feature_offset.get(feature).copied().unwrap_or(feature);
                let index = sample * sample_stride + offset;
                let value = self.value(index);
                let narrow = value as f32;
                if !narrow.is_finite() {
                    let what = format!("sample {sample}, feature {feature}");
                    return Err(DataError::NotFinite {
                        path: self.path.to_owned(),
                        place: self.place.element(index, self.element.size, &what),
                        value: value.to_string(),
                    });
                }
                inputs.push(narrow);
            }
        }
        Ok((inputs, features))
    }

    /// Every value as a whole number, row-major.
    pub fn integers(&self) -> Result<Vec<i64>, DataError> {
        let (rows, columns) = self.dimensions()?;
        let offsets = if self.column_major { self.column_major_offsets(columns) } else { (0..columns).collect() };
        let stride = if self.column_major { 1 } else { columns };
        let row = |row: usize| offsets.iter().map(move |offset| self.value(row * stride + offset) as i64);
        Ok((0..rows).flat_map(row).collect())
    }

    /// For each feature, counted in row-major order of the dimensions after the first, how far it is from the
    /// start of its sample when the first index varies fastest.
    fn column_major_offsets(&self, features: usize) -> Vec<usize> {
        let mut offsets = vec![0];
        offsets.reserve_exact(features - 1);
        let mut stride = self.shape[0] as usize;
        let mut strides = Vec::new();
        for &n in &self.shape[1..] {
            strides.push((n as usize, stride));
            stride *= n as usize;
        }
        for (n, stride) in strides {
            offsets = offsets.iter().flat_map(|o| (0..n).map(move |i| o + i * stride)).collect();
        }
        offsets
    }

    /// Every value as a label. A second dimension of one is let pass, as scikit-learn does.
    pub fn labels(&self) -> Result<Vec<u16>, DataError> {
        let (samples, per_sample) = self.dimensions()?;
        if per_sample != 1 {
            return Err(DataError::LabelShape {
                path: self.path.to_owned(),
                place: self.place.whole(),
                shape: shape_text(&self.shape),
                advice: "turn one-hot labels into class numbers (y.argmax(axis=1)), and check that inputs and \
                         labels are not swapped",
            });
        }
        (0..samples)
            .map(|sample| {
                let value = self.value(sample);
                label(value).ok_or_else(|| DataError::Label {
                    path: self.path.to_owned(),
                    place: self.place.element(sample, self.element.size, &format!("sample {sample}")),
                    value: value.to_string(),
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(kind: Kind, size: usize, big_endian: bool) -> Element {
        Element { kind, size, big_endian }
    }

    #[test]
    fn elements_of_every_type() {
        assert_eq!(element(Kind::Unsigned, 1, true).value(&[255]), 255.0);
        assert_eq!(element(Kind::Signed, 1, true).value(&[255]), -1.0);
        assert_eq!(element(Kind::Signed, 2, true).value(&(-300i16).to_be_bytes()), -300.0);
        assert_eq!(element(Kind::Signed, 2, false).value(&(-300i16).to_le_bytes()), -300.0);
        assert_eq!(element(Kind::Signed, 4, true).value(&i32::MIN.to_be_bytes()), -2_147_483_648.0);
        assert_eq!(element(Kind::Unsigned, 4, false).value(&u32::MAX.to_le_bytes()), 4_294_967_295.0);
        assert_eq!(element(Kind::Signed, 8, false).value(&(-7i64).to_le_bytes()), -7.0);
        assert_eq!(element(Kind::Float, 4, true).value(&1.5f32.to_be_bytes()), 1.5);
        assert_eq!(element(Kind::Float, 8, false).value(&(-0.1f64).to_le_bytes()), -0.1);
    }

    #[test]
    fn labels_are_whole_and_16_bit() {
        assert_eq!(label(0.0), Some(0));
        assert_eq!(label(65535.0), Some(65535));
        for wrong in [-1.0, 0.5, 65536.0, f64::NAN, f64::INFINITY] {
            assert_eq!(label(wrong), None, "{wrong}");
        }
    }

    /// Element (s, r, c) holds 100 s + 10 r + c, stored with the first index fastest.
    #[test]
    fn column_major_of_rank_three() {
        let (samples, rows, columns) = (2u8, 3u8, 2u8);
        let mut data = Vec::new();
        for c in 0..columns {
            for r in 0..rows {
                for s in 0..samples {
                    data.push(100 * s + 10 * r + c);
                }
            }
        }
        let array = Array {
            path: Path::new("a"),
            place: Place::Array("x"),
            element: element(Kind::Unsigned, 1, true),
            shape: vec![2, 3, 2],
            column_major: true,
            data: &data,
        };
        let (inputs, features) = array.inputs().unwrap();
        assert_eq!(features, 6);
        assert_eq!(inputs, [0., 1., 10., 11., 20., 21., 100., 101., 110., 111., 120., 121.]);
    }
}
