//! Products as a NumPy array.

use std::path::Path;

use super::Problem;
use crate::data::integers;

/// An array of whole numbers, 2^U x 2^U. The bit pattern of an operand is its index, so that NumPy finds the product of
/// negative operands as `table[-3, 5]`.
pub(super) fn read(path: &Path, bits: u32) -> Result<Vec<i64>, Problem> {
    let size = 1u64 << bits;
    let (shape, numbers) = integers(path).map_err(|error| {
        // These messages end with what to do with the data of a training.
        let text = error.to_string();
        let (what, _) = text.rsplit_once("; ").unwrap_or((&text, ""));
        Problem::new("guest.table", what, "save it with numpy.save(file, products.astype(\"int32\"))")
    })?;
    if shape != [size, size] {
        let what = format!("{}: the shape is {shape:?}, not [{size}, {size}]", path.display());
        let remedy = "give a row for every pattern of the first operand, and a column of the second";
        return Err(Problem::new("guest.table", what, remedy));
    }
    Ok(numbers)
}
