//! Labelled samples: where they come from, what is checked, how they are scaled, split and ordered.
//!
//! Three formats are read, [`Source`] names them. Values stay as they are in the file ("raw") until
//! [`Normalise`] scales them; turning them into fixed point belongs to the training loop.

mod array;
mod csv;
mod error;
mod idx;
mod npz;
mod split;

use std::path::{Path, PathBuf};

pub use error::DataError;
pub use split::{Split, epoch_order, split};

/// The shape of an array of whole numbers that NumPy saved by itself (.npy), and its elements in row-major order; beyond 53 bits they
/// are rounded.
///
/// # Errors
/// As [`load`]; or its elements are no whole numbers.
pub fn integers(path: &Path) -> Result<(Vec<u64>, Vec<i64>), DataError> {
    npz::integers(path)
}

/// Samples and their classes, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Raw values, row-major, samples x features; all finite when they come from [`load`].
    pub inputs: Vec<f32>,
    /// Values per sample. Images are flattened row by row.
    pub features: usize,
    /// The class of each sample.
    pub labels: Vec<u16>,
}

impl Dataset {
    /// How many samples there are.
    pub fn samples(&self) -> usize {
        self.labels.len()
    }

    /// The raw values of one sample.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn sample(&self, index: usize) -> &[f32] {
        &self.inputs[index * self.features..][..self.features]
    }
}

/// Where a data set is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Two IDX files, the format of MNIST: inputs of any element type and rank >= 1 (the first
    /// dimension counts samples), labels of rank 1 and integer value. Not compressed.
    Idx { inputs: PathBuf, labels: PathBuf },
    /// A NumPy archive with one array `x`, `X` or `inputs` and one array `y` or `labels`.
    Npz(PathBuf),
    /// Comma-separated numbers, one sample per line, the label last. A first line without any number is a header.
    Csv(PathBuf),
}

/// Reads and checks a data set.
///
/// # Errors
/// [`DataError`] names the file, the place in it, what is wrong and what to do. No size that a file
/// claims is believed before it has been compared with the size the file has.
pub fn load(source: &Source) -> Result<Dataset, DataError> {
    match source {
        Source::Idx { inputs, labels } => idx::load(inputs, labels),
        Source::Npz(path) => npz::load(path),
        Source::Csv(path) => csv::load(path),
    }
}

/// The format of a file by its name: `.csv`, `.npz`, and IDX for everything else, since MNIST's own files have no
/// extension.
pub fn format_of(path: &Path) -> FileFormat {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "csv" => FileFormat::Csv,
        "npz" => FileFormat::Npz,
        _ => FileFormat::Idx,
    }
}

/// A format of data files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    Csv,
    Npz,
    Idx,
}

/// Reads samples of so many features, to be classified. Labels in a `.csv` or `.npz` are read and checked like those of [`load`]; where
/// there are none, as in an IDX file and in a `.csv` with as many columns as features, all samples are given the class 0.
///
/// # Errors
/// As [`load`].
pub fn load_inputs(path: &Path, features: usize) -> Result<Dataset, DataError> {
    match format_of(path) {
        FileFormat::Csv => csv::load_inputs(path, features),
        FileFormat::Npz => npz::load(path),
        FileFormat::Idx => idx::load_inputs(path),
    }
}

/// Checks that every label names one of `classes` classes, that is, lies in `0..classes`.
///
/// # Errors
/// [`DataError::LabelRange`] with the first sample that does not.
pub fn check_labels(data: &Dataset, classes: usize) -> Result<(), DataError> {
    match data.labels.iter().position(|&label| usize::from(label) >= classes) {
        Some(sample) => Err(DataError::LabelRange { sample, label: data.labels[sample], classes }),
        None => Ok(()),
    }
}

/// How raw values become network inputs: `(raw - offset) * scale`, in 32-bit floating point.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Normalise {
    /// As they are.
    #[default]
    None,
    /// `min` becomes 0 and `max` becomes 1; what lies outside stays outside.
    Range { min: f32, max: f32 },
    /// Both numbers given.
    Fixed { scale: f32, offset: f32 },
}

impl Normalise {
    /// The pair (scale, offset).
    ///
    /// # Errors
    /// [`DataError::Normalise`] if a number is not finite, the scale is zero or the range is empty.
    pub fn coefficients(&self) -> Result<(f32, f32), DataError> {
        let (scale, offset) = match *self {
            Self::None => (1.0, 0.0),
            Self::Range { min, max } => (1.0 / (max - min), min),
            Self::Fixed { scale, offset } => (scale, offset),
        };
        let ordered = !matches!(*self, Self::Range { min, max } if min >= max);
        if ordered && scale.is_finite() && scale != 0.0 && offset.is_finite() {
            Ok((scale, offset))
        } else {
            Err(DataError::Normalise { setting: format!("{self:?}") })
        }
    }

    /// All inputs scaled, in the order and shape of `data.inputs`.
    ///
    /// # Errors
    /// As [`Normalise::coefficients`]; and [`DataError::Overflow`] with the first sample that leaves the
    /// range of 32-bit floating point.
    pub fn apply(&self, data: &Dataset) -> Result<Vec<f32>, DataError> {
        let (scale, offset) = self.coefficients()?;
        let scaled: Vec<f32> = data.inputs.iter().map(|raw| (raw - offset) * scale).collect();
        match scaled.iter().position(|v| !v.is_finite()) {
            Some(i) => Err(DataError::Overflow {
                sample: i / data.features.max(1),
                feature: i % data.features.max(1),
                value: data.inputs[i],
            }),
            None => Ok(scaled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> Dataset {
        Dataset { inputs: vec![0.0, 8.0, 16.0, 4.0], features: 2, labels: vec![0, 3] }
    }

    #[test]
    fn labels_outside_the_classes_are_named() {
        assert!(check_labels(&tiny(), 4).is_ok());
        let error = check_labels(&tiny(), 3).unwrap_err().to_string();
        assert!(error.contains("sample 1") && error.contains("label 3") && error.contains("0..=2"), "{error}");
    }

    #[test]
    fn normalise_follows_the_formula() {
        assert_eq!(Normalise::None.apply(&tiny()).unwrap(), tiny().inputs);
        let range = Normalise::Range { min: 0.0, max: 16.0 };
        assert_eq!(range.apply(&tiny()).unwrap(), [0.0, 0.5, 1.0, 0.25]);
        let fixed = Normalise::Fixed { scale: 0.25, offset: 8.0 };
        assert_eq!(fixed.apply(&tiny()).unwrap(), [-2.0, 0.0, 2.0, -1.0]);
    }

    #[test]
    fn senseless_normalisations_are_refused() {
        for wrong in [
            Normalise::Range { min: 1.0, max: 1.0 },
            Normalise::Range { min: 2.0, max: 1.0 },
            Normalise::Range { min: f32::NAN, max: 1.0 },
            Normalise::Range { min: -3e38, max: 3e38 },
            Normalise::Fixed { scale: 0.0, offset: 0.0 },
            Normalise::Fixed { scale: 1.0, offset: f32::INFINITY },
        ] {
            assert!(matches!(wrong.apply(&tiny()), Err(DataError::Normalise { .. })), "{wrong:?}");
        }
    }

    #[test]
    fn overflow_names_the_value() {
        let error = Normalise::Fixed { scale: 3e37, offset: 0.0 }.apply(&tiny()).unwrap_err();
        assert!(matches!(error, DataError::Overflow { sample: 1, feature: 0, .. }), "{error}");
    }
}
