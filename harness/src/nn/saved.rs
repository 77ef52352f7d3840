//! What a saved state holds of a parameter, whether it is dense or a table.

use crate::error::Result;
use crate::train::State;

/// Names of the arrays of a parameter, behind its own.
const PARTS: [&str; 3] = ["weights", "first_moment", "second_moment"];

/// Adds weights, first and second moments, and the step count to `state`.
pub fn save<'a>(name: &str, arrays: [&'a [f32]; 3], steps: u64, state: &mut State<'a>) {
    for (part, values) in PARTS.into_iter().zip(arrays) {
        state.put(format!("{name}.{part}"), values);
    }
    state.counts.insert(format!("{name}.steps"), steps);
}

/// Takes back what [`save`] put: the arrays, which are as long as these, and the step count.
///
/// # Errors
/// If an array is missing or has another length.
pub fn restore(name: &str, arrays: [&mut Vec<f32>; 3], state: &mut State<'_>) -> Result<u64> {
    for (part, values) in PARTS.into_iter().zip(arrays) {
        *values = state.take(&format!("{name}.{part}"), values.len())?;
    }
    state.count(&format!("{name}.steps"))
}
