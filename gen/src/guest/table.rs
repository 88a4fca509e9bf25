//! Products as a NumPy array.

use std::path::Path;

use super::Problem;
use crate::train::data::integers;

/// An array of whole numbers, 2^U x 2^U. The bit pattern of an operand is its index, so that NumPy finds the product of
/// negative operands as `table[-3, 5]`.
pub(super) fn read(path: &Path, bits: u32) -> Result<Vec<i64>, Problem> {
    let problem = |what: String, remedy: String| Problem::new("guest.table", what, remedy);
    let size = 1u64 << bits;
    let (shape, numbers) = integers(path).map_err(|error| {
        // These messages end with what to do.
        let text = error.to_string();
        let (what, remedy) = text.rsplit_once("; ").unwrap_or((&text, "save it with numpy.save"));
        problem(what.to_owned(), remedy.to_owned())
    })?;
    if shape != [size, size] {
        let what = format!("{}: the shape is {shape:?}, not [{size}, {size}]", path.display());
        return Err(problem(
            what,
            "give a row for every pattern of the first operand, and a column of the second".into(),
        ));
    }
    Ok(numbers)
}
