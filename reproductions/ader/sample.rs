//! Training samples: the input of a sub-sequence, and the item to predict.

/// Oldest item first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample<'a> {
    pub input: &'a [u32],
    pub label: u32,
}

/// The last item of a sub-sequence after the `length` items before it; none of a piece of one item.
pub fn sample(sub_sequence: &[u32], length: usize) -> Option<Sample<'_>> {
    let (&label, input) = sub_sequence.split_last()?;
    let input = &input[input.len().saturating_sub(length)..];
    (!input.is_empty()).then_some(Sample { input, label })
}
