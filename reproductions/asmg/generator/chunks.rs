//! Batches of a sequence: a chunk of each of its data sets.

use harness::error::{Error, Kind, Result};

/// How one data set is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunks {
    /// Samples of the set.
    pub samples: usize,
    /// Samples of a chunk; the last may be shorter.
    pub size: usize,
}

impl Chunks {
    /// Number of chunks.
    pub fn count(self) -> usize {
        self.samples.div_ceil(self.size)
    }
}

/// Batches of `batch` samples of one set, the last short: how the authors' variant single trains (code).
///
/// # Panics
/// If the set is empty.
pub fn plain(samples: usize, batch: usize) -> Chunks {
    assert!(samples > 0 && batch > 0, "batches of {batch} of {samples} samples");
    Chunks { samples, size: batch }
}

/// Cuts the sets, oldest first, into as many chunks as the newest has batches of `batch` samples; the chunks of a set are of
/// one size, rounded up. (The original rounds up, too: under Python 2 a division of integers floors, and it adds one.)
///
/// # Errors
/// [`Data`](Kind::Data) if the sizes make another number of chunks of a set, which the original asserts.
///
/// # Panics
/// If there is no set, or an empty one.
pub fn equal(sets: &[usize], batch: usize) -> Result<Vec<Chunks>> {
    let newest = *sets.last().expect("a set");
    let batches = newest.div_ceil(batch);
    sets.iter()
        .enumerate()
        .map(|(place, &samples)| {
            assert!(samples > 0, "set {place} has no samples");
            let chunks = Chunks { samples, size: samples.div_ceil(batches) };
            if chunks.count() == batches {
                return Ok(chunks);
            }
            let what = format!("{samples} samples cannot be cut into as many equal chunks as the newest {newest}");
            Err(Error::new(Kind::Data, what)
                .expected(format!("{batches} chunks of up to {} samples", chunks.size))
                .got(format!("{} chunks", chunks.count()))
                .hint("use periods of more equal size, or another `batch`"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{case, ids};

    #[test]
    fn chunks_agree_with_the_reference() {
        let case = case("asmg.json", "multi_step_batching");
        let [inputs, expected] = ["inputs", "expected"].map(|part| case[part]["rows"].as_array().unwrap().clone());
        assert_eq!(inputs.len(), 3);
        for (row, want) in inputs.iter().zip(&expected) {
            let sets: Vec<usize> = ids(&row["sizes"]).into_iter().map(|n| n as usize).collect();
            assert_eq!(row["last_size"], sets[2]);
            let cuts = equal(&sets, row["bs"].as_u64().unwrap() as usize).unwrap();
            assert_eq!(cuts.iter().map(|cut| cut.size as u32).collect::<Vec<_>>(), ids(&want["batch_sizes"]));
            assert_eq!(cuts.iter().map(|cut| cut.count() as u32).collect::<Vec<_>>(), ids(&want["batches"]));
            assert_eq!(cuts[2].count() as u64, want["num_batches"].as_u64().unwrap());
        }
    }

    #[test]
    fn sets_that_cannot_keep_step_are_refused() {
        // Ten batches of the newest; 11 samples make six chunks of two.
        let error = equal(&[11, 100], 10).unwrap_err().to_string();
        assert!(error.contains("10 chunks of up to 2 samples") && error.contains("6 chunks"), "{error}");
        assert_eq!(
            equal(&[95, 100], 10).unwrap(),
            [Chunks { samples: 95, size: 10 }, Chunks { samples: 100, size: 10 }]
        );
        assert_eq!((plain(95, 10).count(), plain(5, 10).count()), (10, 1));
    }
}
